//! Why an event would reach a subscription, or would not; and where an event is that came already.
//!
//! Nothing is remembered for this: what was delivered is gone, and the way of an event costs nothing more for being
//! explained. So all that is told is what holds now.

use std::sync::Arc;

use uuid::Uuid;

use super::groups::Advantage;
use super::inspect::{LOOKED_AT, NAMES, Page, ROWS, is_meant};
use super::outbox::Room;
use super::rehearsal::{Outcome, Rehearsal};
use super::subscription::{Part, Subscription, SubscriptionKey};
use super::{ClientKey, ClientName, Leftover, Millis, Reason, Receipt, Router};
use crate::protocol::{Event, Pattern, Priority, Subscription as Wanted};

/// Patterns, sources and targets of one subscription that are told when none is right: those that come closest.
const TOLD: usize = 8;

/// Whose subscriptions are asked about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Whom {
    /// Everybody's.
    All,
    /// One client's.
    Client(ClientKey),
    /// One.
    Subscription(Uuid),
}

/// What would become of a publish.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Admission {
    /// There is room in the queue.
    Free,
    /// The queue is full, and something of this priority goes for it.
    InPlaceOf(Priority),
    /// The queue is full, and it outranks nothing there.
    QueueFull,
    /// The router winds down.
    Draining,
}

/// Something that keeps an event from a subscription.
#[derive(Clone, PartialEq, Debug)]
pub enum Obstacle {
    /// None of its patterns matches the topic. The closest ones.
    Pattern(Vec<Pattern>),
    /// The event's priority is below this one.
    Priority(Priority),
    /// Its types do not include the event's.
    Type,
    /// Its sources do not include the event's.
    Source,
    /// Its targets do not include the event's.
    Target,
    /// Another member of the group would get it.
    Group {
        /// The group's name.
        name: Box<str>,
        /// The subscription that would get it.
        member: Uuid,
        /// Whose that is.
        client: Option<Uuid>,
        /// Why that one.
        advantage: Advantage,
    },
    /// The outbox does not take it.
    Outbox(Reason),
    /// Its client would be disconnected by an earlier delivery of the same event.
    Expelled,
}

impl Obstacle {
    /// The subscription does not ask for such an event, whatever its client's state.
    pub fn is_a_filter(&self) -> bool {
        match self {
            Self::Pattern(_) | Self::Priority(_) | Self::Type | Self::Source | Self::Target => true,
            Self::Group { .. } | Self::Outbox(_) | Self::Expelled => false,
        }
    }
}

/// What would become of an event for one subscription.
#[derive(Clone, PartialEq, Debug)]
pub struct Explained {
    /// The subscription's id.
    pub subscription: Uuid,
    /// Whose it is.
    pub client: Option<ClientName>,
    /// What it asks for, lists cut short.
    pub wanted: Wanted,
    /// Patterns beside those.
    pub more_topics: usize,
    /// All that keeps the event from it, in the order in which it is looked at. Nothing: it would be delivered.
    pub obstacles: Vec<Obstacle>,
    /// For it, something that ranks lower would be shed.
    pub sheds: bool,
    /// Events that wait for its client or are being written.
    pub outbox_events: usize,
    /// Their bytes.
    pub outbox_bytes: usize,
    /// Deliveries that its client had to miss because it is slow.
    pub shed: u64,
}

/// Where an event is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Spot {
    /// In the ingress queue, not matched yet.
    Queue,
    /// Left by an earlier run, waiting for a subscription like the one that it was for.
    Left,
    /// In the outbox of a client, for this subscription.
    Outbox(Uuid),
}

/// An event that was found.
#[derive(Clone, Debug)]
pub struct Located {
    /// The event.
    pub event: Arc<Event>,
    /// Where.
    pub spot: Spot,
    /// When it expires there; [`Millis::MAX`] = never.
    pub deadline: Millis,
}

/// From where on an event is looked for: the queue, what an earlier run left, one client after the other; and how many
/// events of that have been looked at.
pub type Place = (usize, usize);

impl Router {
    /// What would become of a publish of this priority.
    pub fn admission(&self, priority: Priority) -> Admission {
        if self.draining {
            return Admission::Draining;
        }
        if self.ingress.has_room(priority) {
            return Admission::Free;
        }
        self.ingress.outranked(priority).map_or(Admission::QueueFull, Admission::InPlaceOf)
    }

    /// What would become of an event that was matched now, for subscriptions from this place on. `size` is what it counts
    /// as in outboxes: whoever asks has no need to make up a large one.
    pub fn explain(&self, event: &Event, size: usize, whom: Whom, from: usize) -> Page<Explained> {
        let rehearsal = Rehearsal::new(self, event, size);
        let (mut rows, mut names) = (Vec::new(), 0);
        let all = match whom {
            Whom::All => self.subscriptions.capacity(),
            Whom::Client(key) => self.subscriptions_of(key).len(),
            Whom::Subscription(_) => 1,
        };
        let end = all.min(from.saturating_add(LOOKED_AT));
        for place in from..end {
            if rows.len() == ROWS || names >= NAMES {
                return Page { rows, next: Some(place) };
            }
            let key = match whom {
                Whom::All => Some(SubscriptionKey(place as u32)),
                Whom::Client(key) => self.subscriptions_of(key).get(place).copied(),
                Whom::Subscription(id) => self.by_id.get(&id).copied(),
            };
            let Some((key, subscription)) =
                key.zip(key.and_then(|key| self.subscriptions.get(key.0 as usize)))
            else {
                continue;
            };
            let wanted = subscription.wanted(subscription.group.and_then(|group| self.groups.name(group)));
            names += wanted.topics.len() + wanted.sources.len() + wanted.targets.as_ref().map_or(0, Vec::len);
            rows.push(self.explained(key, subscription, cut_short(wanted), event, &rehearsal));
        }
        Page { rows, next: (end < all).then_some(end) }
    }

    /// Where an event of this id is, or of one that begins so, looking on from a place; and where to look on after that.
    pub fn locate(&self, id: &str, from: Place) -> (Vec<Located>, Option<Place>) {
        let (mut found, mut looked_at) = (Vec::new(), 0);
        let (mut part, mut skipped) = from;
        while part < 2 + self.clients.capacity() + self.consumers.capacity() {
            for (event, deadline, spot) in self.part(part).skip(skipped) {
                if looked_at == LOOKED_AT || found.len() == ROWS {
                    return (found, Some((part, skipped)));
                }
                looked_at += 1;
                skipped += 1;
                if is_meant(event, id) {
                    found.push(Located { event: Arc::clone(event), deadline, spot });
                }
            }
            // A client that has nothing is looked at as well.
            looked_at = (looked_at + 1).min(LOOKED_AT);
            (part, skipped) = (part + 1, 0);
        }
        (found, None)
    }

    fn part(&self, part: usize) -> impl Iterator<Item = (&Arc<Event>, Millis, Spot)> {
        let queue = (part == 0).then(|| self.ingress.iter()).into_iter().flatten();
        let queue = queue.filter(|queued| !queued.receipt.is_some_and(Receipt::is_probe));
        let queue = queue.map(|queued| (&queued.event, queued.deadline, Spot::Queue));
        let held = (part == 1).then(|| self.held.iter()).into_iter().flatten();
        let held = held.map(|Leftover { event, deadline, .. }| (event, *deadline, Spot::Left));
        let client = part.checked_sub(2).and_then(|place| self.clients.get(place));
        let waiting = client.into_iter().flat_map(|client| client.outbox.iter());
        let waiting = waiting.filter_map(|waiting| {
            let subscription = self.subscriptions.get(waiting.subscription.0 as usize)?;
            Some((&waiting.event, waiting.deadline, Spot::Outbox(subscription.id)))
        });
        let consumer =
            part.checked_sub(2 + self.clients.capacity()).and_then(|place| self.consumers.get(place));
        let tasks = consumer.into_iter().flat_map(|consumer| {
            let first = consumer.members.first().and_then(|place| self.subscriptions.get(place.0 as usize));
            consumer.ledger.iter().zip(std::iter::repeat(first))
        });
        let tasks = tasks.filter_map(|(task, of)| Some((&task.event, task.deadline, Spot::Outbox(of?.id))));
        queue.chain(held).chain(waiting).chain(tasks)
    }

    fn subscriptions_of(&self, key: ClientKey) -> &[SubscriptionKey] {
        let client = self.clients.get(key.index as usize);
        client
            .filter(|client| client.generation == key.generation)
            .map_or(&[], |client| &client.subscriptions)
    }

    fn explained(
        &self,
        key: SubscriptionKey,
        subscription: &Subscription,
        wanted: Wanted,
        event: &Event,
        rehearsal: &Rehearsal<'_>,
    ) -> Explained {
        let mut obstacles = Vec::new();
        if !rehearsal.is_on_topic(key) {
            obstacles.push(Obstacle::Pattern(closest(subscription, event.topic())));
        }
        obstacles.extend(subscription.failing(event).map(|part| match part {
            Part::Priority => Obstacle::Priority(wanted.min_priority),
            Part::Type => Obstacle::Type,
            Part::Source => Obstacle::Source,
            Part::Target => Obstacle::Target,
        }));
        let mut sheds = false;
        match rehearsal.outcome(key) {
            None => {}
            Some(Outcome::Taken(room)) => sheds = room == Room::ByShedding,
            Some(Outcome::Lost(reason)) => obstacles.push(Obstacle::Outbox(reason)),
            Some(Outcome::Expelled) => obstacles.push(Obstacle::Expelled),
            Some(Outcome::GivenTo { fittest, its, own }) => {
                let other = self.subscriptions.get(fittest.0 as usize);
                obstacles.push(Obstacle::Group {
                    name: wanted.group.clone().unwrap_or_default(),
                    member: other.map_or(Uuid::nil(), |other| other.id),
                    client: other.and_then(|other| self.client_name(other.client)).map(|name| name.id),
                    advantage: its.advantage(own),
                });
            }
        }
        let view = self.view(subscription.client);
        Explained {
            subscription: subscription.id,
            client: self.client_name(subscription.client).cloned(),
            more_topics: subscription.patterns.len() - wanted.topics.len(),
            wanted,
            obstacles,
            sheds,
            outbox_events: view.map_or(0, |view| view.outbox_events),
            outbox_bytes: view.map_or(0, |view| view.outbox_bytes),
            shed: view.map_or(0, |view| view.shed),
        }
    }
}

fn cut_short(mut wanted: Wanted) -> Wanted {
    wanted.topics.truncate(TOLD);
    for names in std::iter::once(&mut wanted.sources).chain(&mut wanted.targets) {
        names.sort();
        names.truncate(TOLD);
    }
    wanted
}

/// The patterns that go the longest way with a topic.
fn closest(subscription: &Subscription, topic: &str) -> Vec<Pattern> {
    let mut patterns: Vec<_> = subscription.patterns.iter().collect();
    patterns.sort_by_cached_key(|pattern| std::cmp::Reverse(pattern.mismatch(topic).map_or(0, |it| it.at)));
    patterns.into_iter().take(TOLD).cloned().collect()
}
