//! gadugi-router: the event router through which AI agents talk to each other.
//!
//! A table of contents. Imports between the rooms run one way, from the bottom of this list to its top.
#![cfg_attr(test, allow(clippy::unwrap_used))]

#[forbid(unsafe_code)]
pub mod protocol;

#[cfg(any(feature = "daemon", feature = "ctl"))]
#[forbid(unsafe_code)]
pub mod admin;
#[cfg(feature = "client")]
#[forbid(unsafe_code)]
pub mod client;
#[cfg(any(feature = "daemon", feature = "ctl"))]
#[forbid(unsafe_code)]
pub mod config;
#[cfg(feature = "ctl")]
#[forbid(unsafe_code)]
pub mod ctl;
#[cfg(any(feature = "daemon", feature = "ctl"))]
#[forbid(unsafe_code)]
pub mod holder;
#[cfg(feature = "daemon")]
#[forbid(unsafe_code)]
pub mod router;
#[cfg(feature = "daemon")]
#[forbid(unsafe_code)]
pub mod server;
#[cfg(feature = "daemon")]
pub mod service;
#[cfg(feature = "daemon")]
#[forbid(unsafe_code)]
pub mod store;

#[cfg(test)]
#[forbid(unsafe_code)]
mod testing;
