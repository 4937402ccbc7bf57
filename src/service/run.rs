//! Wires the rooms together, runs them, and sees to it that signals and the service manager are answered.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook_tokio::Signals;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::daemon::Readiness;
use super::drain::{self, Ending, Recorded};
use super::exit::{Exit, Failure};
use super::hold::HeldSignals;
use super::logging::LogHandle;
use super::office::Doors;
use super::reload::Reload;
use super::source::Source;
use super::status::Status;
use super::supervisor::{Say, Supervisor};
use super::{dump, health, office, orders, settings, slow, spool, storage, watchdog};
use crate::admin::{Order, Phase};
use crate::config::{Drain, Loaded};
use crate::router::Router;
use crate::server::{Hub, Listener, ServeError, Server};

/// How often it is looked whether everything of the last run is claimed.
const LOOK_FOR_CLAIMS: Duration = Duration::from_millis(500);

/// All that the start has made ready.
pub(super) struct Running {
    /// The settings in force, with absolute paths.
    pub loaded: Loaded,
    /// To read them again.
    pub source: Source,
    /// The log.
    pub log: LogHandle,
    /// Those that came since the start, to be released when they can be handled.
    pub signals: HeldSignals,
    /// Bound or handed over.
    pub listeners: Vec<Listener>,
    /// They were handed over: they are the service manager's, and `host` and `port` mean nothing.
    pub inherited: bool,
    /// Where it is asked about itself.
    pub doors: Doors,
    /// The file of the event store, if it is to have one.
    pub store: Option<PathBuf>,
}

/// Runs the router until SIGTERM or SIGINT, and what it then has to do.
///
/// # Errors
/// A [`Failure`] that names what is missing: a thread, the operating system's help.
pub(super) fn run(running: Running, ready: &mut Readiness) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::System, format!("cannot start the runtime: {error}")))?;
    let config = &running.loaded.config;
    let engine = Router::new(settings::engine(config));
    let hub = Arc::new(Hub::new(engine, settings::connections(config), broken));
    let notified = std::env::var_os("NOTIFY_SOCKET").is_some_and(|socket| !socket.is_empty());
    let (supervisor, manager) = Supervisor::find(notified)
        .map_err(|error| Failure::new(Exit::System, format!("cannot start a thread: {error}")))?;
    let path = config.drain.spool.clone();
    let ended = runtime.block_on(serve(running, Arc::clone(&hub), supervisor, ready));
    // Connections that are still there end here, and put back what they had begun.
    drop(runtime);
    manager.finish();
    let concluded = ended.map(|ended| ended.conclude(&hub, path.as_deref()));
    // What was acknowledged last is noted, too.
    storage::end(&hub);
    concluded
}

/// A panic inside the engine: its books may be wrong, and no event may be routed by them. The code makes the service
/// manager start a sound one.
fn broken() {
    tracing::error!(name: "gadugi.internal_error", "the engine has panicked: ending, so that a sound one can be started");
    std::process::exit(Exit::Software as i32);
}

async fn serve(
    running: Running,
    hub: Arc<Hub>,
    supervisor: Supervisor,
    ready: &mut Readiness,
) -> Result<Recorded, Failure> {
    let Running { loaded, source, log, signals: held, listeners, inherited, doors, store } = running;
    // Before anything that a signal should end cleanly.
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2])
        .map_err(|error| Failure::new(Exit::System, format!("cannot watch for signals: {error}")))?;
    held.release()?;
    let status = Status::new(Arc::clone(&hub), supervisor.clone(), Phase::Starting);
    let (open, mut ordered) = office::open(doors, &hub, &status, &loaded, &listeners, inherited, &log)?;
    storage::open(&loaded, store, &hub).await?;
    restore(&hub, &loaded).await?;
    let mut server = Server::start(Arc::clone(&hub), loaded.config.threads)
        .map_err(|error| Failure::new(Exit::System, error.to_string()))?;
    let beside = beside(&hub, &supervisor, &status);
    let mut claims = JoinSet::new();
    let Drain { spool, spool_wait, .. } = loaded.config.drain.clone();
    if let Some(path) = spool {
        claims.spawn(await_claims(Arc::clone(&hub), path, spool_wait));
    }
    announce(&listeners, inherited, &log);
    let mut reload = Reload { loaded, source, log, hub: Arc::clone(&hub) };
    // The kernel takes connections since the listeners are bound, and those are served in a moment.
    status.doing(Phase::Running);
    ready.ready();
    supervisor.say(Say::Ready);
    let steering = steer(&mut signals, &mut ordered, &mut reload, &supervisor, &status);
    server.accept(listeners, steering).await.map_err(|error| {
        let code = if matches!(error, ServeError::Dispatcher(_)) { Exit::Software } else { Exit::System };
        tracing::error!(name: "gadugi.internal_error", "{error}: ending");
        Failure::new(code, error.to_string())
    })?;
    // Whoever asks for something from now on hears that it is too late.
    drop(ordered);
    // It would take the file that the end writes for the last run's.
    drop(claims);
    let log = reload.log.clone();
    let ending = Ending {
        hub: &hub,
        server: &server,
        settings: &reload.loaded.config.drain,
        supervisor: &supervisor,
        status: &status,
        signals: &mut signals,
        other_signal: &|signal| report(signal, &log, &hub),
    };
    let recorded = ending.run().await;
    drop(beside);
    status.over();
    open.guests.farewell().await;
    server.finish();
    Ok(recorded)
}

fn announce(listeners: &[Listener], inherited: bool, log: &LogHandle) {
    let version = env!("CARGO_PKG_VERSION");
    for listener in listeners {
        tracing::info!(name: "gadugi.start", version, inherited, "listening on {}", listener.name());
    }
    tracing::debug!(log = log.place(), "the log goes there");
}

/// What runs beside the connections, until it is dropped.
fn beside(hub: &Arc<Hub>, supervisor: &Supervisor, status: &Arc<Status>) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    tasks.spawn(slow::report(Arc::clone(hub)));
    tasks.spawn(health::watch(Arc::clone(hub)));
    if supervisor.is_there() {
        tasks.spawn(Arc::clone(status).refresh());
    }
    if let Some(timeout) = sd_notify::watchdog_enabled() {
        tasks.spawn(watchdog::beat(Arc::clone(hub), supervisor.clone(), timeout));
    }
    tasks
}

/// Waits until all that the last run left is claimed, but not longer than `wait`; then the file is not needed any more.
async fn await_claims(hub: Arc<Hub>, path: PathBuf, wait: Duration) {
    let end = Instant::now() + wait;
    while hub.with(|router| router.held()) > 0 && Instant::now() < end {
        tokio::time::sleep(LOOK_FOR_CLAIMS).await;
    }
    let now = hub.now();
    let unclaimed = hub.with(|router| {
        let unclaimed = router.held();
        router.release(now);
        unclaimed
    });
    hub.leave_backlog();
    if unclaimed > 0 {
        tracing::info!(
            unclaimed,
            "{unclaimed} events of the last run were not claimed: each goes to one subscription that it matches"
        );
    }
    if let Err(error) = spool::remove(&path) {
        tracing::error!(%error, "drain.spool {} cannot be removed: it will be taken in again", path.display());
    }
}

/// Takes in what the last run left. Beside the event loop, which meanwhile tells whoever asks that the router starts.
async fn restore(hub: &Hub, loaded: &Loaded) -> Result<(), Failure> {
    let Some(path) = &loaded.config.drain.spool else { return Ok(()) };
    let (file, now) = (path.clone(), drain::now(hub));
    let taking = tokio::task::spawn_blocking(move || spool::take(&file, now)).await;
    let taken = taking.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()));
    let Some(taken) = taken? else { return Ok(()) };
    for (line, why) in &taken.damaged {
        tracing::error!("{}:{line}: damaged, and skipped: {why}", path.display());
    }
    let (events, damaged) = (taken.left.by_priority().iter().sum::<u64>(), taken.damaged.len());
    tracing::info!(events, damaged, "{events} events of the last run taken in from {}", path.display());
    if damaged > 0 {
        tracing::warn!("{damaged} damaged lines: a copy of the file is {}", spool::damaged(path).display());
    }
    hub.with(|router| router.restore(taken.left));
    Ok(())
}

/// Answers signals and follows orders until one of them means the end.
async fn steer(
    signals: &mut Signals,
    ordered: &mut mpsc::Receiver<Order>,
    reload: &mut Reload,
    supervisor: &Supervisor,
    status: &Status,
) {
    loop {
        let signal = tokio::select! {
            signal = signals.next() => signal,
            Some(order) = ordered.recv() => {
                if orders::follow(order, reload, supervisor, status).await {
                    return;
                }
                continue;
            }
        };
        match signal {
            Some(signal @ (SIGTERM | SIGINT)) => {
                let name = if signal == SIGTERM { "SIGTERM" } else { "SIGINT" };
                tracing::info!(name: "gadugi.stop", "{name}: stopping");
                return;
            }
            // How it went is in the log.
            Some(SIGHUP) => drop(orders::renew(reload, supervisor, status).await),
            Some(other) => report(other, &reload.log, &reload.hub),
            None => return,
        }
    }
}

/// What a signal asks for that changes nothing.
fn report(signal: i32, log: &LogHandle, hub: &Hub) {
    match signal {
        SIGUSR1 => log.reopen(),
        SIGUSR2 => dump::dump(hub),
        SIGHUP => tracing::info!("SIGHUP: not reloaded, the router is stopping"),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::process::Command;

    use super::*;
    use crate::server;

    const HERE: &str = "GADUGI_ROUTER_TEST_PANICS_HERE";

    #[test]
    fn a_panic_inside_the_engine_ends_the_process_with_a_code_of_its_own() {
        if std::env::var_os(HERE).is_some() {
            let engine = Router::new(crate::router::Settings::default());
            let hub = Hub::new(engine, server::Settings::default(), broken);
            catch_unwind(AssertUnwindSafe(|| hub.with(|_| panic!("inside")))).unwrap_err();
            hub.with(|_| ());
            unreachable!("somebody was let into a broken engine");
        }
        let name = "service::run::tests::a_panic_inside_the_engine_ends_the_process_with_a_code_of_its_own";
        let again =
            Command::new(std::env::current_exe().unwrap()).args(["--exact", name]).env(HERE, "1").output();
        assert_eq!(again.unwrap().status.code(), Some(Exit::Software as i32));
    }
}
