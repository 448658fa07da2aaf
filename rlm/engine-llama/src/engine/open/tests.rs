#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test names what it expects"
)]

use super::*;
use crate::fixture::{TinyModel, write_tiny_model};
use std::path::PathBuf;

fn tiny() -> (tempfile::TempDir, ModelFile, LlamaOptions) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.gguf");
    write_tiny_model(&TinyModel::default(), &path).unwrap();
    let file = inspect(&path).unwrap();
    let options = LlamaOptions::new(path, PathBuf::from("none"), Vec::new(), 2);
    (folder, file, options)
}

#[test]
fn too_little_memory_says_how_much_is_needed_and_how_much_there_is() {
    let (_folder, file, options) = tiny();
    let spec = load_spec(&options, &file).unwrap();
    let error = check_memory(&file, &spec, Some(10 << 20))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("needs about") && error.contains("10 MiB is available"),
        "{error}"
    );
    assert!(check_memory(&file, &spec, Some(8 << 30)).is_ok());
    assert!(check_memory(&file, &spec, None).is_ok());
}

#[test]
fn the_window_is_never_more_than_the_model_was_trained_for() {
    let (_folder, file, options) = tiny();
    assert_eq!(load_spec(&options, &file).unwrap().window, 4096);
}

#[test]
fn fewer_tokens_at_once_need_less_memory_and_are_at_most_a_step() {
    let (_folder, file, mut options) = tiny();
    let at_once = |options: &LlamaOptions| load_spec(options, &file).unwrap().at_once;
    assert_eq!(at_once(&options), 256);
    options.chunk = 128;
    assert_eq!(at_once(&options), 128);
    options.at_once = 32;
    assert_eq!(at_once(&options), 32);
    let compute = |at_once| file.memory(1024, KvType::F16, at_once, false).compute;
    assert!(compute(32) < compute(256));
}

#[test]
fn options_that_contradict_each_other_are_refused() {
    let (_folder, file, good) = tiny();
    let refused = |change: fn(&mut LlamaOptions)| {
        let mut options = good.clone();
        change(&mut options);
        match load_spec(&options, &file).unwrap_err() {
            OpenError::Options { what } => what,
            other => panic!("{other}"),
        }
    };
    assert!(refused(|o| o.kv = KvType::Q8_0).contains("flash attention"));
    assert!(refused(|o| o.slots = 0).contains("at least 1"));
    assert!(refused(|o| o.slots = 254).contains("256"));
    assert!(refused(|o| o.cells = 100).contains("window"));
    assert!(refused(|o| o.chunk = 4).contains("chunk"));
}

#[test]
fn what_changes_replies_tells_options_apart() {
    let (_folder, _file, good) = tiny();
    let changes: [fn(&mut LlamaOptions); 5] = [
        |o| o.kv = KvType::Q8_0,
        |o| o.flash_attention = true,
        |o| o.window = 512,
        |o| o.extra_bufts = Some(true),
        |o| o.extra_bufts = Some(false),
    ];
    for change in changes {
        let mut options = good.clone();
        change(&mut options);
        assert_ne!(options.reply_settings(), good.reply_settings());
    }
    let mut quick = good.clone();
    quick.threads += 1;
    assert_eq!(quick.reply_settings(), good.reply_settings());
}

#[test]
fn the_llama_in_keys_is_the_one_that_is_built() {
    let (name, version) = crate::options::LLAMA.split_once(' ').unwrap();
    let pinned = format!("{name} = {{ version = \"={version}\"");
    assert!(
        include_str!("../../../Cargo.toml").contains(&pinned),
        "{pinned}"
    );
}
