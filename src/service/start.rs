//! The order of life up to the runtime: into the background, log, PID file, sockets, and then fewer rights.

use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use nix::unistd::Uid;

use super::activation::{self, Inherited};
use super::daemon::{self, Readiness, Side};
use super::exit::{Exit, Failure};
use super::hold::HeldSignals;
use super::instance::Instance;
use super::office::Doors;
use super::privileges::Account;
use super::run::{Running, run};
use super::source::Source;
use super::{admins, limits, logging, os, storage};
use crate::admin::http::Process;
use crate::config::place::{LOG_FILE, logs_directory};
use crate::config::{Config, Endpoint, Loaded, Origin};
use crate::server::{self, BindError, Listener};

/// Runs the router; with `daemon` in the background, and this returns when clients can connect.
///
/// # Errors
/// A [`Failure`] that names what is missing: an address, a file, the operating system's help.
pub(super) fn start(loaded: Loaded, source: Source, daemon: bool) -> Result<(), Failure> {
    if !daemon {
        return launch(loaded, source, false, &mut Readiness::nobody_waits());
    }
    daemon::refuse_if_supervised(&source.inputs.environment, std::process::id())?;
    let log = log_file(&loaded.config, &source, Uid::effective());
    match daemon::detach(loaded.config.process.umask)? {
        Side::Parent(waiting) => {
            waiting.wait(&log.map_or_else(|| "the log".to_owned(), |path| path.display().to_string()))
        }
        Side::Child(mut ready) => launch(loaded, source, true, &mut ready).inspect_err(|failure| {
            ready.failed(failure);
        }),
    }
}

fn launch(loaded: Loaded, source: Source, daemon: bool, ready: &mut Readiness) -> Result<(), Failure> {
    // First of all, while no descriptor here is our own.
    let taken = os::inherited();
    let signals = HeldSignals::hold()?;
    let uid = Uid::effective();
    let config = &loaded.config;
    let account = Account::resolve(&config.process)?;
    let logs = logs_directory(&source.inputs.environment, uid.as_raw()).unwrap_or_else(|| PathBuf::from("/"));
    let owner = account.as_ref().map(|account| account.ids()).map(|(uid, gid)| (uid.as_raw(), gid.as_raw()));
    let plan = logging::Plan { settings: &config.log, daemon, default_directory: &logs, owner };
    let (log, worker) = logging::prepare(&config.log_level, &plan)?;
    loaded.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    let mut instance = Instance::claim(&config.process, &source, daemon, uid)?;
    let Inherited { listeners, admin, http } = activation::examine(taken)?;
    let sockets =
        if admin.is_empty() { instance.open_office(config, &source, account.as_ref())? } else { admin };
    let inherited = !listeners.is_empty();
    let listeners = if inherited { listeners } else { bind(config)? };
    let http = if http.is_empty() { bind_http(config)? } else { http };
    let admins = admins::resolve(&config.admin.admins)?;
    let doors = Doors { sockets, admins, http, process: Process::open() };
    if inherited {
        note_unused(&loaded);
    }
    limits::apply(config);
    let store = storage::place(config, &source, uid.as_raw());
    confine(&loaded, &source, (&instance, store.as_deref()), account.as_ref(), uid)?;
    // Not sooner: a thread would keep the rights that this one gives up.
    let _writing = worker.start()?;
    run(Running { loaded, source, log, signals, listeners, inherited, doors, store }, ready)
    // The instance ends here, when nothing runs any more.
}

fn note_unused(loaded: &Loaded) {
    if ["host", "port"].iter().any(|key| loaded.origin(key) != &Origin::Default) {
        tracing::info!("host and port are not used: the service manager has handed over where to listen");
    }
}

fn bind(config: &Config) -> Result<Vec<Listener>, Failure> {
    server::bind(&config.host, config.port).map_err(|error| unavailable(&error, "host", "port"))
}

/// Where health and metrics are told, if they are.
fn bind_http(config: &Config) -> Result<Vec<TcpListener>, Failure> {
    let Some(Endpoint { host, port }) = &config.admin.http else { return Ok(Vec::new()) };
    server::bind_tcp(host, *port).map_err(|error| unavailable(&error, "admin.http", "admin.http"))
}

/// With the settings that name the address and the port.
fn unavailable(error: &BindError, host: &str, port: &str) -> Failure {
    let advice = match error {
        BindError::Bind { error, .. } if error.kind() == io::ErrorKind::AddrInUse => {
            format!("is another router running? Set another `{port}`")
        }
        BindError::Bind { error, .. } if error.kind() == io::ErrorKind::PermissionDenied => {
            format!("ports below 1024 need CAP_NET_BIND_SERVICE; set another `{port}`")
        }
        _ => format!("set `{host}` to an address of this machine"),
    };
    Failure::new(Exit::Unavailable, format!("{error} ({advice})"))
}

/// Gives up what the running router does not need: being root, new rights, files.
fn confine(
    loaded: &Loaded,
    source: &Source,
    (instance, store): (&Instance, Option<&Path>),
    account: Option<&Account>,
    uid: Uid,
) -> Result<(), Failure> {
    if let Some(account) = account {
        instance.hand_to(account)?;
        account.assume()?;
        let (uid, gid) = account.ids();
        tracing::info!("running as user {uid} with group {gid}");
    }
    if let Some(store) = store {
        storage::prepare(&loaded.config, store);
    }
    #[cfg(target_os = "linux")]
    {
        super::privileges::forgo_new_ones();
        if loaded.config.process.landlock {
            let mut kept = kept_files(loaded, source, instance, uid);
            if let Some(store) = store {
                kept.around(store, super::sandbox::Right::Write);
            }
            kept.and_nothing_else();
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (loaded, source, uid);
    Ok(())
}

/// The files that a running router reads or writes, reload and reopened log included.
#[cfg(target_os = "linux")]
fn kept_files(loaded: &Loaded, source: &Source, instance: &Instance, uid: Uid) -> super::sandbox::Kept {
    use super::sandbox::{Kept, Right};
    let mut kept = Kept::default();
    for file in [&loaded.file, &source.inputs.standard_file].into_iter().flatten() {
        kept.around(file, Right::Read);
    }
    let log = log_file(&loaded.config, source, uid);
    for file in [&loaded.config.drain.spool, &log].into_iter().flatten() {
        kept.around(file, Right::Write);
    }
    if let Some(pid_file) = &instance.pid_file {
        kept.around(pid_file.path(), Right::RemoveFile);
    }
    if let Some(socket) = &instance.socket {
        kept.around(socket.path(), Right::RemoveFile);
    }
    if let Some(run_dir) = &instance.run_dir {
        kept.directory(run_dir.path(), Right::Write);
        if run_dir.is_made_here() {
            kept.around(run_dir.path(), Right::RemoveDir);
        }
    }
    kept
}

/// Where the log is if it goes to a file.
fn log_file(config: &Config, source: &Source, uid: Uid) -> Option<PathBuf> {
    let standard =
        || logs_directory(&source.inputs.environment, uid.as_raw()).map(|logs| logs.join(LOG_FILE));
    config.log.file.clone().or_else(standard)
}
