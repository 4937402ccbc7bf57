//! What the peer sends: read, taken apart, and answered.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Control, OpCode};

use super::{Connection, Phase};
use crate::server::dialogue::{Desk, Dialogue, Heard};
use crate::server::frame::{Message, Step, Violation, write_header};
use crate::server::hub::SLICE;
use crate::server::scratch::{READ_BUFFER, Scratch};

/// Reads of one turn. The second finds as a rule that there is no more, without a system call: else it would take a turn of
/// its own to find that.
const READS: usize = 2;
/// What is left over from a read is put in front of the next one as long as it is short; the start of a longer
/// frame is collected in memory of its own.
const SHORT_REST: usize = READ_BUFFER / 4;

/// What reading came to.
#[derive(PartialEq, Eq)]
pub(super) enum Read {
    /// There may be more.
    Some,
    /// There is no more: the task is woken when there is.
    Nothing,
    /// It is not to be read for now.
    Held,
    /// The peer has closed its side.
    End,
}

/// Messages that are answered under one lock. Most reads bring one, for which nothing is allocated.
#[derive(Default)]
struct Batch<'a> {
    first: Option<Heard<'a>>,
    more: Vec<Heard<'a>>,
}

impl<'a> Batch<'a> {
    fn push(&mut self, heard: Heard<'a>) {
        match self.first {
            None => self.first = Some(heard),
            Some(_) => self.more.push(heard),
        }
    }
}

impl<'a> From<Heard<'a>> for Batch<'a> {
    fn from(heard: Heard<'a>) -> Self {
        Self { first: Some(heard), more: Vec::new() }
    }
}

impl Connection {
    /// Reads what there is, and answers it.
    pub(super) fn read(&mut self, cx: &mut Context, scratch: &mut Scratch) -> io::Result<Read> {
        for _ in 0..READS {
            if !matches!(self.phase, Phase::Open) {
                return Ok(Read::Nothing);
            }
            if !self.may_read() {
                return Ok(Read::Held);
            }
            match self.poll_read(cx, scratch) {
                Poll::Ready(Ok(0)) => return Ok(Read::End),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => return Ok(Read::Nothing),
            }
        }
        Ok(Read::Some)
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
        self.keepalive.sign_of_life(self.now);
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
    pub(super) fn digest(&mut self, mut bytes: &mut [u8]) {
        let mut heard = Batch::default();
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
    fn hear<'a>(&mut self, message: Message<'a>, heard: &mut Batch<'a>) -> bool {
        #[cfg(test)]
        assert!(!matches!(message, Message::Text("panic")), "as the test wants it");
        match message {
            Message::Text(text) => heard.push(self.dialogue.hear(text)),
            Message::Assembled(text) => {
                // It is not borrowed from the buffer, so it cannot wait with the others.
                self.answer(std::mem::take(heard));
                let message = self.dialogue.hear(&text);
                self.answer(Batch::from(message));
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

    fn answer(&mut self, heard: Batch<'_>) {
        if heard.first.is_none() {
            return;
        }
        let now = self.moment();
        let Self { hub, dialogue, outgoing, idle, .. } = self;
        let storing = hub.storing();
        let more = hub.with(|router| {
            let mut desk = Desk { router, storing, now };
            for message in heard.first.into_iter().chain(heard.more) {
                dialogue.answer(message, &mut desk, outgoing.control());
            }
            dialogue.count_published(router, now);
            let more = router.dispatch(SLICE, now);
            *idle = router.is_idle(dialogue.key);
            more
        });
        outgoing.lean = dialogue.lean;
        if more {
            hub.leave_backlog();
        }
    }
}
