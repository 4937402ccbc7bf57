//! The outgoing half of a connection: a small lane for replies and control frames, and what it takes from its
//! outbox, coalesced into few writes.
//!
//! Only what the socket has begun to take is beyond overtaking. What a write leaves over goes back to the
//! outbox, in front, so that an event of higher priority that comes meanwhile still passes it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use super::frame::{header_length, write_header};
use super::scratch::Scratch;
use super::socket::Socket;
use crate::protocol::delivery;
use crate::router::{Beside, Budget, Delivery, Turn};

/// Bytes of events taken at a time by a connection that takes all it is given. More gains nothing.
const LARGEST_BATCH: usize = 128 * 1024;
/// The same when the last write was cut short. Less would cost throughput when a reader is only a little slow.
const SMALLEST_BATCH: usize = 16 * 1024;
/// Deliveries taken at a time.
const BATCH_EVENTS: usize = 512;
/// More replies than this wait: the client does not read, and is not read from either.
const CONGESTED: usize = 64 * 1024;
/// Bytes handed to the socket at once; a larger event goes in pieces.
pub(super) const WRITE_BUFFER: usize = 256 * 1024;
/// What the reply lane may keep allocated when it is empty.
const KEPT_CONTROL: usize = 1024;

/// The outgoing half.
pub(super) struct Outgoing {
    /// Frames that go before any event.
    control: Vec<u8>,
    /// How much of them is written.
    control_written: usize,
    /// An event of which the socket has taken only the beginning.
    partial: Option<Partial>,
    batch: usize,
    /// Deliveries carry a small number and leave out defaults.
    pub lean: bool,
}

struct Partial {
    frame: EventFrame,
    written: usize,
    delivery: Delivery,
}

/// How a write ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// The socket took everything.
    All,
    /// It did not: wait until it is writable.
    Short,
}

impl Outgoing {
    pub fn new() -> Self {
        Self { control: Vec::new(), control_written: 0, partial: None, batch: LARGEST_BATCH, lean: false }
    }

    /// The reply lane, to append frames to.
    pub fn control(&mut self) -> &mut Vec<u8> {
        &mut self.control
    }

    /// So many replies wait that no more requests should be read.
    pub fn is_congested(&self) -> bool {
        self.control.len() - self.control_written > CONGESTED
    }

    /// An event was begun and must be ended before anything else is written.
    pub fn is_mid_event(&self) -> bool {
        self.partial.is_some()
    }

    /// Nothing waits to be written.
    pub fn is_empty(&self) -> bool {
        self.control.is_empty() && self.partial.is_none()
    }

    /// How much to take from the outbox for the next write.
    pub fn budget(&self) -> Budget {
        Budget::new(BATCH_EVENTS, self.batch)
    }

    /// Bytes of the messages that these are, without their frames' headers.
    pub fn length(&self, deliveries: &[Delivery]) -> usize {
        deliveries.iter().map(|delivery| EventFrame::new(delivery, self.lean).payload).sum()
    }

    /// Writes what has to go first: the rest of an event that was begun, then replies.
    pub fn poll_begun(
        &mut self,
        socket: &mut Socket,
        cx: &mut Context,
        scratch: &mut Vec<u8>,
    ) -> Poll<io::Result<Written>> {
        while let Some(partial) = &mut self.partial {
            scratch.clear();
            partial.frame.append(&partial.delivery, partial.written, scratch);
            let written = ready!(Pin::new(&mut *socket).poll_write(cx, scratch))?;
            partial.written += written;
            if partial.written == partial.frame.len() {
                self.partial = None;
            } else if written < scratch.len() {
                return Poll::Ready(Ok(Written::Short));
            }
        }
        while !self.control.is_empty() {
            let written =
                ready!(Pin::new(&mut *socket).poll_write(cx, &self.control[self.control_written..]))?;
            self.consume_control(written);
        }
        Poll::Ready(Ok(Written::All))
    }

    /// Writes replies and the turn's deliveries at once. Those that the socket did not begin to take stay in
    /// `turn`, from the returned place on; to be put back.
    pub fn poll_batch(
        &mut self,
        socket: &mut Socket,
        cx: &mut Context,
        scratch: &mut Scratch,
    ) -> Poll<io::Result<(Written, usize)>> {
        let Scratch { write, turn, .. } = scratch;
        write.clear();
        let control = self.control.len() - self.control_written;
        write.extend_from_slice(&self.control[self.control_written..]);
        let mut complete = true;
        for delivery in &turn.deliveries {
            if write.len() >= WRITE_BUFFER {
                complete = false;
                break;
            }
            complete = EventFrame::new(delivery, self.lean).append(delivery, 0, write);
        }
        let written = ready!(Pin::new(socket).poll_write(cx, write))?;
        let all = written == write.len();
        self.batch = if all { LARGEST_BATCH } else { SMALLEST_BATCH };
        let of_control = written.min(control);
        self.consume_control(of_control);
        if all && complete {
            return Poll::Ready(Ok((Written::All, turn.deliveries.len())));
        }
        let kept = self.cut(turn, written - of_control);
        Poll::Ready(Ok((if all { Written::All } else { Written::Short }, kept)))
    }

    /// Finds where `written` bytes of the deliveries end, and keeps the one that is begun.
    fn cut(&mut self, turn: &mut Turn, mut written: usize) -> usize {
        for (place, delivery) in turn.deliveries.iter().enumerate() {
            let frame = EventFrame::new(delivery, self.lean);
            if written < frame.len() {
                if written == 0 {
                    return place;
                }
                self.partial = Some(Partial { frame, written, delivery: delivery.clone() });
                return place + 1;
            }
            written -= frame.len();
        }
        turn.deliveries.len()
    }

    fn consume_control(&mut self, written: usize) {
        self.control_written += written;
        if self.control_written == self.control.len() {
            self.control_written = 0;
            if self.control.capacity() > KEPT_CONTROL {
                self.control = Vec::new();
            } else {
                self.control.clear();
            }
        } else if self.control_written > self.control.len() / 2 {
            // Not at every write: a long reply would be moved again and again.
            self.control.drain(..self.control_written);
            self.control_written = 0;
        }
    }

    /// The delivery of which the socket has taken only the beginning.
    pub fn begun(&self) -> Option<&Delivery> {
        self.partial.as_ref().map(|partial| &partial.delivery)
    }
}

/// How one delivery lies on the wire: frame header, head, the event's shared text, a tail of the subscription's own.
struct EventFrame {
    lean: bool,
    /// All but the frame header.
    payload: usize,
    /// What stands between text and tail, where it has something.
    beside: Vec<u8>,
    tail: Tail,
}

/// At most a full tail; a lean one is shorter.
struct Tail {
    bytes: [u8; delivery::FULL_TAIL],
    len: usize,
}

impl EventFrame {
    fn new(delivery: &Delivery, lean: bool) -> Self {
        let tail = if lean { Tail::lean(delivery.number) } else { Tail::full(delivery) };
        let beside = delivery.beside.as_deref().map(beside).unwrap_or_default();
        let payload = delivery::HEAD.len() + text(delivery, lean).len() + beside.len() + tail.len;
        Self { lean, payload, beside, tail }
    }

    fn len(&self) -> usize {
        header_length(self.payload) + self.payload
    }

    /// Appends what comes after the first `from` bytes, up to a full write buffer. True: that is all of it.
    fn append(&self, delivery: &Delivery, from: usize, out: &mut Vec<u8>) -> bool {
        let text = text(delivery, self.lean).as_bytes();
        let tail = &self.tail.bytes[..self.tail.len];
        if from == 0 && self.payload <= WRITE_BUFFER {
            write_header(OpCode::Data(Data::Text), self.payload, out);
            out.extend_from_slice(delivery::HEAD);
            out.extend_from_slice(text);
            out.extend_from_slice(&self.beside);
            out.extend_from_slice(tail);
            return true;
        }
        let mut head = Vec::with_capacity(header_length(self.payload) + delivery::HEAD.len());
        write_header(OpCode::Data(Data::Text), self.payload, &mut head);
        head.extend_from_slice(delivery::HEAD);
        let mut skip = from;
        let mut appended = 0;
        for part in [&head, text, &self.beside, tail] {
            let rest = &part[skip.min(part.len())..];
            skip = skip.saturating_sub(part.len());
            let room = WRITE_BUFFER.saturating_sub(out.len());
            let fits = rest.len().min(room);
            out.extend_from_slice(&rest[..fits]);
            appended += fits;
        }
        from + appended == self.len()
    }
}

impl Tail {
    fn full(delivery: &Delivery) -> Self {
        Self { bytes: delivery::full_tail(delivery.subscription), len: delivery::FULL_TAIL }
    }

    fn lean(number: u32) -> Self {
        let mut text = Vec::with_capacity(delivery::FULL_TAIL);
        delivery::lean_tail(number, &mut text);
        let mut bytes = [0; delivery::FULL_TAIL];
        bytes[..text.len()].copy_from_slice(&text);
        Self { bytes, len: text.len() }
    }
}

/// What an event that is to be acknowledged, or counted, has between its text and its tail.
fn beside(beside: &Beside) -> Vec<u8> {
    let mut text = Vec::new();
    if let Some(assignment) = &beside.assignment {
        let [before, behind] = delivery::DELIVERY_ID;
        for part in [before, assignment.name.as_bytes(), behind] {
            text.extend_from_slice(part);
        }
    }
    if beside.sequence > 0 {
        delivery::sequence(beside.sequence, &mut text);
    }
    text
}

fn text(delivery: &Delivery, lean: bool) -> &str {
    if lean { delivery.event.lean() } else { delivery.event.full() }
}

#[cfg(test)]
mod tests;
