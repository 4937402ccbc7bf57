//! One connection to one router.

mod opening;
mod pulse;
#[cfg(test)]
mod tests;
mod turns;

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::time::{Instant, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Frame;
use uuid::Uuid;

use super::message::{Arrival, Heard, Message};
use super::traffic::Traffic;
use super::{Address, Error, Request};
use pulse::Pulse;

/// The router's answer to another `hello`, among other messages.
pub(super) const HELLO: &str = "hello";
/// How long the router's last words are waited for when it no longer listens.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A connection to a router that has welcomed this client.
pub struct Connection {
    socket: WebSocketStream<Traffic>,
    address: Address,
    client_id: String,
    server: Option<String>,
    features: Vec<String>,
    /// What lean deliveries call the subscriptions.
    subscriptions: HashMap<u32, Uuid>,
    pulse: Pulse,
    /// What the socket has not taken yet.
    outbox: VecDeque<Frame>,
    /// The socket has taken something that may not be on its way yet.
    is_unflushed: bool,
    /// How many deliveries have come, and how many bytes they were.
    delivered: (u64, u64),
    /// What came before hello and is for later.
    notice: Option<Message>,
    /// Nothing can be sent any more: why, and until when the router's last words are waited for.
    broken: Option<(Error, Instant)>,
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
        self.put(text);
        self.written(false).await
    }

    /// Sends what was fed.
    ///
    /// # Errors
    /// If the connection is no more.
    pub async fn flush(&mut self) -> Result<(), Error> {
        self.written(true).await
    }

    /// Sends a message when the connection is listened to again.
    pub(super) fn put(&mut self, text: String) {
        self.outbox.push_back(Frame::text(text));
        self.write_now();
    }

    /// Whether the socket would take more now.
    pub(super) fn has_room(&self) -> bool {
        self.outbox.is_empty() && self.broken.is_none()
    }

    /// Waits for the next message, and sees to it that a connection that is dead is found out. Nothing is lost if
    /// this is cancelled.
    ///
    /// # Errors
    /// If the connection is no more.
    pub async fn receive(&mut self) -> Result<Message, Error> {
        loop {
            if let Some(message) = self.next(true).await? {
                return Ok(message);
            }
        }
    }

    /// As [`receive`](Self::receive), but ends also, without a message, when there is [room](Self::has_room) again.
    /// Who has enough to do does not listen: what was put is sent, and pings go out, for the router counts them as a
    /// sign of life; their answers are behind what is not read.
    pub(super) async fn next(&mut self, listening: bool) -> Result<Option<Message>, Error> {
        if let Some(notice) = self.notice.take() {
            return Ok(Some(notice));
        }
        self.pulse.listens(listening);
        loop {
            let message = match self.turn(listening).await? {
                None => return Ok(None),
                Some(Heard::Event(delivered, size)) => {
                    self.delivered.0 += 1;
                    self.delivered.1 += size as u64;
                    match delivered {
                        Ok(mut delivery) => {
                            delivery.subscription = self.subscription(&delivery);
                            Message::Event(delivery)
                        }
                        Err(unreadable) => Message::Unreadable(unreadable),
                    }
                }
                Some(Heard::Plain(message)) => message,
                Some(Heard::Welcome(_)) => continue,
                Some(Heard::Hello(_)) => Message::Other(HELLO.to_owned()),
            };
            if let Message::Subscribed(subscribed) = &message
                && let Some(sub) = subscribed.sub
            {
                self.subscriptions.insert(sub, subscribed.subscription_id);
            }
            return Ok(Some(message));
        }
    }

    /// How many deliveries have come, readable or not, and how many bytes they were.
    pub(super) fn delivered(&self) -> (u64, u64) {
        self.delivered
    }

    /// What is no longer subscribed needs no short name.
    pub(super) fn forget(&mut self, subscription: Uuid) {
        self.subscriptions.retain(|_, id| *id != subscription);
    }

    /// Says good-bye. Whether the router hears it is not waited for.
    pub async fn close(mut self) {
        // A connection that is broken is closed as well.
        drop(timeout(LAST_WORDS, self.socket.close(None)).await);
    }

    fn subscription(&self, of: &Arrival) -> Option<Uuid> {
        of.subscription.or_else(|| self.subscriptions.get(&of.sub?).copied())
    }

    fn odd(&self, what: impl ToString) -> Error {
        Error::Protocol { address: self.address.clone(), what: what.to_string() }
    }
}
