//! What the event store promises when the process or the disk fails. Each test runs itself again as a process of its own:
//! one that is killed, or one with a small disk.
//!
//! `GADUGI_CRASHES=200 cargo test --test store` kills more often than usual.

mod crash;
#[cfg(target_os = "linux")]
mod full_disk;
mod support;
