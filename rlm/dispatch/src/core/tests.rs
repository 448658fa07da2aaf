//! The machine as stories, and under random inputs against its invariants.
