//! Logging: where records go, how they look, and their level, which can change while the router runs.

use std::io::{self, IsTerminal};

use tracing_subscriber::filter::{EnvFilter, ParseError};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Registry, fmt, reload};

/// Why logging could not begin or change.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The level is neither a level nor a filter.
    #[error("not a log level: {0}")]
    Level(#[from] ParseError),
    /// Something else in this process logs already.
    #[error("logging is set up already")]
    Taken(#[from] tracing::subscriber::SetGlobalDefaultError),
    /// Logging has ended.
    #[error("the log is gone: {0}")]
    Gone(#[from] reload::Error),
}

/// Changes the log of the running program.
#[derive(Clone, Debug)]
pub struct LogHandle {
    filter: reload::Handle<EnvFilter, Registry>,
}

impl LogHandle {
    /// Logs at this level, or by this filter, from now on.
    ///
    /// # Errors
    /// It is neither a level nor a filter; the old one stays.
    pub fn set_level(&self, level: &str) -> Result<(), LogError> {
        Ok(self.filter.reload(parse(level)?)?)
    }
}

/// Begins to log as text on stderr. Records of the `log` crate, which some libraries write, are left out: the WebSocket
/// library would format each frame for them.
///
/// # Errors
/// The level can't be parsed, or logging has begun before.
pub fn init(level: &str) -> Result<LogHandle, LogError> {
    let (filter, handle) = reload::Layer::new(parse(level)?);
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let text = fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(colours(io::stderr().is_terminal(), refused))
        // It would report a broken stderr on that same stderr, and panic.
        .log_internal_errors(false);
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(filter).with(text))?;
    Ok(LogHandle { filter: handle })
}

fn parse(level: &str) -> Result<EnvFilter, ParseError> {
    EnvFilter::builder().parse(level)
}

/// Colours are for people at a terminal who have not said no (no-color.org).
fn colours(terminal: bool, refused: bool) -> bool {
    terminal && !refused
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_changes_while_running_and_a_wrong_one_changes_nothing() {
        let (filter, handle) = reload::Layer::new(parse("info").unwrap());
        let handle = LogHandle { filter: handle };
        let subscriber = tracing_subscriber::registry().with(filter);
        tracing::subscriber::with_default(subscriber, || {
            assert!(tracing::enabled!(tracing::Level::INFO) && !tracing::enabled!(tracing::Level::DEBUG));
            handle.set_level("debug").unwrap();
            assert!(tracing::enabled!(tracing::Level::DEBUG));
            assert!(handle.set_level("a=loud").is_err());
            assert!(tracing::enabled!(tracing::Level::DEBUG));
        });
    }

    #[test]
    fn colours_need_a_terminal_and_no_refusal() {
        assert!(colours(true, false));
        assert!(!colours(true, true) && !colours(false, false));
    }
}
