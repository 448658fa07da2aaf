//! Tiny models with random weights, for tests that need an engine but no download.
pub struct TinyModel;
pub fn write_tiny_model() {}
