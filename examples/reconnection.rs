//! A program that goes on while its router is restarted, and says how it stands.
//!
//!     cargo run --example reconnection -- ws://localhost:9090 [EVENTS]
//!
//! Stop the router and start it again meanwhile: what is published waits, and every event comes once.

use std::error::Error;
use std::time::Duration;

use gadugi_router::client::{Client, NewEvent, State, Subscription};
use tokio::time::sleep;

/// Tells each state until the client is closed.
async fn tell(client: Client) {
    let mut states = client.states();
    // Not to be kept by this task.
    drop(client);
    loop {
        match &*states.borrow_and_update() {
            State::Connecting => println!("connecting"),
            State::Connected { client_id, .. } => println!("connected, as {client_id}"),
            State::Draining => println!("the router winds down"),
            State::Reconnecting { because, after, .. } => {
                println!("reconnecting in {:.1} s: {because}", after.as_secs_f64());
            }
            State::Closed { .. } => return println!("closed"),
            _ => {}
        }
        if states.changed().await.is_err() {
            return;
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().unwrap_or_else(|| "ws://localhost:9090".to_owned());
    let events: u32 = arguments.next().map_or(Ok(20), |count| count.parse())?;
    let client = Client::builder(url)
        .source("reconnection")
        .reconnect(Duration::from_millis(200), Duration::from_secs(2))
        .start()?;
    let telling = tokio::spawn(tell(client.clone()));
    let mut ticks = client.subscribe(Subscription::new(["tick"])).await?;
    let publisher = client.clone();
    let publishing = tokio::spawn(async move {
        for number in 0..events {
            let published = publisher.publish(NewEvent::new("tick").payload(&number)?).await?;
            if published.attempts > 1 {
                println!("tick {number} was sent {} times", published.attempts);
            }
            sleep(Duration::from_millis(50)).await;
        }
        Ok::<_, gadugi_router::client::Error>(())
    });
    for _ in 0..events {
        let tick = ticks.recv().await.ok_or("the client was closed")?;
        println!("tick {}", tick.payload);
    }
    publishing.await??;
    client.close(Duration::from_secs(5)).await;
    telling.await?;
    Ok(())
}
