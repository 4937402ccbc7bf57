//! The Rust SDK, driven by lines of JSON: commands on stdin, answers and whatever happens on stdout.
//!
//! `driver.py` is its twin. What both understand is in the README beside it.

mod command;
mod crowd;
mod publishing;
mod receiving;
mod requests;
mod telling;

use std::collections::HashMap;
#[cfg(feature = "client-tls")]
use std::fs;
use std::hash::Hash;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use gadugi_router::client::{Client, Error, Overflow, State, Token};
use serde::Serialize;
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};
use tokio::sync::{mpsc, watch};
use tokio::task::yield_now;

use command::{Command, Connecting};
use receiving::Receiver;

/// Commands that wait; the tests wait for answers long before.
const COMMANDS: usize = 1_024;

/// What a command comes to.
type Done = Result<Box<RawValue>, Error>;

/// The clients of one test, and what they have subscribed to.
#[derive(Default)]
struct Driver {
    clients: Mutex<HashMap<String, Client>>,
    receivers: Mutex<HashMap<(String, String), Receiver>>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (sender, mut lines) = mpsc::channel(COMMANDS);
    thread::spawn(move || {
        for line in io::stdin().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    let driver = Arc::new(Driver::default());
    while let Some(line) = lines.recv().await {
        let command: Command = serde_json::from_str(&line)?;
        let driver = Arc::clone(&driver);
        tokio::spawn(async move {
            let id = command.id;
            telling::answer(id, driver.obey(command).await);
        });
        // The next command finds what this one does at once, as in a program that calls one after the other.
        yield_now().await;
    }
    Ok(())
}

impl Driver {
    async fn obey(self: Arc<Self>, command: Command) -> Done {
        match command.name.as_str() {
            "connect" => self.connect(command).await,
            "publish" => self.publish(command).await,
            "publish_many" => self.publish_many(command).await,
            "publish_detached" => self.publish_detached(&command),
            "publish_batch" => self.publish_batch(command).await,
            "subscribe" => self.subscribe(command).await,
            "release" => self.release(&command),
            "unsubscribe" => self.unsubscribe(&command),
            "subscription_id" => self.subscription_id(&command),
            "request" => self.request(command).await,
            "respond" => self.respond(command).await,
            "health" => self.health(&command).await,
            "close" => self.close(&command).await,
            "crowd" => self.crowd(command).await,
            other => Err(Error::Invalid(format!("no such command: {other}"))),
        }
    }

    fn client(&self, name: &str) -> Result<Client, Error> {
        let found = locked(&self.clients).get(name).cloned();
        found.ok_or_else(|| Error::Invalid(format!("no such client: {name}")))
    }

    /// Waits for one outcome, as the Python SDK's `connect` does; the attempts go on.
    async fn connect(&self, command: Command) -> Done {
        let client = built(&command.url, &command.options)?;
        let (name, mut states) = (command.client, client.states());
        tokio::spawn(telling::states(name.clone(), states.clone()));
        tokio::spawn(telling::notices(name.clone(), client.notices()));
        locked(&self.clients).insert(name, client);
        let error = settled(&mut states).await.map(|error| telling::error(&error));
        done(&json!({"connected": states.borrow().is_connected(), "error": error}))
    }

    async fn health(&self, command: &Command) -> Done {
        let health = self.client(&command.client)?.health().await.ok();
        done(&health.map(|health| {
            json!({"status": health.status.as_str(), "active_subscriptions": health.active_subscriptions,
                "connected_clients": health.connected_clients, "events_processed": health.events_processed})
        }))
    }

    async fn close(&self, command: &Command) -> Done {
        let client = self.client(&command.client)?;
        client.close(Duration::from_millis(command.within_ms)).await;
        done(&())
    }
}

fn built(url: &str, options: &Connecting) -> Result<Client, Error> {
    let millis = |value: Option<u64>, default: u64| Duration::from_millis(value.unwrap_or(default));
    let mut builder = Client::builder(url)
        .reconnect(millis(options.reconnect_ms, 1_000), millis(options.max_reconnect_ms, 30_000))
        .answer_timeout(millis(options.timeout_ms, 10_000));
    let interval = millis(options.heartbeat_ms, 30_000);
    builder = builder.heartbeat(interval, interval + millis(options.heartbeat_timeout_ms, 10_000));
    if options.buffer_size.is_some() || options.buffer_bytes.is_some() {
        builder =
            builder.buffer(options.buffer_size.unwrap_or(10_000), options.buffer_bytes.unwrap_or(64 << 20));
    }
    if options.overflow.as_deref() == Some("wait") {
        builder = builder.overflow(Overflow::Wait);
    }
    if let Some(events) = options.prefetch {
        builder = builder.prefetch(events);
    }
    if let Some(events) = options.max_local_events {
        builder = builder.max_local_events(events);
    }
    if let Some(bytes) = options.receive_buffer {
        builder = builder.receive_buffer(bytes);
    }
    if let Some(most) = options.max_reconnect_attempts {
        builder = builder.max_reconnect_attempts(most);
    }
    if let Some(token) = &options.token {
        builder = builder.token(Token::new(token));
    }
    if !options.tokens.is_empty() {
        let tokens = Mutex::new(options.tokens.clone().into_iter());
        builder = builder.token_from(move || {
            let next = tokens.lock().unwrap_or_else(PoisonError::into_inner).next();
            async move { next.map(Token::new).ok_or_else(|| "there are no more tokens".into()) }
        });
    }
    #[cfg(feature = "client-tls")]
    if let Some(file) = &options.ca {
        let trusted = fs::read(file).map_err(|error| Error::Invalid(error.to_string()))?;
        builder = builder.tls(gadugi_router::client::Tls::default().ca(trusted));
    }
    if let Some(source) = &options.source {
        builder = builder.source(source);
    }
    builder.start()
}

/// Waits until the first attempt has come to something, and returns what went wrong with it.
async fn settled(states: &mut watch::Receiver<State>) -> Option<Arc<Error>> {
    let state = states.wait_for(|state| !matches!(state, State::Connecting)).await.ok()?.clone();
    match state {
        State::Reconnecting { because, .. } => Some(because),
        State::Closed { because } => because,
        _ => None,
    }
}

fn done(value: &impl Serialize) -> Done {
    to_raw_value(value).map_err(Error::Json)
}

fn locked<K: Eq + Hash, V>(map: &Mutex<HashMap<K, V>>) -> MutexGuard<'_, HashMap<K, V>> {
    map.lock().unwrap_or_else(PoisonError::into_inner)
}
