//! An event in one line.

use unicode_width::UnicodeWidthChar;
use uuid::Uuid;

use super::super::output::plain;
use crate::client::Event;
use crate::protocol::{EventType, Priority, Time};

/// The priority's place: ` 9 CRITICAL  `.
const LABEL: usize = 13;
/// As many characters of an id tell it from others.
const SHORT_ID: usize = 8;

/// Time, priority, topic, type, source and payload. With a width, it is cut to that, and ids are shortened.
pub(super) fn line(event: &Event, colour: bool, width: Option<usize>) -> String {
    let time = time(&event.timestamp);
    let priority = label(event.priority);
    let target = event.target.as_deref().map(|target| format!(" → {}", plain(target)));
    let rest = format!(
        "{}  {}  {}{}  {}",
        plain(&event.topic),
        event.kind.as_str(),
        who(&event.source, width.is_some()),
        target.unwrap_or_default(),
        plain(&compact(event.payload.get()))
    );
    let rest = match width {
        // What stands before it, with its spaces.
        Some(width) => cut(&rest, width.saturating_sub(time.len() + LABEL + 2)),
        None => rest,
    };
    match paint(event).filter(|_| colour) {
        Some(paint) => format!("{time}  {paint}{priority:<LABEL$}\x1b[0m{rest}"),
        None => format!("{time}  {priority:<LABEL$}{rest}"),
    }
}

/// The time of day in UTC, if it can be read; as it is written otherwise.
fn time(timestamp: &str) -> String {
    match Time::parse(timestamp) {
        Some(time) => time.to_string().get(11..23).map(|time| format!("{time}Z")).unwrap_or_default(),
        None => plain(timestamp),
    }
}

fn label(priority: Priority) -> String {
    format!("{:>2} {}", priority.get(), priority.name().unwrap_or_default())
}

fn who(source: &str, short: bool) -> String {
    match source.get(..SHORT_ID) {
        Some(begin) if short && Uuid::try_parse(source).is_ok() => format!("{begin}…"),
        _ => plain(source),
    }
}

/// The more urgent, the louder. Failures are red in any case.
fn paint(event: &Event) -> Option<&'static str> {
    const FAILED: [EventType; 4] =
        [EventType::AgentFailed, EventType::TaskFailed, EventType::WorkflowFailed, EventType::SystemError];
    if FAILED.contains(&event.kind) {
        return Some("\x1b[31m");
    }
    match event.priority.get() {
        10 => Some("\x1b[1;35m"),
        9 => Some("\x1b[1;31m"),
        7 | 8 => Some("\x1b[33m"),
        5 | 6 => None,
        3 | 4 => Some("\x1b[36m"),
        _ => Some("\x1b[2m"),
    }
}

/// JSON for people: without the space between its parts, so that all of it is one line, with letters instead of their
/// escapes, and with its numbers as they were written.
fn compact(json: &str) -> String {
    let (mut out, mut rest, mut inside) = (String::with_capacity(json.len()), json, false);
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '\\' if inside => unescape(rest, &mut out),
            _ => {
                inside ^= c == '"';
                if inside || !c.is_ascii_whitespace() {
                    out.push(c);
                }
                c.len_utf8()
            }
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    out
}

/// Appends what an escape at the beginning of a text means, if that can stand for itself, or else the escape; and says
/// how long it was.
fn unescape(text: &str, out: &mut String) -> usize {
    /// `\u` and four digits, or two of them.
    const LENGTHS: [usize; 2] = [6, 12];
    for escape in LENGTHS.into_iter().filter_map(|length| text.get(..length)) {
        if let Ok(c) = serde_json::from_str::<char>(&format!("\"{escape}\""))
            && escape.starts_with("\\u")
            && !c.is_control()
            && !matches!(c, '"' | '\\')
        {
            out.push(c);
            return escape.len();
        }
    }
    let escape = text.get(..2).unwrap_or(text);
    out.push_str(escape);
    escape.len()
}

/// As much of a text as fits in so many columns.
fn cut(text: &str, columns: usize) -> String {
    let widths = text.chars().map(|c| c.width().unwrap_or(0));
    if widths.sum::<usize>() <= columns {
        return text.to_owned();
    }
    let mut left = columns.saturating_sub(1);
    let fits = |c: &char| {
        let width = c.width().unwrap_or(0);
        let fits = width <= left;
        left = if fits { left - width } else { 0 };
        fits
    };
    text.chars().take_while(fits).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(json: &str) -> Event {
        serde_json::from_str(json).unwrap()
    }

    const WHOLE: &str = r#"{"id":"i","topic":"task.created","type":"task.created","priority":7,
        "source":"0b6f6a1e-6a53-4bb4-9a3c-fd3e0f4a1f00","target":"w","payload":{"a": 1.50, "b" : "x  \"y\n"},
        "timestamp":"2026-01-31T12:00:00.123456+00:00"}"#;

    #[test]
    fn an_event_is_one_line() {
        let whole = WHOLE.replace('\n', " ").replace("y ", "y\\u001b[2J");
        let shown = line(&event(&whole), false, None);
        assert!(shown.starts_with(
            "12:00:00.123Z   7 HIGH      task.created  task.created  0b6f6a1e-6a53-4bb4-9a3c-fd3e0f4a1f00 → w  {\"a\":1.50,"
        ), "{shown}");
        assert!(!shown.contains('\x1b') && !shown.contains('\n'));
    }

    #[test]
    fn on_a_terminal_it_is_cut_and_coloured() {
        let event = event(&WHOLE.replace('\n', " ").replace("y ", "y"));
        let shown = line(&event, true, Some(60));
        assert!(shown.contains("\x1b[33m 7 HIGH      \x1b[0mtask.created"), "{shown}");
        let bare = line(&event, false, Some(60));
        assert_eq!(bare.chars().count(), 60);
        assert!(bare.ends_with('…'));
        assert!(line(&event, false, Some(200)).contains("0b6f6a1e… → w"));
    }

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!(cut("日本語", 6), "日本語");
        assert_eq!(cut("日本語", 5), "日本…");
        assert_eq!(cut("日本語", 4), "日…");
        assert_eq!(cut("abc", 0), "…");
    }

    #[test]
    fn only_space_between_the_parts_of_json_goes() {
        let json = "{ \"a b\" : [ 1 ,\n 2.50 ], \"c\\\" d\" : \"\\\\\" , \"e\" : 1 }";
        assert_eq!(compact(json), r#"{"a b":[1,2.50],"c\" d":"\\","e":1}"#);
    }

    #[test]
    fn letters_stand_for_themselves_and_nothing_else_does() {
        let json = r#""\u65e5\u672c \ud83e\udd80 \u001b[2J \u0022 \u005c \\u0041 \n \ud800 \u0041""#;
        assert_eq!(compact(json), r#""日本 🦀 \u001b[2J \u0022 \u005c \\u0041 \n \ud800 A""#);
        assert_eq!(compact(r#""\"#), r#""\"#);
    }
}
