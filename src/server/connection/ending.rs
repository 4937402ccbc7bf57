//! How a connection ends: last words, a peer that may take its time to read them, a panic.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::super::frame::write_close;
use super::super::outgoing::Written;
use super::super::scratch::{self, Scratch};
use super::{CLOSE_TIMEOUT, Connection, Ended, LINGER_TIMEOUT, Phase};
use crate::router::{Close, Turn};

impl Connection {
    /// A panic in one connection's affairs must end that connection only. One inside the engine ends the process:
    /// whoever asks the engine next sees to that, and [`Connection::close`] is such a one.
    pub(super) fn guarded(
        &mut self,
        cx: &mut Context,
        work: impl FnOnce(&mut Self, &mut Context, &mut Scratch) -> Poll<Ended>,
    ) -> Poll<Ended> {
        let turn = AssertUnwindSafe(|| scratch::with(|scratch| work(self, cx, scratch)));
        catch_unwind(turn).unwrap_or_else(|_| {
            let client_id = self.client_id();
            tracing::error!(%client_id, "a panic in this client's connection, which is closed therefore");
            scratch::with(|scratch| scratch.turn = Turn::default());
            if !matches!(self.phase, Phase::Open) {
                return Poll::Ready(Err(io::Error::other("a panic")));
            }
            self.close(CloseCode::Error, "internal error");
            cx.waker().wake_by_ref();
            Poll::Pending
        })
    }

    pub(super) fn close_for(&mut self, close: Close) {
        match close {
            Close::SlowConsumer => {
                self.close(CloseCode::Policy, "slow consumer: more events waited than limits.outbox_* allow");
            }
            Close::Kicked => self.close(CloseCode::Policy, "closed by the operator"),
            Close::GoingAway => self.close(CloseCode::Away, "the router is shutting down"),
        }
    }

    pub(super) fn close(&mut self, code: CloseCode, why: &'static str) {
        self.close_within(CLOSE_TIMEOUT, code, why);
    }

    /// Says the last words, and has the engine forget the client: it gets no more events.
    pub(super) fn close_within(&mut self, time: Duration, code: CloseCode, why: &'static str) {
        if matches!(self.phase, Phase::Open) {
            self.leave();
            write_close(code, why, self.outgoing.control());
            self.phase = Phase::Closing { why, until: Box::pin(sleep_until(Instant::now() + time)) };
        }
    }

    /// The engine forgets the client. An event that is begun is not delivered yet.
    pub(super) fn leave(&self) {
        let (key, now) = (self.dialogue.key, self.hub.now());
        self.hub.with(|router| match self.outgoing.begun() {
            Some(delivery) => router.disconnect_amid(key, delivery, now),
            None => router.disconnect(key, now),
        });
    }

    /// What became of the event that was begun when the client left.
    pub(super) fn settle(&self, is_written: bool) {
        let now = self.hub.now();
        self.hub.with(|router| router.end_begun(self.dialogue.key, is_written, now));
    }

    pub(super) fn poll_end(&mut self, cx: &mut Context, scratch: &mut Scratch) -> Poll<Ended> {
        if let Phase::Closing { why, until } = &mut self.phase {
            let why = *why;
            if until.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Ok(why));
            }
            let begun = self.outgoing.poll_begun(&mut self.socket, cx, &mut scratch.write);
            if ready!(begun)? == Written::Short {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            self.settle(true);
            ready!(Pin::new(&mut self.socket).poll_shutdown(cx))?;
            let until = Box::pin(sleep_until(Instant::now() + LINGER_TIMEOUT));
            self.phase = Phase::Lingering { why, until };
        }
        let Phase::Lingering { why, until } = &mut self.phase else { return Poll::Pending };
        if until.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(why));
        }
        loop {
            let mut buffer = ReadBuf::new(&mut scratch.read);
            match Pin::new(&mut self.socket).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(Ok(why)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}
