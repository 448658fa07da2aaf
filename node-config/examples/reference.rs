//! Writes the two files that follow from the table of fields: the reference page and the sample.

use std::io::Result;
use std::path::Path;

fn main() -> Result<()> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = here.join("../docs");
    std::fs::create_dir_all(&docs)?;
    std::fs::write(docs.join("configuration.md"), node_config::reference())?;
    std::fs::write(here.join("sample.toml"), node_config::sample())
}
