//! What one client says and is answered. Knows messages, not frames or sockets.

use std::sync::Arc;

use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use uuid::Uuid;

use super::credit::Account;
use super::frame::write_header;
use super::hub::{SLICE, wall_clock};
use super::rate::Rate;
use super::receipts::{Fate, Pending, Receipts, Shape};
use crate::protocol::reply::{Reply, Status};
use crate::protocol::{
    Credit, ErrorCode, Event, Fill, Hello, Incoming, PROTOCOL, Publish, PublishBatch, PublishOptions,
    Receipt as When, Refused, Request, Subscription, Time, WireError, decode,
};
use crate::router::{ClientKey, Moment, Notice, Published, Receipt, Refusal, Router};

/// A message that was read, before the engine is asked.
pub(super) enum Heard<'a> {
    /// Understood.
    Request(Incoming<'a>),
    /// Not understood.
    Refused(Refused),
}

/// One client's side of the conversation.
pub(super) struct Dialogue {
    pub key: ClientKey,
    pub client_id: Uuid,
    client_name: Box<str>,
    pub rate: Rate,
    /// It said `hello`.
    hello: bool,
    pub lean: bool,
    /// What it may still be sent.
    pub credit: Account,
    receipts: Receipts,
    /// Events that were accepted and that the engine does not know to be this client's.
    published: u64,
}

/// Fills in what a publisher left out.
struct Filler<'a> {
    client: &'a str,
    now: Option<Time>,
}

impl Fill for Filler<'_> {
    fn client_id(&self) -> &str {
        self.client
    }

    fn now(&mut self) -> Time {
        *self.now.get_or_insert_with(wall_clock)
    }

    fn new_id(&mut self) -> Uuid {
        Uuid::new_v4()
    }
}

/// Appends a text frame with a reply.
pub(super) fn send(reply: &Reply, request_id: Option<&str>, out: &mut Vec<u8>) {
    let start = out.len();
    // Room for the header of a short frame; a longer one is put in its place.
    out.extend_from_slice(&[0; 2]);
    reply.write(request_id, out);
    let mut header = Vec::new();
    let length = out.len() - start - 2;
    write_header(OpCode::Data(Data::Text), length, &mut header);
    out.splice(start..start + 2, header);
}

fn complain(code: ErrorCode, text: impl Into<String>, request_id: Option<&str>, out: &mut Vec<u8>) {
    let error = WireError::new(code, text);
    send(&Reply::Error { error: &error, timestamp: wall_clock() }, request_id, out);
}

impl Dialogue {
    pub fn new(key: ClientKey, client_id: Uuid, rate: Rate) -> Self {
        let client_name = client_id.to_string().into();
        Self {
            key,
            client_id,
            client_name,
            rate,
            hello: false,
            lean: false,
            credit: Account::default(),
            receipts: Receipts::default(),
            published: 0,
        }
    }

    /// The first thing the client is told.
    pub fn welcome(&self, out: &mut Vec<u8>) {
        send(&Reply::Welcome { client_id: self.client_id, server_time: wall_clock() }, None, out);
    }

    /// Reads one message.
    pub fn hear<'a>(&self, text: &'a str) -> Heard<'a> {
        match decode(text, &mut Filler { client: &self.client_name, now: None }) {
            Ok(incoming) => Heard::Request(incoming),
            Err(refused) => Heard::Refused(refused),
        }
    }

    /// Answers a binary message.
    pub fn refuse_binary(out: &mut Vec<u8>) {
        complain(
            ErrorCode::BinaryNotSupported,
            "Binary messages are not supported: send JSON as text",
            None,
            out,
        );
    }

    /// Does what the client asks.
    pub fn answer(&mut self, heard: Heard, router: &mut Router, now: Moment, out: &mut Vec<u8>) {
        let incoming = match heard {
            Heard::Request(incoming) => incoming,
            Heard::Refused(Refused { error, request_id }) => {
                let reply = Reply::Error { error: &error, timestamp: wall_clock() };
                return send(&reply, request_id.as_deref(), out);
            }
        };
        let request_id = incoming.request_id;
        match incoming.request {
            Request::Publish(publish) => self.publish(publish, request_id, router, now, out),
            Request::PublishBatch(batch) => self.publish_batch(batch, request_id, router, now, out),
            Request::Ping { echo } => send(&Reply::Pong { timestamp: wall_clock(), echo }, request_id, out),
            Request::Subscribe(wanted) => self.subscribe(wanted, request_id, router, now, out),
            Request::Unsubscribe { subscription_id } => {
                self.unsubscribe(&subscription_id, request_id, router, now, out);
            }
            Request::GetHealth => {
                let health = router.health(now.millis, wall_clock());
                send(&Reply::Health(&health), request_id, out);
            }
            Request::Hello(hello) => self.greet(&hello, request_id, router, out),
            Request::Credit(credit) => self.grant(credit, request_id, out),
        }
    }

    fn publish(
        &mut self,
        publish: Publish,
        request_id: Option<&str>,
        router: &mut Router,
        now: Moment,
        out: &mut Vec<u8>,
    ) {
        let Publish { event, options } = publish;
        if options.receipt == When::Dispatched {
            let mut pending = Pending::new(Shape::Single, request_id);
            let fate = self.offer(&event, options, self.receipts.next_token(), router, now);
            pending.push(Some(event), fate);
            return self.receipts.settle(pending, out);
        }
        let fate = self.offer(&event, options, 0, router, now);
        send(&Reply::Published(fate.outcome(event.id_json(), &[])), request_id, out);
    }

    fn publish_batch(
        &mut self,
        batch: PublishBatch,
        request_id: Option<&str>,
        router: &mut Router,
        now: Moment,
        out: &mut Vec<u8>,
    ) {
        let mut pending = Pending::new(Shape::Batch, request_id);
        for (token, event) in (self.receipts.next_token()..).zip(batch.events) {
            match event {
                Ok(event) => {
                    let fate = self.offer(&event, batch.options, token, router, now);
                    pending.push(Some(event), fate);
                }
                Err(error) => pending.push(None, Fate::Invalid(error)),
            }
        }
        self.receipts.settle(pending, out);
    }

    /// Offers one event to the engine.
    fn offer(
        &mut self,
        event: &Arc<Event>,
        options: PublishOptions,
        token: u64,
        router: &mut Router,
        now: Moment,
    ) -> Fate {
        // Part 1 knows no `rejected`.
        let refused = if self.hello { Status::Rejected } else { Status::Dropped };
        if !self.rate.admit(now.millis) {
            return self.not_taken(event, refused, ErrorCode::RateLimited.as_str());
        }
        let wants_receipt = options.receipt == When::Dispatched;
        let receipt = wants_receipt.then_some(Receipt { client: self.key, token });
        let published = router.publish(Arc::clone(event), options.ttl_ms, receipt, now);
        self.published += u64::from(published == Published::Queued);
        match published {
            Published::Queued if wants_receipt => Fate::Open,
            Published::Queued => Fate::Queued,
            Published::QueueFull => self.not_taken(event, Status::Dropped, "queue_full"),
            Published::Draining => self.not_taken(event, refused, ErrorCode::Draining.as_str()),
        }
    }

    /// Has the engine count what was published since this was last called, once for all messages of a read.
    pub fn count_published(&mut self, router: &mut Router, now: Moment) {
        if self.published > 0 {
            router.published_by(self.key, std::mem::take(&mut self.published), now.millis);
        }
    }

    #[cold]
    fn not_taken(&self, event: &Event, status: Status, reason: &'static str) -> Fate {
        tracing::debug!(client_id = %self.client_id, event_id = event.id(), reason, "an event was not taken");
        Fate::NotTaken(status, reason)
    }

    fn subscribe(
        &self,
        wanted: Subscription,
        request_id: Option<&str>,
        router: &mut Router,
        now: Moment,
        out: &mut Vec<u8>,
    ) {
        // What this client published before it asked must not count as published after.
        router.dispatch(SLICE, now);
        let id = Uuid::new_v4();
        let topics = wanted.topics.clone();
        match router.subscribe(self.key, id, wanted) {
            Ok(subscribed) => {
                let sub = self.lean.then_some(subscribed.number);
                send(&Reply::Subscribed { subscription_id: id, topics: &topics, sub }, request_id, out);
                router.adopt(id, now.millis);
            }
            Err(Refusal::MaxSubscriptions(most)) => {
                let text = format!(
                    "Failed to subscribe: this client has {most} subscriptions, the most it may have"
                );
                complain(ErrorCode::TooManySubscriptions, text, request_id, out);
            }
            // Its connection is about to be closed.
            Err(_) => {
                complain(ErrorCode::NotFound, "Failed to subscribe: the client is gone", request_id, out)
            }
        }
    }

    fn unsubscribe(
        &self,
        subscription: &str,
        request_id: Option<&str>,
        router: &mut Router,
        now: Moment,
        out: &mut Vec<u8>,
    ) {
        router.dispatch(SLICE, now);
        let id = Uuid::try_parse(subscription).ok();
        match id.map(|id| (id, router.unsubscribe(self.key, id, now.millis))) {
            Some((subscription_id, Ok(()))) => {
                send(&Reply::Unsubscribed { subscription_id }, request_id, out)
            }
            Some((_, Err(Refusal::NotOwner))) => {
                complain(ErrorCode::NotOwner, "Subscription not owned by client", request_id, out);
            }
            _ => complain(ErrorCode::NotFound, "Subscription not found", request_id, out),
        }
    }

    fn greet(&mut self, hello: &Hello, request_id: Option<&str>, router: &mut Router, out: &mut Vec<u8>) {
        if hello.protocol < PROTOCOL {
            let text =
                format!("Protocol {} has no hello: this router speaks protocol {PROTOCOL}", hello.protocol);
            return complain(ErrorCode::UnsupportedProtocol, text, request_id, out);
        }
        if hello.lean && !self.lean && router.view(self.key).is_some_and(|view| view.subscriptions > 0) {
            let text = "hello with lean must come before the first subscribe, whose reply names the number";
            return complain(ErrorCode::InvalidMessage, text, request_id, out);
        }
        self.hello = true;
        self.lean = hello.lean;
        self.credit = Account::open(hello.credit);
        router.hello(self.key);
        if let Some(software) = &hello.client {
            router.software(self.key, software);
        }
        tracing::debug!(client_id = %self.client_id, software = hello.client.as_deref().unwrap_or(""), "hello");
        send(&Reply::Hello, request_id, out);
    }

    /// It has room for more. There is no answer, for it would be one for every few events.
    fn grant(&mut self, credit: Credit, request_id: Option<&str>, out: &mut Vec<u8>) {
        if !self.credit.grant(credit) {
            let text = "credit needs a `hello` that asks for it, with `credit`";
            complain(ErrorCode::InvalidMessage, text, request_id, out);
        }
    }

    /// Tells the client what the engine has to say to it.
    pub fn tell(&mut self, notices: impl IntoIterator<Item = Notice>, out: &mut Vec<u8>) {
        for notice in notices {
            match notice {
                Notice::Gap { subscription, gap } => {
                    let (evicted, expired) = (&gap.evicted, &gap.expired);
                    send(&Reply::Gap { subscription_id: subscription, evicted, expired }, None, out);
                }
                Notice::Dispatched { token, matched, refused } => {
                    self.receipts.arrived(token, Fate::Dispatched { matched, refused }, out);
                }
                Notice::Draining { deadline, reconnect_after } => {
                    send(&Reply::Draining { deadline, reconnect_after }, None, out);
                }
                Notice::Lost { token, reason } => self.receipts.arrived(token, Fate::Lost(reason), out),
            }
        }
    }
}
