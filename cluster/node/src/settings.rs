//! What a user may turn in the cluster half of a node: each crate's own settings, side by side.

#[derive(Clone, Debug, Default)]
pub struct Settings {
    pub transport: transport::Settings,
    pub raft: raft::Settings,
    pub swim: membership::SwimSettings,
    pub gossip: crdt::Settings,
    pub records: crdt::RecordLimits,
    pub blobs: crate::BlobSettings,
}
