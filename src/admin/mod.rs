//! The administration side: what `gadugi-routerctl` and the router say to each other, and the router's half of it.
//!
//! docs/admin-protocol.md describes the messages. Nothing here is on the way of an event: each answer is a copy that is
//! made under the engine's lock in a moment, and put into words and written outside of it.

pub mod messages;

#[cfg(feature = "daemon")]
mod answer;
#[cfg(feature = "daemon")]
mod explain;
#[cfg(feature = "daemon")]
mod figures;
#[cfg(feature = "daemon")]
mod guests;
#[cfg(feature = "daemon")]
pub mod http;
#[cfg(feature = "daemon")]
mod line;
#[cfg(feature = "daemon")]
mod orders;
#[cfg(feature = "daemon")]
mod rows;
#[cfg(feature = "daemon")]
mod socket;
#[cfg(feature = "daemon")]
mod stores;
#[cfg(feature = "daemon")]
mod talk;
#[cfg(feature = "daemon")]
mod why;

#[cfg(feature = "daemon")]
pub use guests::{Admins, Guests, Office};
#[cfg(feature = "daemon")]
pub use orders::{Life, Order, OrderRefused, Phase};
#[cfg(feature = "daemon")]
pub use socket::{Placed, Rights, SocketError, place};
