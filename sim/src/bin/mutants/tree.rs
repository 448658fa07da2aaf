//! The copy of the committed tree that mutants are built from.

use crate::{Mutant, borrow, root};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The copy that is patched, the folder that its builds share, and the program that came of them.
pub(crate) struct Tree {
    source: PathBuf,
    target: PathBuf,
    pub(crate) program: PathBuf,
}

impl Tree {
    /// Brings the copy to the repository's newest commit. Files that did not change keep their
    /// times, so that cargo keeps what it built of them.
    pub(crate) fn make(scratch: &Path) -> Result<Tree, String> {
        fs::create_dir_all(scratch).map_err(|error| error.to_string())?;
        let scratch = scratch.canonicalize().map_err(|error| error.to_string())?;
        let tree = Tree {
            source: scratch.join("tree"),
            // A folder apart: cargo names what it builds by the place in the workspace, so in the
            // repository's own folder a mutant's crates would be taken for the healthy ones.
            target: scratch.join("build"),
            program: scratch.join("seed"),
        };
        let root = root();
        // The copy has no objects of its own: it dies with the repository that it was made from.
        let alive = tree.source.join(".git").exists()
            && good(tree.git().args(["rev-parse", "--quiet", "HEAD^{tree}"])).is_ok();
        if !alive {
            if tree.source.exists() {
                fs::remove_dir_all(&tree.source).map_err(|error| error.to_string())?;
            }
            let mut clone = Command::new("git");
            clone.args(["clone", "--quiet", "--shared", "--no-checkout"]);
            good(clone.arg(&root).arg(&tree.source))?;
        }
        good(tree.git().args(["fetch", "--quiet"]).arg(&root).arg("HEAD"))?;
        good(
            tree.git()
                .args(["checkout", "--quiet", "--force", "--detach", "FETCH_HEAD"]),
        )?;
        good(tree.git().args(["clean", "--quiet", "-fd"]))?;
        tree.borrow();
        Ok(tree)
    }

    /// Other people's libraries are the same in every mutant: those that this program was built
    /// with are taken over. Without them the first build takes longer, and nothing else.
    fn borrow(&self) {
        let Ok(myself) = std::env::current_exe() else {
            return;
        };
        let lender = myself.parent().unwrap_or(Path::new("/"));
        match borrow::libraries(&self.source, lender, &self.target.join("debug")) {
            Ok(0) => {}
            Ok(many) => eprintln!("{many} libraries are taken over from {}", lender.display()),
            Err(why) => eprintln!(
                "no libraries are taken over from {}: {why}",
                lender.display()
            ),
        }
    }

    pub(crate) fn build(&self, mutant: &Mutant) -> Result<(), String> {
        good(self.git().arg("apply").arg(&mutant.patch))?;
        let mut cargo = Command::new("cargo");
        // Of the whole workspace, so that the features are those of the libraries that are lent.
        cargo.args(["build", "--quiet", "--locked", "--workspace"]);
        cargo.args(["--bin", "seed"]);
        cargo
            .current_dir(&self.source)
            .env("CARGO_TARGET_DIR", &self.target);
        for name in FOREIGN {
            cargo.env_remove(name);
        }
        good(&mut cargo)?;
        // The next mutant's build puts its own program there.
        let copied = fs::copy(self.target.join("debug/seed"), &self.program);
        copied.map(|_| ()).map_err(|error| error.to_string())
    }

    pub(crate) fn restore(&self) -> Result<(), String> {
        good(self.git().args(["checkout", "--quiet", "--force"]))?;
        good(self.git().args(["clean", "--quiet", "-fd"]))
    }

    fn git(&self) -> Command {
        let mut git = Command::new("git");
        git.arg("-C").arg(&self.source);
        git
    }
}

fn good(command: &mut Command) -> Result<(), String> {
    let output = command
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    ))
}

/// What `cargo run` tells this program about itself, and what would make the copy's build another
/// one than its own configuration says. Build scripts look at some of them.
const FOREIGN: &[&str] = &[
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_PATH",
    "CARGO_PKG_NAME",
    "CARGO_PKG_VERSION",
    "CARGO_PKG_VERSION_MAJOR",
    "CARGO_PKG_VERSION_MINOR",
    "CARGO_PKG_VERSION_PATCH",
    "CARGO_PKG_VERSION_PRE",
    "RUSTFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
];
