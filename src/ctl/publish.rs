//! `publish`: sends events, and tells what became of each.

mod args;
mod event;
mod payload;
mod tally;

use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::failure::{Failure, NO_ANSWER, UNAVAILABLE};
use super::output::Output;
use super::pace::Pace;
use super::wire::{self, Place};
use crate::client::{Connection, Error, Message, NewEvent, Request};
use crate::protocol::{PublishOptions, Receipt};
pub(super) use args::PublishArgs;
pub(super) use event::{priority, types};
use payload::Line;
use tally::Tally;

/// Events that are under way without an answer. Answers of this many fit where the router keeps those that wait.
pub(super) const UNANSWERED: u64 = 256;
/// How long the router may take for an answer. It tells of an event when it is matched, and may have many before it.
const PATIENCE: Duration = Duration::from_secs(30);
/// A rate holds over this time; who stood still for longer does not make up for it.
const CATCH_UP: Duration = Duration::from_millis(100);

pub(super) fn run(args: PublishArgs, place: &Place, out: &mut Output) -> Result<(), Failure> {
    // What is wrong with the payload is wrong without a router as well.
    let payloads = payloads(&args)?;
    let address = place.find()?;
    wire::block_on(async {
        let connection = place.connect(&address).await?;
        let mut publisher = Publisher {
            options: PublishOptions {
                ttl_ms: args.event.ttl.map(|ttl| ttl.as_millis() as u64),
                receipt: if connection.has("receipt") { Receipt::Dispatched } else { Receipt::Queued },
                mandatory: args.mandatory,
            },
            connection,
            payloads,
            pace: Pace::new(args.rate, CATCH_UP),
            event: args.event.event(&args.topic),
            tally: Tally::new(args.quiet, args.count == 1 && !args.lines),
            sent: 0,
        };
        publisher.run(out).await?;
        publisher.connection.close().await;
        publisher.tally.end(out)
    })
}

fn payloads(args: &PublishArgs) -> Result<Payloads, Failure> {
    let from_stdin = args.payload.as_deref() == Some("-");
    let file = if from_stdin { Some(PathBuf::from("-")) } else { args.file.clone() };
    let payload = match (file, &args.payload) {
        (file, _) if args.lines => {
            return payload::lines(&file.unwrap_or_else(|| "-".into()), args.text).map(Payloads::Lines);
        }
        (Some(file), _) => {
            let place = if from_stdin { "stdin".to_owned() } else { file.display().to_string() };
            Some(payload::read(payload::whole(&file)?, args.text, &place)?)
        }
        (None, Some(text)) => Some(payload::read(text.clone(), args.text, "the payload")?),
        (None, None) => None,
    };
    Ok(Payloads::Same { payload, left: args.count })
}

/// What the events say, one after the other.
enum Payloads {
    /// The same for all.
    Same { payload: Option<Box<RawValue>>, left: u64 },
    /// A line each.
    Lines(mpsc::Receiver<Line>),
}

impl Payloads {
    /// The next event's; none at the end. It may be cancelled.
    async fn next(&mut self, pace: &Pace) -> Option<Result<Option<Box<RawValue>>, Failure>> {
        if matches!(self, Self::Same { left: 0, .. }) {
            return None;
        }
        // First: a line that was taken must not be lost, so nothing is waited for after it.
        pace.wait().await;
        match self {
            Self::Same { payload, left } => {
                *left -= 1;
                Some(Ok(payload.clone()))
            }
            Self::Lines(lines) => lines.recv().await.map(|line| line.map(Some)),
        }
    }
}

/// What is next for somebody who publishes.
pub(super) enum Turn<T> {
    /// There is something to send.
    Next(T),
    /// The router has said something.
    Heard(Message),
    /// It should have.
    OutOfTime,
}

/// Waits for what is to be sent next, if that may be, or for the router.
pub(super) async fn turn<T>(
    connection: &mut Connection,
    may_send: bool,
    next: impl Future<Output = T>,
) -> Result<Turn<T>, Error> {
    if may_send {
        return tokio::select! {
            biased;
            next = next => Ok(Turn::Next(next)),
            message = connection.receive() => message.map(Turn::Heard),
        };
    }
    match timeout(PATIENCE, connection.receive()).await {
        Ok(message) => message.map(Turn::Heard),
        Err(_) => Ok(Turn::OutOfTime),
    }
}

/// The router does not answer.
pub(super) fn out_of_time(unanswered: u64, sent: u64) -> Failure {
    let seconds = PATIENCE.as_secs();
    let text = format!(
        "{unanswered} of {sent} events got no answer within {seconds} s; whether they were published is not known"
    );
    Failure::new(NO_ANSWER, "no_answer", text)
}

struct Publisher {
    connection: Connection,
    payloads: Payloads,
    pace: Pace,
    event: NewEvent,
    options: PublishOptions,
    tally: Tally,
    sent: u64,
}

impl Publisher {
    /// Sends everything, and waits for all answers.
    async fn run(&mut self, out: &mut Output) -> Result<(), Failure> {
        // A line that is none ends it, but what was sent before it is answered first.
        let mut end = None;
        while end.is_none() || self.unanswered() > 0 {
            let may_send = end.is_none() && self.unanswered() < UNANSWERED;
            match turn(&mut self.connection, may_send, self.payloads.next(&self.pace)).await {
                Ok(Turn::Next(Some(Ok(payload)))) => self.publish(payload).await?,
                Ok(Turn::Next(Some(Err(failure)))) => end = Some(Err(failure)),
                Ok(Turn::Next(None)) => end = Some(Ok(())),
                Ok(Turn::Heard(message)) => self.hear(message, out)?,
                Ok(Turn::OutOfTime) => return Err(out_of_time(self.unanswered(), self.sent)),
                Err(error) => return Err(self.broken(error)),
            }
        }
        end.unwrap_or(Ok(()))
    }

    fn unanswered(&self) -> u64 {
        self.sent - self.tally.answers()
    }

    async fn publish(&mut self, payload: Option<Box<RawValue>>) -> Result<(), Failure> {
        self.sent += 1;
        self.pace.next();
        self.event.payload = payload;
        let number = self.sent.to_string();
        let request =
            Request::Publish { event: &self.event, options: self.options, request_id: Some(&number) };
        let fed = self.connection.feed(&request).await;
        fed.map_err(|error| self.broken(error))
    }

    fn hear(&mut self, message: Message, out: &mut Output) -> Result<(), Failure> {
        match message {
            Message::Published(published) => self.tally.published(&published, out),
            Message::Error(refusal) => {
                self.tally.refused(refusal, out);
                Ok(())
            }
            // The answers say what becomes of the events.
            _ => Ok(()),
        }
    }

    /// The connection is no more. What has no answer may have been published or not.
    fn broken(&self, error: Error) -> Failure {
        let failure = wire::failed(error);
        if self.sent == 1 {
            return failure;
        }
        let text = format!(
            "{failure}; of {} events {} were answered, and whether the others were published is not known",
            self.sent,
            self.tally.answers()
        );
        Failure::new(UNAVAILABLE, "interrupted", text)
    }
}
