//! What holds for any bytes: each function reads them as one of our inputs and panics when a
//! promise is broken. Used by the fuzz targets and by the ordinary tests, which replay the corpora.

use context::{Context, OpenOptions, Source};
use node_config::{Dirs, Environment, Layer};
use std::path::Path;

/// A header is read or refused; sizes in it are never believed beyond the file.
pub(crate) fn gguf(bytes: &[u8]) {
    if let Ok(model) = engine_llama::inspect_bytes(bytes) {
        assert_eq!(model.bytes, bytes.len() as u64);
        let memory = model.memory(4096, engine_llama::KvType::F16, 256, false);
        assert!(memory.total() >= memory.weights);
    }
}

/// A trace is read or refused, and what is read can be shown.
pub(crate) fn trace(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(trace) = rlm_node::trace::parse(Path::new("job.jsonl"), text) {
        assert!(rlm_node::trace::show(&trace).starts_with("job "));
    }
}

/// A configuration is taken or refused with a reason, and what is taken reads back as the same.
pub(crate) fn config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let home = [("HOME".to_owned(), "/home/u".to_owned())];
    let dirs = Dirs::of(&Environment(home.into())).expect("a home");
    let layer = |text: &str| Layer::File {
        path: "/etc/rlm/node.toml".into(),
        text: text.to_owned(),
    };
    match node_config::resolve(&[layer(text)], &dirs) {
        Ok(loaded) => {
            let shown = layer(&loaded.show(true));
            let again = node_config::resolve(&[shown], &dirs).expect("what is shown is taken");
            assert_eq!(again.config, loaded.config);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// A text has a card, and its views agree with their lengths.
pub(crate) fn card(bytes: &[u8]) {
    // The first byte chooses the name: an extension is part of what tells a kind.
    let Some((choice, bytes)) = bytes.split_first() else {
        return;
    };
    let name = ["", "a.csv", "a.json", "a.log", "a.md", "a.py"][usize::from(choice % 6)];
    let source = Source::Bytes {
        name: name.to_owned(),
        bytes: bytes.to_vec(),
    };
    let Ok(context) = Context::open(&[source], &OpenOptions::default()) else {
        return;
    };
    assert!(context.card().text.starts_with("context: "));
    let lines = context.lines(0..u64::MAX).expect("lines of a small text");
    assert_eq!(lines.len() as u64, context.line_count());
    if let Some(count) = context.rows_len() {
        let rows = context.rows(0..u64::MAX).expect("rows of a table");
        assert_eq!(rows.len() as u64, count);
        let last = context.rows(count - 1..count).expect("its last row");
        assert_eq!(last.first(), rows.last());
    }
}
