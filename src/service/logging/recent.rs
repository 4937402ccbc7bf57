//! The last warnings and errors, kept for whoever asks how the router is.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tracing::callsite::Identifier;
use tracing::{Event, Level};

use super::record::Record;

/// How many are kept.
const KEPT: usize = 10;
/// How many of them at most are of one place in the source, so that one trouble does not hide all others.
const OF_ONE_PLACE: usize = 3;

/// A warning or an error.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::service) struct Logged {
    /// When it last happened.
    pub time: SystemTime,
    /// WARN or ERROR.
    pub level: Level,
    /// The message, and the fields behind it.
    pub text: String,
    /// How often it happened.
    pub times: u64,
}

/// The last ones, oldest first, each with its place in the source.
#[derive(Default)]
pub(super) struct Recent {
    kept: Mutex<VecDeque<(Identifier, Logged)>>,
}

impl Recent {
    /// Notes a record of this event, if somebody should know of it.
    pub(super) fn note(&self, event: &Event<'_>, record: &Record) {
        let (level, place) = (*event.metadata().level(), event.metadata().callsite());
        if level > Level::WARN {
            return;
        }
        let mut new = Logged { time: record.time(), level, text: record.in_words(), times: 1 };
        let mut kept = self.kept();
        // What happens again is one; of what is too much from one place the oldest joins the next.
        if let Some(same) = kept.iter().position(|(of, old)| *of == place && old.text == new.text) {
            new.times += kept.remove(same).map_or(0, |(_, old)| old.times);
        }
        let alike: Vec<_> = (0..kept.len()).filter(|&at| kept[at].0 == place).collect();
        if let [oldest, .., _] = alike[..]
            && alike.len() >= OF_ONE_PLACE
        {
            let times = kept.remove(oldest).map_or(0, |(_, old)| old.times);
            // Those behind have moved up by one.
            if let Some((_, next)) = kept.get_mut(alike[1] - 1) {
                next.times += times;
            }
        }
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back((place, new));
    }

    /// An event of a place happened again, and was not recorded.
    pub(super) fn again(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        if *metadata.level() > Level::WARN {
            return;
        }
        if let Some((_, last)) = self.kept().iter_mut().rev().find(|(of, _)| *of == metadata.callsite()) {
            last.times += 1;
            last.time = SystemTime::now();
        }
    }

    /// The last ones, oldest first.
    pub(super) fn all(&self) -> Vec<Logged> {
        let mut all: Vec<_> = self.kept().iter().map(|(_, logged)| logged.clone()).collect();
        all.sort_by_key(|logged| logged.time);
        all
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<(Identifier, Logged)>> {
        // Nothing in there is half done after a panic.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tracing_subscriber::layer::SubscriberExt;

    use super::super::forward::{Forward, Shared};
    use super::*;

    fn noted(log: impl FnOnce()) -> Vec<(String, u64)> {
        let shared = Arc::<Shared>::default();
        let subscriber = tracing_subscriber::registry().with(Forward(Arc::clone(&shared)));
        tracing::subscriber::with_default(subscriber, log);
        shared.recent.all().into_iter().map(|logged| (logged.text, logged.times)).collect()
    }

    fn refused(client: u64) {
        tracing::warn!(client, "refused");
    }

    #[test]
    fn warnings_and_errors_are_kept_with_their_fields() {
        let noted = noted(|| {
            tracing::info!("not this");
            tracing::error!(remote = %"10.0.0.1:80", bytes = 7u64, "cannot do it");
            refused(1);
        });
        let expected = [("cannot do it (remote=10.0.0.1:80, bytes=7)", 1), ("refused (client=1)", 1)];
        assert_eq!(noted, expected.map(|(text, times)| (text.to_owned(), times)));
    }

    #[test]
    fn one_trouble_hides_no_other_and_nothing_is_counted_less_than_it_happened() {
        let noted = noted(|| {
            tracing::error!("the first");
            // More than are written one by one.
            (0..500).for_each(refused);
            tracing::error!("the last");
        });
        assert_eq!((noted.len(), &*noted[0].0), (2 + OF_ONE_PLACE, "the first"));
        assert_eq!(noted.iter().map(|(_, times)| times).sum::<u64>(), 502);
        assert_eq!(noted[4].0, "the last");
    }

    #[test]
    fn what_happens_again_is_one_and_the_oldest_of_many_goes() {
        assert_eq!(noted(|| (0..4).for_each(|_| refused(9))), [("refused (client=9)".to_owned(), 4)]);
        let many = noted(|| {
            macro_rules! each { ($($text:literal)*) => { $(tracing::warn!($text);)* } }
            each!("a" "b" "c" "d" "e" "f" "g" "h" "i" "j" "k" "l");
        });
        assert_eq!(many.into_iter().map(|(text, _)| text).collect::<String>(), "cdefghijkl");
    }
}
