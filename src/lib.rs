//! gadugi-router: the event router through which AI agents talk to each other.
//!
//! A table of contents. Imports between the rooms run one way, from the bottom of this list to its top.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod protocol;

#[cfg(feature = "daemon")]
pub mod config;
#[cfg(feature = "daemon")]
pub mod router;
#[cfg(feature = "daemon")]
pub mod server;
#[cfg(feature = "daemon")]
pub mod service;

#[cfg(test)]
mod testing;
