"""Writes python_re.jsonl: what CPython's re gives for hand-written and generated patterns.

Run with any CPython >= 3.11: python3 make_python_re.py [COUNT] [SEED] > python_re.jsonl
Each line: pattern, flags, text, method (finditer, match, fullmatch), spans per match or the error.
"""

import json
import random
import re
import sys
import warnings

warnings.simplefilter("ignore")
HAND = [
    (r"", "", "ab"), (r"a*", "", "baac"), (r"a*?", "", "aa"), (r"|a", "", "a"), (r"a|", "", "ba"),
    (r"x*", "", "axb"), (r"$", "", "a\n"), (r"$", "m", "a\nb\n"), (r"^", "m", "a\nb\n"),
    (r"b$", "", "ab\n"), (r"b\Z", "", "ab\n"), (r"\Aa", "m", "a\na"), (r".+", "", "a\nb"),
    (r".+", "s", "a\nb"), (r"\bfoo\b", "", "foo food foo"), (r"\b\w+\b", "", "naïve café x"),
    (r"\w+", "", "e\u0301te x² ½ Ⅷ \u203f a"), (r"\b\w+\b", "", "e\u0301te x² ½ Ⅷ \u203f a"),
    (r"\d+", "", "12 ٣٤ ²"), (r"\d+", "a", "12 ٣٤"), (r"\s+", "", "a\x1cb\x85c\xa0d e"),
    (r"\s+", "a", "a\x1cb\xa0c d"), (r"\S+", "", "a\x1fb c"), (r"(?P<y>\d{4})-(?P<m>\d\d)", "",
    "on 2024-03 and 2025-11"), (r"(?P<q>['\"]).*?(?P=q)", "", "say 'a' or \"b'c\""),
    (r"(a)(b)?", "", "ab a"), (r"(a)|(b)", "", "ab"), (r"((a)|b)+", "", "abab"), (r"(?i)error", "",
    "Error ERROR"), (r"(?i:E)rror", "", "error Error ERROR"), (r"STRASSE", "i", "strasse straße"),
    (r"k", "i", "k K \u212a"), (r"ſ", "i", "s S ſ"), (r"σ", "i", "Σ σ ς"), (r"[a-z]+", "i", "aBſ\u212a"),
    (r"a{2,3}", "", "aaaaaaa"), (r"a{,2}", "", "aaa"), (r"a{2}", "", "aaaaa"), (r"a{2,}?", "", "aaaa"),
    (r"a{", "", "a{ a"), (r"a{}", "", "a{}"), (r"a{1", "", "a{1"), (r"{", "", "{"), (r"x{,}", "", "xx"),
    (r"a++b", "", "aab aaab"), (r"a*+a", "", "aaa"), (r"(?>a+)b", "", "aab"), (r"(?>a|ab)c", "", "abc"),
    (r"(?<=a)b", "", "ab cb"), (r"(?<!a)b", "", "ab cb"), (r"a(?=b)", "", "ab ac"), (r"a(?!b)", "", "ab ac"),
    (r"(?<=a|b)c", "", "ac bc cc"), (r"(?<=a*)b", "", "ab"), (r"(\w)\1", "", "aab bccd"),
    (r"(\w)(\w)\2\1", "", "abba xyyx"), (r"\101\x41\u0041", "", "AAA"), (r"\0", "", "a\x00"), (r"\07", "", "\x07"),
    (r"\8", "", ""), (r"\1", "", ""), (r"(a\1)", "", "a"), (r"[\101]", "", "A"), (r"[\b]", "", "\x08"),
    (r"[]a]+", "", "]a]"), (r"[^]a]+", "", "]ab"), (r"[[a]+", "", "[a"), (r"[a&&b]+", "", "a&b"),
    (r"[a--b]", "", "a"), (r"[+--]+", "", "+,-"), (r"[a-]+", "", "a-"), (r"[-a]+", "", "-a"), (r"[z-a]", "", ""),
    (r"[\w-]+", "", "foo-bar"), (r"[\w-a]", "", ""), (r"[\d\-x]+", "", "1-x"), (r"[^\s]+", "", "a b"), (r"[^\W\d]+", "", "a1b"),
    (r"[", "", ""), (r"[a", "", ""), (r"(", "", ""), (r"(a", "", ""), (r")", "", ""), (r"a)", "", ""), (r"*", "", ""), (r"a**", "", ""),
    (r"a+*", "", ""), (r"^*", "", ""), (r"(?", "", ""), (r"(?z)", "", ""), (r"(?P", "", ""), (r"(?Px", "", ""), (r"(?P<", "", ""), (r"(?P<1a>x)", "", ""),
    (r"(?P<n>a)(?P<n>b)", "", ""), (r"(?P=n)", "", ""), (r"(?<n>a)", "", ""), (r"\q", "", ""), (r"[\q]", "", ""), ("\\", "", ""), (r"\x1", "", ""), (r"\u12", "", ""),
    (r"\400", "", ""), (r"a(?i)b", "", ""), (r"(?i)(?m)^b", "", "a\nB"), (r"(?-i:a)", "i", "aA"), (r"(?i-s:a.)", "s", "A\nab"), (r"a{3,2}", "", ""),
    (r" a b # c", "x", "ab"), ("a # c\n b", "x", "ab"), (r"a\ b", "x", "a b"), (r"[ ]", "x", " "), (r"a + b", "x", "aab"), (r"(?x) a b", "", "ab"),
    (r"(?#note)a", "", "a"), (r"(?#", "", ""), (r"(?:)", "", "ab"), (r"()", "", "ab"), (r"(a*)*", "", "aab"), (r"(a|b*)*c", "", "abbc"),
    (r"(?=(a))a", "", "aa"), (r"(?!a)", "", "ab"), (r"\B", "", "ab c"), (r"\b", "", "ab c"), (r"\Ba", "", "aa a"), (r"é+", "", "ééa"), (r"É", "i", "é"),
    (r"ERROR.*?(\d+)ms", "", "INFO 5ms\nERROR slow 17ms\nERROR 9ms"), (r"^(\w+)=(.*)$", "m", "a=1\nb = 2\nc="), (r"(?m)^\s*$", "", "a\n\n b\n \n"),
    (r"[A-Z][a-z]+ [A-Z]\w+", "", "Ana Prado met Karl Otto."), (r"https?://[^\s)\"]+", "", "see http://a.b/c and (https://x.y)"), (r"\$\d+(?:,\d{3})*(?:\.\d\d)?", "", "$1,234.50 $7"),
    (r"(\d+)(?:st|nd|rd|th)\b", "", "1st 22nd 3rdx"), (r"\s*,\s*", "", "a , b,c"), (r"(?s)<b>.*?</b>", "", "<b>x\n</b><b>y</b>"), (r"\.", "", "a.b"), (r"[.]{3}", "", "a...b"),
    (r"(?u)\w", "", "é"), (r"(?L)a", "", "a"), (r"(?a)\w+", "", "aé"), (r"(?a:\w)+", "", "aé"), (r"\bé\b", "a", "é aé"), (r"\B", "a", "é a"), (r"i", "i", "I İ ı"), (r"a", "i", "A ı"), (r"(?i)[^a]", "", "aAb"),
]
ATOMS = ["a", "b", "c", "é", " ", "\\n", ".", "\\w", "\\W", "\\d", "\\s", "\\S", "[ab]", "[^a]", "[a-c]", "[\\wé]", "[^\\W_]", "1", "\\b", "\\B", "^", "$", "\\Z", "\\.", "_"]
QUANT = ["*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{,2}", "{1,}?", "*+", "++", "?+"]
TEXT = "aabbccAB12_ .é\nß\u0301²"


def pattern(rng, depth):
    parts = []
    for _ in range(rng.randint(1, 4)):
        kind = rng.random()
        if depth and kind < 0.2:
            inner = pattern(rng, depth - 1)
            opener = rng.choice(["(", "(", "(?:", "(?P<n%d>" % rng.randrange(10**6), "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?i:"])
            part = opener + inner + ")"
        elif depth and kind < 0.3:
            part = "(?:" + pattern(rng, depth - 1) + "|" + pattern(rng, depth - 1) + ")"
        elif kind < 0.33:
            part = "\\1"
        else:
            part = rng.choice(ATOMS)
        if rng.random() < 0.3:
            part += rng.choice(QUANT)
        parts.append(part)
    if depth == 2 and rng.random() < 0.15:
        parts.insert(rng.randrange(len(parts) + 1), "|")
    return "".join(parts)


def answer(p, flags, text, method):
    number = sum({"i": re.I, "m": re.M, "s": re.S, "x": re.X, "a": re.A}[f] for f in flags)
    try:
        compiled = re.compile(p, number)
    except (re.error, ValueError, OverflowError) as error:
        return {"error": str(error)}
    if method == "finditer":
        found = list(compiled.finditer(text))
    else:
        found = [m for m in [getattr(compiled, method)(text)] if m]
    return {"spans": [[list(m.span(i)) for i in range(compiled.groups + 1)] for m in found]}


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    rng = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 7)
    cases = [(p, f, t, m) for p, f, t in HAND for m in ("finditer", "match", "fullmatch")]
    for _ in range(count):
        flags = "".join(f for f in "imsa" if rng.random() < 0.15)
        alphabet = TEXT if rng.random() < 0.5 else "aabbc1 _.\nAB"
        text = "".join(rng.choice(alphabet) for _ in range(rng.randint(0, 14)))
        cases.append((pattern(rng, 2), flags, text, rng.choice(["finditer", "finditer", "match", "fullmatch"])))
    for p, f, t, m in cases:
        print(json.dumps({"pattern": p, "flags": f, "text": t, "method": m, **answer(p, f, t, m)}))


main()
