//! The administration over HTTP: whether the router lives and is ready, its metrics, its status.
//!
//! It only tells; nothing can be changed here, and nobody is asked who he is. So it is off unless it is set, on loopback
//! unless another address is written out, and answers only to names that no web page can make up. Each answer is a copy
//! that is made under the engine's lock in a moment; what is slow, like a peer, is bounded in number and time.

mod exposition;
mod host;
mod lasting;
mod metrics;
mod pace;
mod process;
mod route;
mod serve;
mod snapshot;

pub use process::Process;
pub use route::Desk;
pub use serve::Http;
