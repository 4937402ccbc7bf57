//! One subscription: whose it is, what it admits, what was shed from it.

use std::collections::HashSet;

use foldhash::fast::RandomState;
use uuid::Uuid;

use super::client::ClientKey;
use super::consumers::ConsumerKey;
use super::replay::Lasting;
use crate::protocol::{
    Acks, Event, EventTypes, Pattern, Priority, Subscription as Wanted, is_of_dead_letters,
};

/// A place in the engine's table of subscriptions.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct SubscriptionKey(pub u32);

/// A place in the engine's table of groups.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct GroupKey(pub u32);

/// A set of names chosen by clients, hence with a seeded hash.
type Names = HashSet<Box<str>, RandomState>;

/// What a subscription admits of the events on its topics.
struct Filter {
    types: EventTypes,
    min_priority: Priority,
    /// `None` = any.
    sources: Option<Names>,
    /// `None` = any, and none.
    targets: Option<Names>,
}

/// What of a filter an event may fail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Part {
    Priority,
    Type,
    Source,
    Target,
}

impl Part {
    const ALL: [Self; 4] = [Self::Priority, Self::Type, Self::Source, Self::Target];
}

impl Filter {
    /// Spelled out: a loop over the parts would not become a chain of comparisons.
    #[inline]
    fn admits(&self, event: &Event) -> bool {
        self.passes(Part::Priority, event)
            && self.passes(Part::Type, event)
            && self.passes(Part::Source, event)
            && self.passes(Part::Target, event)
    }

    #[inline(always)]
    fn passes(&self, part: Part, event: &Event) -> bool {
        match part {
            Part::Priority => event.priority() >= self.min_priority,
            Part::Type => self.types.admits(event.kind()),
            Part::Source => self.sources.as_ref().is_none_or(|names| names.contains(event.source())),
            Part::Target => (self.targets.as_ref())
                .is_none_or(|names| event.target().is_some_and(|target| names.contains(target))),
        }
    }
}

/// What was shed from a subscription since its client was last told, by priority.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gap {
    /// Shed for lack of room.
    pub evicted: [u64; Priority::LEVELS],
    /// Expired before they could be delivered.
    pub expired: [u64; Priority::LEVELS],
    /// Of a durable subscription: deleted from the store before they could be delivered.
    pub lost: [u64; Priority::LEVELS],
}

pub(super) struct Subscription {
    pub id: Uuid,
    /// The small number that lean deliveries carry.
    pub number: u32,
    pub client: ClientKey,
    pub patterns: Box<[Pattern]>,
    filter: Filter,
    pub group: Option<GroupKey>,
    /// How its deliveries are acknowledged, and by whom they are done.
    pub acks: Option<Acks>,
    pub consumer: Option<ConsumerKey>,
    /// What of it reaches beyond its connection.
    pub lasting: Option<Box<Lasting>>,
    /// The last event that was looked at for it: two patterns of one subscription may match the same event.
    pub seen: u64,
    /// The last event that its group gave it.
    pub chosen: u64,
    pub gap: Option<Box<Gap>>,
    /// Events that were for it.
    pub matched: u64,
}

impl Subscription {
    pub fn new(id: Uuid, number: u32, client: ClientKey, wanted: Wanted, group: Option<GroupKey>) -> Self {
        let lasting = Lasting::new(&wanted);
        let names = |list: Vec<Box<str>>| list.into_iter().collect::<Names>();
        let filter = Filter {
            types: wanted.types,
            min_priority: wanted.min_priority,
            sources: (!wanted.sources.is_empty()).then(|| names(wanted.sources)),
            targets: wanted.targets.map(names),
        };
        let (acks, patterns) = (wanted.ack, wanted.topics.into());
        Self {
            id,
            number,
            client,
            patterns,
            filter,
            group,
            acks,
            consumer: None,
            lasting,
            seen: 0,
            chosen: 0,
            gap: None,
            matched: 0,
        }
    }

    /// What it asks for, as a client would write it; lists in no order.
    pub fn wanted(&self, group: Option<&str>) -> Wanted {
        let list = |names: &Names| names.iter().cloned().collect::<Vec<_>>();
        let Filter { types, min_priority, sources, targets } = &self.filter;
        Wanted {
            topics: self.patterns.to_vec(),
            types: *types,
            min_priority: *min_priority,
            sources: sources.as_ref().map(list).unwrap_or_default(),
            targets: targets.as_ref().map(list),
            group: group.map(Into::into),
            ack: self.acks,
            durable: self.lasting.as_ref().and_then(|lasting| lasting.durable.clone()),
            from: self.lasting.as_ref().and_then(|lasting| lasting.from),
        }
    }

    /// Whether it wants to hear of dead letters: only who asks for them by name does, not who asks for everything.
    pub fn mourns(&self) -> bool {
        self.patterns.iter().any(|pattern| is_of_dead_letters(pattern.as_str()))
    }

    /// Whether an event that tells of a dead letter is for it.
    pub fn asks_for(&self, topic: &str) -> bool {
        self.patterns.iter().any(|it| is_of_dead_letters(it.as_str()) && it.matches(topic))
    }

    /// Whether an event on one of its topics passes its filters.
    pub fn admits(&self, event: &Event) -> bool {
        self.filter.admits(event)
    }

    /// The filters that an event does not pass.
    pub fn failing<'a>(&'a self, event: &'a Event) -> impl Iterator<Item = Part> {
        Part::ALL.into_iter().filter(|&part| !self.filter.passes(part, event))
    }
}
