//! How to connect.

use std::time::Duration;

#[cfg(feature = "client-tls")]
use super::Tls;
use super::Token;

/// How to connect, with bounds for everything that is waited for.
#[derive(Clone, Debug)]
pub struct Options {
    /// What this client is, as `name/version`: operators see it.
    pub software: String,
    /// Ask for lean deliveries. They are handed out whole all the same, and cost less on their way.
    pub lean: bool,
    /// Shown to the router in `hello`. Routers without authorisation pass over it.
    pub token: Option<Token>,
    /// For `wss://`: whom to trust, and what to show.
    #[cfg(feature = "client-tls")]
    pub tls: Tls,
    /// For the connection and the WebSocket handshake.
    pub connect_timeout: Duration,
    /// For the router's welcome, and for its hello.
    pub welcome_timeout: Duration,
    /// The socket's receive buffer in bytes; none = the system's. What is in it cannot be overtaken by what is more urgent.
    pub receive_buffer: Option<u32>,
    /// The longest message that is taken.
    pub max_message_size: usize,
    /// Silence after which the router is pinged.
    pub ping_after: Duration,
    /// Silence after which the connection is given up, and how long the router may take nothing in.
    pub give_up_after: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            software: concat!("gadugi-router-client/", env!("CARGO_PKG_VERSION")).to_owned(),
            lean: true,
            token: None,
            #[cfg(feature = "client-tls")]
            tls: Tls::default(),
            connect_timeout: Duration::from_secs(5),
            // As the protocol says.
            welcome_timeout: Duration::from_secs(5),
            receive_buffer: None,
            // A router takes 10 MB unless it is told otherwise; an event grows a little on its way.
            max_message_size: 64 << 20,
            ping_after: Duration::from_secs(20),
            give_up_after: Duration::from_secs(60),
        }
    }
}
