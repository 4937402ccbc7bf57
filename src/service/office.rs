//! The admin socket: where it is, whose it is, and that it is served.

use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::Arc;

use nix::unistd::geteuid;
use tokio::sync::mpsc;
use tracing::Level;

use super::exit::{Exit, Failure};
use super::instance::Instance;
use super::logging::{LogHandle, Logged};
use super::privileges::{self, Account};
use super::source::Source;
use super::status::Status;
use crate::admin::http::{Desk, Http, Process};
use crate::admin::messages::LoggedError;
use crate::admin::{self, Admins, Guests, Office, Order, Rights};
use crate::config::place::{Place, SOCKET};
use crate::config::{Config, Loaded};
use crate::server::{Hub, Listener, wall_time};

/// Orders that wait for the service to look at them.
const WAITING: usize = 4;

impl Instance {
    /// Makes the admin socket. Like the PID file, it has to be had where somebody relies on its place: it is set, or its
    /// directory was asked for. A second router in the foreground does without.
    ///
    /// # Errors
    /// It is needed and cannot be had, or its group is not there.
    pub fn open_office(
        &mut self,
        config: &Config,
        source: &Source,
        account: Option<&Account>,
    ) -> Result<Vec<UnixListener>, Failure> {
        let place = Place::choose(&source.inputs.environment, geteuid().as_raw());
        let needed = config.admin.socket.is_some() || place.asked;
        match self.try_open(config, source, account, place) {
            Err(failure) if !needed && failure.code == Exit::CannotCreate => {
                tracing::warn!("{}; running without an admin socket", failure.message);
                Ok(Vec::new())
            }
            done => done,
        }
    }

    fn try_open(
        &mut self,
        config: &Config,
        source: &Source,
        account: Option<&Account>,
        place: Place,
    ) -> Result<Vec<UnixListener>, Failure> {
        let group = privileges::named_group(config.admin.socket_group.as_deref(), "admin.socket_group")?;
        let ids = account.map(Account::ids);
        let rights = Rights {
            owner: ids.map(|(uid, _)| uid.as_raw()),
            group: group.or(ids.map(|(_, gid)| gid)).map(|gid| gid.as_raw()),
            mode: config.admin.socket_mode,
        };
        let path = match &config.admin.socket {
            Some(path) => path.clone(),
            None => self.in_run_dir(place, source)?,
        };
        let (listener, placed) = admin::place(&path, rights)
            .map_err(|error| Failure::new(Exit::CannotCreate, error.to_string()))?;
        self.socket = Some(placed);
        Ok(vec![listener])
    }

    fn in_run_dir(&mut self, mut place: Place, source: &Source) -> Result<PathBuf, Failure> {
        if self.run_dir.is_none() {
            place.path = source.absolute(&place.path);
            self.take_run_dir(place)?;
        }
        let run_dir = self.run_dir.as_ref().map(|run_dir| run_dir.path().join(SOCKET));
        run_dir.ok_or_else(|| Failure::new(Exit::CannotCreate, "there is no run-time directory"))
    }
}

/// Where the router is asked about itself.
pub(super) struct Doors {
    /// The admin socket.
    pub sockets: Vec<UnixListener>,
    /// Who may change something through it.
    pub admins: Admins,
    /// Health and metrics.
    pub http: Vec<TcpListener>,
    /// What the operating system says of us.
    pub process: Process,
}

/// Those who answer. The HTTP side's end when they are dropped.
pub(super) struct Open {
    pub guests: Guests,
    _http: Http,
}

/// Begins to serve the admin socket and HTTP. Orders come to the receiver.
///
/// # Errors
/// A socket cannot be used.
pub(super) fn open(
    doors: Doors,
    hub: &Arc<Hub>,
    status: &Status,
    loaded: &Loaded,
    listeners: &[Listener],
    inherited: bool,
    log: &LogHandle,
) -> Result<(Open, mpsc::Receiver<Order>), Failure> {
    let (orders, ordered) = mpsc::channel(WAITING);
    let names: Vec<_> = listeners.iter().map(Listener::name).collect();
    let host = (!inherited).then_some(loaded.config.host.as_str());
    let url = url(&names, host);
    let pages: Vec<_> = doors.http.iter().map(page).collect();
    for page in &pages {
        tracing::info!("health and metrics on {page}");
    }
    let office = Arc::new(Office {
        hub: Arc::clone(hub),
        url,
        listeners: [names, pages].concat(),
        config_file: loaded.file.clone(),
        recent_errors: recent_errors(log.clone()),
        log: log.place().to_owned(),
        user: geteuid().as_raw(),
        admins: doors.admins,
        orders,
        life: status.life(),
    });
    let unusable = |what, error| Failure::new(Exit::System, format!("cannot serve {what}: {error}"));
    let guests =
        Guests::invite(doors.sockets, &office).map_err(|error| unusable("the admin socket", error))?;
    let desk = Desk::new(office, loaded.config.admin.http_hosts.clone(), doors.process);
    let http = Http::open(doors.http, desk).map_err(|error| unusable("health and metrics", error))?;
    Ok((Open { guests, _http: http }, ordered))
}

fn page(listener: &TcpListener) -> String {
    match listener.local_addr() {
        Ok(address) => format!("http://{address}"),
        Err(error) => format!("an unknown address ({error})"),
    }
}

fn recent_errors(log: LogHandle) -> Box<dyn Fn() -> Vec<LoggedError> + Send + Sync> {
    let told = |logged: Logged| LoggedError {
        time: wall_time(logged.time).to_string(),
        level: if logged.level == Level::ERROR { "error" } else { "warning" }.to_owned(),
        message: logged.text,
        times: logged.times,
    };
    Box::new(move || log.recent().into_iter().map(told).collect())
}

/// With the host as it was set, and the port that it got.
fn url(names: &[String], host: Option<&str>) -> String {
    let first = names.first().cloned().unwrap_or_default();
    match (host, first.rsplit_once(':')) {
        (Some(host), Some((_, port))) if host.contains(':') && !host.starts_with('[') => {
            format!("ws://[{host}]:{port}")
        }
        (Some(host), Some((_, port))) => format!("ws://{host}:{port}"),
        _ => first,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_the_one_that_was_set_with_the_port_that_it_got() {
        let names = ["ws://127.0.0.1:4711".to_owned(), "ws://[::1]:4711".to_owned()];
        assert_eq!(url(&names, Some("localhost")), "ws://localhost:4711");
        assert_eq!(url(&names[1..], Some("::1")), "ws://[::1]:4711");
        assert_eq!(url(&names, None), "ws://127.0.0.1:4711");
        assert_eq!(url(&["unix:/run/x".to_owned()], None), "unix:/run/x");
    }
}
