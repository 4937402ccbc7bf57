//! For the tests of this room: events as they come from macros, and what is written in the end.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};

use super::output::Output;
use super::record::Record;
use super::sink::{SharedSink, Sink};

struct Each<F>(F);

impl<S: Subscriber, F: Fn(&Event<'_>) + 'static> Layer<S> for Each<F> {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        (self.0)(event);
    }
}

/// Does this with each event that is logged meanwhile.
pub(super) fn events(each: impl Fn(&Event<'_>) + Send + Sync + 'static, log: impl FnOnce()) {
    tracing::subscriber::with_default(tracing_subscriber::registry().with(Each(each)), log);
}

/// The one record that is logged.
pub(super) fn record(log: impl FnOnce()) -> Record {
    let records = Arc::<Mutex<Vec<Record>>>::default();
    let copied = Arc::clone(&records);
    events(move |event| copied.lock().unwrap().push(Record::of(event)), log);
    let mut records = std::mem::take(&mut *records.lock().unwrap());
    assert_eq!(records.len(), 1);
    records.remove(0)
}

/// The line that a record becomes.
pub(super) fn text(record: &Record) -> String {
    let lines = Lines::default();
    Output::text(lines.sink(), false).write(record);
    lines.text()
}

/// Keeps what is written.
#[derive(Clone, Default)]
pub(super) struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    pub(super) fn sink(&self) -> SharedSink {
        SharedSink::new(Sink::to(Box::new(self.clone())))
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
