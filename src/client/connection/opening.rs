//! The beginning of a connection: the handshake, the welcome, hello.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::time::Duration;

use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::super::message::{Heard, Message, Refusal};
use super::super::request::Greeting;
use super::super::traffic::Traffic;
use super::super::{Address, Error, Options, request};
use super::Connection;
use super::pulse::Pulse;
use crate::protocol::ErrorCode;

impl Connection {
    /// Connects, waits for the welcome, and says hello. A router that knows only part 1 of the protocol has no
    /// [features](Self::has).
    ///
    /// # Errors
    /// If nobody is there, or is not done in time, or takes no more clients, or is no router.
    pub async fn open(address: &Address, options: &Options) -> Result<Self, Error> {
        Self::open_as(address, options, Greeting { token: options.token.as_ref(), credit: None }).await
    }

    /// As [`open`](Self::open), with what only a [`Client`](super::super::Client) says of itself.
    pub(in super::super) async fn open_as(
        address: &Address,
        options: &Options,
        greeting: Greeting<'_>,
    ) -> Result<Self, Error> {
        let socket = within(options.connect_timeout, address, "answer", handshake(address, options)).await?;
        let mut connection = Self {
            socket,
            address: address.clone(),
            client_id: String::new(),
            server: None,
            features: Vec::new(),
            subscriptions: HashMap::new(),
            pulse: Pulse::new(options.ping_after, options.give_up_after),
            outbox: VecDeque::new(),
            is_unflushed: false,
            delivered: (0, 0),
            notice: None,
            broken: None,
        };
        let patience = options.welcome_timeout;
        within(patience, address, "welcome this client", connection.be_welcomed()).await?;
        // Who does not answer does not even know that they do not know the word: a router of part 1.
        if let Ok(introduced) = timeout(patience, connection.introduce(options, greeting)).await {
            introduced?;
        }
        Ok(connection)
    }

    async fn be_welcomed(&mut self) -> Result<(), Error> {
        match self.first().await? {
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

    async fn introduce(&mut self, options: &Options, greeting: Greeting<'_>) -> Result<(), Error> {
        let hello = request::hello(options, greeting).map_err(|error| self.odd(error))?;
        self.put(hello);
        loop {
            match self.first().await? {
                Heard::Hello(hello) => {
                    self.server = Some(hello.server);
                    self.features = hello.features;
                    return Ok(());
                }
                Heard::Plain(Message::Error(refusal)) if refusal.is_about_who_asks() => {
                    return Err(Error::Unauthorized { address: self.address.clone(), text: refusal.error });
                }
                // It does not know the word: it is a router of part 1, and answers to everything else.
                Heard::Plain(Message::Error(_)) => return Ok(()),
                Heard::Plain(notice @ Message::Draining(_)) => self.notice = Some(notice),
                _ => {}
            }
        }
    }

    async fn first(&mut self) -> Result<Heard, Error> {
        loop {
            if let Some(heard) = self.turn(true).await? {
                return Ok(heard);
            }
        }
    }
}

async fn handshake(address: &Address, options: &Options) -> Result<WebSocketStream<Traffic>, Error> {
    let stream = address
        .connect(options)
        .await
        .map_err(|source| Error::Connect { address: address.clone(), source })?;
    let config = WebSocketConfig::default()
        .max_message_size(Some(options.max_message_size))
        .max_frame_size(Some(options.max_message_size));
    match client_async_with_config(address.request(), Traffic::over(stream), Some(config)).await {
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
