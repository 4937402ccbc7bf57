//! One connection to one router.

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Bytes, Message as Frame, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use uuid::Uuid;

use super::address::Stream;
use super::message::{self, Delivery, Heard, Message, Refusal, Subscription};
use super::{Address, Error, Request, request};
use crate::protocol::ErrorCode;

/// WebSocket's code for a close without one.
const NO_CODE: u16 = 1005;
/// How long the router's last words are waited for when it no longer listens.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How to connect, with bounds for everything that is waited for.
#[derive(Clone, Debug)]
pub struct Options {
    /// What this client is, as `name/version`: operators see it.
    pub software: String,
    /// Ask for lean deliveries. They are handed out whole all the same, and cost less on their way.
    pub lean: bool,
    /// For the connection and the WebSocket handshake.
    pub connect_timeout: Duration,
    /// For the router's welcome, and for its hello.
    pub welcome_timeout: Duration,
    /// The longest message that is taken.
    pub max_message_size: usize,
    /// Silence after which the router is pinged.
    pub ping_after: Duration,
    /// Silence after which the connection is given up.
    pub give_up_after: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            software: concat!("gadugi-router-client/", env!("CARGO_PKG_VERSION")).to_owned(),
            lean: true,
            connect_timeout: Duration::from_secs(5),
            // As the protocol says.
            welcome_timeout: Duration::from_secs(5),
            // A router takes 10 MB unless it is told otherwise; an event grows a little on its way.
            max_message_size: 64 << 20,
            ping_after: Duration::from_secs(20),
            give_up_after: Duration::from_secs(60),
        }
    }
}

/// A connection to a router that has welcomed this client.
pub struct Connection {
    socket: WebSocketStream<Box<dyn Stream>>,
    address: Address,
    client_id: String,
    server: Option<String>,
    features: Vec<String>,
    /// What lean deliveries call the subscriptions.
    subscriptions: HashMap<u32, Uuid>,
    ping_after: Duration,
    give_up_after: Duration,
    heard_at: Instant,
    pinged: bool,
    /// Something was fed and may not be on its way yet.
    fed: bool,
}

impl Connection {
    /// Connects, waits for the welcome, and says hello. A router that knows only part 1 of the protocol has no
    /// [features](Self::has).
    ///
    /// # Errors
    /// If nobody is there, or is not done in time, or takes no more clients, or is no router.
    pub async fn open(address: &Address, options: &Options) -> Result<Self, Error> {
        let socket = within(options.connect_timeout, address, "answer", handshake(address, options)).await?;
        let mut connection = Self {
            socket,
            address: address.clone(),
            client_id: String::new(),
            server: None,
            features: Vec::new(),
            subscriptions: HashMap::new(),
            ping_after: options.ping_after,
            give_up_after: options.give_up_after,
            heard_at: Instant::now(),
            pinged: false,
            fed: false,
        };
        let patience = options.welcome_timeout;
        within(patience, address, "welcome this client", connection.be_welcomed()).await?;
        within(patience, address, "answer to hello", connection.introduce(options)).await?;
        Ok(connection)
    }

    async fn be_welcomed(&mut self) -> Result<(), Error> {
        match self.hear().await? {
            Heard::Welcome(welcome) => {
                self.client_id = welcome.client_id;
                Ok(())
            }
            Heard::Plain(Message::Error(refusal)) => Err(self.not_welcome(refusal)),
            _ => Err(self.odd("its first message is no welcome")),
        }
    }

    fn not_welcome(&self, refusal: Refusal) -> Error {
        let text = refusal.message.unwrap_or_else(|| refusal.error.clone());
        let address = self.address.clone();
        if refusal.error == ErrorCode::MaxClientsReached.as_str() {
            Error::TooManyClients { address, text }
        } else {
            Error::Protocol { address, what: format!("instead of a welcome it says: {text}") }
        }
    }

    async fn introduce(&mut self, options: &Options) -> Result<(), Error> {
        let hello = request::hello(&options.software, options.lean).map_err(|error| self.odd(error))?;
        self.feed_text(hello).await?;
        loop {
            match self.hear().await? {
                Heard::Hello(hello) => {
                    self.server = Some(hello.server);
                    self.features = hello.features;
                    return Ok(());
                }
                // It does not know the word: it is a router of part 1, and answers to everything else.
                Heard::Plain(Message::Error(_)) => return Ok(()),
                _ => {}
            }
        }
    }

    /// Where the router is.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// What the router calls this client.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// What the router calls itself, as `name/version`; none if it knows only part 1.
    pub fn server(&self) -> Option<&str> {
        self.server.as_deref()
    }

    /// Whether the router has an extension, by the name it has in the protocol.
    pub fn has(&self, feature: &str) -> bool {
        self.features.iter().any(|has| has == feature)
    }

    /// Sends a message. If this is cancelled, it may be sent or not.
    ///
    /// # Errors
    /// If the connection is no more.
    pub async fn send(&mut self, request: &Request<'_>) -> Result<(), Error> {
        self.feed(request).await?;
        self.flush().await
    }

    /// Puts a message with others that are sent together: by [`flush`](Self::flush), by
    /// [`receive`](Self::receive), or because they are many. For throughput.
    ///
    /// # Errors
    /// If the connection is no more.
    pub async fn feed(&mut self, request: &Request<'_>) -> Result<(), Error> {
        let text = request.text().map_err(|error| self.odd(error))?;
        self.feed_text(text).await
    }

    async fn feed_text(&mut self, text: String) -> Result<(), Error> {
        self.fed = true;
        match self.socket.feed(Frame::text(text)).await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.last_words(error.into()).await),
        }
    }

    /// Sends what was fed.
    ///
    /// # Errors
    /// If the connection is no more.
    pub async fn flush(&mut self) -> Result<(), Error> {
        match self.socket.flush().await {
            Ok(()) => {
                self.fed = false;
                Ok(())
            }
            Err(error) => Err(self.last_words(error.into()).await),
        }
    }

    /// Waits for the next message, and sees to it that a connection that is dead is found out. Nothing is lost if
    /// this is cancelled.
    ///
    /// # Errors
    /// If the connection is no more, or a message is not as it should be.
    pub async fn receive(&mut self) -> Result<Message, Error> {
        loop {
            let message = match self.hear().await? {
                Heard::Event(event, subscription) => {
                    let subscription = self.subscription(subscription);
                    Message::Event(Box::new(Delivery { event: *event, subscription }))
                }
                Heard::Plain(message) => message,
                Heard::Welcome(_) | Heard::Hello(_) => continue,
            };
            if let Message::Subscribed(subscribed) = &message
                && let Some(sub) = subscribed.sub
            {
                self.subscriptions.insert(sub, subscribed.subscription_id);
            }
            return Ok(message);
        }
    }

    /// Says good-bye. Whether the router hears it is not waited for.
    pub async fn close(mut self) {
        // A connection that is broken is closed as well.
        drop(timeout(LAST_WORDS, self.socket.close(None)).await);
    }

    fn subscription(&self, named: Subscription) -> Option<Uuid> {
        named.id.or_else(|| self.subscriptions.get(&named.sub?).copied())
    }

    /// The next message, as it comes.
    async fn hear(&mut self) -> Result<Heard, Error> {
        if self.fed {
            self.flush().await?;
        }
        loop {
            let patience = if self.pinged { self.give_up_after } else { self.ping_after };
            match timeout_at(self.heard_at + patience, self.socket.next()).await {
                Err(_) if self.pinged => return Err(Error::Silent(self.give_up_after)),
                Err(_) => {
                    self.pinged = true;
                    // The time for its answer is running; that it cannot be sent will show then.
                    drop(self.socket.feed(Frame::Ping(Bytes::new())).await);
                    self.fed = true;
                    self.flush().await?;
                }
                Ok(frame) => {
                    self.heard_at = Instant::now();
                    self.pinged = false;
                    if let Some(text) = self.text(frame)? {
                        return message::read(&text).map_err(|error| self.odd(error));
                    }
                }
            }
        }
    }

    fn text(&self, frame: Option<tungstenite::Result<Frame>>) -> Result<Option<Utf8Bytes>, Error> {
        match frame {
            Some(Ok(Frame::Text(text))) => Ok(Some(text)),
            Some(Ok(Frame::Close(close))) => {
                let (code, reason) = close.map_or((NO_CODE, String::new()), |close| {
                    (close.code.into(), close.reason.as_str().to_owned())
                });
                Err(Error::Closed { code, reason })
            }
            Some(Ok(_)) => Ok(None),
            Some(Err(error)) => Err(Error::of_socket(error, &self.address)),
            None => Err(Error::Lost("the router is gone".to_owned())),
        }
    }

    /// The router no longer listens. It may have said why.
    async fn last_words(&mut self, error: Box<tungstenite::Error>) -> Error {
        let heard = timeout(LAST_WORDS, async {
            loop {
                let frame = self.socket.next().await;
                if let Err(error) = self.text(frame) {
                    return error;
                }
            }
        });
        match heard.await {
            Ok(closed @ Error::Closed { .. }) => closed,
            _ => Error::of_socket(*error, &self.address),
        }
    }

    fn odd(&self, what: impl ToString) -> Error {
        Error::Protocol { address: self.address.clone(), what: what.to_string() }
    }
}

async fn handshake(address: &Address, options: &Options) -> Result<WebSocketStream<Box<dyn Stream>>, Error> {
    let stream =
        address.connect().await.map_err(|source| Error::Connect { address: address.clone(), source })?;
    let config = WebSocketConfig::default()
        .max_message_size(Some(options.max_message_size))
        .max_frame_size(Some(options.max_message_size));
    match client_async_with_config(address.request(), stream, Some(config)).await {
        Ok((socket, _)) => Ok(socket),
        Err(error) => Err(Error::of_socket(error, address)),
    }
}

async fn within<T>(
    time: Duration,
    address: &Address,
    what: &'static str,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    match timeout(time, work).await {
        Ok(done) => done,
        Err(_) => Err(Error::TimedOut { address: address.clone(), what, after: time }),
    }
}
