//! Names and habits of every peer: answers, reserved names, output, error texts.

use crate::world::{Echo, config, prints, run, runtime, session};
use repl::{GuestStyle, LmCall};

async fn check_answer(code: &str, want: Option<&str>) {
    let mut s = session("abc").await;
    let outcome = run(&mut s, code).await;
    assert_eq!(outcome.answer.as_deref(), want, "{code}");
}

#[tokio::test]
async fn every_way_to_give_an_answer_works() {
    check_answer("FINAL('x')", Some("x")).await;
    check_answer("Final(3)\nprint('not reached')", Some("3")).await;
    check_answer("final([1, 2])", Some("[1, 2]")).await;
    check_answer("v = {'a': 1}\nFINAL_VAR('v')", Some("{'a': 1}")).await;
    check_answer("v = 'text'\nFINAL_VAR(v)", Some("text")).await;
    check_answer("SUBMIT('s')", Some("s")).await;
    check_answer("SUBMIT(answer='s')", Some("s")).await;
    check_answer("SUBMIT(a='s', n=2)", Some("{\"a\": \"s\", \"n\": 2}")).await;
    check_answer(
        "answer['ready'] = True\nanswer['content'] = 'late'",
        Some("late"),
    )
    .await;
    check_answer("answer.update(content=7, ready=True)", Some("7")).await;
    check_answer("answer = {'content': 'own', 'ready': True}", Some("own")).await;
    check_answer("answer['content'] = 'not ready'", None).await;
    check_answer("answer['ready'] = True", None).await;
    check_answer(
        "try:\n    FINAL('first')\nexcept Exception:\n    FINAL('second')",
        Some("first"),
    )
    .await;
    check_answer("FINAL(context)", Some("abc")).await;
}

#[tokio::test]
async fn final_of_the_empty_answer_is_an_error_and_of_a_filled_one_its_content() {
    let mut s = session("abc").await;
    let outcome = run(&mut s, "FINAL(answer)").await;
    assert_eq!(outcome.answer, None);
    let error = outcome.error.unwrap();
    assert!(error.message.contains("`answer` is empty"), "{error:?}");
    check_answer("answer['content'] = 'Ana'\nFINAL(answer)", Some("Ana")).await;
}

#[tokio::test]
async fn final_var_of_an_unknown_name_says_which_there_are() {
    let mut s = session("abc").await;
    let outcome = run(&mut s, "found = 1\nFINAL_VAR('fund')").await;
    let error = outcome.error.unwrap();
    assert!(
        error.message.contains("'fund'") && error.message.contains("found"),
        "{error:?}"
    );
}

#[tokio::test]
async fn reserved_names_are_given_back_with_a_notice() {
    let mut s = session("abc").await;
    let code = "context = 1\nllm_query = None\ndel FINAL\nprint(context)";
    let printed = prints(&mut s, code).await;
    assert!(printed.starts_with("1\n["), "{printed}");
    assert!(
        printed.contains("context, llm_query, FINAL: reserved"),
        "{printed}"
    );
    assert_eq!(
        prints(&mut s, "print(context, llm_query('q'))").await,
        "abc echo:1:q\n"
    );
    check_answer("FINAL = 3", None).await;
}

#[tokio::test]
async fn own_names_of_a_block_are_kept() {
    let mut s = session("a\nb").await;
    run(&mut s, "lines = context.split()\ndef ask(x): return x + 1").await;
    assert_eq!(
        prints(&mut s, "print(lines, ask(1))").await,
        "['a', 'b'] 2\n"
    );
    let shown = run(&mut s, "SHOW_VARS()").await.value.unwrap();
    assert_eq!(
        shown,
        "Available variables: {'ask': 'function', 'lines': 'list'}"
    );
}

#[tokio::test]
async fn variables_are_listed_with_kind_and_size() {
    let mut s = session("abc").await;
    let outcome = run(
        &mut s,
        "import os\nnumbers = [1, 2]\nname = 'x'\n_hidden = 1",
    )
    .await;
    let told: Vec<_> = outcome
        .variables
        .iter()
        .map(|v| (v.name.as_str(), v.kind.as_str(), v.size))
        .collect();
    assert_eq!(
        told,
        [("numbers", "list", Some(2)), ("name", "str", Some(1))]
    );
}

#[tokio::test]
async fn long_output_is_cut_with_a_notice_that_says_how_much() {
    let mut config = config("abc");
    config.limits.output_bytes = 100;
    let mut s = runtime().session(config).await.unwrap();
    let outcome = run(&mut s, "for i in range(100): print('0123456789')").await;
    assert_eq!(outcome.cut_bytes, 1000);
    assert!(
        outcome.stdout.contains("1000 more bytes"),
        "{}",
        outcome.stdout
    );
    assert!(outcome.stdout.len() < 200);
    let echo = run(&mut s, "'x' * 5000").await.value.unwrap();
    assert!(
        echo.len() < 200 && echo.contains("more characters"),
        "{echo}"
    );
}

#[tokio::test]
async fn indented_blocks_and_top_level_await_run() {
    let mut s = session("abc").await;
    assert_eq!(
        run(&mut s, "    x = 1\n    x + 1").await.value.as_deref(),
        Some("2")
    );
    let outcome = run(
        &mut s,
        "import asyncio\nawait asyncio.sleep(1)\nawait allm_query('hi')",
    )
    .await;
    assert_eq!(outcome.value.as_deref(), Some("'echo:2:hi'"));
}

#[tokio::test]
async fn errors_of_a_small_root_are_short_and_name_what_there_is() {
    let mut config = config("a=1 b=2\n");
    config.style = GuestStyle::Small;
    let mut s = runtime().session(config).await.unwrap();
    let error = run(&mut s, "x = 1\ny = undefined + x").await.error.unwrap();
    assert!(
        error.text.starts_with(
            "NameError: name 'undefined' is not defined\nin the line: y = undefined + x\n"
        ),
        "{}",
        error.text
    );
    assert!(
        error.text.contains("Names: query, context"),
        "{}",
        error.text
    );
    let error = run(&mut s, "if True\n    pass").await.error.unwrap();
    assert_eq!((error.kind.as_str(), error.line), ("SyntaxError", Some(1)));
}

#[tokio::test]
async fn bulk_calls_beyond_the_guard_are_refused_before_any_is_made() {
    let mut config = config("abc");
    config.limits.bulk_items = Some(200);
    let mut s = runtime().session(config).await.unwrap();
    let host = Echo::default();
    let outcome = s
        .run("label(['x'] * 201, 'q', ['a', 'b'])", &host)
        .await
        .unwrap();
    let message = outcome.error.unwrap().message;
    assert!(
        message.starts_with("label() got 201 items, the limit is 200."),
        "{message}"
    );
    let outcome = s
        .run("llm_query_batched(['x'] * 201)", &host)
        .await
        .unwrap();
    assert_eq!(outcome.error.unwrap().kind, "ValueError");
    assert_eq!(host.sizes(), [0; 0]);
}

#[tokio::test]
async fn label_asks_each_text_once_with_a_grammar() {
    let mut s = session("abc").await;
    let host = Echo::default();
    let code = "label(['t1', 't2', 't1'], 'Is it?', ['yes', 'no'])";
    s.run(code, &host).await.unwrap();
    let batches = host.batches.lock().unwrap();
    let prompts: Vec<_> = batches[0].iter().map(|call| call.prompt.as_str()).collect();
    assert_eq!(prompts, ["t1", "t2"]);
    let shared = Some("Is it? Answer with one of: yes, no.");
    assert!(
        batches[0]
            .iter()
            .all(|call| call.system.as_deref() == shared)
    );
    assert_eq!(
        batches[0][0].grammar.as_deref(),
        Some("root ::= \"yes\" | \"no\"")
    );
    assert_eq!(batches[0][0].max_tokens, Some(12));
}

const CALLS: &str = "\
    llm_query('a', model='m1')\n\
    llm_query('b', 'm2')\n\
    print(llm_query_parallel(['c', 'd'], model='m3'), llm_query_parallel is llm_query_batched)\n\
    rlm_query('e', context=context, model='m4')\n\
    rlm_query('f')\n\
    rlm_query_batched(['g', 'h'], contexts=['one', None], model='m5')\n\
    rlm_query_batched(['i'], contexts='shared')";

/// The batches that [`CALLS`] asks, each call as kind, prompt, model and context.
async fn check_calls(depth_left: u32, want: [&str; 7]) {
    let mut config = config("abc");
    config.depth_left = depth_left;
    let mut s = runtime().session(config).await.unwrap();
    let host = Echo::default();
    let outcome = s.run(CALLS, &host).await.unwrap();
    assert_eq!(outcome.error, None);
    assert_eq!(outcome.stdout, "['echo:1:c', 'echo:1:d'] True\n");
    let told = |call: &LmCall| {
        let [model, context] =
            [&call.model, &call.context].map(|it| it.as_deref().unwrap_or("-").to_owned());
        format!("{:?} {:?} {model} {context}", call.kind, call.prompt)
    };
    let batches = host.batches.lock().unwrap();
    let asked: Vec<String> = batches
        .iter()
        .map(|batch| batch.iter().map(told).collect::<Vec<_>>().join(", "))
        .collect();
    assert_eq!(asked, want);
}

#[tokio::test]
async fn calls_name_their_model_and_a_child_its_context() {
    let queries = [
        r#"Query "a" m1 -"#,
        r#"Query "b" m2 -"#,
        r#"Query "c" m3 -, Query "d" m3 -"#,
    ];
    let [a, b, both] = queries;
    let children = [
        r#"Recursive "e" m4 abc"#,
        r#"Recursive "f" - -"#,
        r#"Recursive "g" m5 one, Recursive "h" m5 -"#,
        r#"Recursive "i" - shared"#,
    ];
    let [e, f, pair, i] = children;
    check_calls(1, [a, b, both, e, f, pair, i]).await;
    // Where no child may start, its task is one prompt.
    let plain = [
        r#"Query "e\n\nabc" m4 -"#,
        r#"Query "f" - -"#,
        r#"Query "g\n\none" m5 -, Query "h" m5 -"#,
        r#"Query "i\n\nshared" - -"#,
    ];
    let [e, f, pair, i] = plain;
    check_calls(0, [a, b, both, e, f, pair, i]).await;
}
