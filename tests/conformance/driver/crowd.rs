//! Many clients of one program, and when each of them comes back.

use std::sync::Arc;
use std::time::Duration;

use gadugi_router::client::{Client, State};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::command::Command;
use super::{Done, Driver, done, locked, telling};

impl Driver {
    /// When all have come back, says after how many ms each did.
    pub async fn crowd(self: Arc<Self>, command: Command) -> Done {
        let window = Duration::from_millis(command.window_ms);
        let (sender, mut arrivals) = mpsc::channel(command.count as usize);
        let mut connected = 0;
        for number in 0..command.count {
            let client = Client::builder(&command.url).reconnect(window, window).connect().await?;
            connected += 1;
            tokio::spawn(watched(client.clone(), sender.clone()));
            locked(&self.clients).insert(format!("crowd-{number}"), client);
        }
        drop(sender);
        tokio::spawn(async move {
            let mut all = Vec::new();
            while let Some(arrival) = arrivals.recv().await {
                all.push(arrival);
            }
            let lost = all.iter().map(|(lost, _)| *lost).min();
            let after = |(_, back): &(Instant, Instant)| lost.map(|lost| (*back - lost).as_millis() as u64);
            telling::say(&json!({"crowd": all.iter().map(after).collect::<Vec<_>>()}));
        });
        done(&connected)
    }
}

async fn watched(client: Client, arrivals: mpsc::Sender<(Instant, Instant)>) {
    let mut states = client.states();
    if states.wait_for(|state| !state.is_connected()).await.is_err() {
        return;
    }
    let lost = Instant::now();
    if states.wait_for(State::is_connected).await.is_ok() {
        // Nobody reads them any more at the end of the test.
        arrivals.send((lost, Instant::now())).await.ok();
    }
}
