//! What one client says and is answered. Knows messages, not frames or sockets.

use std::collections::BTreeMap;

use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use uuid::Uuid;

use self::subscribing::Awaited;
use super::credit::Account;
use super::frame::header;
use super::hub::wall_clock;
use super::rate::Rate;
use super::receipts::{Fate, Receipts};
use super::storing::Storing;
use crate::protocol::reply::Reply;
use crate::protocol::{
    Acknowledge, Credit, ErrorCode, Fill, Hello, Incoming, PROTOCOL, Refused, Request, Time, WireError,
    decode,
};
use crate::router::{Backlog, ClientKey, Moment, Notice, Router};

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
    /// Durable subscriptions that it waits for.
    awaited: BTreeMap<u64, Awaited>,
    /// Events that were accepted and that the engine does not know to be this client's.
    published: u64,
}

/// What a client's messages are answered with.
pub(super) struct Desk<'a> {
    pub router: &'a mut Router,
    pub storing: Option<&'a Storing>,
    pub now: Moment,
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

/// Bytes of a reply that says what became of an event, with its frame's header.
const USUAL_REPLY: usize = 128;

/// Appends a text frame with a reply.
pub(super) fn send(reply: &Reply, request_id: Option<&str>, out: &mut Vec<u8>) {
    let start = out.len();
    out.reserve(USUAL_REPLY);
    // Room for the header of a short frame; a longer one is put in its place.
    out.extend_from_slice(&[0; 2]);
    reply.write(request_id, out);
    let (header, length) = header(OpCode::Data(Data::Text), out.len() - start - 2);
    out.splice(start..start + 2, header[..length].iter().copied());
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
            awaited: BTreeMap::new(),
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
    pub fn answer(&mut self, heard: Heard, desk: &mut Desk<'_>, out: &mut Vec<u8>) {
        let incoming = match heard {
            Heard::Request(incoming) => incoming,
            Heard::Refused(Refused { error, request_id }) => {
                let reply = Reply::Error { error: &error, timestamp: wall_clock() };
                return send(&reply, request_id.as_deref(), out);
            }
        };
        let request_id = incoming.request_id;
        match incoming.request {
            Request::Publish(publish) => self.publish(publish, request_id, desk, out),
            Request::PublishBatch(batch) => self.publish_batch(batch, request_id, desk, out),
            Request::Ping { echo } => send(&Reply::Pong { timestamp: wall_clock(), echo }, request_id, out),
            Request::Subscribe(wanted) => self.subscribe(wanted, request_id, desk, out),
            Request::Unsubscribe { subscription_id, forget } => {
                self.unsubscribe(&subscription_id, forget, request_id, desk, out);
            }
            Request::GetHealth => {
                let mut health = desk.router.health(desk.now.millis, wall_clock());
                if let Some(storing) = desk.storing {
                    storing.trouble(&mut health);
                }
                send(&Reply::Health(&health), request_id, out);
            }
            Request::Hello(hello) => self.greet(&hello, request_id, desk, out),
            Request::Credit(credit) => self.grant(credit, request_id, out),
            Request::Acknowledge { delivery_id, what } => {
                self.acknowledge(&delivery_id, what, request_id, desk, out);
            }
        }
    }

    /// Has the engine count what was published since this was last called, once for all messages of a read.
    pub fn count_published(&mut self, router: &mut Router, now: Moment) {
        if self.published > 0 {
            router.published_by(self.key, std::mem::take(&mut self.published), now.millis);
        }
    }

    fn greet(&mut self, hello: &Hello, request_id: Option<&str>, desk: &mut Desk<'_>, out: &mut Vec<u8>) {
        if hello.protocol < PROTOCOL {
            let text =
                format!("Protocol {} has no hello: this router speaks protocol {PROTOCOL}", hello.protocol);
            return complain(ErrorCode::UnsupportedProtocol, text, request_id, out);
        }
        if hello.lean && !self.lean && desk.router.view(self.key).is_some_and(|view| view.subscriptions > 0) {
            let text = "hello with lean must come before the first subscribe, whose reply names the number";
            return complain(ErrorCode::InvalidMessage, text, request_id, out);
        }
        self.hello = true;
        self.lean = hello.lean;
        self.credit = Account::open(hello.credit);
        desk.router.hello(self.key);
        if let Some(software) = &hello.client {
            desk.router.software(self.key, software);
        }
        tracing::debug!(client_id = %self.client_id, software = hello.client.as_deref().unwrap_or(""), "hello");
        send(&Reply::Hello { stores: desk.storing.is_some() }, request_id, out);
    }

    /// It has room for more. There is no answer, for it would be one for every few events.
    fn grant(&mut self, credit: Credit, request_id: Option<&str>, out: &mut Vec<u8>) {
        if !self.credit.grant(credit) {
            let text = "credit needs a `hello` that asks for it, with `credit`";
            complain(ErrorCode::InvalidMessage, text, request_id, out);
        }
    }

    /// Something became of a delivery. Who wants to know that it is noted names the message.
    fn acknowledge(
        &self,
        delivery_id: &str,
        what: Acknowledge,
        request_id: Option<&str>,
        desk: &mut Desk<'_>,
        out: &mut Vec<u8>,
    ) {
        match desk.router.acknowledge(self.key, delivery_id, what, desk.now.millis) {
            Ok(()) if request_id.is_some() => send(&Reply::Acknowledged { delivery_id }, request_id, out),
            Ok(()) => {}
            Err(_) => {
                let text = "Delivery not found: it was acknowledged before, its time was over, or it is another client's";
                complain(ErrorCode::NotFound, text, request_id, out);
            }
        }
    }

    /// Tells the client what the engine has to say to it.
    pub fn tell(&mut self, notices: impl IntoIterator<Item = Notice>, out: &mut Vec<u8>) {
        for notice in notices {
            match notice {
                Notice::Gap { subscription, gap } => {
                    let (evicted, expired, lost) = (&gap.evicted, &gap.expired, &gap.lost);
                    let subscription_id = subscription;
                    send(&Reply::Gap { subscription_id, evicted, expired, lost }, None, out);
                }
                Notice::Dispatched { token, matched, refused, sequence } => {
                    self.receipts.arrived(token, Fate::Dispatched { matched, refused, sequence }, out);
                }
                Notice::Backlog { subscription, backlog } => {
                    let Backlog { waiting, more, oldest, highest } = backlog;
                    let (oldest_age_ms, highest_priority) = (oldest, highest);
                    let subscription_id = subscription;
                    let told =
                        Reply::Backlog { subscription_id, waiting, more, oldest_age_ms, highest_priority };
                    send(&told, None, out);
                }
                Notice::Replayed { subscription, sequence, events } => {
                    send(&Reply::Replayed { subscription_id: subscription, sequence, events }, None, out);
                }
                Notice::Resumed { token, outcome } => self.resumed(token, outcome, out),
                Notice::Stored { token, sequence } => {
                    self.receipts.arrived(token, Fate::Stored(sequence), out);
                }
                Notice::NotStored { token, why } => {
                    self.receipts.arrived(token, Fate::NotStored(self.refused(), why), out);
                }
                Notice::Draining { deadline, reconnect_after } => {
                    send(&Reply::Draining { deadline, reconnect_after }, None, out);
                }
                Notice::Lost { token, reason, sequence: 0 } => {
                    self.receipts.arrived(token, Fate::Lost(reason), out);
                }
                Notice::Lost { token, reason, sequence } => {
                    self.receipts.arrived(token, Fate::Unmatched(reason, sequence), out);
                }
            }
        }
    }
}

mod publishing;
mod subscribing;
