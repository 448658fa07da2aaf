//! Blobs: bytes that the ledger names by their BLAKE3 hash, such as a model's weights. They lie on
//! each node's own disk and travel between nodes in chunks; what has another hash than its name is
//! never served for long and never believed.
//!
//! Nothing is agreed here. Which nodes have which blob stands in the replicated store and may be
//! late; the ledger is told of a version only after two nodes said that its bytes are on their
//! disks ([`crate::Node::publish`]).

mod disk;
mod driver;
mod error;
mod fetch;
mod messages;
mod node;
mod policy;
mod publish;
mod serve;
mod settings;
mod shelf;
mod sweep;

pub use disk::{BlobDisk, BlobFolder};
pub use error::{BlobError, PublishError};
pub use node::Blob;
pub use publish::{NewBlobVersion, Published};
pub use settings::{BlobSettings, BlobSettingsError};

pub(crate) use driver::{BlobAsk, BlobDriver};
pub(crate) use serve::answer;
pub(crate) use shelf::Shelf;

#[cfg(test)]
mod tests;
