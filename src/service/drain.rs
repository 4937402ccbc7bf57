//! The end: subscribers get what is queued, highest priority first; what is left at the deadline is recorded; clients
//! are told and closed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook_tokio::Signals;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::spool::{self, Now};
use super::status::Status;
use super::supervisor::{Say, Supervisor};
use crate::admin::Phase;
use crate::config::Drain;
use crate::protocol::{Priority, Time};
use crate::router::{Left, Reason};
use crate::server::{Hub, Server, wall_clock};

/// How often it is looked whether all is delivered.
const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// How often the service manager hears that the end goes on.
const PROGRESS: Duration = Duration::from_secs(1);
/// Time for the manager beyond the time that is known to be needed: recording, and the slowness of its machine.
const MARGIN: Duration = Duration::from_secs(5);
/// What is asked for at once at most: whoever makes no progress for so long may be ended.
const LONGEST_EXTENSION: Duration = Duration::from_secs(30);

/// What the end has to do with.
pub(super) struct Ending<'a> {
    pub hub: &'a Arc<Hub>,
    pub server: &'a Server,
    pub settings: &'a Drain,
    pub supervisor: &'a Supervisor,
    pub status: &'a Status,
    pub signals: &'a mut Signals,
    pub other_signal: &'a (dyn Fn(i32) + 'a),
}

/// What was left when the time was over, and where it is: kept until connections that are still there have ended.
pub(super) struct Recorded {
    /// What is in the spool.
    left: Left,
    /// `None`: what is left is counted among the dead letters, and lost when the process ends.
    spool: Option<PathBuf>,
    /// The spool could not be written.
    failed: bool,
}

impl Ending<'_> {
    /// Lets subscribers have what is queued until the deadline, records the rest, and closes the connections.
    pub async fn run(mut self) -> Recorded {
        self.supervisor.say(Say::Stopping);
        let started = Instant::now();
        let deadline = started + self.settings.timeout;
        let spread = self.server.spread(self.settings.close_spread);
        self.extend(deadline, spread);
        let wall = wall_clock().micros().saturating_add_unsigned(micros(self.settings.timeout));
        self.hub.with(|router| router.drain(Time::from_micros(wall), millis(spread)));
        self.status.doing(Phase::Draining);
        let hurried = self.deliver(deadline, spread).await;
        let left = self.hub.with(|router| router.take_left());
        let by_priority = left.by_priority();
        let recorded = record(self.hub, self.settings.spool.as_deref(), left, started.elapsed()).await;
        let kept = recorded.spool.as_ref().filter(|_| !recorded.left.is_empty()).map(|_| "spool");
        self.status.left(by_priority, kept);
        if !hurried {
            self.status.doing(Phase::Closing);
            self.close(spread).await;
        }
        recorded
    }

    /// Until all is delivered, or the time is over. True: somebody has lost patience.
    async fn deliver(&mut self, deadline: Instant, spread: Duration) -> bool {
        let mut progress = interval(PROGRESS);
        progress.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first one comes at once, and says nothing.
        progress.tick().await;
        let mut delivered = self.hub.with(|router| router.stats().delivered);
        loop {
            if self.hub.is_drained() || Instant::now() >= deadline {
                return false;
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_AGAIN) => {}
                _ = progress.tick() => {
                    let now = self.hub.with(|router| router.stats().delivered);
                    if now > std::mem::replace(&mut delivered, now) {
                        self.extend(deadline, spread);
                    }
                    self.status.look();
                }
                signal = self.signals.next() => if self.is_impatient(signal) {
                    return true;
                }
            }
        }
    }

    /// Says goodbye, one client after the other, unless somebody loses patience.
    async fn close(&mut self, spread: Duration) {
        let end = Instant::now() + spread;
        self.extend(end, Duration::ZERO);
        let mut progress = interval(PROGRESS);
        let server = self.server;
        let mut closing = std::pin::pin!(server.close_all(self.settings.close_spread));
        loop {
            tokio::select! {
                () = &mut closing => return,
                _ = progress.tick() => self.extend(end, Duration::ZERO),
                signal = self.signals.next() => if self.is_impatient(signal) {
                    return;
                }
            }
        }
    }

    fn is_impatient(&self, signal: Option<i32>) -> bool {
        match signal {
            Some(SIGTERM | SIGINT) => {
                tracing::warn!("a second signal: ending at once");
                true
            }
            Some(other) => {
                (self.other_signal)(other);
                false
            }
            None => false,
        }
    }

    /// Asks the service manager for the time that may still be needed.
    fn extend(&self, deadline: Instant, spread: Duration) {
        let needed = deadline.saturating_duration_since(Instant::now()) + spread + MARGIN;
        self.supervisor.say(Say::Extend(needed.min(LONGEST_EXTENSION)));
    }
}

/// Puts what is left into the spool, or else gives it up; either way the log says how much it is.
async fn record(hub: &Arc<Hub>, path: Option<&Path>, left: Left, took: Duration) -> Recorded {
    let millis = took.as_millis() as u64;
    if left.is_empty() {
        tracing::info!(name: "gadugi.drain", left = 0, millis, "drained in {millis} ms: everything was delivered");
        return Recorded { left, spool: path.map(Path::to_owned), failed: false };
    }
    let (count, subscribers) = (total(&left), left.subscribers());
    let by_priority = in_words(&left.by_priority());
    let Some(path) = path else {
        tracing::warn!(
            name: "gadugi.drain", left = count, by_priority, subscribers, millis, kept = "dead letters",
            "drained: {count} events are left for {subscribers} subscribers (priority: {by_priority}), and drain.spool is not set: {}",
            fate(hub)
        );
        bury(hub, left);
        return Recorded { left: Left::default(), spool: None, failed: false };
    };
    let (left, written) = save(hub, path, left).await;
    match written {
        Ok(()) => {
            tracing::info!(
                name: "gadugi.drain", left = count, by_priority, subscribers, millis, kept = "spool",
                "drained: {count} events are left for {subscribers} subscribers (priority: {by_priority}), saved in {}",
                path.display()
            );
            Recorded { left, spool: Some(path.to_owned()), failed: false }
        }
        Err(error) => {
            tracing::error!(
                name: "gadugi.drain", left = count, by_priority, subscribers, millis, kept = "dead letters", %error,
                "drained: {count} events are left for {subscribers} subscribers (priority: {by_priority}) and cannot be saved in {}: {error}",
                path.display()
            );
            bury(hub, left);
            Recorded { left: Left::default(), spool: None, failed: true }
        }
    }
}

/// What becomes of what is buried.
fn fate(hub: &Hub) -> &'static str {
    match hub.store() {
        Some(_) => "they are dead letters in the event store",
        None => "they are lost",
    }
}

/// Beside the event loop, for a disk may be slow.
async fn save(hub: &Arc<Hub>, path: &Path, left: Left) -> (Left, std::io::Result<()>) {
    let (path, now) = (path.to_owned(), now(hub));
    let saving = tokio::task::spawn_blocking(move || {
        let written = spool::write(&path, &left, now);
        (left, written)
    });
    saving.await.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()))
}

impl Recorded {
    /// When there are no connections any more: records what came back from those that ended in the middle of a write,
    /// and says in the log how it all ended.
    ///
    /// `old` is the file of the last run. Nothing of it is left but what is recorded now; if that failed, it stays as it
    /// is, for events that come twice are better than lost ones.
    pub fn conclude(mut self, hub: &Hub, old: Option<&Path>) {
        let late = hub.with(|router| router.take_late());
        let late_count = total(&late);
        match &self.spool {
            Some(path) if !late.is_empty() => {
                let mut all = self.left.clone();
                all.add_late(late.clone());
                match spool::write(path, &all, now(hub)) {
                    // Beside what the drain has told: together they are what the next start takes in.
                    Ok(()) => {
                        let path = path.display();
                        tracing::info!(
                            "{late_count} events more, of connections that ended in the middle of a write, saved in {path}"
                        );
                        self.left = all;
                    }
                    Err(error) => {
                        tracing::error!(
                            %error,
                            "{late_count} events of connections that ended late cannot be saved and go to the dead letters"
                        );
                        bury(hub, late);
                    }
                }
            }
            _ => bury(hub, late),
        }
        let kept = self.spool.as_deref().filter(|_| !self.left.is_empty());
        if let Some(old) = old.filter(|old| kept != Some(*old) && !self.failed)
            && let Err(error) = spool::remove(old)
        {
            tracing::error!(%error, "{} cannot be removed: it will be taken in again", old.display());
        }
        let (delivered, dead) =
            hub.with(|router| (router.stats().delivered, router.dead_letters().count(Reason::Drain)));
        tracing::info!(
            name: "gadugi.stop",
            delivered,
            spooled = in_words(&self.left.by_priority()),
            dead = in_words(&dead),
            late = late_count,
            "stopped"
        );
    }
}

fn bury(hub: &Hub, left: Left) {
    let now = hub.now();
    hub.with(|router| router.bury(left, now));
}

/// The present on both clocks.
pub(super) fn now(hub: &Hub) -> Now {
    Now { engine: hub.now(), wall: wall_clock().micros() / 1_000 }
}

fn total(left: &Left) -> u64 {
    left.by_priority().iter().sum()
}

/// As `10:3 5:12`, highest first, without zeros.
fn in_words(counts: &[u64; Priority::LEVELS]) -> String {
    let counted = counts.iter().enumerate().rev().filter(|(_, count)| **count > 0);
    counted.map(|(level, count)| format!("{}:{count}", level + 1)).collect::<Vec<_>>().join(" ")
}

fn millis(time: Duration) -> u64 {
    time.as_millis().try_into().unwrap_or(u64::MAX)
}

fn micros(time: Duration) -> u64 {
    time.as_micros().try_into().unwrap_or(u64::MAX)
}
