//! `rows`, `lines` and contexts of several sections.

use crate::world::{config, prints, run, runtime};
use context::{Context, OpenOptions, Source};
use repl::GuestStyle;
use std::sync::Arc;

fn table() -> String {
    let mut text = "city,count,price\n".to_owned();
    for i in 0..3000 {
        text.push_str(&format!("{},{i},{}.5\n", ["Rome", "Oslo"][i % 2], i % 7));
    }
    text
}

const ROWS_CODE: &str = "\
    print(len(rows), rows[0]['city'], rows[-1]['count'], rows[1:3][0]['price'])\n\
    print(sum(r['city'] == 'Oslo' for r in rows), max(r['count'] for r in rows))\n\
    print(sorted(rows, key=lambda r: -r['count'])[0]['count'], Counter(r['city'] for r in rows))\n\
    print(isinstance(rows, list), len([r for r in rows if r['count'] > 2990]), rows[2998]['city'])";

#[tokio::test]
async fn rows_are_a_list_of_dicts_lazy_or_not() {
    let mut said = Vec::new();
    for eager in [0, 1 << 20] {
        let mut config = config(&table());
        config.limits.eager_chars = eager;
        let mut s = runtime().session(config).await.unwrap();
        said.push(prints(&mut s, ROWS_CODE).await);
        let error = run(&mut s, "rows[3000]").await.error.unwrap();
        assert_eq!(error.kind, "IndexError");
    }
    assert_eq!(said[0], said[1]);
    assert_eq!(
        said[0],
        "3000 Rome 2999 1.5\n1500 2999\n2999 Counter({'Rome': 1500, 'Oslo': 1500})\nTrue 9 Rome\n"
    );
}

/// A small root writes a wrong key again after the KeyError; a capable one reads the error.
#[tokio::test]
async fn a_key_that_can_mean_only_one_is_taken_for_it_by_a_small_root() {
    let log: String = (10..60)
        .map(|i| format!("2024-03-01 10:00:{i} ends=mate white_name=Ana white_rating={i} x_m=1\n"))
        .collect();
    for eager in [0, 1 << 20] {
        let mut config = config(&log);
        config.style = GuestStyle::Small;
        config.limits.eager_chars = eager;
        let mut s = runtime().session(config).await.unwrap();
        assert_eq!(
            prints(
                &mut s,
                "print(sum(r['end'] == 'mate' for r in rows), rows[0].get('XM'))"
            )
            .await,
            "(rows have no key 'end': 'ends' is taken)\n(rows have no key 'XM': 'x_m' is taken)\n\
             50 1\n"
        );
        assert_eq!(
            prints(
                &mut s,
                "print(rows[1]['end'], rows[1]['date'], rows[0].get('zebra', 7))"
            )
            .await,
            "mate 2024-03-01 7\n"
        );
        let error = run(&mut s, "rows[0]['white']").await.error.unwrap();
        assert_eq!(
            (error.kind.as_str(), error.message.as_str()),
            ("KeyError", "'white'")
        );
    }
    let mut s = runtime().session(config(&log)).await.unwrap();
    let error = run(&mut s, "rows[0]['end']").await.error.unwrap();
    assert_eq!(error.kind, "KeyError");
}

/// `time <= "2024-03-02"` is meant to hold on the whole of that day; a bare text compares as text.
#[tokio::test]
async fn a_time_beside_a_bare_day_is_a_day_for_a_small_root() {
    let log: String = (1..5)
        .flat_map(|day| (8..18).map(move |hour| (day, hour)))
        .map(|(day, hour)| format!("2024-03-0{day} {hour:02}:30:00 host=b1 load={hour}\n"))
        .collect();
    let code = "times = [r['time'] for r in rows]\n\
        print(sum('2024-03-02' <= t <= '2024-03-03' for t in times),\n\
        sum(t == '2024-03-02' for t in times), sum(t > '2024-03-02' for t in times),\n\
        sum(t < '2024-03-02' for t in times), sum(t <= '2024-03' for t in times),\n\
        sum(t <= '2024-03-02 09:30' for t in times), max(times), type(times[0]).__name__,\n\
        sum(t.split()[0] == '2024-03' for t in times), len({t[:10] for t in times}), len(set(times)), times[3] == '2024-03-01 11:30:00')";
    for (style, counted, march) in [
        (GuestStyle::Small, "20 10 20 10 40 11", 40),
        (GuestStyle::Capable, "10 0 30 10 0 11", 0),
    ] {
        for eager in [0, 1 << 20] {
            let mut config = config(&log);
            config.style = style;
            config.limits.eager_chars = eager;
            let mut s = runtime().session(config).await.unwrap();
            let said = prints(&mut s, code).await;
            let rest = format!("2024-03-04 17:30:00 str {march} 4 40 True\n");
            assert_eq!(said, format!("{counted} {rest}"), "{style:?}");
        }
    }
}

/// Of more columns than are told, the last ones are only in the rows that have them.
#[tokio::test]
async fn a_key_that_some_rows_lack_is_taken_for_no_other() {
    let many: String = (1..64).map(|i| format!("\"c{i}\": 1, ")).collect();
    let row = |more: &str| format!("{{{many}\"error_code\": 0{more}}}\n");
    let table = format!("{}{}", row("").repeat(4), row(", \"error\": \"full\""));
    for eager in [0, 1 << 20] {
        let mut config = config(&table);
        config.style = GuestStyle::Small;
        config.limits.eager_chars = eager;
        let mut s = runtime().session(config).await.unwrap();
        let code = "print(len(rows), [r.get('error') for r in rows])";
        let said = prints(&mut s, code).await;
        assert_eq!(said, "5 [None, None, None, None, 'full']\n", "{eager}");
        let error = run(&mut s, "rows[0]['error']").await.error.unwrap();
        assert_eq!(error.kind, "KeyError");
    }
}

#[tokio::test]
async fn several_sections_are_a_list_with_names_and_one_text() {
    let part = |name: &str, text: &str| Source::Text {
        name: name.into(),
        text: text.into(),
    };
    let sources = [part("a.txt", "alpha one\n"), part("b.txt", "beta two ü\n")];
    let mut config = config("");
    config.context = Arc::new(Context::open(&sources, &OpenOptions::default()).unwrap());
    let mut s = runtime().session(config).await.unwrap();
    let code = "import re\nprint(len(context), context.names, context[0].name, context[1][:4])\n\
        print([len(part) for part in context], 'two' in context, 'three' in context)\n\
        print(context['b.txt'].strip(), context[-1].name, isinstance(context, list))\n\
        print(re.findall(r'\\w+', context), context.find('beta') > 0, context.count('a'))\n\
        print(dict(context.items())['a.txt'], [p.upper() for p in context[:1]])\n\
        print(isinstance(context[0], str), 'x' + context[0], str(context).count('ü'))";
    assert_eq!(
        prints(&mut s, code).await,
        "2 ['a.txt', 'b.txt'] a.txt beta\n[10, 11] True False\nbeta two ü b.txt True\n\
         ['alpha', 'one', 'beta', 'two', 'ü'] True 3\nalpha one\n ['ALPHA ONE\\n']\n\
         True xalpha one\n 1\n"
    );
}

#[tokio::test]
async fn searches_and_readings_are_told_as_shown() {
    let text = "The Toledo museum opened in 1911.\n\nThe Toledo library closed in 1950.\n\n\
        Bread is baked at night in the old town by three bakers.\n";
    let mut config = config(text);
    config.style = repl::GuestStyle::Small;
    let mut s = runtime().session(config).await.unwrap();
    let outcome = run(&mut s, "hits = search('Toledo museum')").await;
    assert!(
        outcome
            .stdout
            .starts_with("[1] The Toledo museum opened in 1911."),
        "{outcome:?}"
    );
    assert!(outcome.shown[0].starts_with("The Toledo museum opened in 1911."));
    let host = Reader("The library closed in 1950.");
    let outcome = s
        .run(
            "ask('When did the Toledo museum close?', search('museum close'))",
            &host,
        )
        .await;
    let outcome = outcome.unwrap();
    assert_eq!(
        outcome.stdout,
        "The library closed in 1950.\n\
         doubtful: The Toledo library closed in 1950. (missing: museum)\n\
         [1] The Toledo museum opened in 1911.\n"
    );
    assert_eq!((outcome.value, outcome.shown.is_empty()), (None, false));
    let call = &outcome.journal[0].calls[0];
    assert!(call.prompt.contains(":\n[1] ") && call.max_tokens == Some(60));
}

#[tokio::test]
async fn a_reader_that_refuses_is_asked_to_answer() {
    let text = "The Toledo [museum](https://toledo.example/museum) opened in 1911.\n\n\
        The Toledo library closed in 1950.\n";
    let mut config = config(text);
    config.style = repl::GuestStyle::Small;
    let mut s = runtime().session(config).await.unwrap();
    let code = "FINAL(ask('When did the Toledo museum open?', search('Toledo museum')))";
    let outcome = s.run(code, &Refuser).await.unwrap();
    let told = "1911\nsupported: The Toledo museum opened in 1911.\n";
    assert_eq!((outcome.stdout.as_str(), outcome.shown.len()), (told, 0));
    assert_eq!(outcome.answer.as_deref(), Some("1911"));
    let calls: Vec<_> = outcome.journal.iter().flat_map(|it| &it.calls).collect();
    // The one that could not refuse is believed, since a sentence has it and the question.
    assert_eq!(calls.len(), 2);
    assert!(calls.iter().all(|call| !call.prompt.contains("https:")));
}

#[tokio::test]
async fn an_answer_without_support_is_read_again_on_the_nearest_sentences() {
    let text = "The Toledo <b>museum</b> opened in 1911.\n\nThe Toledo library closed in 1950.\n";
    let mut config = config(text);
    config.style = repl::GuestStyle::Small;
    let mut s = runtime().session(config).await.unwrap();
    let code = "FINAL(ask('When did the Toledo museum open?', search('Toledo museum')))";
    let outcome = s.run(code, &Guesser).await.unwrap();
    assert_eq!(
        outcome.stdout,
        "1911\nsupported: The Toledo museum opened in 1911.\n"
    );
    let calls: Vec<_> = outcome.journal.iter().flat_map(|it| &it.calls).collect();
    assert_eq!(calls.len(), 4);
    assert!(calls.iter().all(|call| !call.prompt.contains("<b>")));
}

/// Small roots ask on when the question is answered, and give up when a sentence says it in words of
/// its own.
#[tokio::test]
async fn what_was_found_for_the_question_is_not_lost_by_its_root() {
    let text = "The Toledo museum opened in 1911.\n\nThe Toledo library closed in 1950.\n\n\
        Versions of a package are set out in order.\n\n\
        // BAD, this will throw an EOVERRIDE error\n";
    let opened = async |query: &str| {
        let mut config = config(text);
        config.style = repl::GuestStyle::Small;
        config.query = query.into();
        runtime().session(config).await.unwrap()
    };
    let mut s = opened("When did the Toledo museum open?").await;
    let first = s.run("ask(query, search(query))", &Reader("1911")).await;
    assert_eq!(
        first.unwrap().stdout,
        "1911\nsupported: The Toledo museum opened in 1911.\n"
    );
    let on = "ask('What closed?', search('library'))";
    let second = s.run(on, &Reader("1950")).await.unwrap();
    assert_eq!(
        second.stdout,
        "1911\nThis is answered already. Call FINAL(answer) now.\n"
    );
    let third = s.run(on, &Reader("1950")).await.unwrap();
    assert_eq!(third.answer.as_deref(), Some("1911"));

    let mut s = opened("Which error comes when two versions of a package are asked for?").await;
    let first = s.run("ask(query, search(query))", &Hinter).await.unwrap();
    let told = "EOVERRIDE\ndoubtful: // BAD, this will throw an EOVERRIDE error (missing: ";
    assert!(first.stdout.starts_with(told), "{}", first.stdout);
    let second = s.run("FINAL('not in the text')", &Hinter).await.unwrap();
    assert_eq!(second.answer.as_deref(), Some("EOVERRIDE"));
}

#[tokio::test]
async fn initials_stand_for_the_words_that_they_shorten() {
    let text = "The minimum number of supported nodes is three.\n\nCurrently, the MSRV is 1.88.\n\n\
        Version 1.21.0 of the book is about rust and corrosion.\n";
    let mut config = config(text);
    config.style = repl::GuestStyle::Small;
    let mut s = runtime().session(config).await.unwrap();
    let code = "q = 'What is the minimum supported Rust version?'\nask(q, search(q))";
    let outcome = s.run(code, &Reader("1.88")).await.unwrap();
    assert_eq!(
        outcome.stdout,
        "1.88\nsupported: Currently, the MSRV is 1.88.\n"
    );
    let asked = &outcome.journal[0].calls[0].prompt;
    assert!(
        asked.contains("\nQuestion: What is the minimum supported Rust version (MSRV)?\n"),
        "{asked}"
    );
}

/// As in a table of time zones: each line of a comment has its sign, and no line is a heading.
#[tokio::test]
async fn a_sentence_in_a_comment_goes_on_behind_the_sign() {
    let zone = "Zone\tEurope/Rome\t0:49:56 -\tLMT\t1866\n";
    let other = "# Rome went over to another time on a day in 1866, and nobody\n# saw it.\n#\n";
    let text = format!(
        "{zone}{other}# Macau adopted GMT+8 on 30 Oct 1904 to follow Hong Kong.  Clocks were\n\
         # advanced by 25 minutes and 50 seconds.  More is not known.\n#\n{zone}{other}"
    );
    let mut config = config(&text);
    config.style = repl::GuestStyle::Small;
    let mut s = runtime().session(config).await.unwrap();
    let code = "q = 'By how much were the clocks of Macau advanced in 1904?'\nask(q, search(q))";
    let host = Reader("25 minutes and 50 seconds");
    let outcome = s.run(code, &host).await.unwrap();
    assert!(
        outcome
            .stdout
            .contains("\nsupported: Clocks were advanced by 25 minutes and 50 seconds."),
        "{outcome:?}"
    );
    let asked = &outcome.journal[0].calls[0].prompt;
    assert!(!asked.contains("# advanced"), "{asked}");
}

#[tokio::test]
async fn a_number_with_its_unit_is_found_in_either_spelling() {
    let text = "A copy takes about 64kB per 1GB of values (4 kB pages).\n\nValues are sorted.\n";
    let mut config = config(text);
    config.style = repl::GuestStyle::Small;
    let mut s = runtime().session(config).await.unwrap();
    let code = "ask('What does a copy take for 1 GB of values and 4kB pages?', search('copy'))";
    let outcome = s.run(code, &Reader("64 kB")).await.unwrap();
    assert!(
        outcome.stdout.contains("\nsupported: A copy"),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn what_was_read_in_vain_is_not_read_again() {
    let mut config = config("The Toledo museum opened in 1911.\n");
    config.style = repl::GuestStyle::Small;
    let mut s = runtime().session(config).await.unwrap();
    let over = "not in the text\nNothing more can be found. Call FINAL(answer) now.\n";
    let host = Reader("not in the text");
    let nothing_yet = s.run("ask('Who built it?', [])", &host).await.unwrap();
    assert_eq!(nothing_yet.stdout, "not in the text\n");
    let code = "ask('Who built it?', search('Toledo museum'))";
    let first = s.run(code, &host).await.unwrap();
    assert!(first.host_calls > 0 && first.stdout != over, "{first:?}");
    let again = s.run(code, &host).await.unwrap();
    assert_eq!((again.stdout.as_str(), again.journal.len()), (over, 0));
    // For who asks on all the same that is the answer.
    let last = s.run(code, &host).await.unwrap();
    assert_eq!(last.answer.as_deref(), Some("not in the text"));
}

#[tokio::test]
async fn a_comparison_said_the_other_way_round_is_no_doubt() {
    let text = "The splay tree was less efficient than the chunked map of each PReg.\n";
    let mut config = config(text);
    config.style = repl::GuestStyle::Small;
    let mut s = runtime().session(config).await.unwrap();
    let code = "ask('What was more efficient for each PReg?', search('efficient PReg'))";
    let outcome = s.run(code, &Reader("the chunked map")).await.unwrap();
    assert!(
        outcome.stdout.contains("\nsupported: The splay tree"),
        "{outcome:?}"
    );
}

/// Answers where it may not refuse.
struct Refuser;

#[async_trait::async_trait]
impl repl::Host for Refuser {
    async fn ask(&self, calls: Vec<repl::LmCall>) -> Vec<Result<String, String>> {
        let reply = |call: &repl::LmCall| match call.prompt.contains("not in the text") {
            true => "not in the text".to_owned(),
            false => "1911".to_owned(),
        };
        calls.iter().map(|call| Ok(reply(call))).collect()
    }
}

/// Refuses, and guesses where it may not; of single sentences it knows the answer.
struct Guesser;

#[async_trait::async_trait]
impl repl::Host for Guesser {
    async fn ask(&self, calls: Vec<repl::LmCall>) -> Vec<Result<String, String>> {
        let may_refuse = |call: &repl::LmCall| call.prompt.contains("not in the text");
        let reply = |call: &repl::LmCall| match call.prompt.contains("one short sentence") {
            true => "not in the text".to_owned(),
            false if may_refuse(call) => "1911".to_owned(),
            false => "2024".to_owned(),
        };
        calls.iter().map(|call| Ok(reply(call))).collect()
    }
}

/// Answers only where it may not refuse.
struct Hinter;

#[async_trait::async_trait]
impl repl::Host for Hinter {
    async fn ask(&self, calls: Vec<repl::LmCall>) -> Vec<Result<String, String>> {
        let strict = |call: &repl::LmCall| call.prompt.contains("answer: not in the text");
        let said = |call| ["EOVERRIDE", "not in the text"][usize::from(strict(call))];
        calls.iter().map(|call| Ok(said(call).to_owned())).collect()
    }
}

struct Reader(&'static str);

#[async_trait::async_trait]
impl repl::Host for Reader {
    async fn ask(&self, calls: Vec<repl::LmCall>) -> Vec<Result<String, String>> {
        calls.iter().map(|_| Ok(self.0.to_owned())).collect()
    }
}
