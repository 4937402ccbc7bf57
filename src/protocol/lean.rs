//! The lean form of an event: without the fields that hold what they hold by default. A client that asked for it
//! fills them in again.

use super::{
    fields::Field,
    json::{Scanner, Span, Syntax},
};

/// The lean form of a complete event.
pub(super) fn lean(full: &str) -> Box<str> {
    let mut out = String::with_capacity(full.len());
    let whole = Span { start: 0, end: full.len() as u32 };
    match members(&mut out, &mut Scanner::inside(full, whole), Field::in_event) {
        Ok(()) => out.into_boxed_str(),
        // It was JSON when it came in; if it were not, it would still be right to send it as it is.
        Err(_) => full.into(),
    }
}

fn members(
    out: &mut String,
    scanner: &mut Scanner<'_>,
    find: fn(&[u8]) -> Option<Field>,
) -> Result<(), Syntax> {
    scanner.peek();
    scanner.enter()?;
    out.push('{');
    let empty = out.len();
    let mut first = true;
    while let Some(key) = scanner.key(&mut first)? {
        let before = out.len();
        if before > empty {
            out.push(',');
        }
        out.push_str(scanner.str(key.span));
        out.push(':');
        let field = find(scanner.inner(key));
        if field == Some(Field::Metadata) {
            let value = out.len();
            members(out, scanner, Field::in_metadata)?;
            if &out[value..] == "{}" {
                out.truncate(before);
            }
            continue;
        }
        let json = {
            let value = scanner.value()?;
            scanner.str(value.span)
        };
        if field.and_then(Field::default).is_some_and(|default| is(json, default)) {
            out.truncate(before);
        } else {
            out.push_str(json);
        }
    }
    out.push('}');
    Ok(())
}

/// Whether a value is this default; an empty object may hold whitespace.
fn is(json: &str, default: &str) -> bool {
    json == default
        || (default == "{}"
            && json
                .strip_prefix('{')
                .and_then(|rest| rest.strip_suffix('}'))
                .is_some_and(|inside| inside.trim().is_empty()))
}
