//! A group of changes as it lies in the intake log: a head of one line, and the changes as JSON.
//!
//! The head begins with a byte that JSON never has, so that nothing that a client sends looks like one.

use std::borrow::Cow;
use std::io::Write;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::protocol::{Event, Priority, Time};
use crate::store::{Change, RuleId, Sequence};

/// A group begins where a block of the disk does: so it can be written past the page cache, and found behind a damaged one.
pub(super) const BLOCK: usize = 4_096;
/// What every group of any version begins with, and what those of this one do.
const ANY: &[u8] = b"\x1egadugi-intake ";
const MARK: &[u8] = b"\x1egadugi-intake 1 ";
/// Behind the mark: the length of what follows the head, in decimal, a space, its check sum, in hexadecimal, and a new line.
const LENGTH: usize = 10;
const SUM: usize = 8;
const HEAD: usize = MARK.len() + LENGTH + 1 + SUM + 1;

/// Changes that were taken in together.
pub(in crate::store::sqlite) struct Group {
    /// From 1 on, without gaps, for as long as the store lives.
    pub number: u64,
    /// When they were taken in.
    pub at: Time,
    /// The number that its first event has, or would have.
    pub first: Sequence,
    pub changes: Vec<Change>,
}

/// Of which store and which group it is.
#[derive(Serialize, Deserialize)]
struct Label<'g> {
    #[serde(borrow)]
    store: Cow<'g, str>,
    number: u64,
    at: i64,
    first: Sequence,
}

/// One change.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Record<'g> {
    /// [`append`] writes it.
    #[serde(skip_serializing)]
    Append {
        rule: i64,
        expires: Option<i64>,
        #[serde(borrow)]
        event: &'g RawValue,
    },
    Seen {
        #[serde(borrow)]
        name: Cow<'g, str>,
    },
    Acked {
        #[serde(borrow)]
        name: Cow<'g, str>,
        priority: u8,
        sequence: Sequence,
    },
    Floor {
        #[serde(borrow)]
        name: Cow<'g, str>,
        priority: u8,
        floor: Sequence,
    },
    Told {
        #[serde(borrow)]
        name: Cow<'g, str>,
        lost: [u64; Priority::LEVELS],
    },
}

/// Whether the intake log takes such a change. What asks what is in the file, and what is rare, goes to the file.
pub(super) fn is_taken(change: &Change) -> bool {
    match change {
        Change::Append { .. }
        | Change::Seen { .. }
        | Change::Acked { .. }
        | Change::Floor { .. }
        | Change::Told { .. } => true,
        Change::Durable { .. } | Change::Forget { .. } | Change::Bury(_) | Change::Unbury { .. } => false,
    }
}

/// Puts a group into `out`, which it replaces. Its length is a whole number of [`BLOCK`]s.
pub(super) fn write(group: &Group, store: &str, out: &mut Vec<u8>) -> serde_json::Result<()> {
    out.clear();
    out.resize(HEAD, 0);
    let Group { number, at, first, changes } = group;
    let label = Label { store: store.into(), number: *number, at: at.micros(), first: *first };
    out.push(b'[');
    serde_json::to_writer(&mut *out, &label)?;
    for change in changes {
        out.push(b',');
        put(change, out)?;
    }
    out.push(b']');
    let (length, sum) = (out.len() - HEAD, crc32fast::hash(&out[HEAD..]));
    let mut head = &mut out[..HEAD];
    // It has the length that it has.
    head.write_all(MARK).and_then(|()| writeln!(head, "{length:0LENGTH$} {sum:0SUM$x}")).ok();
    out.resize(out.len().next_multiple_of(BLOCK), b' ');
    Ok(())
}

fn put(change: &Change, out: &mut Vec<u8>) -> serde_json::Result<()> {
    let record = match change {
        Change::Append { event, rule, expires } => {
            append(event, *rule, *expires, out);
            return Ok(());
        }
        Change::Seen { name } => Record::Seen { name: Cow::Borrowed(name) },
        Change::Acked { name, priority, sequence } => {
            Record::Acked { name: Cow::Borrowed(name), priority: priority.get(), sequence: *sequence }
        }
        Change::Floor { name, priority, floor } => {
            Record::Floor { name: Cow::Borrowed(name), priority: priority.get(), floor: *floor }
        }
        Change::Told { name, lost } => Record::Told { name: Cow::Borrowed(name), lost: *lost },
        Change::Durable { .. } | Change::Forget { .. } | Change::Bury(_) | Change::Unbury { .. } => {
            return Err(serde::ser::Error::custom("it is no change for the intake log"));
        }
    };
    serde_json::to_writer(out, &record)
}

/// The event's text as it is: it is not looked at again on the way to the disk.
fn append(event: &Event, RuleId(rule): RuleId, expires: Option<Time>, out: &mut Vec<u8>) {
    // Writing into a vector does not fail.
    match expires.map(Time::micros) {
        Some(expires) => write!(out, r#"{{"append":{{"rule":{rule},"expires":{expires},"event":"#),
        None => write!(out, r#"{{"append":{{"rule":{rule},"expires":null,"event":"#),
    }
    .ok();
    out.extend_from_slice(event.full().as_bytes());
    out.extend_from_slice(b"}}");
}

/// What stands at the beginning of `bytes`: the text of a group, whole, or nothing.
pub(super) fn text_at(bytes: &[u8]) -> Option<&[u8]> {
    let (head, rest) = bytes.split_at_checked(HEAD)?;
    let numbers = std::str::from_utf8(head.strip_prefix(MARK)?).ok()?;
    let (length, sum) = numbers.strip_suffix('\n')?.split_once(' ')?;
    let text = rest.get(..length.parse().ok()?)?;
    (u32::from_str_radix(sum, 16).ok()? == crc32fast::hash(text)).then_some(text)
}

/// Whether there stands a group that another version of the router wrote.
pub(super) fn is_of_another_version(bytes: &[u8]) -> bool {
    bytes.starts_with(ANY) && !bytes.starts_with(MARK)
}

/// How much room a group with such a text takes.
pub(super) fn room(text: &[u8]) -> usize {
    (HEAD + text.len()).next_multiple_of(BLOCK)
}

/// Reads a group, and the store that it is of.
pub(super) fn read(text: &[u8]) -> Option<(Box<str>, Group)> {
    let parts: Vec<&RawValue> = serde_json::from_slice(text).ok()?;
    let (label, records) = parts.split_first()?;
    let Label { store, number, at, first } = serde_json::from_str(label.get()).ok()?;
    let changes = records.iter().map(|record| change(serde_json::from_str(record.get()).ok()?));
    let changes = changes.collect::<Option<_>>()?;
    Some((store.into(), Group { number, at: Time::from_micros(at), first, changes }))
}

fn change(record: Record<'_>) -> Option<Change> {
    let level = |priority: u8| Priority::new(priority.into());
    Some(match record {
        Record::Append { rule, expires, event } => Change::Append {
            event: Event::read(event.get()).ok()?,
            rule: RuleId(rule),
            expires: expires.map(Time::from_micros),
        },
        Record::Seen { name } => Change::Seen { name: name.into() },
        Record::Acked { name, priority, sequence } => {
            Change::Acked { name: name.into(), priority: level(priority)?, sequence }
        }
        Record::Floor { name, priority, floor } => {
            Change::Floor { name: name.into(), priority: level(priority)?, floor }
        }
        Record::Told { name, lost } => Change::Told { name: name.into(), lost },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{event, padded};

    fn group(changes: Vec<Change>) -> Group {
        Group { number: 7, at: Time::from_micros(-5), first: 3, changes }
    }

    fn written(group: &Group) -> Vec<u8> {
        let mut out = vec![1, 2, 3];
        write(group, "s\"tore", &mut out).unwrap();
        assert_eq!(out.len() % BLOCK, 0);
        out
    }

    #[test]
    fn what_is_written_is_read_again() {
        let name: Box<str> = "d\u{1e}\"ü".into();
        let event = event(r#"{"topic":"a.b","payload":{"x":[1, 2,"ü\n"]},"priority":8}"#);
        let append = |expires| Change::Append { event: event.clone(), rule: RuleId(4), expires };
        let changes = vec![
            append(None),
            append(Some(Time::from_micros(99))),
            Change::Seen { name: name.clone() },
            Change::Acked { name: name.clone(), priority: Priority::HIGH, sequence: u64::MAX },
            Change::Floor { name: name.clone(), priority: Priority::LOWEST, floor: 2 },
            Change::Told { name, lost: std::array::from_fn(|level| level as u64) },
        ];
        assert!(changes.iter().all(is_taken));
        let group = group(changes);
        let bytes = written(&group);
        let text = text_at(&bytes).unwrap();
        assert_eq!(room(text), bytes.len());
        let (store, again) = read(text).unwrap();
        assert_eq!((&*store, again.number, again.at, again.first), ("s\"tore", 7, group.at, 3));
        assert_eq!(format!("{:?}", again.changes), format!("{:?}", group.changes));
    }

    #[test]
    fn a_group_that_is_damaged_or_cut_off_anywhere_is_none() {
        let append = Change::Append { event: padded(1, 5, 200), rule: RuleId(1), expires: None };
        let bytes = written(&group(vec![append]));
        let end = HEAD + text_at(&bytes).unwrap().len();
        for at in 0..end {
            let mut damaged = bytes.clone();
            damaged[at] ^= 4;
            assert!(text_at(&damaged).is_none(), "byte {at}");
            assert!(text_at(&bytes[..at]).is_none(), "cut off at {at}");
        }
        assert!(text_at(&bytes[..end]).is_some());
    }
}
