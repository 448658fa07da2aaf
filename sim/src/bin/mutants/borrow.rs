//! Takes over from a target folder what cargo built of other people's crates. Never the workspace's
//! own: cargo names them by their place in the workspace, and a mutant's would count as healthy.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::path::Path;

/// How many libraries came over from the profile's folder `lender` to `debtor`; what is there
/// stays.
pub(crate) fn libraries(workspace: &Path, lender: &Path, debtor: &Path) -> io::Result<usize> {
    let own = packages(workspace)?;
    let mut hashes = HashSet::new();
    for entry in fs::read_dir(lender.join(PRINTS))? {
        let name = entry?.file_name();
        let Some((package, hash)) = name.to_str().and_then(|name| name.rsplit_once('-')) else {
            continue;
        };
        let print = Path::new(PRINTS).join(&name);
        if own.contains(package) || debtor.join(&print).exists() {
            continue;
        }
        // Cargo writes into these files; into libraries it does not.
        copy(&lender.join(&print), &debtor.join(&print))?;
        hashes.insert(hash.to_owned());
    }
    for folder in ["deps", "build"] {
        fs::create_dir_all(debtor.join(folder))?;
        for entry in fs::read_dir(lender.join(folder))? {
            let entry = entry?;
            let (from, to) = (entry.path(), debtor.join(folder).join(entry.file_name()));
            if hash_of(&from).is_some_and(|hash| hashes.contains(hash)) && !to.exists() {
                link(&from, &to)?;
            }
        }
    }
    Ok(hashes.len())
}

/// The names of the workspace's packages.
fn packages(workspace: &Path) -> io::Result<HashSet<String>> {
    let mut names = HashSet::new();
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

/// A folder with its files and their times, by which cargo knows what is older than what.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        fs::copy(entry.path(), &target)?;
        let time = entry.metadata()?.modified()?;
        File::options()
            .write(true)
            .open(&target)?
            .set_modified(time)?;
    }
    Ok(())
}

fn link(from: &Path, to: &Path) -> io::Result<()> {
    if !from.is_dir() {
        return fs::hard_link(from, to);
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        link(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

/// Where cargo keeps what it knows of each thing that it built.
const PRINTS: &str = ".fingerprint";
