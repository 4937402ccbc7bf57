//! Wires the rooms together and runs them until a signal says stop.

use std::sync::Arc;

use futures_util::StreamExt;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook_tokio::Signals;

use super::daemon::Readiness;
use super::exit::{Exit, Failure};
use super::hold::HeldSignals;
use super::logging::LogHandle;
use super::source::Source;
use crate::config::{self, Config, Loaded};
use crate::router::{self, Router};
use crate::server::{self, Hub, Left, Listener, Server};

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
}

/// Runs the router until SIGTERM or SIGINT.
///
/// # Errors
/// A [`Failure`] that names what is missing: a thread, the operating system's help.
pub(super) fn run(running: Running, ready: &mut Readiness) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::System, format!("cannot start the runtime: {error}")))?;
    runtime.block_on(serve(running, ready))
}

async fn serve(running: Running, ready: &mut Readiness) -> Result<(), Failure> {
    let Running { loaded, source: _source, log: _log, signals: held, listeners, inherited } = running;
    let config = &loaded.config;
    // Before anything that a signal should end cleanly.
    let mut signals = Signals::new([SIGTERM, SIGINT])
        .map_err(|error| Failure::new(Exit::System, format!("cannot watch for signals: {error}")))?;
    held.release()?;
    for listener in &listeners {
        tracing::info!(inherited, "listening on {}", listener.name());
    }
    let hub = Arc::new(Hub::new(Router::new(engine_settings(config)), server_settings(config)));
    let server = Server::new(hub, config.threads);
    let stop = async {
        match signals.next().await {
            Some(SIGTERM) => tracing::info!("SIGTERM: stopping"),
            _ => tracing::info!("SIGINT: stopping"),
        }
    };
    // The kernel takes connections from now on, and those are served in a moment.
    ready.ready();
    let left = server.serve(listeners, stop).await;
    report(&left.map_err(|error| Failure::new(Exit::System, error.to_string()))?);
    Ok(())
}

fn report(left: &Left) {
    let Left { by_priority, subscribers } = left;
    let lost: u64 = by_priority.iter().sum();
    if lost == 0 {
        tracing::info!("stopped; nothing was left undelivered");
    } else {
        tracing::warn!(lost, subscribers, ?by_priority, "stopped; some events were left undelivered");
    }
}

fn engine_settings(config: &Config) -> router::Settings {
    let limits = &config.limits;
    router::Settings {
        max_queue_size: config.max_queue_size,
        use_multi_queue: config.use_multi_queue,
        max_clients: config.max_clients,
        max_subscriptions: limits.max_subscriptions,
        outbox_events: limits.outbox_events,
        outbox_size: limits.outbox_size,
        slow_consumer: match limits.slow_consumer {
            config::SlowConsumer::Evict => router::SlowConsumer::Evict,
            config::SlowConsumer::Disconnect => router::SlowConsumer::Disconnect,
        },
        dead_letters: limits.dead_letters,
    }
}

fn server_settings(config: &Config) -> server::Settings {
    let limits = &config.limits;
    server::Settings {
        max_message_size: limits.max_message_size,
        handshake_timeout: limits.handshake_timeout,
        ping_interval: limits.ping_interval,
        ping_timeout: limits.ping_timeout,
        publish_rate: limits.publish_rate,
        publish_burst: limits.publish_burst,
        allowed_origins: limits.allowed_origins.clone(),
    }
}
