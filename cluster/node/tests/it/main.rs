//! Nodes as users run them, on loopback and real folders. One program: each more would be linked
//! apart, with all of QUIC, TLS and Raft in it.

mod bad_input;
mod blobs;
mod certificates;
mod full_store;
mod lab;
mod moved;
mod panics;
