//! A group of changes as it lies in the intake log: a head of one line, and the changes as JSON.
//!
//! The head begins with a byte that JSON never has, so that nothing that a client sends looks like one.

use std::io::Write;

use serde::Deserialize;
use serde_json::value::RawValue;
use twox_hash::XxHash64;

use crate::protocol::{Event, Priority, Time};
use crate::store::{Change, RuleId, Sequence};

/// A group begins where a block of the disk does: so it can be written past the page cache, and found behind a damaged one.
pub(super) const BLOCK: usize = 4_096;
/// What every group of any version begins with, and what those of this one do.
const ANY: &[u8] = b"\x1egadugi-intake ";
const MARK: &[u8] = b"\x1egadugi-intake 1 ";
/// Behind the mark: the length of what follows the head, in decimal, a space, its XXH64, in hexadecimal, and a new line.
const LENGTH: usize = 10;
const SUM: usize = 16;
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

/// Whether the intake log takes such a change. What asks what is in the file, and what is rare, goes to the file.
pub(super) fn is_taken(change: &Change) -> bool {
    match change {
        Change::Append { .. }
        | Change::Seen { .. }
        | Change::Acked { .. }
        | Change::Floor { .. }
        | Change::Tried { .. }
        | Change::Told { .. } => true,
        Change::Durable { .. } | Change::Forget { .. } | Change::Bury(_) | Change::Unbury { .. } => false,
    }
}

/// Appends a group to `out`. Its length is a whole number of [`BLOCK`]s.
///
/// The text is a list of lists: whose group it is, then each change, its name first.
pub(super) fn write(group: &Group, store: &str, out: &mut Vec<u8>) -> serde_json::Result<()> {
    let start = out.len();
    out.resize(start + HEAD, 0);
    let Group { number, at, first, changes } = group;
    out.push(b'[');
    put(out, &(store, number, at.micros(), first))?;
    for change in changes {
        out.push(b',');
        put_change(change, out)?;
    }
    out.push(b']');
    let (mut head, text) = out[start..].split_at_mut(HEAD);
    let (length, sum) = (text.len(), XxHash64::oneshot(0, text));
    // It has the length that it has.
    head.write_all(MARK).and_then(|()| writeln!(head, "{length:0LENGTH$} {sum:0SUM$x}")).ok();
    out.resize(start + room(length), b' ');
    Ok(())
}

fn put(out: &mut Vec<u8>, what: &impl serde::Serialize) -> serde_json::Result<()> {
    serde_json::to_writer(out, what)
}

fn put_change(change: &Change, out: &mut Vec<u8>) -> serde_json::Result<()> {
    match change {
        Change::Append { event, rule, expires } => {
            put(out, &("append", rule.0, expires.map(Time::micros)))?;
            // The event's text as it is: it is not looked at again on the way to the disk.
            out.pop();
            out.push(b',');
            out.extend_from_slice(event.full().as_bytes());
            out.push(b']');
            Ok(())
        }
        Change::Seen { name } => put(out, &("seen", name)),
        Change::Acked { name, priority, sequence } => put(out, &("acked", name, priority.get(), sequence)),
        Change::Floor { name, priority, floor } => put(out, &("floor", name, priority.get(), floor)),
        Change::Tried { name, priority, sequence, attempts } => {
            put(out, &("tried", name, priority.get(), sequence, attempts))
        }
        Change::Told { name, lost } => put(out, &("told", name, lost)),
        Change::Durable { .. } | Change::Forget { .. } | Change::Bury(_) | Change::Unbury { .. } => {
            Err(serde::ser::Error::custom("it is no change for the intake log"))
        }
    }
}

/// What stands at the beginning of `bytes`: the text of a group, whole, or nothing.
pub(super) fn text_at(bytes: &[u8]) -> Option<&[u8]> {
    let (head, rest) = bytes.split_at_checked(HEAD)?;
    let numbers = std::str::from_utf8(head.strip_prefix(MARK)?).ok()?;
    let (length, sum) = numbers.strip_suffix('\n')?.split_once(' ')?;
    let text = rest.get(..length.parse().ok()?)?;
    (u64::from_str_radix(sum, 16).ok()? == XxHash64::oneshot(0, text)).then_some(text)
}

/// Whether there stands a group that another version of the router wrote.
pub(super) fn is_of_another_version(bytes: &[u8]) -> bool {
    bytes.starts_with(ANY) && !bytes.starts_with(MARK)
}

/// How much room a group takes whose text has such a length.
pub(super) fn room(length: usize) -> usize {
    (HEAD + length).next_multiple_of(BLOCK)
}

/// Reads a group, and the store that it is of.
pub(super) fn read(text: &[u8]) -> Option<(Box<str>, Group)> {
    let lists: Vec<Vec<&RawValue>> = serde_json::from_slice(text).ok()?;
    let (label, changes) = lists.split_first()?;
    let [store, number, at, first] = label[..] else { return None };
    let changes = changes.iter().map(|parts| change(parts)).collect::<Option<_>>()?;
    let (number, first) = (get(number)?, get(first)?);
    Some((get(store)?, Group { number, at: Time::from_micros(get(at)?), first, changes }))
}

fn get<'t, T: Deserialize<'t>>(value: &'t RawValue) -> Option<T> {
    serde_json::from_str(value.get()).ok()
}

fn change(parts: &[&RawValue]) -> Option<Change> {
    let level = |value| Priority::new(get(value)?);
    let (kind, parts) = parts.split_first()?;
    Some(match (kind.get(), parts) {
        (r#""append""#, [rule, expires, event]) => Change::Append {
            event: Event::read(event.get()).ok()?,
            rule: RuleId(get(rule)?),
            expires: get::<Option<i64>>(expires)?.map(Time::from_micros),
        },
        (r#""seen""#, [name]) => Change::Seen { name: get(name)? },
        (r#""acked""#, [name, priority, sequence]) => {
            Change::Acked { name: get(name)?, priority: level(priority)?, sequence: get(sequence)? }
        }
        (r#""floor""#, [name, priority, floor]) => {
            Change::Floor { name: get(name)?, priority: level(priority)?, floor: get(floor)? }
        }
        (r#""tried""#, [name, priority, sequence, attempts]) => Change::Tried {
            name: get(name)?,
            priority: level(priority)?,
            sequence: get(sequence)?,
            attempts: get(attempts)?,
        },
        (r#""told""#, [name, lost]) => {
            let lost: Vec<u64> = get(lost)?;
            Change::Told { name: get(name)?, lost: Box::new(lost.try_into().ok()?) }
        }
        _ => return None,
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
        out.drain(..3);
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
            Change::Tried {
                name: name.clone(),
                priority: Priority::LOW,
                sequence: 4,
                attempts: r#"[{"error":"no \"disk\""}]"#.into(),
            },
            Change::Told { name, lost: Box::new(std::array::from_fn(|level| level as u64)) },
        ];
        assert!(changes.iter().all(is_taken));
        let group = group(changes);
        let bytes = written(&group);
        let text = text_at(&bytes).unwrap();
        assert_eq!(room(text.len()), bytes.len());
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
