//! Logging: where records go, how they look, and their level, which can change while the router runs.
//!
//! Whoever logs copies the record into a queue and goes on; a thread of the log's own writes. So neither a journal that
//! is stuck nor a full disk holds up an event. What is logged belongs to whoever logs it: events' payloads and tokens
//! never do.
//!
//! ```text
//! tracing macros ─▶ level ─▶ repeats ─▶ record ─▶ queue ─▶ worker ─▶ output: journal, or text or JSON in a sink
//! ```

mod forward;
mod messages;
mod output;
mod panics;
mod place;
mod queue;
mod recent;
mod record;
mod repeats;
mod sink;
#[cfg(test)]
mod testing;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use tracing_subscriber::filter::{EnvFilter, ParseError};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Registry, reload};

use super::exit::{Exit, Failure};
use forward::{Forward, Shared};
pub use place::Plan;
pub(super) use recent::Logged;
pub(super) use repeats::grouped;
pub use worker::{Worker, Writing};

/// Why the level could not change.
#[derive(Debug, thiserror::Error)]
pub enum LevelError {
    /// It is neither a level nor a filter.
    #[error("not a log level: {0}")]
    Wrong(#[from] ParseError),
    /// Logging has ended.
    #[error("the log is gone: {0}")]
    Gone(#[from] reload::Error),
}

/// Changes the log of the running program.
#[derive(Clone)]
pub struct LogHandle {
    filter: reload::Handle<EnvFilter, Registry>,
    shared: Arc<Shared>,
    place: Arc<str>,
}

impl LogHandle {
    /// Logs at this level, or by this filter, from now on.
    ///
    /// # Errors
    /// It is neither a level nor a filter; the old one stays.
    pub fn set_level(&self, level: &str) -> Result<(), LevelError> {
        Ok(self.filter.reload(parse(level)?)?)
    }

    /// Opens the log file anew, soon: somebody has moved it away. Without a file, nothing happens.
    pub fn reopen(&self) {
        self.shared.queue.reopen();
    }

    /// Waits until what was logged so far is written, so long at most; false: it is not.
    pub fn flush(&self, patience: Duration) -> bool {
        self.shared.queue.flush(patience)
    }

    /// The last warnings and errors, oldest first.
    pub(super) fn recent(&self) -> Vec<Logged> {
        self.shared.recent.all()
    }

    /// Where the log goes: "journald", "stderr", or the path of the file.
    pub fn place(&self) -> &str {
        &self.place
    }
}

/// Opens the log, and takes records from now on; they wait until the worker is started. Before privileges are dropped,
/// which may be needed for the file.
///
/// Records of the `log` crate, which some libraries write, are left out: the WebSocket library would format each frame
/// for them.
///
/// # Errors
/// What the settings ask for is not there, or something else in this process logs already.
pub fn prepare(level: &str, plan: &Plan<'_>) -> Result<(LogHandle, Worker), Failure> {
    let filter = parse(level)
        .map_err(|error| Failure::new(Exit::Config, format!("log_level is not a log level: {error}")))?;
    let (output, place) = plan.open()?;
    let shared = Arc::<Shared>::default();
    let (filter, handle) = reload::Layer::new(filter);
    let subscriber = tracing_subscriber::registry().with(filter).with(Forward(Arc::clone(&shared)));
    tracing::subscriber::set_global_default(subscriber)
        .map_err(|error| Failure::new(Exit::System, format!("cannot set up the log: {error}")))?;
    let handle = LogHandle { filter: handle, shared: Arc::clone(&shared), place: place.into() };
    Ok((handle, Worker { shared, output }))
}

fn parse(level: &str) -> Result<EnvFilter, ParseError> {
    EnvFilter::builder().parse(level)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_changes_while_running_and_a_wrong_one_changes_nothing() {
        let (filter, handle) = reload::Layer::new(parse("info").unwrap());
        let handle = LogHandle { filter: handle, shared: Arc::default(), place: "nowhere".into() };
        let subscriber = tracing_subscriber::registry().with(filter);
        tracing::subscriber::with_default(subscriber, || {
            assert!(tracing::enabled!(tracing::Level::INFO) && !tracing::enabled!(tracing::Level::DEBUG));
            handle.set_level("debug").unwrap();
            assert!(tracing::enabled!(tracing::Level::DEBUG));
            assert!(handle.set_level("a=loud").is_err());
            assert!(tracing::enabled!(tracing::Level::DEBUG));
        });
    }
}
