//! What a client subscribes to.

use std::sync::Arc;

use uuid::Uuid;

use super::super::hub::SLICE;
use super::super::storing::{Asked, Storing};
use super::{Desk, Dialogue, complain, send};
use crate::protocol::reply::Reply;
use crate::protocol::{ErrorCode, Pattern, Subscription};
use crate::router::{Refusal, Router};

/// Durable subscriptions of one client that are being looked up at a time.
const MOST_AWAITED: usize = 256;

/// A durable subscription that is being looked up.
pub(super) struct Awaited {
    request_id: Option<Box<str>>,
    topics: Vec<Pattern>,
}

impl Dialogue {
    pub(super) fn subscribe(
        &mut self,
        wanted: Subscription,
        request_id: Option<&str>,
        desk: &mut Desk<'_>,
        out: &mut Vec<u8>,
    ) {
        if let Err(problem) = check(&wanted, desk.storing, desk.router) {
            let text = format!("Failed to subscribe: {problem}");
            return complain(ErrorCode::InvalidSubscription, text, request_id, out);
        }
        // What this client published before it asked must not count as published after.
        desk.router.dispatch(SLICE, desk.now);
        let id = Uuid::new_v4();
        if let (Some(_), Some(storing)) = (&wanted.durable, desk.storing) {
            return self.look_up(id, wanted, storing, request_id, out);
        }
        let topics = wanted.topics.clone();
        match desk.router.subscribe(self.key, id, wanted) {
            Ok(subscribed) => {
                self.confirm(id, &topics, subscribed.number, request_id, out);
                desk.router.adopt(id, desk.now.millis);
            }
            Err(refusal) => refuse(refusal, request_id, out),
        }
    }

    fn look_up(
        &mut self,
        id: Uuid,
        wanted: Subscription,
        storing: &Storing,
        request_id: Option<&str>,
        out: &mut Vec<u8>,
    ) {
        if self.awaited.len() >= MOST_AWAITED {
            let text =
                format!("Failed to subscribe: {MOST_AWAITED} durable subscriptions are not answered yet");
            return complain(ErrorCode::TooManySubscriptions, text, request_id, out);
        }
        let token = self.awaited.last_key_value().map_or(0, |(last, _)| last + 1);
        let awaited = Awaited { request_id: request_id.map(Into::into), topics: wanted.topics.clone() };
        self.awaited.insert(token, awaited);
        storing.resume(Asked { client: self.key, token, id, wanted });
    }

    /// A durable subscription was looked up.
    pub(super) fn resumed(&mut self, token: u64, outcome: Result<(Uuid, u32), Arc<str>>, out: &mut Vec<u8>) {
        let Some(Awaited { request_id, topics }) = self.awaited.remove(&token) else { return };
        let request_id = request_id.as_deref();
        match outcome {
            Ok((id, number)) => self.confirm(id, &topics, number, request_id, out),
            Err(why) => {
                let text = format!("Failed to subscribe: {why}");
                complain(ErrorCode::InvalidSubscription, text, request_id, out);
            }
        }
    }

    fn confirm(
        &self,
        subscription_id: Uuid,
        topics: &[Pattern],
        number: u32,
        request_id: Option<&str>,
        out: &mut Vec<u8>,
    ) {
        let sub = self.lean.then_some(number);
        send(&Reply::Subscribed { subscription_id, topics, sub }, request_id, out);
    }

    pub(super) fn unsubscribe(
        &self,
        subscription: &str,
        forget: bool,
        request_id: Option<&str>,
        desk: &mut Desk<'_>,
        out: &mut Vec<u8>,
    ) {
        desk.router.dispatch(SLICE, desk.now);
        let id = Uuid::try_parse(subscription).ok();
        let end = if forget { Router::forget } else { Router::unsubscribe };
        match id.map(|id| (id, end(desk.router, self.key, id, desk.now.millis))) {
            Some((subscription_id, Ok(()))) => {
                send(&Reply::Unsubscribed { subscription_id }, request_id, out)
            }
            Some((_, Err(Refusal::NotOwner))) => {
                complain(ErrorCode::NotOwner, "Subscription not owned by client", request_id, out);
            }
            Some((_, Err(Refusal::DurableTaken))) => {
                let text = "Durable subscription not forgotten: other clients are subscribed to it";
                complain(ErrorCode::InvalidSubscription, text, request_id, out);
            }
            _ => complain(ErrorCode::NotFound, "Subscription not found", request_id, out),
        }
    }
}

/// Whether the store has what a subscription needs of it.
fn check(wanted: &Subscription, storing: Option<&Storing>, router: &Router) -> Result<(), String> {
    let key = match (&wanted.durable, wanted.from) {
        (None, None) => return Ok(()),
        (Some(_), _) => "durable",
        (None, Some(_)) => "from",
    };
    let Some(storing) = storing else {
        return Err(format!("`{key}` needs a store, and this router has none: [store] in its configuration"));
    };
    if wanted.durable.is_none() {
        return Ok(());
    }
    let (rules, all) = (storing.store().rules(), [Pattern::all()]);
    let topics = if wanted.topics.is_empty() { &all[..] } else { &wanted.topics };
    if let Some(topic) = topics.iter().find(|topic| !rules.cover(topic)) {
        let rules: Vec<_> =
            rules.iter().flat_map(|(_, rule)| rule.topics.iter().map(Pattern::as_str)).collect();
        return Err(format!(
            "`durable` needs topics that are stored: `{}` lies within no [[store.rule]]; they are for {}",
            topic.as_str(),
            rules.join(", ")
        ));
    }
    if router.is_taken(wanted) {
        return Err("clients are there that ask for something else by this `durable` name".into());
    }
    Ok(())
}

fn refuse(refusal: Refusal, request_id: Option<&str>, out: &mut Vec<u8>) {
    match refusal {
        Refusal::MaxSubscriptions(most) => {
            let text =
                format!("Failed to subscribe: this client has {most} subscriptions, the most it may have");
            complain(ErrorCode::TooManySubscriptions, text, request_id, out);
        }
        // Its connection is about to be closed.
        _ => complain(ErrorCode::NotFound, "Failed to subscribe: the client is gone", request_id, out),
    }
}
