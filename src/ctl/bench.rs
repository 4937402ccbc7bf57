//! `bench`: a small load test of a running router.

mod args;
mod books;
mod peers;
mod progress;
mod report;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet, LocalSet};
use tokio::time::{Instant, timeout};

use super::failure::{Failure, NO_ANSWER, SYSTEM};
use super::output::Output;
use super::wire::{self, Place};
use crate::client::{Address, Connection, Message, Request};
use crate::protocol::Pattern;
use args::Level;
pub(super) use args::{BenchArgs, EVENTS};
use books::Books;
use peers::{Publisher, Subscriber};
use progress::Progress;
use report::{Report, Router, Times};

/// How long the router may take to say how it is.
const PATIENCE: Duration = Duration::from_secs(5);

/// What all publishers and subscribers know.
struct Plan {
    topic: Pattern,
    level: Level,
    size: usize,
    /// What times in payloads count from.
    origin: Instant,
}

pub(super) fn run(args: BenchArgs, place: &Place, out: &mut Output) -> Result<(), Failure> {
    let address = place.find()?;
    let report = wire::block_on(LocalSet::new().run_until(measure(args, place, &address, out)))?;
    if out.json {
        out.document(&report)
    } else {
        report.lines().into_iter().try_for_each(|line| out.line(line))
    }
}

async fn measure(args: BenchArgs, place: &Place, address: &Address, out: &Output) -> Result<Report, Failure> {
    let mut first = place.connect(address).await?;
    let others = others(&mut first).await?;
    if others > 0 {
        let text = format!(
            "the router has other clients ({others}): their work is in these figures, and who subscribes to everything \
             gets these events"
        );
        out.notice("other_clients", text);
    }
    let router = Router::of(&first, others);
    let plan = Rc::new(Plan {
        topic: args.topic.clone().map_or_else(own_topic, Ok)?,
        level: args.priority,
        size: args.size,
        origin: Instant::now(),
    });
    let books = Rc::new(RefCell::new(Books::default()));
    let (end, ended) = watch::channel(None);
    let subscribers = subscribers(&args, address, &plan, &books, &ended).await?;
    let publishers = publishers(&args, first, address, &plan, &books).await?;

    let progress = Progress::new(&args, &books, out);
    let (begun, cpu_before) = (Instant::now(), cpu()?);
    let mut publishing = JoinSet::new();
    publishers.into_iter().for_each(|publisher| drop(publishing.spawn_local(publisher.run(begun))));
    let mut receiving = JoinSet::new();
    subscribers.into_iter().for_each(|subscriber| drop(receiving.spawn_local(subscriber.run())));
    let sending = async {
        all(publishing).await?;
        // Each subscriber has to account for all that was accepted.
        end.send_replace(Some(books.borrow().accepted));
        Ok(begun.elapsed())
    };
    let (published_in, ()) = tokio::try_join!(sending, all(receiving))?;
    progress.end();
    let books = books.borrow();
    let times = Times {
        publishing: published_in,
        receiving: books.last.map_or(Duration::ZERO, |last| last.saturating_duration_since(begun)),
        cpu: cpu()?.saturating_sub(cpu_before),
    };
    Ok(Report::new(&args, router, &books, &times))
}

/// A topic that nobody else has.
fn own_topic() -> Result<Pattern, Failure> {
    let name = format!("bench.{:08x}", fastrand::u32(..));
    Pattern::parse(&name).map_err(|problem| Failure::new(SYSTEM, "system", problem))
}

async fn all(mut tasks: JoinSet<Result<(), Failure>>) -> Result<(), Failure> {
    while let Some(done) = tasks.join_next().await {
        done.map_err(|error: JoinError| Failure::new(SYSTEM, "system", error.to_string()))??;
    }
    Ok(())
}

async fn subscribers(
    args: &BenchArgs,
    address: &Address,
    plan: &Rc<Plan>,
    books: &Rc<RefCell<Books>>,
    ended: &watch::Receiver<Option<u64>>,
) -> Result<Vec<Subscriber>, Failure> {
    let mut all = Vec::new();
    for _ in 0..args.subscribers {
        let connection = wire::connect(address).await.map_err(wire::failed)?;
        all.push(Subscriber::new(connection, Rc::clone(plan), Rc::clone(books), ended.clone()).await?);
    }
    Ok(all)
}

/// The events, or the rate, are shared among them.
async fn publishers(
    args: &BenchArgs,
    first: Connection,
    address: &Address,
    plan: &Rc<Plan>,
    books: &Rc<RefCell<Books>>,
) -> Result<Vec<Publisher>, Failure> {
    let count = args.publishers;
    let rate = args.rate.map(|rate| rate / count as f64);
    let events = args.events.unwrap_or(EVENTS);
    let (mut all, mut first) = (Vec::new(), Some(first));
    for at in 0..count {
        let connection = match first.take() {
            Some(first) => first,
            None => wire::connect(address).await.map_err(wire::failed)?,
        };
        let until = match args.duration {
            Some(duration) => peers::Until::Time(duration),
            None => peers::Until::Count(events / count + u64::from(at < events % count)),
        };
        all.push(Publisher::new(connection, Rc::clone(plan), Rc::clone(books), until, rate));
    }
    Ok(all)
}

/// How many clients the router has beside this one.
async fn others(router: &mut Connection) -> Result<u64, Failure> {
    let health = async {
        router.send(&Request::GetHealth).await?;
        loop {
            if let Message::Health(health) = router.receive().await? {
                return Ok(health);
            }
        }
    };
    match timeout(PATIENCE, health).await {
        Ok(health) => Ok(health.map_err(wire::failed)?.connected_clients.saturating_sub(1)),
        Err(_) => {
            Err(Failure::new(NO_ANSWER, "no_answer", "the router does not say how it is; look at its log"))
        }
    }
}

/// How long this program has worked.
fn cpu() -> Result<Duration, Failure> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)
        .map_err(|error| Failure::new(SYSTEM, "system", format!("cannot read the CPU time: {error}")))?;
    let time = |time: TimeVal| {
        Duration::new(time.tv_sec().unsigned_abs(), time.tv_usec().unsigned_abs() as u32 * 1_000)
    };
    Ok(time(usage.user_time()) + time(usage.system_time()))
}
