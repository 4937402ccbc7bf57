//! What can go wrong between a client and a router.

use std::io;
use std::time::Duration;

use thiserror::Error;
use tokio_tungstenite::tungstenite::{self, error::CapacityError};

use super::Address;
use crate::protocol::reply::Status;

/// Why a connection could not be had, or is no more.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// It is no address of a router.
    #[error("{text:?} is no address of a router: {why}")]
    Address {
        /// What was given.
        text: String,
        /// What is wrong with it.
        why: String,
    },
    /// A certificate or a key is not as it should be.
    #[cfg(feature = "client-tls")]
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// Nobody is there.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        /// Where.
        address: Address,
        /// What the operating system says.
        source: io::Error,
    },
    /// Somebody is there and is not done in time.
    #[error("{address} did not {what} within {} s", .after.as_secs_f64())]
    TimedOut {
        /// Where.
        address: Address,
        /// What it did not do.
        what: &'static str,
        /// How long it had.
        after: Duration,
    },
    /// The handshake was answered with something else than a WebSocket.
    #[error("{address} refused the connection: HTTP status {status}")]
    Refused {
        /// Where.
        address: Address,
        /// HTTP's status.
        status: u16,
    },
    /// The router has as many clients as it may have.
    #[error("{address} takes no more clients: {text}")]
    TooManyClients {
        /// Where.
        address: Address,
        /// As the router says it.
        text: String,
    },
    /// Whoever is there does not speak as a router does.
    #[error("{address} does not speak as a router does: {what}")]
    Protocol {
        /// Where.
        address: Address,
        /// What was odd.
        what: String,
    },
    /// A message is longer than [`Options::max_message_size`](super::Options::max_message_size).
    #[error("a message of {size} bytes came; at most {most} are taken")]
    TooLarge {
        /// How long it is.
        size: usize,
        /// How long it may be.
        most: usize,
    },
    /// The router closed the connection.
    #[error("closed by the router{}{reason} ({code})", if .reason.is_empty() { "" } else { ": " })]
    Closed {
        /// WebSocket's close code; 1005 when none was given.
        code: u16,
        /// The router's words.
        reason: String,
    },
    /// The router does not let this client in.
    #[error("{address} does not let this client in: {text}")]
    Unauthorized {
        /// Where.
        address: Address,
        /// As the router says it.
        text: String,
    },
    /// The function that gives the token gave none.
    #[error("there is no token to show: {0}")]
    NoToken(String),
    /// An event is longer than [`Builder::max_message_size`](super::Builder::max_message_size).
    #[error("event {event_id} is {size} bytes long; at most {most} are sent")]
    EventTooLarge {
        /// Which event.
        event_id: String,
        /// How long it is.
        size: usize,
        /// How long it may be.
        most: usize,
    },
    /// The router did not take an event.
    #[error("event {event_id} was {}: {reason}", .status.as_str())]
    NotAccepted {
        /// Which event.
        event_id: String,
        /// Dropped or rejected.
        status: Status,
        /// Why: `queue_full`, `rate_limited`, …
        reason: String,
    },
    /// Too many events wait for the router, and this one had to give way, or found no room.
    #[error("event {event_id} was not published: too many wait for the router")]
    BufferFull {
        /// Which event.
        event_id: String,
    },
    /// An event's time was over before the router could have it.
    #[error("event {event_id} was not published: its time was over before the router could have it")]
    Expired {
        /// Which event.
        event_id: String,
    },
    /// The router answered with an error.
    #[error("the router says: {text}")]
    Answered {
        /// For programs: `invalid_event`, `too_many_subscriptions`, …; routers of part 1 have none.
        code: Option<String>,
        /// As the router says it.
        text: String,
    },
    /// What was asked for is not as the protocol has it.
    #[error("{0}")]
    Invalid(String),
    /// The router does not have what was asked for. Doing without would mean something else, so nothing was done.
    #[error("this router does not have `{0}`")]
    Unsupported(&'static str),
    /// Something is no JSON, or not of the type that it should be.
    #[error("not as it should be in JSON: {0}")]
    Json(serde_json::Error),
    /// The router did not answer in time.
    #[error("no answer from the router within {} s", .0.as_secs_f64())]
    Late(Duration),
    /// This needs a connection now, and there is none.
    #[error("there is no connection to the router now")]
    NotConnected,
    /// The client was closed, or has given up.
    #[error("the client is closed")]
    Ended,
    /// Nobody subscribes to what a request was sent to.
    #[error("nobody subscribes to {topic}")]
    NoResponders {
        /// Where it was sent.
        topic: String,
    },
    /// Nobody replied in time.
    #[error("no reply to {topic} within {} s", .after.as_secs_f64())]
    NoReply {
        /// Where it was sent.
        topic: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// Whoever got a request could not do what was asked.
    #[error("the responder failed: {0}")]
    ResponderFailed(String),
    /// The connection broke off.
    #[error("the connection broke off: {0}")]
    Lost(String),
    /// The router takes nothing in.
    #[error("nothing could be sent for {} s", .0.as_secs_f64())]
    Stuck(Duration),
    /// Nothing was heard, not even the answer to a ping.
    #[error("nothing was heard for {} s", .0.as_secs_f64())]
    Silent(Duration),
}

impl Error {
    /// What the WebSocket library says, in our words.
    pub(super) fn of_socket(error: tungstenite::Error, address: &Address) -> Self {
        let address = address.clone();
        match error {
            tungstenite::Error::Http(answer) => Self::Refused { address, status: answer.status().as_u16() },
            tungstenite::Error::Capacity(CapacityError::MessageTooLong { size, max_size }) => {
                Self::TooLarge { size, most: max_size }
            }
            tungstenite::Error::Protocol(what) => Self::Protocol { address, what: what.to_string() },
            tungstenite::Error::Utf8(what) => Self::Protocol { address, what },
            tungstenite::Error::Io(error) => Self::Lost(error.to_string()),
            tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed => {
                Self::Lost("it was closed".to_owned())
            }
            other => Self::Lost(other.to_string()),
        }
    }
}
