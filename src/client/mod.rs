//! Connections to a router, for programs in Rust: the wire's other end.
//!
//! A [`Connection`] is one connection to one router: it greets, asks, and hands out what comes as typed messages. It
//! does not come back by itself; [`Backoff`] says how long to wait before the next one is tried.
//!
//! ```no_run
//! use gadugi_router::client::{Address, Connection, Message, Options, Request};
//! use gadugi_router::protocol::{Pattern, Subscription};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let address: Address = "ws://localhost:9090".parse()?;
//! let mut router = Connection::open(&address, &Options::default()).await?;
//! let topics = vec![Pattern::parse("task.*")?];
//! router.send(&Request::Subscribe(&Subscription { topics, ..Subscription::default() })).await?;
//! loop {
//!     if let Message::Event(delivery) = router.receive().await? {
//!         println!("{}: {}", delivery.event.topic, delivery.event.payload);
//!     }
//! }
//! # }
//! ```

mod address;
mod backoff;
mod connection;
mod error;
mod event;
mod message;
mod options;
mod request;
#[cfg(test)]
mod tests;

pub use address::Address;
pub use backoff::Backoff;
pub use connection::Connection;
pub use error::Error;
pub use event::{Event, Metadata, NewEvent};
pub use message::{Delivery, Draining, Gap, Message, Published, Refusal, Subscribed};
pub use options::Options;
pub use request::Request;
