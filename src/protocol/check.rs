//! Whether an event's fields hold what they may, and what its publisher is told if not.

use super::{
    Priority,
    fields::{DELIVERY_STATUSES, Field, Rule},
    json::{Kind, Scanner, Value},
    strings::unescape,
    time::is_date_time,
};

/// How much of what a client sent an error repeats, in characters.
const QUOTED: usize = 64;

/// Whether a value is one that the rule admits. A priority is read by [`priority`]; what is inside of objects is
/// checked while they are read.
#[inline]
pub(super) fn holds(rule: Rule, scanner: Scanner<'_>, value: Value) -> bool {
    let null = value.kind == Kind::Null;
    let string = value.kind == Kind::String;
    match rule {
        Rule::Name | Rule::Text => string,
        Rule::NameOrNull | Rule::TextOrNull => string || null,
        Rule::Anything => true,
        Rule::Priority => priority(scanner.str(value.span).as_bytes()).is_some(),
        Rule::Count => is_count(scanner.str(value.span)),
        Rule::Status => string && is_text(scanner, value, |text| DELIVERY_STATUSES.contains(&text)),
        Rule::Time => string && is_text(scanner, value, is_date_time),
        Rule::TimeOrNull => null || (string && is_text(scanner, value, is_date_time)),
        Rule::Metadata | Rule::TextMap => value.kind == Kind::Object,
    }
}

/// A priority as the protocol writes it: an integer, nothing that merely equals one.
#[inline]
pub(super) fn priority(json: &[u8]) -> Option<Priority> {
    match json {
        &[digit @ b'1'..=b'9'] => Priority::new(u64::from(digit - b'0')),
        b"10" => Priority::new(10),
        _ => None,
    }
}

fn is_count(json: &str) -> bool {
    json.as_bytes().first().is_some_and(u8::is_ascii_digit) && json.parse::<u64>().is_ok()
}

#[inline]
fn is_text(scanner: Scanner<'_>, value: Value, test: impl Fn(&str) -> bool) -> bool {
    let inner = scanner.str(value.span.inner());
    if value.escaped { unescape(inner).is_ok_and(|text| test(&text)) } else { test(inner) }
}

/// The field that a key names. Inlined by order: it is asked for each key of an event.
#[inline(always)]
pub(super) fn find(metadata: bool, scanner: Scanner<'_>, key: Value) -> Option<Field> {
    if key.escaped {
        return find_escaped(metadata, scanner, key);
    }
    let name = scanner.inner(key.span);
    if metadata { Field::in_metadata(name) } else { Field::in_event(name) }
}

#[cold]
fn find_escaped(metadata: bool, scanner: Scanner<'_>, key: Value) -> Option<Field> {
    let name = unescape(scanner.str(key.span.inner())).ok()?;
    if metadata { Field::in_metadata(name.as_bytes()) } else { Field::in_event(name.as_bytes()) }
}

/// `event` is not even an object.
#[cold]
pub(super) fn not_an_object(kind: Kind) -> String {
    format!("`event` must be an object; got {}", kind.described())
}

/// A field came twice, and nobody can say which one is meant.
#[cold]
pub(super) fn twice(field: Field) -> String {
    format!("{} is given twice", path(field))
}

/// A value that its field cannot hold.
#[cold]
pub(super) fn wrong(field: Field, scanner: Scanner<'_>, value: Value) -> String {
    format!(
        "{} must be {}; got {}",
        path(field),
        expected(field.rule()),
        got(value.kind, scanner.str(value.span))
    )
}

/// A member of `tags` or `headers` that is no string.
#[cold]
pub(super) fn wrong_member(field: Field, scanner: Scanner<'_>, key: Value, value: Value) -> String {
    let key = shortened(scanner.str(key.span.inner()));
    format!(
        "`metadata.{}.{key}` must be a string; got {}",
        field.name(),
        got(value.kind, scanner.str(value.span))
    )
}

/// A field that no event has.
#[cold]
pub(super) fn unknown_key(metadata: bool, scanner: Scanner<'_>, key: Value) -> String {
    let name = shortened(scanner.str(key.span.inner()));
    let inside = if metadata { "metadata." } else { "" };
    if !metadata && matches!(&*name, "ttl_ms" | "receipt" | "mandatory" | "request_id") {
        return format!("unknown key `{name}`; it belongs beside `event`, not into it");
    }
    let fields: &[Field] = if metadata { &Field::OF_METADATA } else { &Field::OF_EVENT };
    match fields.iter().find(|field| is_close(&name, field.name())) {
        Some(field) => format!("unknown key `{inside}{name}`; did you mean {}?", path(*field)),
        None => {
            let names: Vec<_> = fields.iter().map(|field| field.name()).collect();
            let whose = if metadata { "the metadata" } else { "an event" };
            format!("unknown key `{inside}{name}`; the keys of {whose} are {}", names.join(", "))
        }
    }
}

/// Whether somebody who wrote one may have meant the other: they begin alike, or one is the other with a prefix
/// (`event_type`).
fn is_close(given: &str, name: &str) -> bool {
    let given = given.to_ascii_lowercase().replace('-', "_");
    let alike = given.bytes().zip(name.bytes()).take_while(|(a, b)| a == b).count();
    alike >= 4.min(name.len()) || given.strip_suffix(name).is_some_and(|prefix| prefix.ends_with('_'))
}

fn path(field: Field) -> String {
    let inside = if field.is_metadata() { "metadata." } else { "" };
    format!("`{inside}{}`", field.name())
}

fn expected(rule: Rule) -> String {
    match rule {
        Rule::Name | Rule::Text => "a string".into(),
        Rule::NameOrNull | Rule::TextOrNull => "a string or null".into(),
        Rule::Anything => "JSON".into(),
        Rule::Priority => {
            "an integer from 1 to 10 without quotes or fraction (LOWEST 1, LOW 3, NORMAL 5, HIGH 7, \
                           CRITICAL 9, SYSTEM 10)"
                .into()
        }
        Rule::Count => "an integer from 0".into(),
        Rule::Status => format!("one of {}", DELIVERY_STATUSES.join(", ")),
        Rule::Time => "a date-time like \"2026-01-31T12:00:00.123456+00:00\"".into(),
        Rule::TimeOrNull => "a date-time like \"2026-01-31T12:00:00.123456+00:00\", or null".into(),
        Rule::Metadata => "an object".into(),
        Rule::TextMap => "an object of strings".into(),
    }
}

/// What a client sent, for an error: a short value itself, otherwise what it is.
pub(super) fn got(kind: Kind, json: &str) -> String {
    match kind {
        Kind::Array | Kind::Object => kind.described().into(),
        _ => shortened(json),
    }
}

/// The beginning of a client's text, for an error: errors wait in a lane that is kept small.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into(),
    }
}
