//! What must hold for any bytes that come from the network. Each target in `targets/` hands them to one check
//! here; the checks are a library, so that the seeds can be run as ordinary tests as well.
//!
//! The router reads JSON with code of its own; serde_json, a second reader, says what is right.

mod decode;
mod event;
mod json;

pub use decode::decode;
