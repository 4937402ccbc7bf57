//! What a client is told without having asked.

use super::{Reply, begin, counts, key, number, raw};
use crate::protocol::write;

impl Reply<'_> {
    /// Appends a notice without the brace that ends it.
    pub(super) fn write_notice(&self, out: &mut Vec<u8>) {
        match *self {
            Self::Backlog { subscription_id, waiting, more, oldest_age_ms, highest_priority } => {
                begin(out, "backlog");
                write::uuid(key(out, "subscription_id"), subscription_id);
                number(out, "waiting", waiting);
                raw(out, "more", if more { "true" } else { "false" });
                number(out, "oldest_age_ms", oldest_age_ms);
                number(out, "highest_priority", highest_priority.get().into());
            }
            Self::Replayed { subscription_id, sequence, events } => {
                begin(out, "replayed");
                write::uuid(key(out, "subscription_id"), subscription_id);
                number(out, "sequence", sequence);
                number(out, "events", events);
            }
            Self::Draining { deadline, reconnect_after } => {
                begin(out, "draining");
                write::time(key(out, "deadline"), deadline);
                number(out, "reconnect_after_ms", reconnect_after);
            }
            Self::Gap { subscription_id, evicted, expired, lost } => {
                begin(out, "gap");
                write::uuid(key(out, "subscription_id"), subscription_id);
                counts(key(out, "evicted"), evicted);
                for (name, of) in [("expired", expired), ("lost", lost)] {
                    if of.iter().any(|&count| count > 0) {
                        counts(key(out, name), of);
                    }
                }
            }
            // These are answers.
            _ => {}
        }
    }
}
