//! How the router is, as it says itself; and an exit status that says whether it is well.
//!
//!     cargo run --example health -- ws://localhost:9090

use std::process::ExitCode;

use gadugi_router::client::{Client, Error};
use gadugi_router::protocol::Health;

async fn ask(url: &str) -> Result<Health, Error> {
    let client = Client::builder(url).software("health-check/1").connect().await?;
    client.health().await
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let url = std::env::args().nth(1).unwrap_or_else(|| "ws://localhost:9090".to_owned());
    match ask(&url).await {
        Ok(health) => {
            println!("up for {:.0} s", health.uptime);
            println!("{} clients, {} subscriptions", health.connected_clients, health.active_subscriptions);
            println!("{} events processed, {} in the queue", health.events_processed, health.events_in_queue);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
