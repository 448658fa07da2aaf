//! Tiny models with random weights, so that everything around a model can be tested in seconds and
//! without a download. What they write is meaningless; a grammar can force it. F32 throughout, so
//! that batches of different shape agree closely.

mod writer;

use std::io;
use std::path::Path;
use writer::{Field, Writer};

/// A model to be made.
#[derive(Clone, Debug)]
pub struct TinyModel {
    /// `qwen2` writes text; `bert` gives vectors. Any other name makes a header that claims it.
    pub architecture: String,
    pub seed: u64,
    /// Tokens that it claims to be trained for.
    pub window: u32,
    pub chat_template: Option<String>,
    /// Attention heads, an even number; half as many hold keys and values. Four have 16 numbers
    /// each, two have 32, as a block of quantised keys needs.
    pub heads: u32,
}

impl Default for TinyModel {
    fn default() -> TinyModel {
        TinyModel {
            architecture: "qwen2".into(),
            seed: 1,
            window: 4096,
            chat_template: Some(CHATML.into()),
            heads: 4,
        }
    }
}

/// Writes `model` as a GGUF file of about 0.5 MB.
pub fn write_tiny_model(model: &TinyModel, path: &Path) -> io::Result<()> {
    let mut writer = Writer::new(model.seed);
    let name = |key: &str| format!("{}.{key}", model.architecture);
    writer.field(
        "general.architecture",
        Field::Text(model.architecture.clone()),
    );
    writer.field("general.name", Field::Text("tiny".into()));
    writer.field("general.file_type", Field::Number(0));
    writer.field(&name("context_length"), Field::Number(model.window));
    writer.field(&name("embedding_length"), Field::Number(WIDTH));
    writer.field(&name("block_count"), Field::Number(LAYERS));
    writer.field(&name("feed_forward_length"), Field::Number(INNER));
    writer.field(&name("attention.head_count"), Field::Number(model.heads));
    if model.architecture == "bert" {
        bert(&mut writer, model);
    } else {
        qwen2(&mut writer, model, &name);
    }
    std::fs::write(path, writer.finish())
}

fn qwen2(writer: &mut Writer, model: &TinyModel, name: &dyn Fn(&str) -> String) {
    let kv_heads = model.heads / 2;
    writer.field(&name("attention.head_count_kv"), Field::Number(kv_heads));
    writer.field(
        &name("attention.layer_norm_rms_epsilon"),
        Field::Fraction(1e-6),
    );
    writer.field(&name("rope.freq_base"), Field::Fraction(10_000.0));
    let tokens = byte_level_tokens();
    let count = tokens.len() as u32;
    let special = CONTROL.len() as u32;
    let kinds = (0..count)
        .map(|i| if i < count - special { 1 } else { 3 })
        .collect();
    writer.field("tokenizer.ggml.model", Field::Text("gpt2".into()));
    writer.field("tokenizer.ggml.pre", Field::Text("qwen2".into()));
    writer.field("tokenizer.ggml.tokens", Field::Texts(tokens));
    writer.field("tokenizer.ggml.token_type", Field::Kinds(kinds));
    let merges = MERGES.iter().map(|(a, b)| format!("{a} {b}")).collect();
    writer.field("tokenizer.ggml.merges", Field::Texts(merges));
    writer.field("tokenizer.ggml.eos_token_id", Field::Number(count - 1));
    writer.field(
        "tokenizer.ggml.bos_token_id",
        Field::Number(count - special),
    );
    writer.field("tokenizer.ggml.add_bos_token", Field::Flag(false));
    if let Some(template) = &model.chat_template {
        writer.field("tokenizer.chat_template", Field::Text(template.clone()));
    }
    let (wide, kv) = (WIDTH, WIDTH / model.heads * kv_heads);
    writer.tensor("token_embd.weight", &[wide, count], 1.0);
    writer.tensor("output.weight", &[wide, count], 0.5);
    writer.ones("output_norm.weight", wide);
    for layer in 0..LAYERS {
        let name = |part: &str| format!("blk.{layer}.{part}");
        writer.ones(&name("attn_norm.weight"), wide);
        writer.ones(&name("ffn_norm.weight"), wide);
        for (part, out) in [("attn_q", wide), ("attn_k", kv), ("attn_v", kv)] {
            writer.tensor(&name(&format!("{part}.weight")), &[wide, out], 0.5);
            writer.tensor(&name(&format!("{part}.bias")), &[out], 0.1);
        }
        writer.tensor(&name("attn_output.weight"), &[wide, wide], 0.6);
        writer.tensor(&name("ffn_gate.weight"), &[wide, INNER], 0.2);
        writer.tensor(&name("ffn_up.weight"), &[wide, INNER], 0.2);
        writer.tensor(&name("ffn_down.weight"), &[INNER, wide], 0.2);
    }
}

fn bert(writer: &mut Writer, model: &TinyModel) {
    writer.field("bert.attention.layer_norm_epsilon", Field::Fraction(1e-12));
    writer.field("bert.attention.causal", Field::Flag(false));
    writer.field("bert.pooling_type", Field::Number(1));
    let control = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
    let mut tokens: Vec<String> = control.iter().map(|&t| t.into()).collect();
    for letter in 'a'..='z' {
        tokens.push(format!("\u{2581}{letter}"));
        tokens.push(letter.into());
    }
    let count = tokens.len() as u32;
    let kinds = (0..count)
        .map(|i| if i < control.len() as u32 { 3 } else { 1 })
        .collect();
    writer.field("tokenizer.ggml.token_type_count", Field::Number(2));
    writer.field("tokenizer.ggml.model", Field::Text("bert".into()));
    writer.field("tokenizer.ggml.pre", Field::Text("jina-v2-en".into()));
    writer.field("tokenizer.ggml.tokens", Field::Texts(tokens));
    writer.field("tokenizer.ggml.token_type", Field::Kinds(kinds));
    let ids = ["padding", "unknown", "bos", "seperator", "mask"];
    for (id, role) in (0..).zip(ids) {
        writer.field(
            &format!("tokenizer.ggml.{role}_token_id"),
            Field::Number(id),
        );
    }
    writer.field("tokenizer.ggml.eos_token_id", Field::Number(3));
    let wide = WIDTH;
    writer.tensor("token_embd.weight", &[wide, count], 1.0);
    writer.tensor("position_embd.weight", &[wide, model.window], 0.1);
    writer.tensor("token_types.weight", &[wide, 2], 0.1);
    writer.ones("token_embd_norm.weight", wide);
    writer.tensor("token_embd_norm.bias", &[wide], 0.0);
    for layer in 0..LAYERS {
        let name = |part: &str| format!("blk.{layer}.{part}");
        let maps = [
            ("attn_q", wide, wide),
            ("attn_k", wide, wide),
            ("attn_v", wide, wide),
            ("attn_output", wide, wide),
            ("ffn_up", wide, INNER),
            ("ffn_down", INNER, wide),
        ];
        for (part, from, to) in maps {
            writer.tensor(&name(&format!("{part}.weight")), &[from, to], 0.1);
            writer.tensor(&name(&format!("{part}.bias")), &[to], 0.1);
        }
        for part in ["attn_output_norm", "layer_output_norm"] {
            writer.ones(&name(&format!("{part}.weight")), wide);
            writer.tensor(&name(&format!("{part}.bias")), &[wide], 0.0);
        }
    }
}

/// The 256 bytes as GPT-2 spells them, the merges' results, and the control tokens.
fn byte_level_tokens() -> Vec<String> {
    let mut next = 256;
    let mut tokens = Vec::new();
    for byte in 0..=255_u8 {
        let plain = matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
        let code = if plain {
            u32::from(byte)
        } else {
            next += 1;
            next - 1
        };
        tokens.extend(char::from_u32(code).map(String::from));
    }
    tokens.extend(MERGES.iter().map(|(a, b)| format!("{a}{b}")));
    tokens.extend(CONTROL.iter().map(|&t| t.to_owned()));
    tokens
}

const WIDTH: u32 = 64;
const INNER: u32 = 128;
const LAYERS: u32 = 2;
const MERGES: [(&str, &str); 6] = [
    ("t", "h"),
    ("th", "e"),
    ("i", "n"),
    ("e", "r"),
    ("a", "n"),
    ("Ġ", "the"),
];
const CONTROL: [&str; 3] = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];
const CHATML: &str = "{% for m in messages %}{{'<|im_start|>' + m['role'] + '\n' + m['content'] \
                      + '<|im_end|>\n'}}{% endfor %}{{'<|im_start|>assistant\n'}}";
