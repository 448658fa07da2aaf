//! The reference page and the sample file, both written from the table of fields. Pure.

use crate::environment::variable_of;
use crate::resolve::names_of;
use crate::table::{Field, OLLAMA_SERVER, OPENAI_SERVER, SECTIONS};
use crate::{Fate, LEGACY};

/// `docs/configuration.md`.
pub fn reference() -> String {
    let mut page = String::from(INTRODUCTION);
    for (section, about) in SECTIONS {
        page.push_str(&format!("\n## [{section}]\n\n{about}\n"));
        for (name, field) in names_of(section) {
            page.push_str(&entry(name, field));
        }
    }
    page.push_str(&servers("providers.ollama.servers", OLLAMA_SERVER));
    page.push_str(&servers("providers.openai.servers", OPENAI_SERVER));
    page.push_str(LEGACY_TITLE);
    for known in LEGACY {
        let fate = match known.fate {
            Fate::Maps { to, .. } => format!("sets `{to}`"),
            Fate::Fixed { because, .. } => format!("no effect: {because}"),
            Fate::Later { part, when } => format!("warning ({part}): {when}"),
        };
        page.push_str(&format!("| `{}` | {fate} |\n", known.key));
    }
    page
}

/// A file that sets every field to its default.
pub fn sample() -> String {
    let mut text = String::from(SAMPLE_HEAD);
    for (section, about) in SECTIONS {
        text.push_str(&format!("\n# {about}\n[{section}]\n"));
        for (name, field) in names_of(section) {
            text.push_str(&format!("# {}\n{name} = {}\n", field.sets, field.default));
        }
    }
    text
}

fn entry(name: &str, field: &Field) -> String {
    format!(
        "\n### {}\n\nDefault `{}`; takes {}. Environment: `{}`.\n\n{} {}\n",
        name,
        field.default,
        field.kind.expected(),
        variable_of(field.key),
        field.sets,
        trade(field),
    )
}

fn servers(key: &str, columns: &[Field]) -> String {
    let mut text =
        format!("\n## [[{key}]]\n\n| key | default | takes | meaning |\n|---|---|---|---|\n");
    for column in columns {
        let default = match column.default {
            "" => "must be given".to_owned(),
            default => format!("`{default}`"),
        };
        let (takes, sets) = (column.kind.expected(), column.sets);
        text.push_str(&format!(
            "| `{}` | {default} | {takes} | {sets} |\n",
            column.key
        ));
    }
    text
}

fn trade(field: &Field) -> &str {
    if field.trades == "None." {
        ""
    } else {
        field.trades
    }
}

const INTRODUCTION: &str = "\
# Configuration

Written by `cargo run -p node-config --example reference`; a test compares.

A value comes from the first of these that sets it: a flag, an `RLM_*` variable, `./rlm.toml` (for
`rlm-ctl` only), `~/.config/rlm/config.toml`, `/etc/rlm/node.toml`, the profile named by
`RLM_PROFILE`, the default below. `rlm-ctl config show --origin` tells which.

Unknown keys are errors. Spans of time are written `\"250ms\"`, `\"30s\"`, `\"1h30m\"`; sizes
`\"20kB\"` (1000) or `\"512MiB\"` (1024). Paths in a file are relative to that file; `~/` is the
home folder.
Secrets never stand in a configuration: it names a file or an environment variable.

Variables of other programs that count: `NO_COLOR`, and for proxies `HTTPS_PROXY`, `HTTP_PROXY`,
`ALL_PROXY` and `NO_PROXY` (small letters first). Addresses of this machine never go through a
proxy. `rlm-node` tells a service manager how it is where `NOTIFY_SOCKET` and `WATCHDOG_USEC` ask.

Where two fields contradict each other, a default gives way to the value that was set (`--origin`
then shows `follows`); two values that were both set are an error that names both.
";

const LEGACY_TITLE: &str = "
## Keys of the first design

`RLM_PROFILE=optimized` loads the first design's file, unchanged. Its keys may stand in any file.

| key | what becomes of it |
|---|---|
";

const SAMPLE_HEAD: &str = "# Every field with its default. Keep only the lines that you change.\n";
