//! What an operator may see of the engine and change in it, in pages: whoever asks holds up routing only briefly.

use std::sync::Arc;

use uuid::Uuid;

use super::client::{Client, Rest};
use super::{ClientKey, ClientName, DeadLetter, Errand, LetterNumber, Millis, Moment, Published, Router};
use crate::protocol::{Event, Pattern, Priority, Subscription as Wanted};

/// Places that are looked at for one page, also when they are free.
pub(super) const LOOKED_AT: usize = 4_096;
/// Rows of a page.
pub(super) const ROWS: usize = 250;
/// Of what waits for a client, so many are looked at to find its slowest subscription.
const SAMPLE: usize = 100;
/// And so many for a page; the row that crosses it is the last.
const SAMPLES: usize = 2_000;
/// Patterns of it that are shown.
const SHOWN: usize = 3;
/// Patterns and names in a page of subscriptions; the row that crosses it is the last.
pub(super) const NAMES: usize = 2_000;

/// A part of a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page<T> {
    /// What is in it.
    pub rows: Vec<T>,
    /// Where the next one begins, if there may be more.
    pub next: Option<usize>,
}

/// A client, as an operator sees it.
#[derive(Clone, PartialEq, Debug)]
pub struct ClientRow {
    /// What it is called.
    pub name: Option<ClientName>,
    /// What it says it is.
    pub software: Option<Box<str>>,
    /// When it came.
    pub since: Millis,
    /// How many subscriptions it has.
    pub subscriptions: usize,
    /// Events that wait for it or are being written.
    pub outbox_events: usize,
    /// Their bytes.
    pub outbox_bytes: usize,
    /// Events that wait for it, by priority, lowest first.
    pub depth: [usize; Priority::LEVELS],
    /// Something waits, and it has not asked for more.
    pub awaits_credit: bool,
    /// Events that it was sent and still has to do; 0 where it does not tell.
    pub held: usize,
    /// Seconds since the oldest of what waits was accepted; 0 when nothing does.
    pub behind: f64,
    /// The subscription with the most that waits.
    pub slowest: Option<Behind>,
    /// Events of it that were accepted.
    pub published: u64,
    /// The same by the second, lately.
    pub published_rate: f64,
    /// Deliveries that it has taken.
    pub delivered: u64,
    /// The same by the second, lately.
    pub delivered_rate: f64,
    /// Deliveries that it had to miss because it is slow.
    pub shed: u64,
}

/// The subscription of a client for which the most waits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Behind {
    /// Its id.
    pub id: Uuid,
    /// The first of its patterns; none means `*`.
    pub topics: Vec<Pattern>,
    /// How many more patterns it has.
    pub more_topics: usize,
    /// Events that wait for it; estimated when many wait for the client.
    pub waiting: usize,
}

/// A subscription, as an operator sees it.
#[derive(Clone, PartialEq, Debug)]
pub struct SubscriptionRow {
    /// Its id.
    pub id: Uuid,
    /// Whose it is.
    pub client: Option<Uuid>,
    /// What it asks for.
    pub wanted: Wanted,
    /// Events that were for it.
    pub matched: u64,
    /// If it acknowledges: deliveries that wait for it and those that share its work, and that they have.
    pub tasks: Option<(usize, usize)>,
}

/// What became of dead letters that were to be routed once more.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Requeued {
    /// Events that were accepted.
    pub events: u64,
    /// Dead letters that they were.
    pub letters: u64,
    /// Dead letters that are still there: the queue has no room, or the router winds down.
    pub refused: u64,
}

/// Shorter beginnings of an id are soon of several.
const BEGINNING: usize = 4;

/// Characters of a UUID with its hyphens.
const UUID: usize = 36;

/// Whether an event is meant by its id, or by the beginning of a UUID: names that publishers gave themselves may be the
/// beginnings of others.
pub(super) fn is_meant(event: &Event, wanted: &str) -> bool {
    let id = event.id();
    id == wanted
        || wanted.len() >= BEGINNING
            && id.starts_with(wanted)
            && id.len() == UUID
            && Uuid::try_parse(id).is_ok()
}

/// Whose dead letters are meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Meant {
    /// There are none.
    Nothing,
    /// Those of the event with this id.
    Event(String),
    /// It could be several.
    Several,
}

impl Router {
    /// Clients from this place on.
    pub fn client_page(&self, from: usize, now: impl Into<Moment>) -> Page<ClientRow> {
        let now = now.into();
        let (mut rows, mut samples) = (Vec::new(), 0);
        let end = self.clients.capacity().min(from.saturating_add(LOOKED_AT));
        for place in from..end {
            if rows.len() == ROWS || samples >= SAMPLES {
                return Page { rows, next: Some(place) };
            }
            let Some(client) = self.clients.get(place) else { continue };
            samples += client.outbox.waiting().min(SAMPLE);
            rows.push(self.row(client, now));
        }
        Page { rows, next: (end < self.clients.capacity()).then_some(end) }
    }

    /// One client, if it is still there.
    pub fn client_row(&self, key: ClientKey, now: impl Into<Moment>) -> Option<ClientRow> {
        let client = self.clients.get(key.index as usize).filter(|it| it.generation == key.generation)?;
        Some(self.row(client, now.into()))
    }

    fn row(&self, client: &Client, now: Moment) -> ClientRow {
        let Moment { millis, .. } = now;
        ClientRow {
            name: client.name.as_deref().cloned(),
            software: client.software.clone(),
            since: client.since,
            subscriptions: client.subscriptions.len(),
            outbox_events: client.outbox.len(),
            outbox_bytes: client.outbox.bytes(),
            depth: client.outbox.depth(),
            awaits_credit: client.rest == Rest::Starved,
            held: client.held,
            behind: client.outbox.age(now).unwrap_or(0.0),
            slowest: self.slowest(client),
            published: client.published,
            published_rate: client.published_lately.per_second(client.since, millis),
            delivered: client.delivered,
            delivered_rate: client.delivered_lately.per_second(client.since, millis),
            shed: client.shed,
        }
    }

    /// The subscription with the most that waits, from an even sample of it.
    fn slowest(&self, client: &Client) -> Option<Behind> {
        let waiting = client.outbox.waiting();
        let step = waiting.div_ceil(SAMPLE).max(1);
        let mut sample: Vec<_> =
            client.outbox.iter().step_by(step).map(|waiting| waiting.subscription).collect();
        sample.sort_unstable();
        let most = sample.chunk_by(|one, other| one == other).max_by_key(|of_one| of_one.len())?;
        let subscription = self.subscriptions.get(most.first()?.0 as usize)?;
        let topics: Vec<_> = subscription.patterns.iter().take(SHOWN).cloned().collect();
        Some(Behind {
            id: subscription.id,
            more_topics: subscription.patterns.len() - topics.len(),
            topics,
            waiting: most.len() * waiting / sample.len(),
        })
    }

    /// For how many clients from this place on how much waits; those for which nothing does are left out.
    pub fn waiting_page(&self, from: usize) -> Page<(usize, ClientKey)> {
        let end = self.clients.capacity().min(from.saturating_add(LOOKED_AT));
        let waiting = |place: usize| {
            let client = self.clients.get(place).filter(|client| client.outbox.len() > 0)?;
            let key = ClientKey { index: place as u32, generation: client.generation };
            Some((client.outbox.len(), key))
        };
        let rows = (from..end).filter_map(waiting).collect();
        Page { rows, next: (end < self.clients.capacity()).then_some(end) }
    }

    /// Subscriptions from this place on.
    pub fn subscription_page(&self, from: usize) -> Page<SubscriptionRow> {
        let mut rows = Vec::new();
        let mut names = 0;
        let end = self.subscriptions.capacity().min(from.saturating_add(LOOKED_AT));
        for place in from..end {
            if rows.len() == ROWS || names >= NAMES {
                return Page { rows, next: Some(place) };
            }
            let Some(subscription) = self.subscriptions.get(place) else { continue };
            let group = subscription.group.and_then(|group| self.groups.name(group));
            let wanted = subscription.wanted(group);
            names += wanted.topics.len() + wanted.sources.len() + wanted.targets.as_ref().map_or(0, Vec::len);
            let client = self.client_name(subscription.client).map(|name| name.id);
            let consumer = subscription.consumer.and_then(|key| self.consumers.get(key.0 as usize));
            let tasks = consumer.map(|it| (it.ledger.len() - it.ledger.flying(), it.ledger.flying()));
            let (id, matched) = (subscription.id, subscription.matched);
            rows.push(SubscriptionRow { id, client, wanted, matched, tasks });
        }
        Page { rows, next: (end < self.subscriptions.capacity()).then_some(end) }
    }

    /// Dead letters, the newest first, from this place on.
    pub fn dead_letter_page(&self, from: usize) -> Page<DeadLetter> {
        let all = self.dead.iter().rev();
        let rows: Vec<_> = all.skip(from).take(ROWS).cloned().collect();
        let end = from.saturating_add(rows.len());
        Page { rows, next: (end < self.dead.iter().len()).then_some(end) }
    }

    /// Which event with dead letters has this id, or one that begins so.
    pub fn dead_event(&self, wanted: &str) -> Meant {
        let mut found: Option<&str> = None;
        let mut is_clear = true;
        for id in self.dead.iter().filter(|letter| is_meant(&letter.event, wanted)).map(|it| it.event.id()) {
            if id == wanted {
                return Meant::Event(id.to_owned());
            }
            is_clear &= found.is_none_or(|other| other == id);
            found = Some(id);
        }
        match found {
            None => Meant::Nothing,
            Some(id) if is_clear => Meant::Event(id.to_owned()),
            Some(_) => Meant::Several,
        }
    }

    /// The dead letters of one event, oldest first; no more than a page has room for.
    pub fn dead_letters_of(&self, id: &str) -> Vec<DeadLetter> {
        self.dead.iter().filter(|letter| letter.event.id() == id).take(ROWS).cloned().collect()
    }

    /// Forgets dead letters. They stay counted. To be dropped by the caller, which may take a while.
    pub fn purge(&mut self, wanted: impl Fn(&DeadLetter) -> bool) -> Vec<DeadLetter> {
        self.dead.take(wanted)
    }

    /// Has dead letters routed once more, each event once and as if it were published now.
    pub fn requeue(&mut self, wanted: impl Fn(&DeadLetter) -> bool, now: Millis) -> Requeued {
        let mut done = Requeued::default();
        let mut refused = Vec::new();
        let mut last: Option<(Arc<Event>, bool)> = None;
        for letter in self.dead.take(wanted) {
            // Letters of one event mostly come together: it could not be delivered to several.
            let again = last.as_ref().filter(|(event, _)| Arc::ptr_eq(event, &letter.event));
            let accepted = match again {
                Some((_, accepted)) => *accepted,
                None => {
                    let accepted = self.route_again(&letter, now);
                    done.events += u64::from(accepted);
                    accepted
                }
            };
            last = Some((Arc::clone(&letter.event), accepted));
            if accepted {
                done.letters += 1;
            } else {
                refused.push(letter);
            }
        }
        done.refused = refused.len() as u64;
        self.dead.put_back(refused);
        done
    }

    /// One that was stored is stored again, under a number of its own: those who did not get it are past the old one.
    fn route_again(&mut self, letter: &DeadLetter, now: Millis) -> bool {
        if letter.event.sequence() == 0 || self.is_draining() {
            return self.publish(Arc::clone(&letter.event), None, None, now) == Published::Queued;
        }
        self.send(Errand::StoreAgain(DeadLetter { event: letter.event.copied(), ..letter.clone() }));
        true
    }

    /// A dead letter could not be stored again: it is one as before.
    pub fn not_stored_again(&mut self, letter: DeadLetter) {
        self.dead.put_back(vec![letter]);
    }

    /// There is a store that keeps dead letters, and these are from earlier runs, oldest first, with their numbers there.
    pub fn recall(&mut self, letters: Vec<(LetterNumber, DeadLetter)>) {
        self.dead.recall(letters);
    }

    /// The clients whose id begins so, or that come from this address. Nobody needs more than two: then it is not clear
    /// who is meant.
    pub fn find_clients(&self, wanted: &str) -> Vec<(ClientKey, ClientName)> {
        let is_meant = |name: &ClientName| {
            name.id.hyphenated().encode_lower(&mut [0; 36]).starts_with(wanted) || &*name.remote == wanted
        };
        let named = self.client_keys().into_iter().filter_map(|key| Some((key, self.client_name(key)?)));
        named.filter(|(_, name)| is_meant(name)).map(|(key, name)| (key, name.clone())).take(2).collect()
    }
}
