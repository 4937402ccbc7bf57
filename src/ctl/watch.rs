//! `subscribe` and `monitor`: events as they come, also from a router that was restarted meanwhile.

mod args;
mod ending;
mod forward;
mod line;
mod replay;

use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, timeout};

use super::failure::{Failure, NO_ANSWER, NOT_RUNNING, SYSTEM, UNAVAILABLE};
use super::output::{Output, by_priority, count, plain};
use super::pace::Pace;
use super::wire::{self, Place};
use crate::client::{Address, Arrival, Backoff, Connection, Error, Gap, Message, Request};
use crate::protocol::{Pattern, Start, Subscription};
use args::WatchArgs;
pub(super) use args::{MonitorArgs, SubscribeArgs};
use ending::Ending;
use forward::Forward;
pub(super) use replay::{ReplayArgs, replay, since};

/// A router that is restarted is back within a second or two, and a person waits for it.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// A router that asks for more than this before one comes back does not mean a person.
const LONGEST_ASKED: Duration = Duration::from_secs(60);
/// WebSocket's code for a client that is not wanted: an operator closed the connection, or it is too slow.
const NOT_WANTED: u16 = 1008;

pub(super) fn subscribe(args: SubscribeArgs, place: &Place, out: &mut Output) -> Result<(), Failure> {
    run(args.topics, None, args.how, place, out)
}

pub(super) fn monitor(args: MonitorArgs, place: &Place, out: &mut Output) -> Result<(), Failure> {
    // The pattern for everything that routers of part 1 know as well.
    let topics = if args.topics.is_empty() { vec![Pattern::all()] } else { args.topics };
    run(topics, None, args.how, place, out)
}

fn run(
    topics: Vec<Pattern>,
    replay: Option<Replay>,
    args: WatchArgs,
    place: &Place,
    out: &mut Output,
) -> Result<(), Failure> {
    let time = args.timeout;
    wire::block_on(async {
        let ending = Ending::new()
            .map_err(|error| Failure::new(SYSTEM, "system", format!("cannot wait for signals: {error}")))?;
        let mut watch = Watch::new(topics, replay, args, place, out);
        let done = async {
            match time {
                Some(time) => timeout(time, watch.go()).await.ok(),
                None => Some(watch.go().await),
            }
        };
        let done = tokio::select! {
            biased;
            () = ending.wait() => Some(Ok(())),
            done = done => done,
        };
        done.unwrap_or_else(|| watch.out_of_time(time.unwrap_or_default()))?;
        watch.finish().await
    })
}

struct Watch<'a> {
    place: &'a Place,
    subscription: Subscription,
    replay: Option<Replay>,
    /// Where it goes instead of being shown.
    forward: Option<Forward>,
    wait: bool,
    count: Option<u64>,
    seen: u64,
    lost_at: Option<Instant>,
    /// What the router asked for, should it come to that.
    come_back_after: Option<Duration>,
    backoff: Backoff,
    out: &'a mut Output,
}

impl<'a> Watch<'a> {
    fn new(
        topics: Vec<Pattern>,
        replay: Option<Replay>,
        args: WatchArgs,
        place: &'a Place,
        out: &'a mut Output,
    ) -> Self {
        let from = replay.as_ref().map(|replay| replay.from);
        let subscription = Subscription { from, ..args.subscription(topics) };
        let (wait, count) = (args.wait, args.count);
        let backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
        Self {
            place,
            subscription,
            replay,
            forward: None,
            wait,
            count,
            seen: 0,
            lost_at: None,
            come_back_after: None,
            backoff,
            out,
        }
    }

    /// Until there were enough events.
    async fn go(&mut self) -> Result<(), Failure> {
        let mut connection = self.first().await?;
        if let Some(url) = self.replay.as_ref().and_then(|replay| replay.to_url.as_ref()) {
            self.forward = Some(Forward::to(url, connection.address()).await?);
        }
        loop {
            let address = connection.address().clone();
            match self.follow(&mut connection).await {
                Ok(()) => {
                    connection.close().await;
                    return Ok(());
                }
                Err(Stop::Failed(failure)) => return Err(failure),
                Err(Stop::Broken(error)) => connection = self.come_back(&address, error).await?,
            }
        }
    }

    async fn first(&mut self) -> Result<Connection, Failure> {
        let (address, failure) = match self.place.find() {
            Ok(address) => match self.place.connect(&address).await {
                Ok(connection) => return Ok(connection),
                Err(failure) => (Some(address), failure),
            },
            Err(failure) if failure.is(NOT_RUNNING) || failure.is(NO_ANSWER) => (None, failure),
            Err(failure) => return Err(failure),
        };
        if !self.wait {
            return Err(failure);
        }
        self.out.notice("waiting", format_args!("{failure}; waiting for it"));
        Ok(self.keep_trying(address.as_ref()).await)
    }

    /// Subscribes, and shows what comes.
    async fn follow(&mut self, connection: &mut Connection) -> Result<(), Stop> {
        connection.send(&Request::Subscribe(&self.subscription)).await?;
        loop {
            match connection.receive().await? {
                Message::Subscribed(_) => self.tell_connected(connection.address()),
                Message::Event(delivery) => {
                    self.show(&delivery).await?;
                    self.seen += 1;
                    // Should the connection be lost, it goes on behind this one.
                    if let Some(sequence) = delivery.sequence {
                        self.subscription.from = Some(Start::Sequence(sequence + 1));
                    }
                    if self.count.is_some_and(|count| self.seen >= count) {
                        return Ok(());
                    }
                }
                Message::Replayed(replayed) => {
                    if self.replay.as_ref().is_some_and(|replay| !replay.follow) {
                        return Ok(());
                    }
                    let events = count(replayed.events, "event");
                    self.out.notice("replayed", format_args!("{events} replayed; from here on what is live"));
                }
                Message::Gap(gap) => self.tell_gap(&gap),
                Message::Draining(draining) => {
                    let asked = Duration::from_millis(draining.reconnect_after_ms).min(LONGEST_ASKED);
                    self.come_back_after = Some(asked);
                    self.out.notice("draining", "the router winds down; what it still has is delivered");
                }
                Message::Error(refusal) => {
                    let text = format!("the router refuses: {}", plain(&refusal.error));
                    return Err(Stop::Failed(Failure::new(UNAVAILABLE, "refused", text)));
                }
                Message::Unreadable(what) => {
                    self.out.notice(
                        "unreadable",
                        format_args!("passed over what cannot be read: {}", plain(&what)),
                    );
                }
                _ => {}
            }
        }
    }

    async fn show(&mut self, delivery: &Arrival) -> Result<(), Failure> {
        if let Some(replay) = &mut self.replay {
            replay.pace.wait().await;
            replay.pace.next();
            return match &mut self.forward {
                Some(forward) => forward.take(delivery).await,
                None => replay::show(delivery, self.out),
            };
        }
        if self.out.json {
            return self.out.json_line(&delivery.event);
        }
        self.out.line(line::line(&delivery.event, self.out.colour, self.out.width()))
    }

    /// Whoever ends it wants to know what came of it.
    async fn finish(self) -> Result<(), Failure> {
        match self.forward {
            Some(forward) => forward.finish(self.out).await,
            None => Ok(()),
        }
    }

    fn tell_connected(&mut self, address: &Address) {
        self.backoff.reset();
        let text = match self.lost_at.take() {
            None => format!("watching {} at {address}", self.topics()),
            Some(lost_at) => {
                let missed = match self.replay {
                    Some(_) => "going on where it was",
                    None => "what was published meanwhile is not shown",
                };
                let seconds = lost_at.elapsed().as_secs_f64();
                format!("connected again to {address} after {seconds:.1} s; {missed}")
            }
        };
        self.out.notice("connected", text);
    }

    fn tell_gap(&self, gap: &Gap) {
        let both: Vec<_> =
            gap.evicted.iter().zip(&gap.expired).map(|(evicted, expired)| evicted + expired).collect();
        let text = format!(
            "missed {} (priority: {}): this reader is too slow",
            count(gap.total(), "event"),
            by_priority(&both)
        );
        self.out.notice("missed", text);
    }

    /// The connection is no more. Events that are published meanwhile are not seen.
    async fn come_back(&mut self, address: &Address, error: Error) -> Result<Connection, Failure> {
        if matches!(error, Error::Closed { code: NOT_WANTED, .. }) {
            return Err(wire::failed(error));
        }
        self.lost_at.get_or_insert_with(Instant::now);
        self.out.notice(
            "lost",
            format_args!("connection to {address} lost ({}); reconnecting", plain(&error.to_string())),
        );
        if let Some(asked) = self.come_back_after.take() {
            sleep(asked).await;
        }
        Ok(self.keep_trying(Some(address)).await)
    }

    /// Until it succeeds: whoever watches wants to see the router come.
    async fn keep_trying(&mut self, last: Option<&Address>) -> Connection {
        loop {
            sleep(self.backoff.next_wait()).await;
            let (place, last) = (self.place.clone(), last.cloned());
            let found = spawn_blocking(move || place.find_again(last.as_ref())).await;
            if let Ok(Ok(address)) = found
                && let Ok(connection) = wire::connect(&address).await
            {
                return connection;
            }
        }
    }

    fn out_of_time(&self, time: Duration) -> Result<(), Failure> {
        match self.count {
            Some(count) => {
                let text = format!("{} of {count} events came within {} s", self.seen, time.as_secs_f64());
                Err(Failure::new(UNAVAILABLE, "timed_out", text))
            }
            None => Ok(()),
        }
    }

    fn topics(&self) -> String {
        let topics: Vec<_> = self.subscription.topics.iter().map(|topic| plain(topic.as_str())).collect();
        topics.join(" ")
    }
}

/// What is stored comes first.
struct Replay {
    /// Where it begins.
    from: Start,
    /// It goes on with what is live.
    follow: bool,
    pace: Pace,
    /// The router that gets it.
    to_url: Option<String>,
}

/// Why nothing more comes.
enum Stop {
    /// The connection is no more; another one may be had.
    Broken(Error),
    /// It makes no sense to go on.
    Failed(Failure),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Broken(error)
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}
