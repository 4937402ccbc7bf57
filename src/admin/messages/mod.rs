//! The messages of the admin socket: JSON, a line each.
//!
//! Fields are only ever added, and whoever does not know one passes over it; a change that is more than that raises
//! [`PROTOCOL`].

mod explain;
mod figures;
mod store;
mod views;

use serde::{Deserialize, Serialize};

pub use explain::{Explained, Explanation, Fate, Located, Outline, Question, Step};
pub use figures::{Latency, LoggedError, Quantiles, Rates, Slowest, Top, Topic};
pub use store::{DurableView, StoreAnswer, StoreFigures, StoreRequest, StoreRule, StoredEvent, StoredEvents};
pub use views::{
    Acks, Change, Client, Clients, Ended, Health, Kicked, Letter, Letters, Progress, Reason, Reloaded,
    Requeued, Setting, Status, StoreHealth, Subscription, Subscriptions, Totals, Tried, Which,
};

/// The version of this protocol.
pub const PROTOCOL: u32 = 1;
/// The `phase` of a router that takes clients in.
pub const RUNNING: &str = "running";
/// This program's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Bytes of a request at most.
pub const LONGEST_REQUEST: usize = 64 << 10;
/// Bytes of an answer at most: whoever reads more is not talking to a router.
pub const LONGEST_ANSWER: usize = 16 << 20;
/// Bytes of an event's text at most that `dead_letter` shows.
pub const LONGEST_EVENT: usize = 1 << 20;

/// The first line, of both sides.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Greeting {
    /// [`PROTOCOL`].
    pub protocol: u32,
    /// [`VERSION`].
    pub version: String,
    /// The router's half: whether this user may change something.
    #[serde(default)]
    pub may_change: bool,
}

impl Greeting {
    /// This program's.
    pub fn ours(may_change: bool) -> Self {
        Self { protocol: PROTOCOL, version: VERSION.to_owned(), may_change }
    }
}

/// What can be asked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub enum Request {
    /// How the router is: [`Status`].
    Status,
    /// What a screen shows that looks again and again: [`Top`].
    Top,
    /// A page of clients: [`Clients`].
    Clients {
        /// Where it begins, 0 for the first one.
        from: usize,
    },
    /// A page of subscriptions: [`Subscriptions`].
    Subscriptions {
        /// Where it begins, 0 for the first one.
        from: usize,
    },
    /// Close the connection of a client: [`Kicked`].
    Kick {
        /// The beginning of its id, or its address.
        client: String,
    },
    /// Read the settings again: [`Reloaded`] when that is over.
    Reload,
    /// Wind down: [`Answer::Progress`] again and again, and [`Answer::Ended`] in the end.
    Drain,
    /// The settings in force: [`Answer::Settings`].
    Settings,
    /// What a reload would change: [`Reloaded`].
    Difference,
    /// A page of dead letters, newest first: [`Letters`].
    DeadLetters {
        /// Where it begins, 0 for the first one.
        from: usize,
        /// Which of them.
        #[serde(default)]
        which: Which,
    },
    /// The dead letters of one event, with its text: [`Letters`].
    DeadLetter {
        /// The event's id.
        id: String,
    },
    /// Forget dead letters: [`Answer::Purged`].
    Purge(Which),
    /// Route dead letters once more: [`Requeued`].
    Requeue(Which),
    /// Something of the event store: [`StoreAnswer`].
    Store(StoreRequest),
    /// What would become of an event: [`Explanation`].
    Explain(Box<Question>),
    /// Where an event is: [`Located`].
    Locate {
        /// Its id.
        id: String,
        /// Where the search begins, 0 and 0 for its beginning.
        from: (usize, usize),
    },
}

impl Request {
    /// Whether it changes something, which only root, the router's own user and its admins may.
    pub fn changes(&self) -> bool {
        match self {
            Self::Kick { .. } | Self::Reload | Self::Drain | Self::Purge(_) | Self::Requeue(_) => true,
            Self::Store(request) => request.changes(),
            _ => false,
        }
    }
}

/// What is answered.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// How the router is.
    Status(Box<Status>),
    /// What a screen shows.
    Top(Box<Top>),
    /// Clients.
    Clients(Clients),
    /// Subscriptions.
    Subscriptions(Subscriptions),
    /// A client is disconnected.
    Kicked(Kicked),
    /// What was, or would be, changed by a reload.
    Reloaded(Reloaded),
    /// The router winds down; more follows.
    Progress(Progress),
    /// The router has wound down and ends now.
    Ended(Ended),
    /// The settings in force.
    Settings {
        /// All of them.
        settings: Vec<Setting>,
    },
    /// Dead letters.
    DeadLetters(Letters),
    /// Dead letters are forgotten.
    Purged {
        /// How many.
        letters: u64,
    },
    /// Dead letters were routed once more.
    Requeued(Requeued),
    /// Of the event store.
    Store(StoreAnswer),
    /// What would become of an event.
    Explained(Explanation),
    /// Where an event is.
    Located(Located),
    /// It was not done.
    Error(Refused),
}

/// Why something was not done, by a name for programs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// No message of this protocol.
    BadRequest,
    /// A request that this version does not have.
    UnknownRequest,
    /// This user may only look.
    NotPermitted,
    /// There is no such client or dead letter.
    NotFound,
    /// It could be several.
    Ambiguous,
    /// A value in the request is none of those that it may have.
    InvalidValue,
    /// The settings have mistakes.
    BadSettings,
    /// The router ends.
    Stopping,
    /// Too many connections.
    Busy,
    /// One that a later version has.
    #[serde(other)]
    Unknown,
}

/// Why something was not done.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Refused {
    /// For programs.
    pub code: Code,
    /// For people.
    pub message: String,
    /// With [`Code::BadSettings`]: each mistake, with file, line and column.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mistakes: Vec<String>,
}

impl Refused {
    /// An error without mistakes.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), mistakes: Vec::new() }
    }
}
