//! Writes the API's document, which follows from its types: `docs/openapi.json`.

use std::io::Result;
use std::path::Path;

fn main() -> Result<()> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    std::fs::write(docs.join("openapi.json"), rlm_node::api::written())
}
