//! What an operator may set of the engine.

/// What happens to a subscriber whose outbox is full.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SlowConsumer {
    /// The lowest, newest events go to the dead letters.
    #[default]
    Evict,
    /// The connection is closed; all that waited for it goes to the dead letters.
    Disconnect,
}

/// The engine's bounds. All can change while it runs ([`super::Router::reconfigure`]).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Capacity of the ingress queue, in events. Not used with `use_multi_queue`.
    pub max_queue_size: usize,
    /// Four queues instead of one: system (10) 1,000, high (7 to 9) 5,000, normal (5, 6) 10,000, low (1 to 4) 5,000.
    pub use_multi_queue: bool,
    /// Clients connected at a time.
    pub max_clients: usize,
    /// Subscriptions of one client.
    pub max_subscriptions: usize,
    /// Events that wait for one client.
    pub outbox_events: usize,
    /// Bytes of events that wait for one client.
    pub outbox_size: usize,
    /// What happens when an outbox is full.
    pub slow_consumer: SlowConsumer,
    /// Dead letters that are kept.
    pub dead_letters: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_queue_size: 10_000,
            use_multi_queue: false,
            max_clients: 1_000,
            max_subscriptions: 1_000,
            outbox_events: 10_000,
            outbox_size: 16 << 20,
            slow_consumer: SlowConsumer::Evict,
            dead_letters: 1_000,
        }
    }
}
