use super::*;
use crate::ffi::{Backend, ModelSpec};
use crate::fixture::{TinyModel, write_tiny_model};
use base::Message;
use engine::Sampling;

/// As the models of this family have it. The tiny vocabulary has none of its marks: they stay text.
const LLAMA_3: &str = "{% for m in messages %}{{'<|start_header_id|>' + m['role'] + \
                       '<|end_header_id|>\n\n' + m['content'] | trim + '<|eot_id|>'}}\
                       {% endfor %}{{'<|start_header_id|>assistant<|end_header_id|>\n\n'}}";

/// The prompt that a model makes of two messages, as text: control tokens stand for nothing.
fn prompt(tiny: &TinyModel, backend: &Backend) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.gguf");
    write_tiny_model(tiny, &path).unwrap();
    let spec = ModelSpec {
        path,
        mmap: false,
        extra_bufts: false,
    };
    let model = Model::load(backend, &spec).unwrap();
    let (template, note) = Template::of(&model);
    assert_eq!(note, None, "it is the model's own");
    let request = ChatRequest {
        messages: vec![Message::system("Be brief."), Message::user("Hi")],
        prefill: None,
        sampling: Sampling::default(),
        grammar: None,
        shared_prefix: 0,
    };
    let mut bytes = Vec::new();
    for token in template.prompt(&model, &request, "").tokens {
        model.piece(token, &mut bytes);
    }
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_prompt_has_the_form_that_the_model_file_names() {
    let backend = Backend::start();
    let chatml = TinyModel::default();
    let llama = TinyModel {
        chat_template: Some(LLAMA_3.into()),
        ..TinyModel::default()
    };
    assert_eq!(
        prompt(&chatml, &backend),
        "system\nBe brief.\nuser\nHi\nassistant\n"
    );
    assert_eq!(
        prompt(&llama, &backend),
        "<|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>\
         <|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>\
         <|start_header_id|>assistant<|end_header_id|>\n\n"
    );
}
