//! Request and reply, over events.
//!
//!     cargo run --example request_reply -- ws://localhost:9090

use std::time::Duration;

use gadugi_router::client::{Client, Error, Events, NewEvent, Subscription};
use serde::{Deserialize, Serialize};

const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Serialize, Deserialize)]
struct Sum {
    left: i64,
    right: i64,
}

/// Answers to questions until its client is closed.
async fn respond(client: Client, mut questions: Events) -> Result<(), Error> {
    while let Some(question) = questions.recv().await {
        let Sum { left, right } = match question.read() {
            Ok(sum) => sum,
            Err(error) => {
                client.reply_failure(&question, &error.to_string()).await?;
                continue;
            }
        };
        let result =
            if question.topic == "math.divide" { left.checked_div(right) } else { left.checked_add(right) };
        match result {
            Some(result) => client.reply(&question, &result).await?,
            None => client.reply_failure(&question, "division by zero").await?,
        };
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "ws://localhost:9090".to_owned());
    let responder = Client::builder(&url).source("responder").connect().await?;
    let questions = responder.subscribe(Subscription::new(["math.add", "math.divide"]).group("math")).await?;
    tokio::spawn(respond(responder, questions));

    let client = Client::builder(&url).source("asker").connect().await?;
    let sum = NewEvent::new("math.add").payload(&Sum { left: 1, right: 2 })?;
    println!("1 + 2 = {}", client.request(sum, PATIENCE).await?.read::<i64>()?);
    let quotient = NewEvent::new("math.divide").payload(&Sum { left: 1, right: 0 })?;
    if let Err(error) = client.request(quotient, PATIENCE).await {
        println!("1 / 0: {error}");
    }
    if let Err(error) = client.request(NewEvent::new("math.root"), PATIENCE).await {
        println!("{error}");
    }
    Ok(())
}
