//! How a client is to be.

use std::time::Duration;

use super::client::Client;
use super::settings::{Overflow, Settings};
use super::{Address, Error, Options, Token};

/// Everything that can be chosen about a client, with defaults for all of it.
#[derive(Clone, Debug)]
#[must_use = "a client begins with `connect` or `start`"]
pub struct Builder {
    url: String,
    settings: Settings,
}

impl Builder {
    pub(super) fn new(url: String) -> Self {
        Self { url, settings: Settings::default() }
    }

    /// Connects. If that fails it is an error; from then on the client comes back by itself.
    ///
    /// # Errors
    /// If the address is none, or the first attempt fails.
    pub async fn connect(self) -> Result<Client, Error> {
        Client::connect(self.address()?, self.settings).await
    }

    /// Begins without waiting for a connection: the router may be started later. What is published waits, what is
    /// subscribed is subscribed as soon as it is there, and [`Client::states`] tells how it stands.
    ///
    /// # Errors
    /// If the address is none.
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    pub fn start(self) -> Result<Client, Error> {
        Ok(Client::start(self.address()?, self.settings))
    }

    fn address(&self) -> Result<Address, Error> {
        self.url.parse()
    }

    /// What this program is, as `name/version`: operators see it.
    pub fn software(mut self, software: impl Into<String>) -> Self {
        self.settings.options.software = software.into();
        self
    }

    /// The `source` of everything that is published; without one it is the router's name for the connection, which is
    /// another one after each reconnection.
    pub fn source(mut self, source: impl Into<String>) -> Self {
        self.settings.source = Some(source.into());
        self
    }

    /// What is shown to be let in.
    pub fn token(mut self, token: Token) -> Self {
        self.settings.options.token = Some(token);
        self
    }

    /// How a single connection is made: time-outs, the longest message, lean deliveries.
    pub fn options(mut self, options: Options) -> Self {
        self.settings.options = options;
        self
    }

    /// After `ping_after` of silence the router is asked for a sign of life; after `give_up_after` of silence the
    /// connection is dead, and another one is made. 30 s and 40 s.
    pub fn heartbeat(mut self, ping_after: Duration, give_up_after: Duration) -> Self {
        self.settings.options.ping_after = ping_after;
        self.settings.options.give_up_after = give_up_after;
        self
    }

    /// Each wait before another attempt is a random part of a bound, which begins with `first` and doubles up to
    /// `longest`. 1 s and 30 s.
    pub fn reconnect(mut self, first: Duration, longest: Duration) -> Self {
        self.settings.first_wait = first;
        self.settings.longest_wait = longest;
        self
    }

    /// Gives up after so many failures in a row; it never does unless it is told.
    pub fn max_reconnect_attempts(mut self, most: u32) -> Self {
        self.settings.attempts = Some(most);
        self
    }

    /// How long the router may take to answer to subscriptions and questions. 10 s.
    pub fn answer_timeout(mut self, timeout: Duration) -> Self {
        self.settings.answer_timeout = timeout;
        self
    }

    /// How much may wait to be sent: so many events, so many bytes. 10,000 and 64 MiB.
    pub fn buffer(mut self, events: usize, bytes: usize) -> Self {
        self.settings.buffer_events = events;
        self.settings.buffer_bytes = bytes;
        self
    }

    /// What happens when that is not enough.
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.settings.overflow = overflow;
        self
    }

    /// How many events may be sent and not answered yet. 256.
    pub fn max_in_flight(mut self, events: usize) -> Self {
        self.settings.in_flight = events;
        self
    }

    /// How many events may wait here before no more is read. The less, the more waits in the router, where urgent events
    /// pass and other members of a group can have it. 32.
    pub fn prefetch(mut self, events: usize) -> Self {
        self.settings.prefetch = events;
        self
    }

    /// The socket's receive buffer in bytes: what is in it has passed the router, and cannot be overtaken by what is more
    /// urgent. 16 KiB; more is for throughput.
    pub fn receive_buffer(mut self, bytes: u32) -> Self {
        self.settings.options.receive_buffer = Some(bytes);
        self
    }

    /// How many events may wait here in the end: more than [`prefetch`](Self::prefetch) only while answers are awaited,
    /// which are behind them. Beyond it the least urgent are shed, and [`Client::notices`] tells of it. 10,000.
    pub fn max_local_events(mut self, events: usize) -> Self {
        self.settings.local_events = events;
        self
    }

    /// For how many events back a subscription recognises one that came twice, because its publisher did not get the
    /// answer. 1,024; 0 = not at all.
    pub fn dedupe(mut self, events: usize) -> Self {
        self.settings.dedupe = events;
        self
    }
}
