//! One connection to one router.

mod opening;

use std::collections::HashMap;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{self, Bytes, Message as Frame, Utf8Bytes};
use uuid::Uuid;

use super::address::Stream;
use super::message::{self, Delivery, Heard, Message, Subscription};
use super::{Address, Error, Request};

/// WebSocket's code for a close without one.
const NO_CODE: u16 = 1005;
/// How long the router's last words are waited for when it no longer listens.
const LAST_WORDS: Duration = Duration::from_secs(1);

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
    /// Since when something is fed that may not be on its way yet.
    fed_since: Option<Instant>,
}

impl Connection {
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

    /// As [`feed`](Self::feed), for what is written already.
    pub(super) async fn feed_text(&mut self, text: String) -> Result<(), Error> {
        self.fed_since.get_or_insert_with(Instant::now);
        match timeout(self.give_up_after, self.socket.feed(Frame::text(text))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.last_words(error.into()).await),
            Err(_) => Err(Error::Stuck(self.give_up_after)),
        }
    }

    /// Sends what was fed.
    ///
    /// # Errors
    /// If the connection is no more.
    pub async fn flush(&mut self) -> Result<(), Error> {
        // From when it was fed on: who flushes again and again does not begin anew.
        let until = self.fed_since.unwrap_or_else(Instant::now) + self.give_up_after;
        match timeout_at(until, self.socket.flush()).await {
            Ok(Ok(())) => {
                self.fed_since = None;
                Ok(())
            }
            Ok(Err(error)) => Err(self.last_words(error.into()).await),
            Err(_) => Err(Error::Stuck(self.give_up_after)),
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

    /// Does not listen, for whoever has enough to do, and lets the router know from time to time that this client is
    /// there. Does not end by itself; nothing is lost if it is cancelled.
    ///
    /// # Errors
    /// If the connection is no more.
    pub(super) async fn idle(&mut self) -> Result<(), Error> {
        if self.fed_since.is_some() {
            self.flush().await?;
        }
        loop {
            sleep_until(self.heard_at + self.ping_after).await;
            // Its answer is behind what is not read: the time for it begins when this client listens again.
            self.listening_again();
            self.socket
                .feed(Frame::Ping(Bytes::new()))
                .await
                .map_err(|error| Error::of_socket(error, &self.address))?;
            self.fed_since = Some(Instant::now());
            self.flush().await?;
        }
    }

    /// After a time without listening: what was not heard meanwhile is nobody's fault.
    pub(super) fn listening_again(&mut self) {
        self.heard_at = Instant::now();
        self.pinged = false;
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
        if self.fed_since.is_some() {
            self.flush().await?;
        }
        loop {
            let patience = if self.pinged { self.give_up_after } else { self.ping_after };
            match timeout_at(self.heard_at + patience, self.socket.next()).await {
                Err(_) if self.pinged => return Err(Error::Silent(self.give_up_after)),
                Err(_) => {
                    self.pinged = true;
                    let ping = self.socket.send(Frame::Ping(Bytes::new()));
                    // Whether it could be sent will show: the time for its answer is running.
                    drop(timeout_at(self.heard_at + self.give_up_after, ping).await);
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
