//! What every thread that logs goes through: repeats are held back, the rest is copied and queued. It neither waits nor
//! writes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::messages::{Kind, kind};
use super::queue::Queue;
use super::recent::Recent;
use super::record::Record;
use super::repeats::Repeats;

/// How long last words may take until they are written.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What those who log and the thread that writes have in common.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) repeats: Repeats,
    pub(super) queue: Queue,
    pub(super) recent: Recent,
}

/// Hands records over to the log's thread.
pub(super) struct Forward(pub(super) Arc<Shared>);

impl<S: Subscriber> Layer<S> for Forward {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let Self(shared) = self;
        if !shared.repeats.admits(event, Instant::now()) {
            return shared.recent.again(event);
        }
        let record = Record::of(event);
        shared.recent.note(event, &record);
        shared.queue.put(record);
        if kind(event.metadata().name()) == Kind::LastWords {
            // There is nothing to be done if it fails.
            shared.queue.flush(LAST_WORDS);
        }
    }
}
