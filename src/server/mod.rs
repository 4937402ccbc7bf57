//! WebSocket connections: listeners, handshake, admission, reader and writer of each connection.
//!
//! What an event means is the engine's affair ([`crate::router`]), how a message is spelled the protocol's
//! ([`crate::protocol`]). Here are sockets, frames, time-outs, and nothing that knows a settings file or a signal.

mod accept;
mod connection;
mod credit;
mod dialogue;
mod frame;
mod handshake;
mod hub;
mod keepalive;
mod letters;
mod listen;
mod mourning;
mod origin;
mod outgoing;
mod rate;
mod receipts;
mod scratch;
mod serve;
mod settings;
mod socket;
mod storing;

pub use accept::ServeError;
pub use hub::{Hub, wall_clock, wall_time};
pub use listen::{BindError, bind, bind_tcp};
pub use serve::Server;
pub use settings::Settings;
pub use socket::Listener;
