//! A lazy `context` behaves like the `str` that it stands for: each expression is evaluated on
//! both, in the same block, and results, types and exceptions are compared.

use crate::world::{config, prints, run, runtime, session};
use context::{Context, OpenOptions, Source};
use std::sync::Arc;

const TEXT: &str = "Zürich: 12 °C\r\nLine two, ünïcode 😀 and more\u{2028}after sep\u{85}next\n\n\
    key=value key2=värde\tTab\x0bvt\x0cff end\n  trailing aaa aaaa  ";

/// Evaluates each line with `t` as the lazy and as the real text and prints what differs.
const COMPARE: &str = r#"
import re, json
real = str(context)
def told(value):
    if isinstance(value, re.Match):
        return ("match", value.span(), value.group(), value.groups(), value.groupdict(),
                value.lastindex, value.lastgroup, value.start(), value.end(), repr(value))
    if isinstance(value, (tuple, list)) or hasattr(value, "__next__"):
        return [told(item) for item in value]
    return value
def outcome(code, t):
    try:
        return told(eval(code, {"t": t, "re": re, "json": json}))
    except Exception as error:
        return type(error).__name__
def compare(codes):
    wrong = []
    for code in codes:
        lazy, plain = outcome(code, context), outcome(code, real)
        if lazy != plain:
            wrong.append((code, lazy, plain))
    return wrong
"#;

async fn check(text: &str, codes: &[String]) {
    let mut config = config(text);
    config.limits.eager_chars = 0;
    let mut s = runtime().session(config).await.unwrap();
    prints(&mut s, COMPARE).await;
    let list = serde_json::to_string(codes).unwrap();
    let wrong = run(&mut s, &format!("compare({list})")).await;
    assert_eq!(wrong.value.as_deref(), Some("[]"), "{:?}", wrong.error);
}

fn codes(lines: &str) -> Vec<String> {
    lines
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn text_methods_give_what_str_gives() {
    let list = codes(
        r#"
        len(t)
        bool(t)
        t[0], t[-1], t[5], t[-5]
        t[10_000]
        t[:], t[:5], t[-5:], t[3:9], t[9:3], t[::2], t[::-1], t[20:3:-3], t[-100:100:7], t[5:-5]
        t["x"]
        list(t)
        list(reversed(t))
        "ü" in t, "😀" in t, "nope" in t, "" in t
        5 in t
        t.find("ü"), t.find("ü", 5), t.find("ü", 0, 1), t.find("ü", -40)
        t.find(""), t.find("", 9)
        t.find("", 10_000), t.find("x", 10_000), t.find("a", 5, 2)
        t.rfind("a"), t.rfind("a", 0, 60), t.rfind(""), t.rfind("zz")
        t.index("ünï")
        t.index("zz")
        t.rindex("aaa"), t.rindex("a", 3, 70)
        t.count("a"), t.count("aa"), t.count(""), t.count("ü", 3), t.count("a", 10, 50)
        t.count(3)
        t.startswith("Zü"), t.startswith(("x", "Z")), t.startswith("ü", 1), t.startswith("")
        t.startswith("", 10_000), t.startswith(5)
        t.endswith("  "), t.endswith(("x", " ")), t.endswith("Z", 0, 1), t.endswith("")
        t.split(), t.split(None, 3), t.split(None, 0)
        t.split("\n"), t.split("a", 2), t.split("aa"), t.split("zz"), t.split("a", 0)
        t.split("")
        t.rsplit("a", 2), t.partition("="), t.rpartition("=")
        t.splitlines(), t.splitlines(True), t.splitlines(keepends=True)
        t.lower(), t.upper(), t.strip(), t.lstrip("Z"), t.rstrip(), t.title(), t.swapcase()
        t.replace("a", "b"), t.replace("a", "b", 2), t.casefold(), t.expandtabs(4)
        t.encode(), t.isascii(), t.isdigit(), t.zfill(200), t.center(200, "*")
        t + "x", "x" + t, t * 2, 2 * t
        t == t, t == "x", "x" == t, t != "x", t < "a", t > "a", t <= "a", "a" < t
        f"{t}", f"{t:>200}", "%s!" % t, "{}".format(t), str(t), repr(str(t))
        hash(t), isinstance(t, str), {t: 1}[str(t)]
        sorted(t), set(t), max(t), min(t), list(enumerate(t)), list(zip(t, range(3)))
        ",".join(t), t.join(["a", "b"])
        t.removeprefix("Zü"), t.translate({97: "b"}), t.isupper()
        t.nope
        t[0] + t[1:3], [c for c in t if c.isupper()], sum(c == "a" for c in t)
        "".join(reversed(t)), "|".join(t.split("a")), dict.fromkeys(t).keys() == 0
        [t[i:i + 7] for i in range(0, len(t), 7)]
        "#,
    );
    check(TEXT, &list).await;
    check("", &list).await;
    check("a", &list).await;
}

#[tokio::test]
async fn regular_expressions_give_what_re_gives() {
    let list = codes(
        r#"
        re.findall(r"\w+", t), re.findall("a+", t), re.findall("(a)(b)?", t), re.findall("a(.)", t)
        re.findall("", t), re.findall("x*", t), re.findall(r"\b", t), re.findall("ü|a*", t)
        [m.span() for m in re.finditer(r"\w+", t)], [m.span() for m in re.finditer("a*", t)]
        re.finditer("(?P<k>\\w+)=(?P<v>\\w+)", t).__next__().groupdict()
        re.search(r"(?P<k>\w+)=(?P<v>\w+)", t)
        re.search("(a)|(b)", t), re.search("((a)(b)?)", t), re.search("zz", t)
        re.search(r"(\d+) °C", t).group(1), re.search(r"(\d+)", t)[1]
        re.search("(x)?ü", t).groups("-")
        re.match("Zü", t), re.match("ü", t), re.fullmatch(".*", t, re.S), re.fullmatch("Z", t)
        re.findall("^.", t, re.M), re.findall(".$", t, re.M), re.findall("(?m)^\\w+", t)
        re.findall("ÜNÏ", t, re.I), re.findall("LINE", t, flags=re.I | re.M)
        re.findall("a.b", t, re.S)
        re.findall(" a  a # two", t, re.X), re.findall(r"\w", t, re.A), re.findall("(?s).+", t)
        re.sub("a", "b", t), re.sub("(a)", r"<\1>", t), re.sub("a", lambda m: m.group().upper(), t)
        re.subn("a", "b", t, count=2), re.split("a", t), re.split("(a)", t, maxsplit=2)
        re.findall(r"(\w)\1", t), re.search("(?<=a)a(?! )", t), re.findall("(?<!a)a", t)
        re.compile("a+").findall(t), re.compile("a+").search(t), re.compile("a+").search(t, 70)
        re.compile("a+").match(t, 63), re.compile("a").findall(t, 5, 60)
        re.compile("Z").fullmatch(t, 0, 1)
        [m.group() for m in re.compile("(?i)K\\w*").finditer(t)], re.compile("a").sub("b", t)
        re.compile("a").split(t), re.compile("a").subn("", t), re.compile("a+").pattern
        re.compile("^a", re.M).search(t, 63), re.compile("$").search(t), re.compile("\\Z").search(t)
        re.search("(", t)
        re.findall("[", t)
        re.search(b"a", t)
        isinstance(re.compile("a"), re.Pattern), isinstance(re.search("a", "a"), re.Match)
        re.compile("a+").findall("caab"), re.sub("a", "b", "cab"), re.escape("a.b")
        re.search("a(?P<rest>.*)", t).expand(r"[\g<rest>]")
        re.search("(a)", t).start(1), re.search("(a)", t).string == t, re.search("(a)", t).regs
        re.search("(a)", t).group(5)
        re.search("(a)", t).group("x")
        "#,
    );
    check(TEXT, &list).await;
    check("", &list).await;
    let many = format!("{}b", "ab aab ".repeat(3000));
    let pages = codes(
        r#"
        re.findall("a+b", t) 
        [m.span() for m in re.finditer("a*", t)][:9000]
        len(re.findall(" ", t)), len(re.findall("", t))
        t.split(" "), t.split(), t.count("ab")
        "#,
    );
    check(&many, &pages).await;
}

#[tokio::test]
async fn library_functions_take_a_lazy_text() {
    let mut config = config(r#"{"a": [1, 2, {"b": "ü"}]}"#);
    config.limits.eager_chars = 0;
    let mut s = runtime().session(config).await.unwrap();
    let code = "import json, io, ast, collections, textwrap\n\
        print(json.loads(context), ast.literal_eval(context), io.StringIO(context).read(3),\n\
        collections.Counter(context)['2'], len(context.encode()),\n\
        textwrap.wrap(context, 12)[0], type(context).__name__, len(context))";
    assert_eq!(
        prints(&mut s, code).await,
        "{'a': [1, 2, {'b': 'ü'}]} {'a': [1, 2, {'b': 'ü'}]} {\"a 1 26 {\"a\": [1, 2, str 25\n"
    );
    let error = run(&mut s, "''.join([context])").await.error.unwrap();
    assert_eq!(error.kind, "TypeError");
}

#[tokio::test]
async fn a_long_text_is_not_copied_beyond_the_limit() {
    let mut config = config(&"word and more\n".repeat(20_000));
    config.limits.eager_chars = 1000;
    config.limits.copied_chars = 10_000;
    let mut s = runtime().session(config).await.unwrap();
    let error = run(&mut s, "context.upper()").await.error.unwrap();
    assert_eq!(error.kind, "MemoryError");
    assert!(
        error.message.contains("280000 characters"),
        "{}",
        error.message
    );
    // No memory was taken, so nothing is undone.
    assert!(!error.rolled_back);
    let code = "parts = context.splitlines()\n\
        print(len(parts), parts[0], parts[-1], parts[19_999], parts[10:12], context.count('and'))\n\
        words = context.split()\nprint(len(words), words[59_999], sum(1 for w in words))\n\
        print(len(lines), lines[7], len(context[5:]), context.find('zzz'))";
    assert_eq!(
        prints(&mut s, code).await,
        "20000 word and more word and more word and more ['word and more', 'word and more'] 20000\n\
         60000 more 60000\n20000 word and more 279995 -1\n"
    );
}

/// What can be asked of a text without a copy of it; of a long section and of the same as a str.
const LOOKS: &str = r#"
import re
plain = "".join(f"Zürich key={i}\n" for i in range(400))
long = context["b.txt"]
def looks(t):
    found = re.search(r"key=(39\d)", t)
    return [
        len(t), t[3:12], t[-9:], t[::97], t[-1], t.find("ü"), t.find("key", 100), t.rfind("key"),
        t.index("key=9"), t.count("ü"), "key=399" in t, "alpha" in t, t.startswith("Zür"),
        t.endswith("399\n"), t.split("=")[7], len(t.splitlines()), t.splitlines()[250],
        found.span(), found.group(1), found.string[found.start():found.end()],
        re.findall(r"key=(\d+)", t), [m.start() for m in re.finditer("Z", t)][-3:],
        re.match("Zü", t).end(), re.fullmatch("x", t), list(t)[:5], [c for c in t].count("k"),
    ]
print(looks(long) == looks(plain), looks(plain)[0], long.name, long.section)
print(isinstance(long, str), len(context), len(context[0]), context[1] == long)
"#;

#[tokio::test]
async fn a_long_section_of_several_is_lazy_and_a_text_of_its_own() {
    let long: String = (0..400).map(|i| format!("Zürich key={i}\n")).collect();
    let part = |name: &str, text: &str| Source::Text {
        name: name.into(),
        text: text.into(),
    };
    let sources = [part("a.txt", "alpha key=none ü\n"), part("b.txt", &long)];
    let mut config = config("");
    config.context = Arc::new(Context::open(&sources, &OpenOptions::default()).unwrap());
    config.limits.eager_chars = 100;
    config.limits.copied_chars = 100;
    let mut s = runtime().session(config).await.unwrap();
    let chars = long.chars().count();
    assert_eq!(
        prints(&mut s, LOOKS).await,
        format!("True {chars} b.txt 1\nTrue 2 17 True\n")
    );
    // It was not copied for any of this.
    let error = run(&mut s, "long.upper()").await.error.unwrap();
    assert!(error.message.contains("can be copied"), "{}", error.message);
}

/// A text of 3 GiB in characters by its length alone: nothing of it is read.
const PAST_2_GIB: &str = r#"
import textlike, views, wire
def opened(chars):
    facts = dict(wire.CONFIG["context"], chars=chars)
    return dict(views.names(facts), big=textlike.Text(None, chars))
names = opened(3 << 30)
big = names["big"]
try:
    len(big)
except OverflowError:
    print("Python's own len() cannot say it")
exec("said = [len(big), len('abc'), len([1, 2])]", names)
print(names["said"], bool(big), big[7:7] == "", "len" in opened(2**31 - 1))
"#;

#[tokio::test]
async fn the_length_of_a_text_past_2_gib_is_said() {
    let mut s = session("abc").await;
    let printed = prints(&mut s, PAST_2_GIB).await;
    assert_eq!(
        printed,
        "Python's own len() cannot say it\n[3221225472, 3, 2] True True False\n"
    );
    let shown = run(&mut s, "1").await.variables;
    let big = shown.iter().find(|variable| variable.name == "big");
    assert_eq!(big.unwrap().size, Some(3 << 30));
}
