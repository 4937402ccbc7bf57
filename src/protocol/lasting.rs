//! What of a subscription reaches beyond its connection: the name of a durable one, and where a replay begins.

use super::{
    Time, check,
    json::{Kind, Next, Scanner, Value},
    strings::unescape,
    subscription::{Given, Subscription, string, syntax},
};

/// The longest name of a durable subscription, in bytes.
pub const MAX_DURABLE: usize = 256;

/// Where a replay, or a new durable subscription, begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Start {
    /// With this event.
    Sequence(u64),
    /// With the first event that was stored then or later.
    Time(Time),
    /// With the last so many of those that are wanted.
    Last(u64),
}

/// Reads `durable`.
pub(super) fn durable((text, value): Given<'_>) -> Result<Box<str>, String> {
    let name = string("durable", Scanner::new(text).map_err(syntax)?, value)?;
    if name.is_empty() {
        return Err("`durable` must not be empty".into());
    }
    if name.len() > MAX_DURABLE {
        return Err(format!("`durable` is {} bytes long; at most {MAX_DURABLE} are allowed", name.len()));
    }
    Ok(name.into())
}

/// Reads `from`.
pub(super) fn start((text, value): Given<'_>) -> Result<Start, String> {
    const SHAPES: &str = r#"{"sequence":N}, {"time":"2026-01-31T12:00:00Z"} or {"last":N}"#;
    if value.kind != Kind::Object {
        return Err(format!("`from` must be {SHAPES}; got {}", check::got(value.kind, value.span.of(text))));
    }
    let scanner = Scanner::new(text).map_err(syntax)?;
    let (mut at, mut found) = (value.span.start as usize + 1, None);
    let mut first = true;
    while let Next::One(key) = scanner.key(at, first).map_err(syntax)? {
        let value = scanner.whole(key.value, 0).map_err(syntax)?;
        (at, first) = (value.span.end as usize, false);
        let name = unescape(scanner.str(key.name.span.inner())).unwrap_or_default();
        let start = match &*name {
            "sequence" => Start::Sequence(count("from.sequence", text, value)?),
            "last" => Start::Last(count("from.last", text, value)?),
            "time" => Start::Time(time(scanner, text, value)?),
            other => return Err(format!("unknown key `from.{}`; it is {SHAPES}", check::shortened(other))),
        };
        if found.replace(start).is_some() {
            return Err(format!("`from` must have one key: {SHAPES}"));
        }
    }
    found.ok_or_else(|| format!("`from` is empty; it is {SHAPES}"))
}

fn count(key: &str, text: &str, value: Value) -> Result<u64, String> {
    value.span.of(text).parse().map_err(|_| {
        let got = check::got(value.kind, value.span.of(text));
        format!("`{key}` must be a whole number from 0; got {got}")
    })
}

fn time(scanner: Scanner<'_>, text: &str, value: Value) -> Result<Time, String> {
    let written = string("from.time", scanner, value)?;
    Time::parse(&written).ok_or_else(|| {
        let got = check::got(value.kind, value.span.of(text));
        format!("`from.time` must be a time such as \"2026-01-31T12:00:00Z\"; got {got}")
    })
}

/// Whether the parts of a subscription go together.
///
/// # Errors
/// Says which do not, and why.
pub fn check(wanted: &Subscription) -> Result<(), String> {
    let (durable, from) = (wanted.durable.is_some(), wanted.from.is_some());
    if durable && wanted.ack.is_none() {
        return Err("`durable` needs `ack`: true, for it goes on after the last acknowledged event".into());
    }
    if durable && wanted.group.is_some() {
        return Err(
            "`durable` and `group` exclude each other: clients with the same `durable` share its events"
                .into(),
        );
    }
    if from && wanted.group.is_some() {
        return Err("`from` and `group` exclude each other; a group that replays is a `durable`".into());
    }
    if from && wanted.ack.is_some() && !durable {
        return Err("`from` with `ack` needs `durable`, which remembers what was acknowledged".into());
    }
    Ok(())
}
