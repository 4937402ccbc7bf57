//! How a record is written: to the journal with its fields, or as a line of text or JSON into a sink. Where that is, is
//! decided elsewhere.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use jiff::Timestamp;
use tracing::{Event, Subscriber};
use tracing_journald::{Priority, PriorityMappings};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, fmt as lines};

use super::messages::MESSAGES;
use super::record::Record;
use super::sink::SharedSink;

/// What the journal's fields of ours begin with, so that none can pass for one of its own.
const FIELD_PREFIX: &str = "GADUGI";
const IDENTIFIER: &str = "gadugi-router";

/// Writes records.
pub(super) struct Output {
    to: Box<dyn Subscriber + Send + Sync>,
    time: RecordTime,
    sink: Option<SharedSink>,
}

impl Output {
    /// The journal.
    ///
    /// # Errors
    /// It does not answer.
    pub(super) fn journal() -> io::Result<Self> {
        let journal = tracing_subscriber::registry().with(Journal::open()?);
        Ok(Self { to: Box::new(journal), time: RecordTime::default(), sink: None })
    }

    /// Lines for people.
    pub(super) fn text(sink: SharedSink, colours: bool) -> Self {
        let time = RecordTime::default();
        let layer = lines::layer()
            .with_timer(time.clone())
            .with_writer(writer(&sink))
            .with_ansi(colours)
            .log_internal_errors(false);
        Self { to: Box::new(tracing_subscriber::registry().with(layer)), time, sink: Some(sink) }
    }

    /// JSON objects, one in a line.
    pub(super) fn json(sink: SharedSink) -> Self {
        let time = RecordTime::default();
        let layer = lines::layer()
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .with_timer(time.clone())
            .with_writer(writer(&sink))
            .log_internal_errors(false);
        Self { to: Box::new(tracing_subscriber::registry().with(layer)), time, sink: Some(sink) }
    }

    /// Writes this record, or counts it.
    pub(super) fn write(&self, record: &Record) {
        self.time.set(record);
        record.replay(&*self.to);
    }

    /// Opens its file anew, if it has one.
    ///
    /// # Errors
    /// It cannot be opened: the old one goes on being used.
    pub(super) fn reopen(&self) -> io::Result<()> {
        self.sink.as_ref().map_or(Ok(()), |sink| sink.lock().reopen())
    }

    /// How many records could not be written, and why; not before some can be again.
    pub(super) fn take_lost(&self) -> Option<(u64, io::Error)> {
        self.sink.as_ref()?.lock().take_lost()
    }
}

fn writer(sink: &SharedSink) -> impl Fn() -> SharedSink + use<> {
    let sink = sink.clone();
    move || sink.clone()
}

/// The time of the record that is being written; now would be that of its writing.
#[derive(Clone, Default)]
struct RecordTime(Arc<AtomicI64>);

impl RecordTime {
    fn set(&self, record: &Record) {
        // A clock so wrong that it fits into no date shows 1970.
        let time = Timestamp::try_from(record.time()).unwrap_or_default();
        self.0.store(time.as_microsecond(), Relaxed);
    }
}

impl FormatTime for RecordTime {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        let time = Timestamp::from_microsecond(self.0.load(Relaxed)).unwrap_or_default();
        write!(writer, "{time:.6}")
    }
}

/// The journal: a layer for records without a name, and one for each name, which adds its MESSAGE_ID.
struct Journal {
    plain: tracing_journald::Layer,
    named: Vec<(&'static str, tracing_journald::Layer)>,
}

impl Journal {
    fn open() -> io::Result<Self> {
        let mut named = Vec::new();
        for message in MESSAGES {
            named.push((message.name, layer()?.with_custom_fields([("MESSAGE_ID", message.id)])));
        }
        Ok(Self { plain: layer()?, named })
    }
}

fn layer() -> io::Result<tracing_journald::Layer> {
    // The library's own choice makes a notice of INFO and INFO of DEBUG.
    let priorities =
        PriorityMappings { info: Priority::Informational, debug: Priority::Debug, ..PriorityMappings::new() };
    Ok(tracing_journald::layer()?
        .with_priority_mappings(priorities)
        .with_field_prefix(Some(FIELD_PREFIX.to_owned()))
        .with_syslog_identifier(IDENTIFIER.to_owned()))
}

impl<S: Subscriber + for<'span> LookupSpan<'span>> Layer<S> for Journal {
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let name = event.metadata().name();
        let named = self.named.iter().find(|(known, _)| *known == name);
        named.map_or(&self.plain, |(_, layer)| layer).on_event(event, context);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Lines, record, text};
    use super::*;

    #[test]
    fn a_line_of_json_has_the_fields_beside_message_level_and_time() {
        let record =
            record(|| tracing::warn!(client_id = %"c-1", lost = 3u64, late = true, name = "x\"y", "gone"));
        let lines = Lines::default();
        Output::json(lines.sink()).write(&record);
        let line: serde_json::Value = serde_json::from_str(&lines.text()).unwrap();
        assert_eq!((line["level"].as_str(), line["message"].as_str()), (Some("WARN"), Some("gone")));
        assert_eq!((line["client_id"].as_str(), line["name"].as_str()), (Some("c-1"), Some("x\"y")));
        assert_eq!((line["lost"].as_u64(), line["late"].as_bool()), (Some(3), Some(true)));
        assert!(line["timestamp"].is_string() && line["target"].is_string());
    }

    #[test]
    fn the_time_is_the_records_own() {
        let (first, second) = (record(|| tracing::info!("1")), record(|| tracing::info!("2")));
        let time = |of: &str| of.split(' ').next().unwrap().parse::<Timestamp>().unwrap();
        let of = |record: &Record| Timestamp::try_from(record.time()).unwrap().as_microsecond();
        let (late, early) = (text(&second), text(&first));
        assert_eq!(time(&late).as_microsecond(), of(&second));
        assert_eq!(time(&early).as_microsecond(), of(&first));
        assert_eq!(late.split(' ').next().unwrap().len(), "2026-11-24T12:00:00.000000Z".len());
    }

    #[test]
    fn colours_are_there_only_when_wanted() {
        let record = record(|| tracing::info!("x"));
        let lines = Lines::default();
        Output::text(lines.sink(), true).write(&record);
        assert!(lines.text().contains('\x1b') && !text(&record).contains('\x1b'));
    }
}
