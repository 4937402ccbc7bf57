//! Replay: what is stored comes first, in the order in which it was stored; then what is live, without gap or repeat.
//!
//! What was read waits in a lane of the client's own, at most a page and what is [`ENOUGH`] for each replay, behind
//! whatever is live for the client: a replay starves nobody. Stored events that are matched meanwhile are left to it. When
//! it has seen the end of what is stored, and nothing was matched since that it has not seen, what is matched is delivered
//! directly; the rest of the lane goes before that.

use std::collections::VecDeque;
use std::sync::Arc;

use slab::Slab;
use uuid::Uuid;

use super::client::{Client, Rest};
use super::delivery::{Beside, Budget, Delivery, Turn};
use super::latency::Stamp;
use super::subscription::{Subscription, SubscriptionKey};
use super::{ClientKey, Errand, Fed, Millis, Moment, Notice, Router};
use crate::protocol::{Event, Start, Subscription as Wanted};

/// When fewer of a replay wait, and fewer bytes, the next page is read: two pages, so that the store's thread goes on
/// reading while one is sent.
const ENOUGH: usize = 1_000;
const ENOUGH_BYTES: usize = 1 << 20;
/// The store could not be read: when it is tried again.
const RETRY: Millis = 1_000;

/// What of a subscription reaches beyond its connection.
pub(super) struct Lasting {
    /// Its durable name.
    pub durable: Option<Box<str>>,
    /// Where it began.
    pub from: Option<Start>,
    replay: Option<Replay>,
    /// Stored events with smaller numbers were replayed.
    since: u64,
}

/// A replay under way.
struct Replay {
    wanted: Arc<Wanted>,
    stage: Stage,
    /// The first event that was not looked at.
    next: u64,
    /// The last one that was matched and left to the replay.
    passed: u64,
    /// Events of it in the lane.
    waiting: usize,
    /// Their bytes.
    bytes: usize,
    /// Events of it that were taken from there.
    sent: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// It is being found out where it begins.
    Seeking,
    /// A page is being read.
    Reading,
    /// Enough waits.
    Resting,
    /// All was read: what waits in the lane is the last of it.
    Closing,
}

/// What a stored event that is matched is to a subscription that replays.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Live {
    /// Deliver it.
    Yes,
    /// It comes with the replay.
    Later,
    /// It came with the replay.
    Known,
}

impl Lasting {
    /// `None` for a subscription that is of its connection alone.
    pub fn new(wanted: &Wanted) -> Option<Box<Self>> {
        let (durable, from) = (wanted.durable.clone(), wanted.from);
        if durable.is_none() && from.is_none() {
            return None;
        }
        let mut bare = wanted.clone();
        (bare.durable, bare.from) = (None, None);
        // Where a durable one begins is the store's affair.
        let replay = (durable.is_none()).then(|| Replay {
            wanted: Arc::new(bare),
            stage: Stage::Seeking,
            next: 0,
            passed: 0,
            waiting: 0,
            bytes: 0,
            sent: 0,
        });
        Some(Box::new(Self { durable, from, replay, since: 0 }))
    }

    /// A stored event is matched.
    pub fn live(&mut self, sequence: u64) -> Live {
        match &mut self.replay {
            _ if sequence == 0 => Live::Yes,
            Some(replay) if replay.stage != Stage::Closing => {
                replay.passed = replay.passed.max(sequence);
                Live::Later
            }
            _ if sequence < self.since => Live::Known,
            _ => Live::Yes,
        }
    }
}

/// What was read for the replays of one client.
#[derive(Default)]
pub(super) struct ReplayLane {
    waiting: VecDeque<Waiting>,
    /// Subscriptions that replay.
    replaying: Vec<SubscriptionKey>,
    /// Taken by the connection since its last turn, and not put back.
    taken: usize,
}

struct Waiting {
    subscription: SubscriptionKey,
    event: Arc<Event>,
    accepted: Stamp,
    deadline: Millis,
}

impl ReplayLane {
    /// Whether the connection has something to do.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// All that was taken is written. Returns how many.
    pub fn settle(&mut self) -> usize {
        std::mem::take(&mut self.taken)
    }

    /// A subscription has ended.
    pub fn forget(&mut self, place: SubscriptionKey) {
        self.waiting.retain(|waiting| waiting.subscription != place);
        self.replaying.retain(|&other| other != place);
    }
}

/// Replays of which everything was taken are over. True: of one that is about to be, something still waits, and has to go
/// before what is live.
pub(super) fn conclude(client: &mut Client, subscriptions: &mut Slab<Subscription>) -> bool {
    let Client { replays: Some(lane), notices, .. } = client else { return false };
    let mut is_closing = false;
    lane.replaying.retain(|&place| {
        let subscription = subscriptions.get_mut(place.0 as usize);
        let Some(subscription) = subscription else { return false };
        let (id, lasting) = (subscription.id, subscription.lasting.as_mut());
        let Some((lasting, replay)) = lasting.and_then(|it| Some((it.since, it.replay.as_mut()?))) else {
            return false;
        };
        if replay.stage != Stage::Closing {
            return true;
        }
        if replay.waiting > 0 {
            is_closing = true;
            return true;
        }
        notices.push_back(Notice::Replayed { subscription: id, sequence: lasting - 1, events: replay.sent });
        if let Some(lasting) = &mut subscription.lasting {
            lasting.replay = None;
        }
        false
    });
    if lane.replaying.is_empty() && lane.is_empty() && lane.taken == 0 {
        client.replays = None;
    }
    is_closing
}

/// Fills a turn with what was read. Returns the replays of which more is to be read.
pub(super) fn take_replayed(
    client: &mut Client,
    subscriptions: &mut Slab<Subscription>,
    (budget, bytes): (Budget, &mut usize),
    turn: &mut Turn,
    now: Millis,
) -> Vec<Errand> {
    let Some(lane) = &mut client.replays else { return Vec::new() };
    let mut errands = Vec::new();
    while turn.deliveries.len() < budget.events && *bytes < budget.bytes {
        let Some(Waiting { subscription: place, event, accepted, deadline }) = lane.waiting.pop_front()
        else {
            break;
        };
        let Some(subscription) = subscriptions.get_mut(place.0 as usize) else { continue };
        let (id, number) = (subscription.id, subscription.number);
        if let Some(replay) = subscription.lasting.as_mut().and_then(|it| it.replay.as_mut()) {
            replay.leaves(&event);
            replay.sent += u64::from(deadline > now);
            errands.extend(replay.read_on(id));
        }
        if deadline <= now {
            continue;
        }
        lane.taken += 1;
        subscription.matched += 1;
        *bytes += event.size() + budget.overhead;
        let sequence = event.sequence();
        turn.deliveries.push(Delivery {
            event,
            subscription: id,
            number,
            key: place,
            accepted,
            deadline,
            beside: Some(Box::new(Beside { assignment: None, sequence, replayed: true })),
        });
    }
    errands
}

/// What was taken last could not be written.
pub(super) fn put_back_replayed(
    client: &mut Client,
    subscriptions: &mut Slab<Subscription>,
    delivery: Delivery,
) {
    let Some(lane) = &mut client.replays else { return };
    lane.taken = lane.taken.saturating_sub(1);
    let Delivery { event, key, accepted, deadline, subscription: id, .. } = delivery;
    let known = subscriptions.get_mut(key.0 as usize).filter(|known| known.id == id);
    // Of one that has ended meanwhile the store still has all.
    let Some(subscription) = known else { return };
    subscription.matched -= 1;
    let Some(replay) = subscription.lasting.as_mut().and_then(|it| it.replay.as_mut()) else { return };
    replay.waits(&event);
    replay.sent -= 1;
    lane.waiting.push_front(Waiting { subscription: key, event, accepted, deadline });
}

impl Replay {
    /// An event of it comes into the lane.
    fn waits(&mut self, event: &Event) {
        self.waiting += 1;
        self.bytes += event.size();
    }

    /// An event of it is taken from there.
    fn leaves(&mut self, event: &Event) {
        self.waiting -= 1;
        self.bytes -= event.size();
    }

    fn read_on(&mut self, subscription: Uuid) -> Option<Errand> {
        if self.stage != Stage::Resting || self.waiting >= ENOUGH || self.bytes >= ENOUGH_BYTES {
            return None;
        }
        self.stage = Stage::Reading;
        Some(Errand::Replay { subscription, from: self.next, wanted: Arc::clone(&self.wanted) })
    }
}

impl Router {
    /// A subscription that replays is made.
    pub(super) fn begin_replay(&mut self, place: SubscriptionKey) {
        let Some(subscription) = self.subscriptions.get(place.0 as usize) else { return };
        let Some(Lasting { replay: Some(replay), from: Some(start), .. }) = subscription.lasting.as_deref()
        else {
            return;
        };
        let (id, owner, wanted) = (subscription.id, subscription.client, Arc::clone(&replay.wanted));
        self.errands.push(Errand::Seek { subscription: id, start: *start, wanted });
        if let Some(client) = self.client(owner) {
            client.replays.get_or_insert_default().replaying.push(place);
        }
    }

    /// What [`Errand::Seek`] found: the first number; `None`: the store could not be read.
    pub fn sought(&mut self, subscription: Uuid, first: Option<u64>, now: Millis) {
        let Some(replay) = self.replay(subscription).filter(|replay| replay.stage == Stage::Seeking) else {
            return;
        };
        let Some(first) = first else { return self.retry_later(subscription, now) };
        (replay.next, replay.stage) = (first.max(1), Stage::Resting);
        let errand = replay.read_on(subscription);
        self.errands.extend(errand);
    }

    /// What [`Errand::Replay`] brought; `None`: the store could not be read.
    pub fn replayed(&mut self, subscription: Uuid, from: u64, fed: Option<Fed>, now: impl Into<Moment>) {
        let Moment { millis: now, stamp: accepted } = now.into();
        let Some(&place) = self.by_id.get(&subscription) else { return };
        let Some(its) = self.subscriptions.get_mut(place.0 as usize) else { return };
        let owner = its.client;
        let Some(Lasting { replay: Some(replay), since, .. }) = its.lasting.as_deref_mut() else { return };
        if replay.stage != Stage::Reading || replay.next != from {
            return;
        }
        let Some(Fed { events, next, is_end }) = fed else { return self.retry_later(subscription, now) };
        events.iter().for_each(|(event, _)| replay.waits(event));
        replay.next = next;
        replay.stage = if is_end && replay.passed < next { Stage::Closing } else { Stage::Resting };
        if replay.stage == Stage::Closing {
            *since = next;
        }
        let errand = replay.read_on(subscription);
        self.errands.extend(errand);
        let Some(client) = self.client(owner) else { return };
        let lane = client.replays.get_or_insert_default();
        let waiting = events.into_iter().map(|(event, deadline)| Waiting {
            subscription: place,
            event,
            accepted,
            deadline,
        });
        lane.waiting.extend(waiting);
        if client.rest != Rest::Busy {
            client.rest = Rest::Busy;
            let waker = client.waker.clone();
            self.wakers.extend(waker);
        }
    }

    /// A subscription has ended: what was read for it is still in the store.
    pub(super) fn forget_replay(&mut self, key: ClientKey, place: SubscriptionKey) {
        if let Some(lane) = self.client(key).and_then(|client| client.replays.as_mut()) {
            lane.forget(place);
        }
    }

    fn replay(&mut self, subscription: Uuid) -> Option<&mut Replay> {
        let place = *self.by_id.get(&subscription)?;
        self.subscriptions.get_mut(place.0 as usize)?.lasting.as_mut()?.replay.as_mut()
    }

    fn retry_later(&mut self, subscription: Uuid, now: Millis) {
        self.retries.push((now + RETRY, subscription));
        self.new_deadline = true;
    }

    /// Those whose store could not be read try again.
    pub(super) fn retry_replays(&mut self, now: Millis) {
        let (due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.retries).into_iter().partition(|&(at, _)| at <= now);
        self.retries = later;
        for (_, subscription) in due {
            let Some(&place) = self.by_id.get(&subscription) else { continue };
            let Some(its) = self.subscriptions.get(place.0 as usize) else { continue };
            let Some(Lasting { replay: Some(replay), from: Some(start), .. }) = its.lasting.as_deref() else {
                continue;
            };
            let (start, wanted, from) = (*start, Arc::clone(&replay.wanted), replay.next);
            self.errands.push(match replay.stage {
                Stage::Seeking => Errand::Seek { subscription, start, wanted },
                _ => Errand::Replay { subscription, from, wanted },
            });
        }
    }
}
