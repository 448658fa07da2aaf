//! The cluster half of a node: transport, membership, Raft and the replicated store, wired and
//! supervised. Knows no model, no REPL and no job's content, so that the simulation links it
//! whole.
//!
//! [`found()`] makes a cluster, [`enter()`] joins one, [`Node::start`] runs a node of it.
//! Everything that differs between a machine and a simulated host comes in through [`Parts`]
//! and [`Home`].

mod admit;
mod apart;
mod blobs;
mod bursts;
mod core;
mod duties;
mod enter;
mod event;
mod facts;
mod found;
mod foundation;
mod front;
mod home;
mod issuer;
mod messages;
mod node;
mod ops;
mod own;
mod renew;
mod revive;
mod revoke;
mod roster;
mod settings;
mod spread;
mod swim;
mod tree;
mod view;

pub use blobs::{
    Blob, BlobDisk, BlobError, BlobFolder, BlobSettings, BlobSettingsError, NewBlobVersion,
    PublishError, Published,
};
pub use core::Carrier;
pub use duties::{Duty, DutyFacts, next_duty};
pub use enter::{EnterError, EnterOptions, Entered, SeedPath, enter};
pub use event::{EventSink, LogEvents, NodeEvent};
pub use found::{FoundError, FoundOptions, found};
pub use home::{Folder, Home, HomeError, NodeRecord, PendingJoin};
pub use messages::FailCode;
pub use node::{Node, NodeStartError, Parts};
pub use ops::{RoleFail, TokenFail, TokenWish};
pub use settings::Settings;
pub use spread::{Known, StoreError};
pub use view::{NodeView, Part, StatusView};
