//! The peers that stand beside ours, as Debian packages them. A peer that is not installed is said
//! to be missing once, and its column stays empty.

pub(crate) mod etcd;
mod grpc;
pub(crate) mod nats;
pub(crate) mod redis;
