//! One connection after its handshake: a task that reads, has the messages answered, and writes.
//!
//! Reader and writer are one task, so that a connection costs one wake-up and one place in memory, and its whole
//! state has one owner.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Control, OpCode};
use uuid::Uuid;

use self::reading::Read;
use super::dialogue::Dialogue;
use super::frame::{Frames, write_header};
use super::hub::{Counted, Hub, wall_clock};
use super::keepalive::{Keepalive, Verdict};
use super::outgoing::{Outgoing, Written};
use super::scratch::Scratch;
use super::socket::Socket;
use crate::protocol::Attempt;
use crate::router::{Assignment, Delivery, Moment};

/// How long a peer may take to let our last words into its buffers. Long, for it is most often a slow one.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long it may take to read them and close its side.
pub(super) const LINGER_TIMEOUT: Duration = Duration::from_secs(5);

/// How a connection ended.
pub(super) type Ended = io::Result<&'static str>;

/// A client's connection.
pub(super) struct Connection {
    hub: Counted,
    socket: Socket,
    frames: Frames,
    /// The start of a frame whose rest has not come yet.
    rest: Vec<u8>,
    /// Bytes that `rest` must have before it is worth looking at again.
    wanted: usize,
    dialogue: Dialogue,
    outgoing: Outgoing,
    /// The last write was cut short: room in the send buffer will be a sign of life.
    blocked: bool,
    keepalive: Keepalive,
    /// When this turn began: one look at the clock does for most of what is done in it.
    now: Instant,
    /// In this turn the engine has said that it has nothing for the client.
    idle: bool,
    phase: Phase,
    /// The settings that are applied.
    version: u32,
}

/// Where a connection is in its life.
enum Phase {
    Open,
    /// A close frame is the last thing in the reply lane.
    Closing {
        why: &'static str,
        until: Pin<Box<Sleep>>,
    },
    /// All is said. What the peer still sends is thrown away: closing a socket with unread bytes in it would
    /// reset the connection, and the peer might never read our last words.
    Lingering {
        why: &'static str,
        until: Pin<Box<Sleep>>,
    },
}

impl Connection {
    pub fn new(hub: Arc<Hub>, socket: Socket, dialogue: Dialogue, early: Vec<u8>) -> Self {
        let version = hub.version();
        let settings = hub.settings();
        let mut outgoing = Outgoing::new();
        dialogue.welcome(outgoing.control());
        Self {
            hub: Counted::new(hub),
            socket,
            frames: Frames::new(settings.max_message_size),
            rest: early,
            wanted: 0,
            dialogue,
            outgoing,
            blocked: false,
            keepalive: Keepalive::new(settings.ping_interval, settings.ping_timeout),
            now: Instant::now(),
            idle: false,
            phase: Phase::Open,
            version,
        }
    }

    /// The client's name.
    pub fn client_id(&self) -> Uuid {
        self.dialogue.client_id
    }

    /// Serves the client until either side ends it.
    pub async fn serve(mut self) -> Ended {
        // The socket may have nothing more to say for a while.
        let mut early = Some(std::mem::take(&mut self.rest));
        std::future::poll_fn(|cx| {
            self.guarded(cx, |connection, cx, scratch| {
                (connection.now, connection.idle) = (Instant::now(), false);
                if let Some(mut early) = early.take() {
                    connection.digest(&mut early);
                }
                connection.poll(cx, scratch)
            })
        })
        .await
    }

    fn poll(&mut self, cx: &mut Context, scratch: &mut Scratch) -> Poll<Ended> {
        // There may be more to read, or it is not read for now.
        let (mut again, mut held) = (false, false);
        if matches!(self.phase, Phase::Open) {
            let version = self.hub.version();
            if version != self.version {
                self.adopt_settings(version);
            }
            self.watch(cx);
            match self.read(cx, scratch) {
                Ok(Read::End) => return Poll::Ready(Ok("the peer closed the connection")),
                Ok(read) => (again, held) = (read == Read::Some, read == Read::Held),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        if matches!(self.phase, Phase::Open) {
            let written = match self.has_nothing_to_write() {
                true => Poll::Ready(Ok(())),
                false => self.poll_write(cx, scratch),
            };
            match written {
                Poll::Ready(Ok(())) => again |= held && self.may_read(),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {}
            }
        }
        if let Poll::Ready(ended) = self.poll_end(cx, scratch) {
            return Poll::Ready(ended);
        }
        if again {
            // Others have a turn first.
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// A client that does not read its replies is not read from, nor one whose events wait for the disk.
    fn may_read(&self) -> bool {
        !self.outgoing.is_congested() && !self.dialogue.is_waiting(self.hub.storing())
    }

    /// As after most publishes whose answers come later. What the engine knows of a client that counts is brought up to date
    /// even then.
    fn has_nothing_to_write(&self) -> bool {
        self.idle && self.outgoing.is_empty() && !self.dialogue.credit.counts()
    }

    /// Applies settings that were changed since this connection last looked.
    fn adopt_settings(&mut self, version: u32) {
        self.version = version;
        let settings = self.hub.settings();
        self.frames.max_message = settings.max_message_size;
        self.keepalive.change(settings.ping_interval, settings.ping_timeout);
        self.dialogue.rate.change(settings.publish_rate, settings.publish_burst, self.hub.now());
    }

    fn watch(&mut self, cx: &mut Context) {
        match self.keepalive.poll(cx, self.now) {
            Poll::Ready(Verdict::Ping) => {
                write_header(OpCode::Control(Control::Ping), 0, self.outgoing.control());
                // The next deadline must be watched as well.
                cx.waker().wake_by_ref();
            }
            Poll::Ready(Verdict::GiveUp) => {
                self.close_within(LINGER_TIMEOUT, CloseCode::Error, "keepalive ping timed out");
            }
            Poll::Pending => {}
        }
    }

    /// Writes until nothing is left (ready), or the socket takes no more (pending).
    fn poll_write(&mut self, cx: &mut Context, scratch: &mut Scratch) -> Poll<io::Result<()>> {
        let key = self.dialogue.key;
        let mut now = self.moment();
        loop {
            // The rest of an event, or many replies, must go first. Receipts join the replies: a client that leaves
            // them unread is not read from. Gaps stay in the engine, where they add up and take no more room.
            if self.outgoing.is_mid_event() || self.outgoing.is_congested() {
                self.hub.with(|router| router.take_notices(key, &mut scratch.turn));
                self.dialogue.tell(scratch.turn.notices.drain(..), self.outgoing.control());
                if let Some(close) = scratch.turn.close {
                    self.close_for(close);
                    return Poll::Ready(Ok(()));
                }
                match self.outgoing.poll_begun(&mut self.socket, cx, &mut scratch.write) {
                    Poll::Ready(Ok(Written::All)) => self.note_written(Written::All),
                    Poll::Ready(Ok(Written::Short)) => {
                        self.note_written(Written::Short);
                        continue;
                    }
                    other => return self.note_blocked(other.map_ok(|_| ())),
                }
            }
            // What the last turn of this loop wrote is counted now.
            let budget = self.dialogue.credit.limit(self.outgoing.budget());
            self.hub.with(|router| router.take(key, budget, &mut scratch.turn, cx.waker(), now));
            scratch.turn.written.clear();
            if scratch.turn.has_assignments {
                note_attempts(&mut scratch.turn.deliveries);
            }
            self.dialogue.tell(scratch.turn.notices.drain(..), self.outgoing.control());
            if let Some(close) = scratch.turn.close {
                self.hub.with(|router| router.put_back(key, &mut scratch.turn, 0, now));
                self.close_for(close);
                return Poll::Ready(Ok(()));
            }
            if scratch.turn.deliveries.is_empty() && self.outgoing.control().is_empty() {
                return Poll::Ready(Ok(()));
            }
            let written = self.outgoing.poll_batch(&mut self.socket, cx, scratch);
            let (kept, all) = match &written {
                Poll::Ready(Ok((written, kept))) => (*kept, *written == Written::All),
                _ => (0, false),
            };
            if self.dialogue.credit.counts() {
                let sent = &scratch.turn.deliveries[..kept];
                self.dialogue.credit.spend(kept, self.outgoing.length(sent));
            }
            // Other connections use the turn before this one comes back to it.
            if !all || kept < scratch.turn.deliveries.len() {
                let now = self.hub.moment();
                self.hub.with(|router| router.put_back(key, &mut scratch.turn, kept, now));
            }
            match written {
                Poll::Ready(Ok((written, _))) => self.note_written(written),
                other => return self.note_blocked(other.map_ok(|_| ())),
            }
            // Replies are not counted, so there is nothing to ask the engine for.
            if all && scratch.turn.is_last && scratch.turn.deliveries.is_empty() {
                return Poll::Ready(Ok(()));
            }
            now = self.hub.moment();
        }
    }

    /// When this turn began, by the engine's clock.
    fn moment(&self) -> Moment {
        self.hub.moment_of(self.now.into_std())
    }

    fn note_blocked(&mut self, written: Poll<io::Result<()>>) -> Poll<io::Result<()>> {
        self.blocked = true;
        written
    }

    /// The socket took something. If it had been full, the peer must have read.
    fn note_written(&mut self, written: Written) {
        if std::mem::replace(&mut self.blocked, written == Written::Short) {
            self.keepalive.sign_of_life(self.now);
        }
    }
}

/// The events that are to be acknowledged say which attempt this is.
fn note_attempts(deliveries: &mut [Delivery]) {
    let at = wall_clock();
    for delivery in deliveries {
        if let Some(&Assignment { number, ref error, .. }) = delivery.assignment() {
            delivery.event = delivery.event.attempted(Attempt { number, at, error: error.as_deref() });
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.leave();
        self.settle(false);
    }
}

mod ending;
mod reading;
#[cfg(test)]
mod tests;
