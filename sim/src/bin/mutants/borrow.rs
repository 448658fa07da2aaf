//! Takes over from a target folder what cargo built of other people's crates. Never the workspace's
//! own: cargo names them by their place in the workspace, and a mutant's would count as healthy.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::Path;

/// How many libraries came over from the profile's folder `lender` to `debtor`. None to one that
/// has something: cargo builds anew what is older than what it needs, and two histories do not fit.
pub(crate) fn libraries(workspace: &Path, lender: &Path, debtor: &Path) -> io::Result<usize> {
    if debtor.exists() {
        return Ok(0);
    }
    let own = packages(workspace)?;
    let mut hashes = BTreeSet::new();
    for entry in fs::read_dir(lender.join(PRINTS))? {
        let name = entry?.file_name();
        let Some((package, hash)) = name.to_str().and_then(|name| name.rsplit_once('-')) else {
            continue;
        };
        let print = Path::new(PRINTS).join(&name);
        if own.contains(package) {
            continue;
        }
        copy(&lender.join(&print), &debtor.join(&print))?;
        hashes.insert(hash.to_owned());
    }
    for folder in ["deps", "build"] {
        fs::create_dir_all(debtor.join(folder))?;
        for entry in fs::read_dir(lender.join(folder))? {
            let entry = entry?;
            let (from, to) = (entry.path(), debtor.join(folder).join(entry.file_name()));
            if hash_of(&from).is_some_and(|hash| hashes.contains(hash)) {
                copy(&from, &to)?;
            }
        }
    }
    Ok(hashes.len())
}

/// The names of the workspace's packages.
fn packages(workspace: &Path) -> io::Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    let mut folders = vec![workspace.to_owned()];
    while let Some(folder) = folders.pop() {
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
        let package = manifest.split("[package]").nth(1).unwrap_or_default();
        let name = package
            .lines()
            .find_map(|line| line.strip_prefix("name = "));
        names.extend(name.map(|name| name.trim_matches('"').to_owned()));
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            if entry.file_type()?.is_dir() && !hidden {
                folders.push(entry.path());
            }
        }
    }
    Ok(names)
}

/// `3f2a…` of `libbytes-3f2a….rlib`.
fn hash_of(path: &Path) -> Option<&str> {
    let name = path.file_name()?.to_str()?;
    let stem = name.split_once('.').map_or(name, |(stem, _)| stem);
    Some(stem.rsplit_once('-')?.1)
}

/// A file, or a folder with all that is in it. A library is large and is never written again in
/// place: it is linked. Into the others cargo writes, and it compares their times.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    if from.is_dir() {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            copy(&entry.path(), &to.join(entry.file_name()))?;
        }
        return Ok(());
    }
    if from
        .extension()
        .is_some_and(|kind| kind == "rlib" || kind == "so")
    {
        return fs::hard_link(from, to);
    }
    fs::copy(from, to)?;
    let time = fs::metadata(from)?.modified()?;
    File::options().write(true).open(to)?.set_modified(time)
}

/// Where cargo keeps what it knows of each thing that it built.
const PRINTS: &str = ".fingerprint";
