//! What happens on a connection next: both ways at once, since a router that cannot say anything need not listen.

use std::future::poll_fn;
use std::task::{Context, Poll, Waker};

use futures_util::{SinkExt, StreamExt};
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::tungstenite::{self, Bytes, Message as Frame, Utf8Bytes};

use super::super::Error;
use super::super::message::{self, Heard};
use super::pulse::Due;
use super::{Connection, LAST_WORDS};

/// WebSocket's code for a close without one.
const NO_CODE: u16 = 1005;

impl Connection {
    /// The next message, as it comes; none when the socket takes more again. Cancelling it loses nothing.
    pub(super) async fn turn(&mut self, listening: bool) -> Result<Option<Heard>, Error> {
        let had_room = self.has_room();
        loop {
            let by = self.next_look();
            match timeout_at(by, poll_fn(|cx| self.poll_turn(cx, listening, had_room))).await {
                Err(_) => self.look()?,
                Ok(None) => return Ok(None),
                Ok(Some(frame)) => {
                    if let Some(text) = self.text(frame)? {
                        return Ok(Some(message::read(&text)));
                    }
                }
            }
        }
    }

    /// Waits until the socket has taken everything, and with `flushed` until it is on its way.
    pub(super) async fn written(&mut self, flushed: bool) -> Result<(), Error> {
        // Nothing is read meanwhile, so no answer can come.
        self.pulse.listens(false);
        loop {
            let by = self.next_look();
            let written = poll_fn(|cx| {
                let done = self.write(cx) || (!flushed && self.outbox.is_empty());
                if done || self.broken.is_some() { Poll::Ready(()) } else { Poll::Pending }
            });
            match timeout_at(by, written).await {
                Err(_) => self.look()?,
                // Why it is so may be told behind what was not read.
                Ok(()) if self.broken.is_some() => return Err(self.last_words().await),
                Ok(()) => return Ok(()),
            }
        }
    }

    /// Gives the socket what it takes at once.
    pub(super) fn write_now(&mut self) {
        self.pulse.sending(true, self.socket.get_ref().written);
        // Whoever listens next polls again with a waker of their own.
        self.hand_over(&mut Context::from_waker(Waker::noop()));
    }

    fn poll_turn(
        &mut self,
        cx: &mut Context<'_>,
        listening: bool,
        had_room: bool,
    ) -> Poll<Option<Option<tungstenite::Result<Frame>>>> {
        self.write(cx);
        if (listening || self.broken.is_some())
            && let Poll::Ready(frame) = self.socket.poll_next_unpin(cx)
        {
            return Poll::Ready(Some(frame));
        }
        if !had_room && self.has_room() { Poll::Ready(None) } else { Poll::Pending }
    }

    /// Sends what can be sent. Whether everything is on its way.
    fn write(&mut self, cx: &mut Context<'_>) -> bool {
        self.hand_over(cx);
        if self.broken.is_some() || !self.outbox.is_empty() {
            return false;
        }
        if self.is_unflushed {
            match self.socket.poll_flush_unpin(cx) {
                Poll::Pending => return false,
                Poll::Ready(Ok(())) => self.is_unflushed = false,
                Poll::Ready(Err(error)) => {
                    self.broke(error);
                    return false;
                }
            }
        }
        self.pulse.sending(false, 0);
        true
    }

    fn hand_over(&mut self, cx: &mut Context<'_>) {
        while self.broken.is_none() && !self.outbox.is_empty() {
            let taken = match self.socket.poll_ready_unpin(cx) {
                Poll::Pending => return,
                Poll::Ready(Ok(())) => match self.outbox.pop_front() {
                    Some(frame) => self.socket.start_send_unpin(frame),
                    None => return,
                },
                Poll::Ready(Err(error)) => Err(error),
            };
            match taken {
                Ok(()) => self.is_unflushed = true,
                Err(error) => self.broke(error),
            }
        }
    }

    /// Nothing goes out any more. The router may have said why, behind messages that are still to be read.
    pub(super) fn broke(&mut self, error: tungstenite::Error) {
        let error = Error::of_socket(error, &self.address);
        self.broken.get_or_insert((error, Instant::now() + LAST_WORDS));
    }

    fn next_look(&self) -> Instant {
        self.broken.as_ref().map_or_else(|| self.pulse.next(), |(_, by)| *by)
    }

    fn look(&mut self) -> Result<(), Error> {
        if let Some((_, by)) = &self.broken
            && *by <= Instant::now()
            && let Some((error, _)) = self.broken.take()
        {
            return Err(error);
        }
        let (read, written) = (self.socket.get_ref().read, self.socket.get_ref().written);
        match self.pulse.look(read, written) {
            Due::Nothing => {}
            Due::Over(error) => return Err(error),
            Due::Ping => {
                self.outbox.push_back(Frame::Ping(Bytes::new()));
                self.write_now();
            }
        }
        Ok(())
    }

    /// Passes over what still comes, to the end.
    async fn last_words(&mut self) -> Error {
        loop {
            match self.turn(true).await {
                Err(error @ Error::Protocol { .. }) if self.broken.is_none() => return error,
                // Something that is not as it should be is not the end.
                Err(Error::Protocol { .. }) | Ok(_) => {}
                Err(error) => return error,
            }
        }
    }

    fn text(&mut self, frame: Option<tungstenite::Result<Frame>>) -> Result<Option<Utf8Bytes>, Error> {
        let error = match frame {
            Some(Ok(Frame::Text(text))) => return Ok(Some(text)),
            Some(Ok(Frame::Close(close))) => {
                let (code, reason) = close.map_or((NO_CODE, String::new()), |close| {
                    (close.code.into(), close.reason.as_str().to_owned())
                });
                return Err(Error::Closed { code, reason });
            }
            Some(Ok(_)) => return Ok(None),
            Some(Err(error)) => Error::of_socket(error, &self.address),
            None => Error::Lost("the router is gone".to_owned()),
        };
        // What went wrong first says more.
        Err(self.broken.take().map_or(error, |(first, _)| first))
    }
}
