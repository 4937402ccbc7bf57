//! What an operator may set of the connections.

use std::time::Duration;

/// The bounds of connections.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Longest message of a client in bytes, all its fragments together.
    pub max_message_size: usize,
    /// From the connection to the end of the WebSocket handshake.
    pub handshake_timeout: Duration,
    /// Silence after which a client is pinged.
    pub ping_interval: Duration,
    /// Further silence after which it is given up.
    pub ping_timeout: Duration,
    /// Events a second that one client may publish; 0 = any number.
    pub publish_rate: u64,
    /// Events that it may publish at once when it was silent before.
    pub publish_burst: u64,
    /// Origins of browser pages that may connect; `*` = any.
    pub allowed_origins: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_message_size: 10_000_000,
            handshake_timeout: Duration::from_secs(10),
            ping_interval: Duration::from_secs(30),
            ping_timeout: Duration::from_secs(60),
            publish_rate: 0,
            publish_burst: 1_000,
            allowed_origins: Vec::new(),
        }
    }
}
