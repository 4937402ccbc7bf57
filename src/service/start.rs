//! Wires the rooms together and runs them until a signal says stop.

use std::io;
use std::sync::Arc;

use futures_util::StreamExt;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook_tokio::Signals;

use super::exit::{Exit, Failure};
use crate::config::{self, Config, Loaded};
use crate::router::{self, Router};
use crate::server::{self, BindError, Hub, Left, Server};

/// Runs the router until SIGTERM or SIGINT.
///
/// # Errors
/// A [`Failure`] that names what is missing: an address, a thread, the operating system's help.
pub fn start(loaded: &Loaded) -> Result<(), Failure> {
    let config = &loaded.config;
    raise_descriptor_limit(config.max_clients);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::System, format!("cannot start the runtime: {error}")))?;
    runtime.block_on(run(config))
}

async fn run(config: &Config) -> Result<(), Failure> {
    // Before anything that a signal should end cleanly.
    let mut signals = Signals::new([SIGTERM, SIGINT])
        .map_err(|error| Failure::new(Exit::System, format!("cannot watch for signals: {error}")))?;
    let listeners = server::bind(&config.host, config.port).map_err(|error| unavailable(&error))?;
    for listener in &listeners {
        match listener.local_addr() {
            Ok(address) => tracing::info!(name: "gadugi.start", "listening on ws://{address}"),
            Err(error) => tracing::warn!(name: "gadugi.start", %error, "listening, on an unknown address"),
        }
    }
    let hub = Arc::new(Hub::new(Router::new(engine_settings(config)), server_settings(config)));
    let server = Server::new(hub, config.threads);
    let stop = async {
        match signals.next().await {
            Some(SIGTERM) => tracing::info!(name: "gadugi.stop", "SIGTERM: stopping"),
            _ => tracing::info!(name: "gadugi.stop", "SIGINT: stopping"),
        }
    };
    let left = server.serve(listeners, stop).await;
    report(&left.map_err(|error| Failure::new(Exit::System, error.to_string()))?);
    Ok(())
}

fn report(left: &Left) {
    let Left { by_priority, subscribers } = left;
    let lost: u64 = by_priority.iter().sum();
    if lost == 0 {
        tracing::info!(name: "gadugi.drain", "stopped; nothing was left undelivered");
    } else {
        tracing::warn!(name: "gadugi.drain", lost, subscribers, ?by_priority, "stopped; some events were left undelivered");
    }
}

fn unavailable(error: &BindError) -> Failure {
    let advice = match error {
        BindError::Resolve { .. } => "set `host` to an address of this machine",
        BindError::Bind { error, .. } if error.kind() == io::ErrorKind::AddrInUse => {
            "is another router running? Set another `port`"
        }
        BindError::Bind { error, .. } if error.kind() == io::ErrorKind::PermissionDenied => {
            "ports below 1024 need CAP_NET_BIND_SERVICE; set another `port`"
        }
        BindError::Bind { .. } => "set `host` to an address of this machine",
    };
    Failure::new(Exit::Unavailable, format!("{error} ({advice})"))
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

/// Descriptors that are not connections: listeners, the runtime, the log, and handshakes under way.
const OTHER_DESCRIPTORS: u64 = 1_100;

/// Every connection needs a descriptor, and the usual soft limit is 1,024.
fn raise_descriptor_limit(max_clients: usize) {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard).map(|()| hard));
    match raised {
        Ok(limit) if limit < max_clients as u64 + OTHER_DESCRIPTORS => {
            tracing::warn!(limit, max_clients, "the limit on open files may be too low for max_clients");
        }
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "the limit on open files could not be raised"),
    }
}
