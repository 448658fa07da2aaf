mod access;
mod hostile;
pub(crate) mod hub;
mod links;
mod requests;
mod uncertified;
pub(crate) mod world;
