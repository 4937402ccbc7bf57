//! A worker whose jobs outlive it: each is done once it has said so, also when it fails at first, or is restarted meanwhile.
//!
//!     cargo run --example durable_worker -- ws://localhost:9090
//!
//! The router needs an event store: `[[store.rule]]` with `topics = ["jobs.**"]`. Without one it does the same for as long as
//! it is connected.

use std::time::Duration;

use gadugi_router::client::{Client, DeadLetter, Error, Event, Nack, NewEvent, Subscription};

/// The last one never succeeds.
const JOBS: [&str; 3] = ["mail", "report", "impossible"];

async fn work(job: &Event) -> Result<(), Nack> {
    let name: String = job.read().map_err(Nack::new)?;
    match (&*name, job.delivery_attempts) {
        ("report", 1) => Err(Nack::new("the printer is out of paper").after(Duration::from_millis(20))),
        ("impossible", _) => Err(Nack::new("nobody can do that").after(Duration::ZERO)),
        (_, attempt) => {
            println!("{name}: done at attempt {attempt}");
            Ok(())
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "ws://localhost:9090".to_owned());
    let client = Client::builder(&url).source("worker").connect().await?;
    let jobs = Subscription::new(["jobs.*"]).max_retries(2);
    let deliveries = match client.deliveries(jobs.clone().durable("worker")).await {
        Err(Error::Unsupported(_)) => client.deliveries(jobs).await?,
        made => made?,
    };
    let mut letters = client.subscribe(Subscription::dead_letters(["retries"])).await?;
    for name in JOBS {
        client.publish(NewEvent::new("jobs.new").payload(name)?).await?;
    }
    tokio::select! {
        () = deliveries.handle(async |job| work(&job).await) => {}
        notice = letters.recv() => {
            if let Some(notice) = notice {
                let letter = DeadLetter::of(&notice)?;
                let name: String = letter.event.read()?;
                println!("{name}: given up after {} attempts", letter.attempts.len());
            }
        }
    }
    Ok(())
}
