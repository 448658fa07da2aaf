//! Code of the kind that root models write gives what CPython gives: 51 snippets, then 154 tests of
//! one feature each; with a real `context` and with a lazy one.

use crate::world::{Echo, config, runtime};
use repl::Session;
use std::collections::BTreeMap;
use std::path::Path;

fn data(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name);
    std::fs::read_to_string(path).unwrap()
}

async fn check_snippets(eager_chars: u64) {
    let mut config = config(&data("context.txt"));
    config.limits.eager_chars = eager_chars;
    let mut session = runtime().session(config).await.unwrap();
    let host = Echo::default();
    let prepare = "def llm_query_fail(prompt): return llm_query('fail')";
    session.run(prepare, &host).await.unwrap();
    let expected: BTreeMap<String, String> = serde_json::from_str(&data("snippets.json")).unwrap();
    let mut wrong = Vec::new();
    for (name, want) in &expected {
        let code = data(&format!("snippets/{name}.py"));
        let outcome = session.run(&code, &host).await.unwrap();
        if outcome.error.is_some() || outcome.stdout != *want {
            wrong.push(format!("{name}: {:?}\n{}", outcome.error, outcome.stdout));
        }
    }
    assert_eq!(expected.len(), 51);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn snippets_with_a_short_context_give_what_cpython_gives() {
    check_snippets(1 << 20).await;
}

#[tokio::test]
async fn snippets_with_a_lazy_context_give_what_cpython_gives() {
    check_snippets(0).await;
}

#[tokio::test]
async fn features_of_the_language_give_what_cpython_gives() {
    let features: Vec<(String, String, String)> =
        serde_json::from_str(&data("features.json")).unwrap();
    assert_eq!(features.len(), 154);
    let mut wrong = Vec::new();
    for (code, kind, want) in &features {
        let mut session: Session = runtime().session(config("")).await.unwrap();
        let host = Echo::default();
        session
            .run("l = [1, 2, 3]\nd = {'a': 1, 'b': 2}", &host)
            .await
            .unwrap();
        let outcome = session.run(code, &host).await.unwrap();
        let failed = outcome.error.is_some();
        // The reference printed the value after what the code printed.
        let value = outcome.stdout + outcome.value.as_deref().unwrap_or("None");
        let address = |text: &str| text.split(" at 0x").next().map(str::to_owned);
        let right = match kind.as_str() {
            "exc" => failed,
            _ => !failed && address(&value) == address(want),
        };
        if !right {
            wrong.push(format!(
                "{code:?} gives {value}, not {want}: {:?}",
                outcome.error
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
