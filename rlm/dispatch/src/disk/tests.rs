//! Kept files: hits, damage, collisions, bounds, and several processes at once.
