mod access;
mod hostile;
pub(crate) mod hub;
mod links;
mod requests;
pub(crate) mod world;
