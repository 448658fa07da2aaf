//! The cluster as people use it: what `rlm-node` and `rlm-ctl` do with a node's cluster half,
//! and the API between them. Decides nothing: every call goes to `cluster::Node`.

pub mod api;
mod disk;
mod errors;
mod machine;
pub mod registry;
mod routes;
mod run;
mod settings;
mod setup;
pub mod wish;

pub use errors::{outgrown, refusal};
pub use machine::{driverless, facts};
pub use routes::{no_cluster, routes};
pub use run::{RunningNode, start};
pub use settings::settings;
pub use setup::{FoundWish, JoinOutcome, JoinWish, found, join};
