use super::*;
use crate::api::Sampling;

fn check(status: u16, body: &str) -> Refusal {
    let request = ChatRequest {
        messages: Vec::new(),
        prefill: None,
        sampling: Sampling {
            max_tokens: 500,
            ..Sampling::default()
        },
        grammar: None,
        shared_prefix: 0,
    };
    let answer = Answer {
        status,
        retry_after_ms: Some(2000),
        body: body.to_owned(),
    };
    read(&answer, "openai:m", Some(&request), Dialect::default())
}

#[test]
fn a_prompt_that_does_not_fit_is_told_with_its_sizes() {
    let sizes = |tokens, window, over| {
        Refusal::Error(EngineError::TooLong {
            tokens,
            window,
            over,
        })
    };
    let openai = r#"{"error":{"message":"This model's maximum context length is 8192 tokens. However, you requested 9000 tokens (8500 in the messages, 500 in the completion).","code":"context_length_exceeded"}}"#;
    assert_eq!(check(400, openai), sizes(8500, 8192, 808));
    let vllm = r#"{"error":{"message":"'max_tokens' or 'max_completion_tokens' is too large: 500. This model's maximum context length is 2048 tokens and your request has 1900 input tokens (500 > 2048 - 1900)."}}"#;
    assert_eq!(check(400, vllm), sizes(1900, 2048, 352));
    let llama = r#"{"error":{"code":400,"message":"the request exceeds the available context size","type":"exceed_context_size_error","n_prompt_tokens":5000,"n_ctx":4096}}"#;
    assert_eq!(check(400, llama), sizes(5000, 4096, 1404));
}

#[test]
fn a_field_that_the_server_does_not_know_is_named() {
    let renamed = r#"{"error":{"message":"Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.","param":"max_tokens"}}"#;
    assert_eq!(check(400, renamed), Refusal::LeaveOut(Field::MaxTokens));
    let fixed = r#"{"error":{"message":"Unsupported value: 'temperature' does not support 0 with this model."}}"#;
    assert_eq!(check(400, fixed), Refusal::LeaveOut(Field::Temperature));
    let strict = r#"{"detail":[{"loc":["body","seed"],"msg":"Extra inputs are not permitted"}]}"#;
    assert_eq!(check(422, strict), Refusal::LeaveOut(Field::Seed));
}

#[test]
fn each_status_becomes_the_error_to_branch_on() {
    let unknown =
        r#"{"error":{"message":"The model `x` does not exist.","code":"model_not_found"}}"#;
    assert!(matches!(check(404, unknown), Refusal::UnknownModel(_)));
    let busy = check(429, r#"{"error":{"message":"Rate limit"}}"#);
    assert_eq!(
        busy,
        Refusal::Error(EngineError::Busy {
            engine: "openai:m".into(),
            reason: "Rate limit".into(),
            retry_after_ms: Some(2000)
        })
    );
    let text = |refusal| match refusal {
        Refusal::Error(error) => error.to_string(),
        Refusal::LeaveOut(_) | Refusal::UnknownModel(_) => String::new(),
    };
    assert!(text(check(401, "{}")).contains("does not accept the key"));
    assert!(text(check(404, "<!DOCTYPE html><html>")).contains("a web page"));
    assert!(text(check(404, "")).contains("mostly ends in /v1"));
    let down = check(502, "Bad Gateway");
    assert!(matches!(
        down,
        Refusal::Error(EngineError::Unreachable { .. })
    ));
    assert!(text(down).contains("HTTP 502: Bad Gateway"));
    let poor = r#"{"error":{"message":"You exceeded your quota","code":"insufficient_quota"}}"#;
    assert!(matches!(
        check(429, poor),
        Refusal::Error(EngineError::Refused { .. })
    ));
}
