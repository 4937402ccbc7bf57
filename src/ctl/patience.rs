//! How long the end of a router may take.

use std::path::Path;
use std::time::Duration;

use super::connection::Connection;
use super::failure::{Failure, USAGE};
use super::find;
use super::keeper::load;
use crate::admin::messages::{Answer, Request};
use crate::config::{self, Config, Inputs};

/// Beside `drain.timeout`: closing connections (2 s at most, unless set), the engine's last word, and a slow machine.
const MARGIN: Duration = Duration::from_secs(15);
/// Where no spread is set, the router spreads closing over this at most.
const SPREAD: Duration = Duration::from_secs(2);

/// How long to wait.
#[derive(clap::Args, Debug)]
pub(super) struct PatienceArgs {
    /// Wait this long for the end, such as 30s; by default a little longer than the router's drain.timeout
    #[arg(long, value_name = "DURATION")]
    pub timeout: Option<String>,
}

impl PatienceArgs {
    /// Connects. A router that hangs may take no more than half of the time that was given: the other half is for what a
    /// signal brings about.
    pub fn connect(&self, socket: Option<&Path>) -> Result<Connection, Failure> {
        let most = self.timeout.as_deref().map(duration).transpose()?.map(|most| most / 2);
        find::socket(socket.map(Path::to_owned))
            .and_then(|path| Connection::open_within(path, most.unwrap_or(Duration::MAX)))
    }

    /// What was said, else what the running router is set to need, else what the settings say.
    pub fn find(&self, router: Option<&mut Connection>) -> Result<Duration, Failure> {
        if let Some(text) = &self.timeout {
            return duration(text);
        }
        let running = router.and_then(running);
        let drain = running.or_else(settings).unwrap_or_default().drain;
        Ok(drain.timeout + drain.close_spread.unwrap_or(SPREAD) + MARGIN)
    }
}

/// The settings in the file, if they can be read: what runs may have been started with others.
pub(super) fn settings() -> Option<Config> {
    load(None).ok().map(|loaded| loaded.config)
}

/// What the running router says of its own end; an older or a busy one may not.
fn running(router: &mut Connection) -> Option<Config> {
    let Ok(Answer::Settings { settings }) = router.ask(&Request::Settings) else { return None };
    let word = |key: &'static str| {
        let found = settings.iter().find(|setting| setting.key == key)?;
        Some((key, found.value.trim_matches('"').to_owned()))
    };
    read([word("drain.timeout")?, word("drain.close_spread")?].into()).ok()
}

/// A duration, written as the settings have it.
fn duration(text: &str) -> Result<Duration, Failure> {
    read(vec![("drain.timeout", text.to_owned())]).map(|config| config.drain.timeout)
}

fn read(flags: Vec<(&'static str, String)>) -> Result<Config, Failure> {
    let loaded = config::load(&Inputs { flags, ..Inputs::default() });
    loaded.map(|loaded| loaded.config).map_err(|mistakes| {
        let text = mistakes.iter().map(|mistake| mistake.text.clone()).collect::<Vec<_>>().join("; ");
        Failure::new(USAGE, "usage", format!("--timeout: {text}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_as_in_the_settings() {
        let said = |text: &str| PatienceArgs { timeout: Some(text.to_owned()) }.find(None);
        assert_eq!(said("1500ms").unwrap(), Duration::from_millis(1500));
        assert!(format!("{:?}", said("soon").unwrap_err()).contains("--timeout: must be a duration"));
    }
}
