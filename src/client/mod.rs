//! Connections to a router, for programs in Rust: the wire's other end.
//!
//! A [`Client`] looks after its connection by itself: it comes back, subscribes again, and keeps what is published
//! meanwhile. One task owns the connection (`owner`); handles reach it through a queue of events and a bounded channel.
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

mod acks;
mod address;
mod backoff;
mod builder;
// The room's own name: what its users mean by it.
#[allow(clippy::module_inception)]
mod client;
mod clock;
mod connection;
mod dead_letter;
mod deliveries;
mod delivery;
mod error;
mod event;
mod features;
mod inbox;
mod intake;
mod levels;
mod message;
mod options;
mod outgoing;
mod owner;
mod publisher;
mod queue;
mod reached;
mod replies;
mod request;
mod seen;
mod session;
mod settings;
mod state;
mod stream;
mod subscribing;
mod table;
#[cfg(test)]
mod tests;
#[cfg(feature = "client-tls")]
mod tls;
mod token;
mod traffic;

pub use address::Address;
pub use backoff::Backoff;
pub use builder::Builder;
pub use client::Client;
pub use connection::Connection;
pub use dead_letter::{DeadLetter, FailedAttempt};
pub use deliveries::Deliveries;
pub use delivery::{Delivery, Nack};
pub use error::Error;
pub use event::{Event, Metadata, NewEvent};
pub use message::{
    Arrival, Backlog, BatchResult, Draining, Gap, Message, Published, PublishedBatch, Refusal, Replayed,
    Subscribed, Unsubscribed,
};
pub use options::Options;
pub use outgoing::Pending;
pub use request::Request;
pub use settings::Overflow;
pub use state::{Notice, State};
pub use stream::Events;
pub use subscribing::Subscription;
#[cfg(feature = "client-tls")]
pub use tls::Tls;
pub use token::{NoToken, Token};
