//! One connection after its handshake: a task that reads, has the messages answered, and writes.
//!
//! Reader and writer are one task, so that a connection costs one wake-up and one place in memory, and its whole
//! state has one owner.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::Sleep;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Control, OpCode};
use uuid::Uuid;

use super::dialogue::{Desk, Dialogue, Heard};
use super::frame::{Frames, Message, Step, Violation, write_header};
use super::hub::{Counted, Hub, SLICE, wall_clock};
use super::keepalive::{Keepalive, Verdict};
use super::outgoing::{Outgoing, Written};
use super::scratch::{READ_BUFFER, Scratch};
use super::socket::Socket;
use crate::protocol::Attempt;
use crate::router::{Assignment, Delivery};

/// How long a peer may take to let our last words into its buffers. Long, for it is most often a slow one.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long it may take to read them and close its side.
pub(super) const LINGER_TIMEOUT: Duration = Duration::from_secs(5);
/// Reads of one turn. The second finds as a rule that there is no more, without a system call: else it would take a turn of
/// its own to find that.
const READS: usize = 2;
/// What is left over from a read is put in front of the next one as long as it is short; the start of a longer
/// frame is collected in memory of its own.
const SHORT_REST: usize = READ_BUFFER / 4;

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
            for _ in 0..READS {
                held = !self.may_read();
                if held || !matches!(self.phase, Phase::Open) {
                    again = false;
                    break;
                }
                match self.poll_read(cx, scratch) {
                    Poll::Ready(Ok(0)) => return Poll::Ready(Ok("the peer closed the connection")),
                    Poll::Ready(Ok(_)) => again = true,
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => {
                        again = false;
                        break;
                    }
                }
            }
        }
        if matches!(self.phase, Phase::Open) {
            match self.poll_write(cx, scratch) {
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

    /// Applies settings that were changed since this connection last looked.
    fn adopt_settings(&mut self, version: u32) {
        self.version = version;
        let settings = self.hub.settings();
        self.frames.max_message = settings.max_message_size;
        self.keepalive.change(settings.ping_interval, settings.ping_timeout);
        self.dialogue.rate.change(settings.publish_rate, settings.publish_burst, self.hub.now());
    }

    fn watch(&mut self, cx: &mut Context) {
        match self.keepalive.poll(cx) {
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

    /// Reads once, as much as there is, and answers it. Ready with 0 at the end of the stream.
    fn poll_read(&mut self, cx: &mut Context, scratch: &mut Scratch) -> Poll<io::Result<usize>> {
        let collecting = self.rest.len() > SHORT_REST;
        let start = if collecting { 0 } else { self.rest.len() };
        scratch.read[..start].copy_from_slice(&self.rest[..start]);
        let mut buffer = ReadBuf::new(&mut scratch.read[start..]);
        match Pin::new(&mut self.socket).poll_read(cx, &mut buffer) {
            Poll::Ready(Ok(())) => {}
            other => return other.map_ok(|()| 0),
        }
        let read = buffer.filled().len();
        if read == 0 {
            return Poll::Ready(Ok(0));
        }
        self.keepalive.sign_of_life();
        if collecting {
            self.rest.extend_from_slice(&scratch.read[..read]);
            if self.rest.len() >= self.wanted {
                let mut collected = std::mem::take(&mut self.rest);
                self.digest(&mut collected);
            }
        } else {
            // Not kept for its memory: the connection may be idle from now on.
            self.rest = Vec::new();
            self.digest(&mut scratch.read[..start + read]);
        }
        Poll::Ready(Ok(read))
    }

    /// Takes what came apart into messages and has them answered, all under one lock; keeps what is left over.
    fn digest(&mut self, mut bytes: &mut [u8]) {
        let mut heard = Vec::new();
        let mut violation = None;
        let mut closed = false;
        while !bytes.is_empty() && !closed {
            match self.frames.next(bytes) {
                Ok((Step::Incomplete(wanted), left)) => {
                    self.wanted = wanted;
                    self.rest = left.to_vec();
                    break;
                }
                Ok((Step::Part, left)) => bytes = left,
                Ok((Step::Message(message), left)) => {
                    bytes = left;
                    closed = self.hear(message, &mut heard);
                }
                Err(error) => {
                    violation = Some(error);
                    break;
                }
            }
        }
        self.answer(heard);
        if let Some(Violation { code, reason }) = violation {
            self.close(code, reason);
        }
    }

    /// True: the peer closes.
    fn hear<'a>(&mut self, message: Message<'a>, heard: &mut Vec<Heard<'a>>) -> bool {
        #[cfg(test)]
        assert!(!matches!(message, Message::Text("panic")), "as the test wants it");
        match message {
            Message::Text(text) => heard.push(self.dialogue.hear(text)),
            Message::Assembled(text) => {
                // It is not borrowed from the buffer, so it cannot wait with the others.
                self.answer(std::mem::take(heard));
                let message = self.dialogue.hear(&text);
                self.answer(vec![message]);
            }
            Message::Binary => {
                self.answer(std::mem::take(heard));
                Dialogue::refuse_binary(self.outgoing.control());
            }
            Message::Ping(payload) => {
                write_header(OpCode::Control(Control::Pong), payload.len(), self.outgoing.control());
                self.outgoing.control().extend_from_slice(payload);
            }
            Message::Pong => {}
            Message::Close(code) => {
                self.answer(std::mem::take(heard));
                self.close(code.unwrap_or(CloseCode::Normal), "");
                return true;
            }
        }
        false
    }

    fn answer(&mut self, heard: Vec<Heard>) {
        if heard.is_empty() {
            return;
        }
        let Self { hub, dialogue, outgoing, .. } = self;
        let now = hub.moment();
        let storing = hub.storing();
        let more = hub.with(|router| {
            let mut desk = Desk { router, storing, now };
            for message in heard {
                dialogue.answer(message, &mut desk, outgoing.control());
            }
            dialogue.count_published(router, now);
            router.dispatch(SLICE, now)
        });
        outgoing.lean = dialogue.lean;
        if more {
            hub.leave_backlog();
        }
    }

    /// Writes until nothing is left (ready), or the socket takes no more (pending).
    fn poll_write(&mut self, cx: &mut Context, scratch: &mut Scratch) -> Poll<io::Result<()>> {
        let key = self.dialogue.key;
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
            let now = self.hub.moment();
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
        }
    }

    fn note_blocked(&mut self, written: Poll<io::Result<()>>) -> Poll<io::Result<()>> {
        self.blocked = true;
        written
    }

    /// The socket took something. If it had been full, the peer must have read.
    fn note_written(&mut self, written: Written) {
        if std::mem::replace(&mut self.blocked, written == Written::Short) {
            self.keepalive.sign_of_life();
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
#[cfg(test)]
mod tests;
