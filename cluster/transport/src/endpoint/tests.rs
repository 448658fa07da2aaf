mod access;
mod hostile;
pub(crate) mod hub;
mod life;
mod links;
mod requests;
mod uncertified;
pub(crate) mod world;
