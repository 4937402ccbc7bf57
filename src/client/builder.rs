//! How a client is to be.

use std::time::Duration;

use super::client::Client;
use super::settings::{Overflow, Settings};
use super::token::Source;
use super::{Address, Error, NoToken, Options, Token};

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
    /// If the address or a setting is none, or the first attempt fails.
    pub async fn connect(self) -> Result<Client, Error> {
        let address = self.checked()?;
        Client::connect(address, self.settings).await
    }

    /// Begins without waiting for a connection: the router may be started later. What is published waits, what is
    /// subscribed is subscribed as soon as it is there, and [`Client::states`] tells how it stands.
    ///
    /// # Errors
    /// If the address or a setting is none.
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    pub fn start(self) -> Result<Client, Error> {
        let address = self.checked()?;
        Ok(Client::start(address, self.settings))
    }

    fn checked(&self) -> Result<Address, Error> {
        self.settings.check()?;
        let address: Address = self.url.parse()?;
        #[cfg(feature = "client-tls")]
        if matches!(address, Address::Tcp { tls: true, .. }) {
            self.settings.options.tls.config()?;
        }
        Ok(address)
    }

    /// For `wss://`: whom to trust, and what to show.
    #[cfg(feature = "client-tls")]
    pub fn tls(mut self, tls: super::Tls) -> Self {
        self.settings.options.tls = tls;
        self
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

    /// What is shown to be let in. A client whose token is refused gives up: it would be refused again.
    pub fn token(mut self, token: Token) -> Self {
        self.settings.token = Source::Fixed(token);
        self
    }

    /// As [`token`](Self::token), asked for anew at each attempt; a client whose token is refused asks again later.
    ///
    /// ```
    /// use gadugi_router::client::{Client, Token};
    ///
    /// let builder = Client::builder("ws://localhost:9090").token_from(async || {
    ///     Ok(Token::new(std::fs::read_to_string("/run/secrets/router")?.trim()))
    /// });
    /// ```
    pub fn token_from<F, T>(mut self, function: F) -> Self
    where
        F: Fn() -> T + Send + Sync + 'static,
        T: Future<Output = Result<Token, NoToken>> + Send + 'static,
    {
        self.settings.token = Source::function(function);
        self
    }

    /// How a single connection is made: time-outs, the longest message, lean deliveries.
    pub fn options(mut self, mut options: Options) -> Self {
        if let Some(token) = options.token.take() {
            self.settings.token = Source::Fixed(token);
        }
        self.settings.options = options;
        self
    }

    /// At each `ping_after` the router is asked for a sign of life. If nothing at all comes from it until `give_up_after`
    /// from the ping before, the connection is dead, and another one is made. 30 s and 40 s.
    pub fn heartbeat(mut self, ping_after: Duration, give_up_after: Duration) -> Self {
        self.settings.options.ping_after = ping_after;
        self.settings.options.give_up_after = give_up_after;
        self
    }

    /// Each wait before another attempt is a random part of a bound, which begins with `first` and grows with each
    /// failure up to `longest`. 1 s and 30 s.
    pub fn reconnect(mut self, first: Duration, longest: Duration) -> Self {
        self.settings.first_wait = first;
        self.settings.longest_wait = longest;
        self
    }

    /// What the bound of the waits is multiplied by with each failure. 1.5.
    pub fn reconnect_decay(mut self, factor: f64) -> Self {
        self.settings.decay = factor;
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

    /// The longest event that is published, in bytes of its JSON: a longer one is refused here, as the router would end
    /// the connection for it. 10,000,000.
    pub fn max_message_size(mut self, bytes: usize) -> Self {
        self.settings.message_size = bytes;
        self
    }

    /// How many events are read ahead at most. Without this as many as may wait here, and as soon as the client subscribes
    /// to a group 32, since what it has read ahead nobody else in the group can have.
    pub fn prefetch(mut self, events: usize) -> Self {
        self.settings.prefetch = Some(events);
        self
    }

    /// The socket's receive buffer in bytes: what is in it has passed the router, and cannot be overtaken by what is more
    /// urgent. The system's without this; a small one (16 KiB) is for routers without `credit`, at the price of throughput.
    pub fn receive_buffer(mut self, bytes: u32) -> Self {
        self.settings.options.receive_buffer = Some(bytes);
        self
    }

    /// How many events may wait here: what is urgent passes all of them. The rest waits in the router. Only while a reply
    /// is awaited that is behind them, more come; then the least urgent are shed, and [`Client::notices`] tells of it.
    /// 65,536.
    pub fn max_local_events(mut self, events: usize) -> Self {
        self.settings.local_events = events;
        self
    }

    /// How many bytes may wait here, as [`max_local_events`](Self::max_local_events). 64 MiB.
    pub fn max_local_bytes(mut self, bytes: usize) -> Self {
        self.settings.local_bytes = bytes;
        self
    }

    /// For how many events back a subscription recognises one that came twice, because its publisher did not get the
    /// answer. 1,024; 0 = not at all.
    pub fn dedupe(mut self, events: usize) -> Self {
        self.settings.dedupe = events;
        self
    }
}
