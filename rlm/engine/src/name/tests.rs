use super::*;

fn good(text: &str) -> ModelName {
    let name: ModelName = text.parse().unwrap();
    assert_eq!(name.to_string().parse::<ModelName>().as_ref(), Ok(&name));
    name
}

fn bad(text: &str) -> String {
    text.parse::<ModelName>().unwrap_err().to_string()
}

#[test]
fn every_form_is_read_and_round_trips() {
    assert_eq!(
        good("qwen2.5-coder-1.5b"),
        ModelName::Catalog("qwen2.5-coder-1.5b".into())
    );
    assert_eq!(good(" my.GGUF "), ModelName::Gguf("my.GGUF".into()));
    assert_eq!(good("/a b/ö.gguf"), ModelName::Gguf("/a b/ö.gguf".into()));
    assert_eq!(
        good("ollama:qwen2.5-coder:7b"),
        ModelName::Ollama {
            name: "qwen2.5-coder:7b".into(),
            url: None
        }
    );
    assert_eq!(
        good("ollama:hf.co/a/b:Q4@http://box:11434/"),
        ModelName::Ollama {
            name: "hf.co/a/b:Q4".into(),
            url: Some("http://box:11434".into())
        }
    );
    assert_eq!(
        good("openai:org/model@v2@https://api.example.com/v1/"),
        ModelName::OpenAi {
            name: "org/model@v2".into(),
            url: "https://api.example.com/v1".into()
        }
    );
    let same = good("openai:m@http://[::1]:8000/v1");
    assert_eq!(same.short(), "m");
    let text = serde_json::to_string(&same).unwrap();
    assert_eq!(text, "\"openai:m@http://[::1]:8000/v1\"");
    assert_eq!(serde_json::from_str::<ModelName>(&text).unwrap(), same);
}

#[test]
fn a_server_has_one_address_however_it_is_written() {
    for text in [
        "https://api.example.com/v1",
        "https://api.example.com/v1/",
        "https://API.example.com:443/v1",
    ] {
        assert_eq!(server_url(text).unwrap(), "https://api.example.com/v1");
    }
}

#[test]
fn a_wrong_name_is_answered_with_a_right_one() {
    assert!(bad("").contains("openai:NAME@URL"));
    assert!(bad("what is this").contains("qwen2.5-coder-1.5b"));
    assert!(bad("llama3.2:3b").contains("write `ollama:llama3.2:3b`"));
    assert!(bad("hf:Qwen/x/y.gguf").contains("rlm-ctl model pull hf:Qwen/x/y.gguf"));
    assert!(bad("https://a/b.gguf").contains("rlm-ctl model pull"));
    assert!(bad("./model.safetensors").contains("ends in `.gguf`"));
    assert!(bad("openai:gpt").contains("openai:my-model@http://127.0.0.1:8000/v1"));
    assert!(bad("openai:@http://a/v1").contains("lacks the model's name"));
    assert!(bad("ollama:").contains("lacks the model's name"));
    assert!(bad("openai:m@http://box:8000").contains("http://box:8000/v1"));
    assert!(bad("openai:m@box:8000/v1").contains("begins with `box:`"));
    assert!(bad("openai:m@http://box/v1?key=1").contains("leave out"));
}

#[test]
fn a_secret_in_an_address_is_refused_and_not_repeated() {
    let text = bad("openai:m@https://user:sk-123@api.example.com/v1");
    assert!(text.contains("file or the environment"), "{text}");
    assert!(!text.contains("sk-123"), "{text}");
}
