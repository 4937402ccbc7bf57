//! The lean form of an event: without the fields that hold what they hold by default. A client that asked for it
//! fills them in again.

use super::{fields::Field, json::Scanner, raw_event::RawEvent};

/// The lean form of a complete event.
pub(super) fn lean(full: &str) -> Box<str> {
    let mut raw = RawEvent::default();
    // It was read before and found right. If it were not, to send it as it is would still be right.
    let Ok(scanner) = Scanner::new(full) else { return full.into() };
    if raw.scan(scanner, 0, 0).is_err() {
        return full.into();
    }
    let mut out = String::with_capacity(full.len());
    out.push('{');
    for field in in_order(&raw, Field::OF_EVENT) {
        if field == Field::Metadata {
            metadata(&mut out, full, &raw);
        } else {
            member(&mut out, full, &raw, field);
        }
    }
    out.push('}');
    out.into_boxed_str()
}

fn metadata(out: &mut String, full: &str, raw: &RawEvent) {
    let before = out.len();
    name(out, Field::Metadata);
    out.push('{');
    let empty = out.len();
    for field in in_order(raw, Field::OF_METADATA) {
        member(out, full, raw, field);
    }
    if out.len() == empty {
        out.truncate(before);
    } else {
        out.push('}');
    }
}

/// Fields in the order in which they stand in the event.
fn in_order<const N: usize>(raw: &RawEvent, mut fields: [Field; N]) -> [Field; N] {
    if raw.is_shuffled() {
        fields.sort_unstable_by_key(|field| raw.get(*field).unwrap_or_default().start);
    }
    fields
}

/// Appends a field, unless it holds what it holds by default.
fn member(out: &mut String, full: &str, raw: &RawEvent, field: Field) {
    if raw.is_default(field) {
        return;
    }
    let json = raw.get(field).unwrap_or_default().of(full);
    if !field.default().is_some_and(|default| is(json, default)) {
        name(out, field);
        out.push_str(json);
    }
}

/// Appends a field's name, with a comma unless it is the first.
fn name(out: &mut String, field: Field) {
    if !out.ends_with('{') {
        out.push(',');
    }
    out.push_str(&field.lead()[1..]);
}

/// Whether a value is this default; an empty object may hold whitespace.
fn is(json: &str, default: &str) -> bool {
    json == default
        || (default == "{}"
            && json.len() > 2
            && json
                .strip_prefix('{')
                .and_then(|rest| rest.strip_suffix('}'))
                .is_some_and(|inside| inside.trim().is_empty()))
}
