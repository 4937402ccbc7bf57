//! What a client tells about itself: where it stands with its router, and what its user may want to know.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::{Error, Gap};
use crate::protocol::Priority;

/// Where a client stands with its router.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum State {
    /// The first attempt is being made.
    Connecting,
    /// It is connected, and all its subscriptions are there.
    Connected {
        /// What the router calls this connection.
        client_id: Arc<str>,
        /// What the router calls itself; none if it knows only part 1 of the protocol.
        server: Option<Arc<str>>,
    },
    /// The router winds down. Events still come; what is published waits for the next connection.
    Draining,
    /// The connection is lost, or could not be had, and another attempt is made by itself.
    Reconnecting {
        /// What went wrong.
        because: Arc<Error>,
        /// How long it waits before the attempt.
        after: Duration,
        /// How many attempts have failed in a row.
        failures: u32,
    },
    /// It is over: the client was closed, or has given up.
    Closed {
        /// Why it has given up.
        because: Option<Arc<Error>>,
    },
}

impl State {
    /// Whether events go through now.
    pub fn is_connected(&self) -> bool {
        matches!(self, Self::Connected { .. })
    }

    /// Whether it is over.
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Closed { .. })
    }
}

/// Something that happened beside what was asked for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Notice {
    /// Events were shed for a subscription, because this program takes them too slowly.
    Gap {
        /// How many, by priority; of which subscription, as [`Events::id`](super::Events::id) says it.
        gap: Box<Gap>,
        /// Shed by this client's own bound, not by the router.
        local: bool,
    },
    /// An event of [`enqueue`](super::Client::enqueue) whose answer nobody waits for was not published.
    NotPublished {
        /// Which one.
        event_id: Arc<str>,
        /// Why not.
        because: Arc<Error>,
    },
    /// The router said something that is not as the protocol has it: an event whose shape is wrong, say.
    Unreadable {
        /// What is wrong, and how it begins.
        what: String,
    },
    /// The router complains about something that nobody waits for.
    Answered {
        /// For programs; routers of part 1 have none.
        code: Option<String>,
        /// As the router says it.
        text: String,
    },
    /// Something waits for a subscription that was told to say so
    /// ([`backlog_interval`](super::Subscription::backlog_interval)).
    Backlog {
        /// As [`Deliveries::id`](super::Deliveries::id) says it.
        subscription: Uuid,
        /// How many events wait in the router.
        waiting: u64,
        /// There are others in its store.
        more: bool,
        /// How long the oldest has waited.
        oldest: Duration,
        /// The most urgent of them.
        highest: Priority,
    },
    /// A replay has reached what is live.
    Replayed {
        /// As [`Events::id`](super::Events::id) says it.
        subscription: Uuid,
        /// All stored events up to this one were looked at.
        sequence: u64,
        /// How many came on this connection.
        events: u64,
    },
    /// The router did not take a subscription when it was made again on a new connection.
    NotSubscribed {
        /// As [`Events::id`](super::Events::id) says it.
        subscription: Uuid,
        /// Why not.
        because: Arc<Error>,
    },
}
