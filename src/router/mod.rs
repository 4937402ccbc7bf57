//! To come.
mod index;

pub use index::Index;
