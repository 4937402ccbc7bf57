//! What the client costs, beside a WebSocket library alone: events a second that are published and received.
//!
//!     cargo run --release --example throughput -- ws://localhost:9090 [EVENTS]
//!
//! Both sides write and read the same messages on one thread; `bare` makes of them what a program at least needs, an
//! event of each delivery and a number of each answer. What is received is published by a second client, on both sides. Give the router and this program a core each.

use std::error::Error;
use std::time::Instant;

use futures_util::stream::FuturesUnordered;
use futures_util::{SinkExt, StreamExt};
use gadugi_router::client::{Client, Event, Events, NewEvent, Subscription};
use serde::Deserialize;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

type Socket = WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>;
type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Events that are under way without an answer, on both sides.
const UNANSWERED: usize = 256;
/// Events that are published before all of them must have come: the router has room for so many.
const ROUND: usize = 16 * UNANSWERED;

#[derive(Deserialize)]
struct Heard {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Delivered {
    event: Event,
}

fn event(topic: &str) -> Result<NewEvent> {
    Ok(NewEvent::new(topic).payload(&json!({"task_id": "123", "text": "x".repeat(100)}))?)
}

async fn bare_socket(url: &str) -> Result<Socket> {
    let (mut socket, _) = connect_async(url).await?;
    socket.next().await.ok_or("no welcome")??;
    Ok(socket)
}

async fn publish_bare(url: &str, events: usize) -> Result<()> {
    let mut socket = bare_socket(url).await?;
    let (mut sent, mut answered) = (0, 0);
    while answered < events {
        while sent < events && sent - answered < UNANSWERED {
            let event = event("bench.nobody")?;
            socket.feed(Message::text(json!({"type": "publish", "event": event}).to_string())).await?;
            sent += 1;
        }
        socket.flush().await?;
        let message = socket.next().await.ok_or("it ended")??;
        let heard: Heard = serde_json::from_str(message.to_text()?)?;
        answered += usize::from(heard.kind == "published");
    }
    Ok(())
}

async fn publish_client(client: &Client, events: usize) -> Result<()> {
    let (mut waiting, mut sent) = (FuturesUnordered::new(), 0);
    while sent < events || !waiting.is_empty() {
        while sent < events && waiting.len() < UNANSWERED {
            waiting.push(client.publish(event("bench.nobody")?));
            sent += 1;
        }
        waiting.next().await.ok_or("nothing waits")??;
    }
    Ok(())
}

/// A socket that subscribes to a topic.
async fn subscribed_bare(url: &str, topic: &str) -> Result<Socket> {
    let mut socket = bare_socket(url).await?;
    let subscribe = json!({"type": "subscribe", "subscription": {"topics": [topic]}});
    socket.send(Message::text(subscribe.to_string())).await?;
    socket.next().await.ok_or("no answer")??;
    Ok(socket)
}

async fn receive_bare(socket: &mut Socket) -> Result<()> {
    for _ in 0..ROUND {
        let message = socket.next().await.ok_or("it ended")??;
        let delivered: Delivered = serde_json::from_str(message.to_text()?)?;
        assert_eq!(delivered.event.topic, "bench.bare");
    }
    Ok(())
}

async fn receive_client(stream: &mut Events) -> Result<()> {
    for _ in 0..ROUND {
        assert_eq!(stream.recv().await.ok_or("it ended")?.topic, "bench.client");
    }
    Ok(())
}

/// The same for both: a second client, which publishes a round of events.
async fn feed(feeder: &Client, topic: &str) -> Result<()> {
    for _ in 0..ROUND / UNANSWERED {
        let batch: Vec<_> = (0..UNANSWERED).map(|_| event(topic)).collect::<Result<_>>()?;
        for result in feeder.publish_batch(batch).await {
            result?;
        }
    }
    Ok(())
}

fn tell(what: &str, events: usize, begun: Instant) {
    println!("{what}: {:.0} events/s", events as f64 / begun.elapsed().as_secs_f64());
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().unwrap_or_else(|| "ws://localhost:9090".to_owned());
    let events: usize = arguments.next().map_or(Ok(50_000), |count| count.parse())?;
    let client = Client::builder(&url).connect().await?;
    let feeder = Client::builder(&url).connect().await?;
    let begun = Instant::now();
    publish_bare(&url, events).await?;
    tell("publish, bare", events, begun);
    let begun = Instant::now();
    publish_client(&client, events).await?;
    tell("publish, client", events, begun);
    let rounds = events.div_ceil(ROUND);
    let mut socket = subscribed_bare(&url, "bench.bare").await?;
    let begun = Instant::now();
    for _ in 0..rounds {
        tokio::try_join!(feed(&feeder, "bench.bare"), receive_bare(&mut socket))?;
    }
    tell("publish and receive, bare", rounds * ROUND, begun);
    let mut stream = client.subscribe(Subscription::new(["bench.client"])).await?;
    let begun = Instant::now();
    for _ in 0..rounds {
        tokio::try_join!(feed(&feeder, "bench.client"), receive_client(&mut stream))?;
    }
    tell("publish and receive, client", rounds * ROUND, begun);
    Ok(())
}
