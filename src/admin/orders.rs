//! What the administration asks of the service, which has the settings and decides when it ends.

use tokio::sync::oneshot;

use super::messages::{RUNNING, Reloaded, Setting};

/// Something to do, and where to say how it went.
#[derive(Debug)]
pub enum Order {
    /// Read the settings again and put them into force.
    Reload(oneshot::Sender<Result<Reloaded, OrderRefused>>),
    /// Say what a reload would change.
    Difference(oneshot::Sender<Result<Reloaded, OrderRefused>>),
    /// Say which settings are in force.
    Settings(oneshot::Sender<Vec<Setting>>),
    /// Wind down and end.
    Drain,
}

/// All mistakes in the settings, a line each.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OrderRefused(pub Vec<String>);

/// What the router does at this time of its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// It is not ready yet.
    Starting,
    /// It is ready.
    Running,
    /// Nothing more is accepted; subscribers get what is queued.
    Draining,
    /// Connections are closed, one after the other.
    Closing,
}

impl Phase {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Starting, Self::Running, Self::Draining, Self::Closing];

    /// For people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closing => "closing connections",
            other => other.label(),
        }
    }

    /// In one word.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => RUNNING,
            Self::Draining => "draining",
            Self::Closing => "closing",
        }
    }
}

/// Where the router is in its life.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Life {
    /// What it does.
    pub doing: Phase,
    /// What was left when the drain's time was over, by priority, and what keeps it beyond the end.
    pub left: Option<([u64; 10], Option<&'static str>)>,
    /// All is done; the process ends now.
    pub over: bool,
}

impl Life {
    /// At the beginning.
    pub const fn new(doing: Phase) -> Self {
        Self { doing, left: None, over: false }
    }
}
