//! Real text that lies on every machine after the build: documents inside the crates that
//! Cargo.lock pins, and the licence texts of Debian. Reads only; says what it could not find.

use std::fs;
use std::path::{Path, PathBuf};

use crate::seed::Rng;

/// The workspace's lock file as of the build: it names the crates' versions.
const LOCK: &str = include_str!("../../Cargo.lock");

/// Which files make up filler text: crates by name, the version is the lock's.
const FILLER: &str = include_str!("../sets/filler.toml");

/// Debian's licence texts (package base-files, on every Debian and Ubuntu).
const LICENCES: &str = "/usr/share/common-licenses";

/// Where text is found when the crates' sources are not there.
const FALLBACK: [&str; 2] = [LICENCES, "/usr/share/perl"];

/// Directory levels below a fallback folder that are looked at.
const FALLBACK_DEPTH: usize = 4;

/// Longest single file that filler takes, in bytes: no document may be the whole text.
const MAX_FILLER_FILE: usize = 200_000;

#[derive(Debug, thiserror::Error)]
pub enum RealTextError {
    #[error("cannot read {path}: {source}")]
    Unreadable {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error(
        "the sources of {krate} are not in {registry}: build the workspace once, or name the \
         folder with --registry"
    )]
    NoCrate { krate: String, registry: PathBuf },
    #[error(
        "{document} names a crate version that Cargo.lock no longer has: check its questions \
             against the new text, then change the set's file"
    )]
    NotLocked { document: String },
}

/// Where real text lies on this machine.
#[derive(Clone, Debug)]
pub struct RealText {
    /// Folders with one folder per crate and version.
    registries: Vec<PathBuf>,
    /// Somebody named the folder: what it holds need not be of the lock's crates.
    named: bool,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct FillerSpec {
    /// `CRATE/PATH`, without a version.
    files: Vec<String>,
}

impl RealText {
    /// Looks below cargo's home, found as cargo finds it; `None` when there is no home at all.
    #[expect(
        clippy::disallowed_methods,
        reason = "a tool finds cargo's folder as cargo does"
    )]
    pub fn find() -> Option<RealText> {
        let named = std::env::var_os("CARGO_HOME").map(PathBuf::from);
        let home = named.or_else(|| std::env::home_dir().map(|home| home.join(".cargo")))?;
        Some(RealText::below(&home))
    }

    /// Looks below a cargo home: `registry/src/*`.
    fn below(cargo_home: &Path) -> RealText {
        let mut registries: Vec<PathBuf> = entries(&cargo_home.join("registry/src"));
        registries.retain(|path| path.is_dir());
        if registries.is_empty() {
            registries.push(cargo_home.join("registry/src"));
        }
        RealText {
            registries,
            named: false,
        }
    }

    /// Takes a folder of unpacked crates as it is.
    pub fn registry(folder: PathBuf) -> RealText {
        RealText {
            registries: vec![folder],
            named: true,
        }
    }

    /// A document's text: `licence:NAME` or `CRATE-VERSION/PATH`.
    pub(crate) fn document(&self, from: &str) -> Result<String, RealTextError> {
        if let Some(name) = from.strip_prefix("licence:") {
            return read(&Path::new(LICENCES).join(name));
        }
        let krate = from.split('/').next().unwrap_or(from);
        let is_locked = |(name, version): &(String, String)| format!("{name}-{version}") == krate;
        if !self.named && !locked().iter().any(is_locked) {
            return Err(RealTextError::NotLocked {
                document: from.to_owned(),
            });
        }
        match self
            .registries
            .iter()
            .find(|folder| folder.join(krate).is_dir())
        {
            Some(folder) => read(&folder.join(from)),
            None => Err(RealTextError::NoCrate {
                krate: krate.to_owned(),
                registry: self.registries.first().cloned().unwrap_or_default(),
            }),
        }
    }

    /// About `bytes` of filler, its files in an order that the stream gives, cut at a blank line.
    /// The notes say what was missing.
    pub(crate) fn filler(&self, bytes: usize, rng: &mut Rng) -> (String, Vec<String>) {
        let mut notes = Vec::new();
        let mut pages = self.filler_files(&mut notes);
        rng.shuffle(&mut pages);
        let mut text = join_up_to(&pages, bytes);
        if text.len() < bytes {
            notes.push(format!(
                "the crates gave {} of {bytes} bytes of text; the rest is from {}",
                text.len(),
                FALLBACK.join(" and ")
            ));
            let mut more = Vec::new();
            for folder in FALLBACK {
                gather(Path::new(folder), FALLBACK_DEPTH, &mut more);
            }
            pages.extend(more);
            text = join_up_to(&pages, bytes);
        }
        (text, notes)
    }

    fn filler_files(&self, notes: &mut Vec<String>) -> Vec<String> {
        let Ok(spec) = toml::from_str::<FillerSpec>(FILLER) else {
            notes.push("sets/filler.toml cannot be read".to_owned());
            return Vec::new();
        };
        let locked = locked();
        let mut missing = Vec::new();
        let mut pages = Vec::new();
        for file in spec.files {
            let Some((krate, path)) = file.split_once('/') else {
                continue;
            };
            // Of several versions the lock's last, the newest.
            let version = locked
                .iter()
                .rev()
                .find(|(name, _)| name == krate)
                .map(|(_, v)| v);
            let page = version
                .ok_or(())
                .and_then(|v| self.document(&format!("{krate}-{v}/{path}")).map_err(drop));
            match page {
                Ok(page) => pages.push(page),
                Err(()) => missing.push(file),
            }
        }
        if !missing.is_empty() {
            notes.push(format!("not on this machine: {}", missing.join(", ")));
        }
        pages
    }
}

fn read(path: &Path) -> Result<String, RealTextError> {
    let bytes = fs::read(path).map_err(|source| RealTextError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A folder's entries in the order of their names; none when it cannot be read.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(list) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = list.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn gather(folder: &Path, depth: usize, pages: &mut Vec<String>) {
    for path in entries(folder) {
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() && depth > 0 {
            gather(&path, depth - 1, pages);
        } else if path.is_file()
            && let Ok(page) = read(&path)
        {
            pages.push(page);
        }
    }
}

fn join_up_to(pages: &[String], bytes: usize) -> String {
    let mut text = String::new();
    for page in pages {
        if text.len() >= bytes {
            break;
        }
        let page = page.replace("\r\n", "\n");
        text.push_str(cut_at_blank_line(
            &page,
            MAX_FILLER_FILE.min(bytes - text.len()),
        ));
        text.push_str("\n\n");
    }
    text
}

fn cut_at_blank_line(page: &str, limit: usize) -> &str {
    if page.len() <= limit {
        return page.trim_end();
    }
    let end = (0..=limit)
        .rev()
        .find(|&at| page.is_char_boundary(at))
        .unwrap_or(0);
    let end = page[..end].rfind("\n\n").unwrap_or(end);
    page[..end].trim_end()
}

/// Names and versions of the locked packages, in the lock's order.
fn locked() -> Vec<(String, String)> {
    #[derive(serde::Deserialize)]
    struct Lock {
        package: Vec<Package>,
    }
    #[derive(serde::Deserialize)]
    struct Package {
        name: String,
        version: String,
    }
    match toml::from_str::<Lock>(LOCK) {
        Ok(lock) => lock
            .package
            .into_iter()
            .map(|p| (p.name, p.version))
            .collect(),
        Err(_) => Vec::new(),
    }
}
