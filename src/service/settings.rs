//! The configuration in the words of the rooms that it is for.

use crate::config::{self, Config};
use crate::{router, server};

/// What the engine is to know.
pub(super) fn engine(config: &Config) -> router::Settings {
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

/// What the connections are to know.
pub(super) fn connections(config: &Config) -> server::Settings {
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
