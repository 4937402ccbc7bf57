//! The router's WebSocket, for the commands that publish and subscribe: where it is, and what to say when it fails.

use std::env;
use std::future::Future;
use std::io;
use std::path::PathBuf;

use tokio::runtime;

use super::connection::Connection as Admin;
use super::failure::{DENIED, Failure, NO_ANSWER, NOT_RUNNING, PROTOCOL, SYSTEM, UNAVAILABLE, USAGE};
use super::find;
use super::output::plain;
use crate::admin::messages::{RUNNING, Status};
use crate::client::{Address, Connection, Error, Options};

/// Names the router for clients: whoever sets it means that one, also beside another on this machine.
const VARIABLE: &str = "GADUGI_ROUTER_URL";
/// Where a router listens that was told nothing.
const STANDARD: &str = "ws://localhost:9090";
/// WebSocket's code for a message that is too long.
const TOO_BIG: u16 = 1009;

/// What the command line says about where the router is.
#[derive(Clone)]
pub(super) struct Place {
    /// `--url`.
    pub url: Option<Address>,
    /// `--socket`.
    pub socket: Option<PathBuf>,
}

impl Place {
    /// The URL that is named on the command line; else the router behind the socket that is named there; else the
    /// environment's; else what the router on this machine says of itself; else the standard one.
    pub fn find(&self) -> Result<Address, Failure> {
        if let Some(url) = &self.url {
            return Ok(url.clone());
        }
        if self.socket.is_some() {
            return self.ask();
        }
        match named(env::var(VARIABLE).ok()) {
            Some(address) => address,
            None => self.ask().or_else(|failure| self.elsewhere(failure)),
        }
    }

    /// Who has no router of their own, or may not ask it, may still speak to one at the standard place. Not so when it
    /// was said which one is meant, or when that one has trouble.
    fn elsewhere(&self, failure: Failure) -> Result<Address, Failure> {
        match (failure.is(NOT_RUNNING) || failure.is(DENIED))
            && !find::is_named(None)
            && !find::is_socket_set()
        {
            true => STANDARD.parse().map_err(failed),
            false => Err(failure),
        }
    }

    /// Connects for the first time. A router that ends takes nobody in, and is not started by those who hear that it
    /// is not running.
    pub async fn connect(&self, address: &Address) -> Result<Connection, Failure> {
        connect(address).await.map_err(|error| match failed(error) {
            failure if failure.is(NOT_RUNNING) => self.why_not(address).unwrap_or(failure),
            failure => failure,
        })
    }

    /// What the admin socket knows of why nobody answers there.
    fn why_not(&self, address: &Address) -> Option<Failure> {
        match self.status() {
            Ok(status) if status.phase != RUNNING && status.url.parse().ok().as_ref() == Some(address) => {
                let text = format!(
                    "the router at {address} is {}: it takes nobody in any more",
                    plain(&status.phase)
                );
                Some(Failure::new(UNAVAILABLE, "draining", text))
            }
            Err(failure) if failure.is(DENIED) && self.url.is_none() => Some(failure),
            _ => None,
        }
    }

    /// Where the router is now that was at `last`, if it was anywhere: another run of it may have another port.
    pub fn find_again(&self, last: Option<&Address>) -> Result<Address, Failure> {
        let found = self.find();
        // Meanwhile nobody may be there to say where it is.
        match last {
            Some(last) => Ok(found.unwrap_or_else(|_| last.clone())),
            None => found,
        }
    }

    fn ask(&self) -> Result<Address, Failure> {
        self.status()?.url.parse().map_err(failed)
    }

    fn status(&self) -> Result<Box<Status>, Failure> {
        find::socket(self.socket.clone()).and_then(Admin::open)?.status()
    }
}

fn named(variable: Option<String>) -> Option<Result<Address, Failure>> {
    let url = variable.filter(|url| !url.is_empty())?;
    Some(url.parse().map_err(|error| Failure::new(USAGE, "bad_url", format!("{VARIABLE}: {error}"))))
}

/// Runs what needs a runtime: one thread is enough for a command.
pub(super) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(SYSTEM, "system", format!("cannot have a runtime: {error}")))?;
    let done = runtime.block_on(work);
    // A name that is still being looked up is nobody's business any more.
    runtime.shutdown_background();
    done
}

/// Connects as this program.
pub(super) async fn connect(address: &Address) -> Result<Connection, Error> {
    let software = concat!("gadugi-routerctl/", env!("CARGO_PKG_VERSION")).to_owned();
    Connection::open(address, &Options { software, ..Options::default() }).await
}

/// What to say when it does not go on.
pub(super) fn failed(error: Error) -> Failure {
    let said = plain(&error.to_string());
    match &error {
        Error::Address { .. } => Failure::new(USAGE, "bad_url", said),
        Error::Connect { address, source } => match source.kind() {
            io::ErrorKind::ConnectionRefused => find::not_running(&format!("nobody answers at {address}")),
            io::ErrorKind::NotFound => find::not_running(&format!("there is no {address}")),
            io::ErrorKind::PermissionDenied => {
                Failure::new(DENIED, "not_permitted", format!("{said}; use sudo"))
            }
            _ => Failure::new(
                NOT_RUNNING,
                "not_running",
                format!("{said}; see whether the URL is right (--url)"),
            ),
        },
        Error::TimedOut { .. } => Failure::new(NO_ANSWER, "no_answer", format!("{said}; look at its log")),
        Error::TooManyClients { .. } => {
            let advice = "raise max_clients, or look who is there: gadugi-routerctl clients";
            Failure::new(UNAVAILABLE, "max_clients_reached", format!("{said}; {advice}"))
        }
        Error::Refused { .. } | Error::Protocol { .. } | Error::TooLarge { .. } => Failure::new(
            PROTOCOL,
            "not_understood",
            format!("{said}; see whether the URL is a router's (--url)"),
        ),
        Error::Closed { code: TOO_BIG, reason } => {
            Failure::new(UNAVAILABLE, "too_large", format!("the router does not take it: {}", plain(reason)))
        }
        Error::Closed { .. } => Failure::new(UNAVAILABLE, "closed", format!("the connection was {said}")),
        _ => Failure::new(NO_ANSWER, "lost", said),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_names_a_router_or_says_what_is_wrong_with_it() {
        let place = |variable: Option<&str>| named(variable.map(str::to_owned));
        assert!(place(None).is_none() && place(Some("")).is_none());
        assert_eq!(place(Some("ws://x:1")).unwrap().unwrap().to_string(), "ws://x:1");
        assert!(format!("{:?}", place(Some("http://x")).unwrap().unwrap_err()).contains(VARIABLE));
    }
}
