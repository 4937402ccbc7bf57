//! A record that outlives the macro that logged it: copied on the thread where it happened, written on the log's own.

use std::fmt::{self, Debug, Write};
use std::time::SystemTime;

use tracing::field::{DisplayValue, Field, Value, Visit, display};
use tracing::{Event, Metadata, Subscriber};

/// The bytes that one value may have. Longer ones are cut, so that a full queue has a bound in bytes too.
const MAX_TEXT: usize = 2048;
/// Room for most messages and addresses, so that text need not grow piece by piece.
const USUAL_TEXT: usize = 48;
const CUT: &str = "…";
const MESSAGE: &str = "message";

/// What was logged, where in the source, and when.
#[derive(Debug)]
pub(super) struct Record {
    metadata: &'static Metadata<'static>,
    time: SystemTime,
    /// One for each field of the metadata, in its order.
    values: Vec<Option<Kept>>,
}

/// A value, of the kinds between which outputs make a difference.
#[derive(Debug)]
enum Kept {
    Text(String),
    Shown(DisplayValue<String>),
    Signed(i64),
    Unsigned(u64),
    Float(f64),
    Truth(bool),
}

impl Kept {
    fn shown(text: String) -> Self {
        Self::Shown(display(text))
    }

    fn in_words(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Shown(shown) => shown.to_string(),
            Self::Signed(number) => number.to_string(),
            Self::Unsigned(number) => number.to_string(),
            Self::Float(number) => number.to_string(),
            Self::Truth(truth) => truth.to_string(),
        }
    }

    fn value(&self) -> &dyn Value {
        match self {
            Self::Text(text) => text,
            Self::Shown(shown) => shown,
            Self::Signed(number) => number,
            Self::Unsigned(number) => number,
            Self::Float(number) => number,
            Self::Truth(truth) => truth,
        }
    }
}

impl Record {
    /// Copies an event that happens now.
    pub(super) fn of(event: &Event<'_>) -> Self {
        let mut record = Self::blank(event.metadata());
        event.record(&mut record);
        record
    }

    fn blank(metadata: &'static Metadata<'static>) -> Self {
        let values = std::iter::repeat_with(|| None).take(metadata.fields().len()).collect();
        Self { metadata, time: SystemTime::now(), values }
    }

    /// A record from the same place with the same message and this behind it, and nothing else.
    pub(super) fn followed_by(&self, addition: &str) -> Self {
        let mut summary = Self::blank(self.metadata);
        if let Some(field) = self.metadata.fields().field(MESSAGE) {
            let message = self.values.get(field.index()).and_then(Option::as_ref);
            let message = message.map(Kept::in_words).unwrap_or_default();
            summary.keep(&field, Kept::shown(message + addition));
        }
        summary
    }

    /// The message and, behind it, the other fields.
    pub(super) fn in_words(&self) -> String {
        let (mut message, mut others) = (String::new(), Vec::new());
        for (field, kept) in self.metadata.fields().iter().zip(&self.values) {
            match kept {
                Some(kept) if field.name() == MESSAGE => message = kept.in_words(),
                Some(kept) => others.push(format!("{}={}", field.name(), kept.in_words())),
                None => {}
            }
        }
        if others.is_empty() { message } else { format!("{message} ({})", others.join(", ")) }
    }

    /// When it happened.
    pub(super) fn time(&self) -> SystemTime {
        self.time
    }

    /// Logs it once more, to this subscriber alone. Not by a dispatcher: the library asks all dispatchers that there are
    /// what they want, and a second one that wants everything would make the first dearer on every thread.
    pub(super) fn replay(&self, to: &dyn Subscriber) {
        let values: Vec<_> = self.values.iter().map(|kept| kept.as_ref().map(Kept::value)).collect();
        let values = self.metadata.fields().value_set_all(&values);
        to.event(&Event::new(self.metadata, &values));
    }

    fn keep(&mut self, field: &Field, kept: Kept) {
        if let Some(place) = self.values.get_mut(field.index()) {
            *place = Some(kept);
        }
    }
}

impl Visit for Record {
    fn record_str(&mut self, field: &Field, value: &str) {
        let mut end = value.len().min(MAX_TEXT);
        while !value.is_char_boundary(end) {
            end -= 1;
        }
        let mut text = value[..end].to_owned();
        if end < value.len() {
            text.push_str(CUT);
        }
        self.keep(field, Kept::Text(text));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut line = Line(String::with_capacity(USUAL_TEXT));
        // An error means that the line has no more room.
        write!(line, "{value:?}").ok();
        self.keep(field, Kept::shown(line.0));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.keep(field, Kept::Signed(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.keep(field, Kept::Unsigned(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.keep(field, Kept::Float(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.keep(field, Kept::Truth(value));
    }
}

/// Text in which nothing can pass for a line of its own.
struct Line(String);

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for char in text.chars() {
            if self.0.len() >= MAX_TEXT {
                self.0.push_str(CUT);
                return Err(fmt::Error);
            }
            if char.is_control() {
                self.0.extend(char.escape_default());
            } else {
                self.0.push(char);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{record, text};
    use super::*;

    #[test]
    fn a_replayed_record_looks_as_the_event_did() {
        let record = record(|| {
            let (peer, error) = ("10.0.0.1:80", std::fmt::Error);
            tracing::warn!(
                name = "Ann \"A\"", %peer, ?error, bytes = 12u64, left = -3i64, share = 0.5, late = true, absent = tracing::field::Empty,
                "a {} record", "whole"
            );
        });
        let expected = "WARN gadugi_router::service::logging::record::tests: a whole record \
            name=\"Ann \\\"A\\\"\" peer=10.0.0.1:80 error=Error bytes=12 left=-3 share=0.5 late=true\n";
        let text = text(&record);
        assert!(text.ends_with(expected), "{text}");
    }

    #[test]
    fn nothing_that_a_client_says_begins_a_line_or_colours_one() {
        let record = record(|| tracing::info!(said = "a\nb\x1b[31m", shown = %"c\r\nd\x1b[31m", "one\nline"));
        let text = text(&record);
        assert_eq!(text.matches('\n').count(), 1, "{text:?}");
        assert!(!text.contains(['\r', '\x1b']), "{text:?}");
        assert!(text.contains("one\\nline") && text.contains("shown=c\\r\\nd"), "{text:?}");
    }

    #[test]
    fn long_values_are_cut_between_two_characters() {
        let long = "ä".repeat(MAX_TEXT);
        let record = record(|| tracing::info!(text = long, shown = %long, "{long}"));
        let line = text(&record);
        assert!(line.len() < 3 * MAX_TEXT + 300, "{}", line.len());
        assert_eq!(line.matches(CUT).count(), 3);
    }

    #[test]
    fn a_summary_has_the_message_and_no_other_field() {
        let record = record(|| tracing::error!(remote = "x", "refused"));
        let text = text(&record.followed_by(": 3 more"));
        assert!(text.contains("ERROR") && text.ends_with(": refused: 3 more\n"), "{text}");
    }

    #[test]
    fn a_record_keeps_the_time_of_its_event() {
        let before = SystemTime::now();
        let record = record(|| tracing::info!("now"));
        assert!(before <= record.time() && record.time() <= SystemTime::now());
    }
}
