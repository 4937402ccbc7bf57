//! An event as it travels through the router: one text that is shared by all its subscribers, and what routing
//! has to know about it.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::{
    EventType, Priority,
    json::Span,
    lean::{self, Ends},
};

/// An event, checked and complete. It is made by [`decode`](super::decode()), never changes but for the number that the
/// store gives it, and is used as `Arc<Event>`.
#[derive(Debug)]
pub struct Event {
    pub(super) full: Box<str>,
    pub(super) lean: OnceLock<Box<str>>,
    /// Where other fields end in `full`: `lean` is made by them.
    pub(super) ends: Ends,
    /// JSON strings in `full`, their quotes included.
    pub(super) id: Span,
    pub(super) topic: Span,
    pub(super) source: Span,
    /// May be `null` instead.
    pub(super) target: Span,
    /// Only if one of the four holds escapes.
    pub(super) decoded: Option<Box<Decoded>>,
    pub(super) kind: EventType,
    pub(super) priority: Priority,
    /// 0 = not stored.
    pub(super) sequence: AtomicU64,
}

/// The strings that do not read in JSON as they are meant.
#[derive(Clone, Default, Debug)]
pub(super) struct Decoded {
    pub id: Option<Box<str>>,
    pub topic: Option<Box<str>>,
    pub source: Option<Box<str>>,
    pub target: Option<Box<str>>,
}

impl Event {
    /// Its name.
    #[inline]
    pub fn id(&self) -> &str {
        self.text(self.id, |decoded| &decoded.id)
    }

    /// Its name as JSON: a string with its quotes, as its publisher wrote it.
    #[inline]
    pub fn id_json(&self) -> &str {
        self.id.of(&self.full)
    }

    /// What it is matched by.
    #[inline]
    pub fn topic(&self) -> &str {
        self.text(self.topic, |decoded| &decoded.topic)
    }

    /// What it is about.
    #[inline]
    pub fn kind(&self) -> EventType {
        self.kind
    }

    /// How urgent it is.
    #[inline]
    pub fn priority(&self) -> Priority {
        self.priority
    }

    /// Who sent it, by its own word or by its connection.
    #[inline]
    pub fn source(&self) -> &str {
        self.text(self.source, |decoded| &decoded.source)
    }

    /// Whom its publisher had in mind.
    #[inline]
    pub fn target(&self) -> Option<&str> {
        self.target.of(&self.full).starts_with('"').then(|| self.text(self.target, |decoded| &decoded.target))
    }

    /// The event as JSON: all fourteen fields, all nine of its metadata, and what its publisher gave byte for
    /// byte.
    #[inline]
    pub fn full(&self) -> &str {
        &self.full
    }

    /// The event as JSON without what a client can fill in again. Made on first use.
    pub fn lean(&self) -> &str {
        self.lean.get_or_init(|| lean::lean(self))
    }

    /// Its number in the store, from 1 on; 0 = it is not stored. It is no part of the event's text.
    #[inline]
    pub fn sequence(&self) -> u64 {
        self.sequence.load(Relaxed)
    }

    /// It is stored under this number now. To be told before anybody else is handed the event.
    pub fn stored_as(&self, sequence: u64) {
        self.sequence.store(sequence, Relaxed);
    }

    /// How many bytes [`Self::full`] has: what the event is counted as in bounds on memory.
    #[inline]
    pub fn size(&self) -> usize {
        self.full.len()
    }

    #[inline]
    fn text(&self, span: Span, decoded: impl FnOnce(&Decoded) -> &Option<Box<str>>) -> &str {
        match self.decoded.as_deref().and_then(|texts| decoded(texts).as_deref()) {
            Some(text) => text,
            None => span.inner().of(&self.full),
        }
    }
}
