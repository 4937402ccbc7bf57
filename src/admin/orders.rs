//! What the administration asks of the service, which has the settings and decides when it ends.

use tokio::sync::oneshot;

use super::messages::{Reloaded, Setting};

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

/// Where the router is in its life.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Life {
    /// In words.
    pub doing: &'static str,
    /// What was left when the drain's time was over, by priority, and where it is.
    pub left: Option<([u64; 10], &'static str)>,
    /// All is done; the process ends now.
    pub over: bool,
}

impl Life {
    /// At the beginning.
    pub const fn new(doing: &'static str) -> Self {
        Self { doing, left: None, over: false }
    }
}
