//! One slow subscriber, its jam, and the urgent events that are sent into it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::drivers::link::{Link, Receive, Rx};
use crate::drivers::marker::{Scanner, Template, payload};
use crate::drivers::{self, Target};
use crate::sockets::bytes_under_way;
use crate::traffic::now_ns;

const LOW: u8 = 3;
const SYSTEM: u8 = 10;
/// The publisher's number in the markers of SYSTEM events; LOW ones have 0.
const URGENT: u16 = 1;
/// SYSTEM events between their publishing and their arrival: the next one waits for the last.
const UNDER_WAY: usize = 1;
/// LOW events between two waits for their answers: far below any queue's bound on the way in.
const BURST: u64 = 250;
/// How often the slow subscriber takes its share.
const TURN: Duration = Duration::from_millis(5);
/// At the end, when nothing is held back any more: the silence after which nothing will come.
const SILENCE: Duration = Duration::from_secs(3);

pub struct Jam {
    pub target: Target,
    pub address: SocketAddr,
    pub receive: Receive,
    /// LOW events that wait.
    pub low: u64,
    /// Events a second that the subscriber takes.
    pub pace: u32,
    pub probes: usize,
    pub payload: usize,
}

impl Jam {
    /// An urgent event that takes longer was lost: twice the time that the whole jam needs, and some.
    fn patience(&self) -> Duration {
        Duration::from_secs_f64(10.0 + 2.0 * self.low as f64 / f64::from(self.pace.max(1)))
    }
}

pub struct Jammed {
    pub probes: Vec<Probe>,
    /// LOW events over all.
    pub sent: u64,
    pub refused: u64,
    pub received: u64,
}

/// One SYSTEM event.
pub struct Probe {
    /// LOW events published and not yet received, when it was published.
    pub waiting: u64,
    /// Received between its publisher's answer and its arrival.
    pub events: u64,
    /// The same in bytes on the wire.
    pub bytes: u64,
    /// Bytes in the kernel's buffers when the answer came.
    pub kernel_bytes: u64,
    /// From before it was published to its arrival.
    pub seconds: f64,
}

/// What the subscriber has taken so far.
#[derive(Default)]
struct Taken {
    low: AtomicU64,
    bytes: AtomicU64,
    /// Set at the end: read as fast as you can.
    hurry: AtomicBool,
}

/// A SYSTEM event as the subscriber saw it: what it had taken before.
struct Arrival {
    number: u64,
    low: u64,
    bytes: u64,
}

pub fn measure(jam: &Jam) -> Result<Jammed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(jammed(jam))
}

async fn jammed(jam: &Jam) -> Result<Jammed> {
    let topic = if jam.target.has_patterns() { "jam.**" } else { "jam.event" };
    let mut subscriber = drivers::open_receiving(jam.target, jam.address, jam.receive).await?;
    drivers::subscribe(jam.target, &mut subscriber, &[topic.to_owned()]).await?;
    let taken = Arc::new(Taken::default());
    let (news, arrivals) = channel(UNDER_WAY);
    let reader = tokio::spawn(read_slowly(subscriber.rx, jam.pace, taken.clone(), news));
    let body = payload(jam.payload)?;
    let template = |priority, number| {
        Template::new(drivers::publish_bytes(jam.target, "jam.event", priority, &body), number)
    };
    let mut run = Run {
        jam,
        publisher: drivers::open(jam.target, jam.address).await?,
        subscriber: subscriber.local,
        low: template(LOW, 0),
        system: template(SYSTEM, URGENT),
        taken,
        arrivals,
        sent: 0,
        refused: 0,
    };
    let probes = run.probes().await;
    run.drain().await;
    reader.abort();
    drop(subscriber.tx);
    let received = run.taken.low.load(Relaxed);
    Ok(Jammed { probes: probes?, sent: run.sent, refused: run.refused, received })
}

struct Run<'a> {
    jam: &'a Jam,
    publisher: Link,
    subscriber: SocketAddr,
    low: Template,
    system: Template,
    taken: Arc<Taken>,
    arrivals: Receiver<Arrival>,
    sent: u64,
    refused: u64,
}

impl Run<'_> {
    async fn probes(&mut self) -> Result<Vec<Probe>> {
        let mut probes = Vec::with_capacity(self.jam.probes);
        for number in 0..self.jam.probes as u64 {
            if self.waiting() < self.jam.low / 2 {
                self.fill().await?;
            }
            // Of different length, so that the events do not all meet the subscriber's turn alike.
            sleep(Duration::from_millis(50 + number * 7 % 40)).await;
            probes.push(self.probe(number).await.with_context(|| format!("SYSTEM event {}", number + 1))?);
        }
        Ok(probes)
    }

    fn waiting(&self) -> u64 {
        (self.sent - self.refused).saturating_sub(self.taken.low.load(Relaxed))
    }

    /// Publishes LOW events until as many wait as were asked for.
    async fn fill(&mut self) -> Result<()> {
        while self.waiting() < self.jam.low {
            let burst = (self.jam.low - self.waiting()).min(BURST);
            for _ in 0..burst {
                self.publisher.tx.push(self.low.stamp(self.sent, 0)).await?;
                self.sent += 1;
            }
            let refused = drivers::confirm(self.jam.target, &mut self.publisher, burst).await?;
            self.refused += refused;
            if refused == burst {
                bail!("the server refuses the jam");
            }
        }
        Ok(())
    }

    async fn probe(&mut self, number: u64) -> Result<Probe> {
        let waiting = self.waiting();
        let start = Instant::now();
        self.publisher.tx.push(self.system.stamp(number, now_ns())).await?;
        if drivers::confirm(self.jam.target, &mut self.publisher, 1).await? > 0 {
            bail!("refused");
        }
        let (low, bytes) = (self.taken.low.load(Relaxed), self.taken.bytes.load(Relaxed));
        let kernel_bytes = bytes_under_way(self.jam.address, self.subscriber)?;
        let patience = self.jam.patience();
        let arrival = timeout(patience, self.arrivals.recv())
            .await
            .with_context(|| format!("did not arrive within {:.0} s", patience.as_secs_f64()))?
            .context("the subscriber's connection has ended")?;
        if arrival.number != number {
            bail!("number {} arrived instead", arrival.number + 1);
        }
        Ok(Probe {
            waiting,
            // It may have overtaken even the answer.
            events: arrival.low.saturating_sub(low),
            bytes: arrival.bytes.saturating_sub(bytes),
            kernel_bytes,
            seconds: start.elapsed().as_secs_f64(),
        })
    }

    /// Lets the subscriber read the rest at once, so that it shows whether any is missing.
    async fn drain(&self) {
        self.taken.hurry.store(true, Relaxed);
        let mut last = (self.taken.low.load(Relaxed), Instant::now());
        while self.waiting() > 0 && last.1.elapsed() < SILENCE {
            sleep(TURN).await;
            let now = self.taken.low.load(Relaxed);
            if now > last.0 {
                last = (now, Instant::now());
            }
        }
    }
}

/// Takes its share of events in small reads, turn by turn; what it may take is not saved up. Ends
/// with the connection, or when nobody wants the news.
async fn read_slowly(mut rx: Rx, pace: u32, taken: Arc<Taken>, news: Sender<Arrival>) {
    let mut turns = interval(TURN);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let share = (f64::from(pace) * TURN.as_secs_f64()).max(f64::MIN_POSITIVE);
    let mut scanner = Scanner::new();
    let mut allowed = 0.0;
    loop {
        while allowed < 1.0 && !taken.hurry.load(Relaxed) {
            turns.tick().await;
            allowed = (allowed + share).min(share.max(1.0));
        }
        let before = rx.wire_bytes;
        let Ok(Some(chunk)) = rx.recv().await else { return };
        scanner.scan(&chunk, |stamp| {
            allowed -= 1.0;
            if stamp.publisher == URGENT {
                let low = taken.low.load(Relaxed);
                // An error means that the run is over, or that there is more than was published: then what waits already
                // shows it.
                let _ = news.try_send(Arrival { number: stamp.sequence, low, bytes: before });
            } else {
                taken.low.fetch_add(1, Relaxed);
            }
        });
        taken.bytes.store(rx.wire_bytes, Relaxed);
    }
}
