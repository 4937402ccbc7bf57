//! The client against the router itself, and against peers that do what a router does on a bad day.
#![cfg(all(feature = "daemon", feature = "client", target_os = "linux"))]
#![allow(clippy::unwrap_used)]

mod acks;
mod credit;
mod examples;
mod faults;
mod peer;
mod proxy;
mod publishing;
mod reconnecting;
mod requests;
mod router;
mod subscribing;
#[cfg(feature = "client-tls")]
mod tls;
mod winding_down;

use std::time::Duration;

use gadugi_router::client::{Builder, Client, Events, State};
use tokio::time::timeout;

/// For what happens at once unless something is wrong.
const PATIENCE: Duration = Duration::from_secs(30);

/// A client that comes back quickly.
fn client(url: &str) -> Builder {
    Client::builder(url).reconnect(Duration::from_millis(50), Duration::from_millis(200))
}

/// Waits for a state.
async fn until(client: &Client, is_it: impl Fn(&State) -> bool) -> State {
    let mut states = client.states();
    timeout(PATIENCE, states.wait_for(|state| is_it(state))).await.unwrap().unwrap().clone()
}

async fn soon<T>(work: impl Future<Output = T>) -> T {
    timeout(PATIENCE, work).await.unwrap()
}

/// The topic of the next event.
async fn topic(events: &mut Events) -> String {
    soon(events.recv()).await.unwrap().topic
}

#[test]
fn clients_and_streams_go_where_they_are_needed() {
    fn goes_anywhere<T: Send + Sync + 'static>() {}
    goes_anywhere::<Client>();
    goes_anywhere::<Events>();
}
