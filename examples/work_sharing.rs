//! Workers that share what is to be done: each job goes to one of them, and the idle ones get more.
//!
//!     cargo run --example work_sharing -- ws://localhost:9090

use std::time::Duration;

use gadugi_router::client::{Client, Error, Events, NewEvent, Subscription};
use tokio::sync::mpsc;
use tokio::time::sleep;

const JOBS: usize = 200;
/// How long each worker needs for a job.
const WORKERS: [(&str, Duration); 2] =
    [("quick", Duration::from_millis(1)), ("slow", Duration::from_millis(20))];

async fn work(name: &'static str, time: Duration, mut jobs: Events, done: mpsc::Sender<&'static str>) {
    while jobs.recv().await.is_some() {
        sleep(time).await;
        if done.send(name).await.is_err() {
            return;
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "ws://localhost:9090".to_owned());
    let (sender, mut done) = mpsc::channel(JOBS);
    for (name, time) in WORKERS {
        // What was read ahead is no other worker's any more: so as little as possible is.
        let client = Client::builder(&url).source(name).prefetch(1).connect().await?;
        let jobs = client.subscribe(Subscription::new(["jobs.*"]).group("workers")).await?;
        tokio::spawn(work(name, time, jobs, sender.clone()));
    }
    let publisher = Client::builder(&url).connect().await?;
    for number in 0..JOBS {
        publisher.publish(NewEvent::new("jobs.new").payload(&serde_json::json!({"number": number}))?).await?;
    }
    let mut counts = [0; WORKERS.len()];
    for _ in 0..JOBS {
        let name = done.recv().await;
        for ((worker, _), count) in WORKERS.iter().zip(&mut counts) {
            *count += usize::from(name == Some(worker));
        }
    }
    for ((worker, _), count) in WORKERS.iter().zip(counts) {
        println!("{worker}: {count}");
    }
    Ok(())
}
