//! What a client subscribes to. Subscribing is rare beside publishing: clear errors count here, not nanoseconds.
//! What it costs to read a subscription and how much memory it takes are bounded all the same.

use std::borrow::Cow;

use super::{
    Acks, Event, EventType, EventTypes, Pattern, Priority,
    acks::acks,
    check,
    json::{Kind, Next, Scanner, Syntax, Value},
    lasting::{self, Start},
    strings::unescape,
};

/// The most topic patterns in one subscription: each of them has a place in the router's index.
pub const MAX_PATTERNS: usize = 1_000;

/// The most sources, and the most targets, in one subscription.
pub const MAX_NAMES: usize = 1_000;

/// The longest source or target, in bytes.
const MAX_NAME: usize = 1_024;

/// The longest group name, in bytes.
pub const MAX_GROUP: usize = 256;

/// Which events a client wants.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Subscription {
    /// As they were sent, `*` if none were. Empty = all topics.
    pub topics: Vec<Pattern>,
    /// Empty = all types.
    pub types: EventTypes,
    /// Events below are not wanted.
    pub min_priority: Priority,
    /// Empty = from everybody.
    pub sources: Vec<Box<str>>,
    /// Only events with one of these targets; `None` = the target does not count.
    pub targets: Option<Vec<Box<str>>>,
    /// Of all subscriptions of one group that match, one gets the event.
    pub group: Option<Box<str>>,
    /// What is delivered is acknowledged.
    pub ack: Option<Acks>,
    /// It outlives its connection, by this name.
    pub durable: Option<Box<str>>,
    /// What is stored is delivered from there on; of a durable one, when it is new.
    pub from: Option<Start>,
}

impl Default for Subscription {
    fn default() -> Self {
        Self {
            topics: vec![Pattern::all()],
            types: EventTypes::default(),
            min_priority: Priority::LOWEST,
            sources: Vec::new(),
            targets: None,
            group: None,
            ack: None,
            durable: None,
            from: None,
        }
    }
}

impl Subscription {
    /// Whether an event on this topic can be one of those that are wanted.
    pub fn admits_topic(&self, topic: &str) -> bool {
        self.topics.is_empty() || self.topics.iter().any(|pattern| pattern.matches(topic))
    }

    /// Whether an event is wanted: the plain meaning, for one event at a time. The group does not count.
    pub fn admits(&self, event: &Event) -> bool {
        event.priority() >= self.min_priority
            && self.types.admits(event.kind())
            && (self.sources.is_empty() || self.sources.iter().any(|name| **name == *event.source()))
            && (self.targets.as_ref()).is_none_or(|names| {
                event.target().is_some_and(|target| names.iter().any(|name| **name == *target))
            })
            && self.admits_topic(event.topic())
    }
}

/// The keys that have a meaning.
const KEYS: [&str; 13] = [
    "topics",
    "types",
    "priorities",
    "sources",
    "targets",
    "group",
    "ack",
    "max_in_flight",
    "ack_timeout_ms",
    "max_retries",
    "backlog_interval_ms",
    "durable",
    "from",
];

/// What the subscription objects of existing Python clients hold besides; the old router did not heed it either.
const OLD_MODEL: [&str; 9] = [
    "id",
    "subscriber_id",
    "active",
    "created_at",
    "callback",
    "endpoint",
    "batch_size",
    "retry_delay",
    "timeout",
];

/// Reads the `subscription` of a message.
pub(super) fn parse(text: &str, value: Value) -> Result<Subscription, String> {
    if value.kind != Kind::Object {
        return Err(format!("`subscription` must be an object; got {}", value.kind.described()));
    }
    let scanner = Scanner::new(text).map_err(syntax)?;
    let mut values = [None; KEYS.len()];
    let (mut at, mut first) = (value.span.start as usize + 1, true);
    while let Next::One(key) = scanner.key(at, first).map_err(syntax)? {
        let value = scanner.whole(key.value, 0).map_err(syntax)?;
        at = value.span.end as usize;
        first = false;
        let name = unescape(scanner.str(key.name.span.inner())).unwrap_or_default();
        let Some(at) = KEYS.iter().position(|known| *known == name) else {
            other_key(&name)?;
            continue;
        };
        if values[at].replace(value).is_some() {
            return Err(format!("`{name}` is given twice"));
        }
    }
    // An old client's `None` is what it leaves out.
    let [
        topics,
        types,
        priorities,
        sources,
        targets,
        group,
        ack,
        most,
        timeout,
        retries,
        backlog,
        durable,
        from,
    ] = values.map(|value: Option<Value>| {
        value.filter(|value| value.kind != Kind::Null).map(|value| (text, value))
    });
    let wanted = Subscription {
        topics: topics.map_or_else(|| Ok(vec![Pattern::all()]), patterns)?,
        types: types.map_or_else(|| Ok(EventTypes::default()), event_types)?,
        min_priority: priorities.map_or(Ok(Priority::LOWEST), min_priority)?,
        sources: sources.map_or_else(|| Ok(Vec::new()), |list| names("sources", list))?,
        targets: targets.map(self::targets).transpose()?,
        group: group.map(self::group).transpose()?,
        ack: acks(ack, most, timeout, retries, backlog)?,
        durable: durable.map(lasting::durable).transpose()?,
        from: from.map(lasting::start).transpose()?,
    };
    lasting::check(&wanted)?;
    Ok(wanted)
}

fn other_key(name: &str) -> Result<(), String> {
    if OLD_MODEL.contains(&name) {
        Ok(())
    } else {
        Err(format!("unknown key `{}`; the keys are {}", check::shortened(name), KEYS.join(", ")))
    }
}

/// A value and the text it stands in.
pub(super) type Given<'a> = (&'a str, Value);

fn patterns(given: Given<'_>) -> Result<Vec<Pattern>, String> {
    strings("topics", given, (MAX_PATTERNS, "patterns"), |at, text| {
        Pattern::parse(text).map_err(|problem| format!("`topics[{at}]` {problem}"))
    })
}

fn event_types(given: Given<'_>) -> Result<EventTypes, String> {
    let mut types = EventTypes::default();
    each("types", given, |at, scanner, value| {
        let name = string(&format!("types[{at}]"), scanner, value)?;
        let Some(kind) = EventType::from_wire(&name) else {
            let known: Vec<_> = EventType::ALL.iter().map(|kind| kind.as_str()).collect();
            let name = check::shortened(&name);
            return Err(format!(
                "`types[{at}]`: unknown event type `{name}`; the types are {}",
                known.join(", ")
            ));
        };
        types.insert(kind);
        Ok(())
    })?;
    Ok(types)
}

fn min_priority(given: Given<'_>) -> Result<Priority, String> {
    let mut lowest = None;
    each("priorities", given, |at, scanner, value| {
        match check::priority(scanner.str(value.span).as_bytes()) {
            Some(priority) => {
                lowest = Some(lowest.map_or(priority, |lowest| priority.min(lowest)));
                Ok(())
            }
            None => Err(format!(
                "`priorities[{at}]` must be an integer from 1 to 10; got {}",
                check::got(value.kind, scanner.str(value.span))
            )),
        }
    })?;
    Ok(lowest.unwrap_or(Priority::LOWEST))
}

fn names(key: &'static str, given: Given<'_>) -> Result<Vec<Box<str>>, String> {
    strings(key, given, (MAX_NAMES, key), |at, text| {
        if text.len() > MAX_NAME {
            return Err(format!(
                "`{key}[{at}]` is {} bytes long; at most {MAX_NAME} are allowed",
                text.len()
            ));
        }
        Ok(text.into())
    })
}

fn targets(given: Given<'_>) -> Result<Vec<Box<str>>, String> {
    let names = names("targets", given)?;
    if names.is_empty() {
        return Err("`targets` is empty, so that nothing could match; leave it out to ignore targets".into());
    }
    Ok(names)
}

fn group((text, value): Given<'_>) -> Result<Box<str>, String> {
    let scanner = Scanner::new(text).map_err(syntax)?;
    let name = string("group", scanner, value)?;
    if name.is_empty() {
        return Err("`group` must not be empty".into());
    }
    if name.len() > MAX_GROUP {
        return Err(format!("`group` is {} bytes long; at most {MAX_GROUP} are allowed", name.len()));
    }
    Ok(name.into())
}

/// A list of strings, each made into something; with its bound and what it is a bound of.
fn strings<T>(
    key: &str,
    given: Given<'_>,
    (most, what): (usize, &str),
    mut make: impl FnMut(usize, &str) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    let mut count = 0;
    each(key, given, |_, _, _| {
        count += 1;
        Ok(())
    })?;
    if count > most {
        return Err(format!("{count} {what}; at most {most} are allowed in one subscription"));
    }
    let mut made = Vec::with_capacity(count);
    each(key, given, |at, scanner, value| {
        made.push(make(at, &string(&format!("{key}[{at}]"), scanner, value)?)?);
        Ok(())
    })?;
    Ok(made)
}

/// Calls `take` with each element of a list, its place and the scanner to read it by.
fn each(
    key: &str,
    (text, value): Given<'_>,
    mut take: impl FnMut(usize, Scanner<'_>, Value) -> Result<(), String>,
) -> Result<(), String> {
    if value.kind != Kind::Array {
        return Err(format!("`{key}` must be a list; got {}", value.kind.described()));
    }
    let scanner = Scanner::new(text).map_err(syntax)?;
    let (mut at, mut count) = (value.span.start as usize + 1, 0);
    while let Next::One(start) = scanner.element(at, count == 0).map_err(syntax)? {
        let value = scanner.whole(start, 0).map_err(syntax)?;
        take(count, scanner, value)?;
        at = value.span.end as usize;
        count += 1;
    }
    Ok(())
}

pub(super) fn string<'a>(path: &str, scanner: Scanner<'a>, value: Value) -> Result<Cow<'a, str>, String> {
    if value.kind != Kind::String {
        return Err(format!(
            "`{path}` must be a string; got {}",
            check::got(value.kind, scanner.str(value.span))
        ));
    }
    unescape(scanner.str(value.span.inner())).map_err(|_| format!("`{path}` holds half of a surrogate pair"))
}

/// The text was read once before, so this does not happen; but it is an answer, not a panic.
pub(super) fn syntax(problem: Syntax) -> String {
    problem.to_string()
}
