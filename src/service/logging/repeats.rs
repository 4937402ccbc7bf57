//! Repeats: what one place in the source logs again and again is summed up. Knows neither queue nor output.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use foldhash::fast::RandomState;
use tracing::callsite::Identifier;
use tracing::{Event, Level};

use super::messages::{Kind, kind};
use super::record::Record;

/// How many records of one place pass in one window.
const PASS: u32 = 10;
/// How long a window is.
pub(super) const WINDOW: Duration = Duration::from_secs(5);

/// The windows that are open, one for each place that has logged lately.
#[derive(Default)]
pub(super) struct Repeats {
    windows: Mutex<HashMap<Identifier, Window, RandomState>>,
}

struct Window {
    began: Instant,
    passed: u32,
    /// Those that did not pass.
    more: u64,
    /// One of them.
    example: Option<Record>,
}

impl Repeats {
    /// Whether this event is to be written; if not, it is counted.
    ///
    /// DEBUG and TRACE always pass, for whoever asks for them wants all; so does what has no message, as it could not
    /// be summed up in words.
    pub(super) fn admits(&self, event: &Event<'_>, now: Instant) -> bool {
        let metadata = event.metadata();
        if *metadata.level() > Level::INFO
            || kind(metadata.name()) == Kind::Single
            || metadata.fields().field("message").is_none()
        {
            return true;
        }
        let identifier = metadata.callsite();
        {
            let mut windows = self.windows();
            let window = windows.entry(identifier.clone()).or_insert_with(|| Window::new(now));
            if window.more == 0 && now.saturating_duration_since(window.began) >= WINDOW {
                *window = Window::new(now);
            }
            if window.passed < PASS {
                window.passed += 1;
                return true;
            }
            window.more += 1;
            if window.example.is_some() {
                return false;
            }
        }
        // Without the lock: a value that logs while it is formatted would need it.
        let example = Record::of(event);
        if let Some(window) = self.windows().get_mut(&identifier) {
            window.example.get_or_insert(example);
        }
        false
    }

    /// Closes the windows that have been open long enough, or all, and sums up what did not pass in them. Also tells
    /// when the next one ends.
    pub(super) fn close(&self, now: Instant, all: bool) -> (Vec<Record>, Option<Instant>) {
        let (mut summaries, mut next) = (Vec::new(), None::<Instant>);
        self.windows().retain(|_, window| {
            let end = window.began + WINDOW;
            if now < end && !all {
                next = Some(next.map_or(end, |next| next.min(end)));
                return true;
            }
            summaries.extend(window.summary(now));
            false
        });
        (summaries, next)
    }

    fn windows(&self) -> MutexGuard<'_, HashMap<Identifier, Window, RandomState>> {
        // Nothing is left half done in there by a panic.
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Window {
    fn new(now: Instant) -> Self {
        Self { began: now, passed: 0, more: 0, example: None }
    }

    fn summary(&self, now: Instant) -> Option<Record> {
        // At least one: it says for how long, to the second.
        let seconds = now.saturating_duration_since(self.began).as_secs_f64().round().max(1.0) as u64;
        let addition = format!(": {} more in {seconds} s", grouped(self.more));
        Some(self.example.as_ref()?.followed_by(&addition))
    }
}

/// A number with its thousands set apart.
pub(in crate::service) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    use super::super::testing::{events, text};
    use super::*;

    /// How many of so many events of one place pass at this moment.
    fn admitted(repeats: &Arc<Repeats>, now: Instant, log: impl Fn(), times: u64) -> u64 {
        let passed = Arc::new(AtomicU64::new(0));
        let (counting, repeats) = (Arc::clone(&passed), Arc::clone(repeats));
        let count = move |event: &Event<'_>| {
            counting.fetch_add(repeats.admits(event, now).into(), Relaxed);
        };
        events(count, || (0..times).for_each(|_| log()));
        passed.load(Relaxed)
    }

    fn refused() {
        tracing::warn!(remote = "10.0.0.1:80", "a client was refused");
    }

    #[test]
    fn ten_pass_and_the_rest_is_summed_up_when_the_window_ends() {
        let (repeats, start) = (Arc::<Repeats>::default(), Instant::now());
        assert_eq!(admitted(&repeats, start, refused, 1_214), 10);
        let (summaries, next) = repeats.close(start + WINDOW / 2, false);
        assert!(summaries.is_empty() && next == Some(start + WINDOW));
        let (summaries, next) = repeats.close(start + WINDOW, false);
        assert_eq!((summaries.len(), next), (1, None));
        assert!(text(&summaries[0]).ends_with("a client was refused: 1,204 more in 5 s\n"));
    }

    #[test]
    fn ten_more_pass_in_the_next_window() {
        let (repeats, start) = (Arc::<Repeats>::default(), Instant::now());
        assert_eq!(admitted(&repeats, start, refused, 11), 10);
        assert_eq!(repeats.close(start + WINDOW, false).0.len(), 1);
        assert_eq!(admitted(&repeats, start + WINDOW, refused, 10), 10);
        // Nothing was held back in that one: it ends without a word, whoever notices first.
        assert_eq!(admitted(&repeats, start + 2 * WINDOW, refused, 10), 10);
        assert!(repeats.close(start + 3 * WINDOW, false).0.is_empty());
    }

    #[test]
    fn a_late_summary_says_how_long_it_really_was() {
        let (repeats, start) = (Arc::<Repeats>::default(), Instant::now());
        admitted(&repeats, start, refused, 11);
        assert_eq!(admitted(&repeats, start + 2 * WINDOW, refused, 1), 0);
        let (summaries, _) = repeats.close(start + 3 * WINDOW, false);
        assert!(text(&summaries[0]).ends_with(": 2 more in 15 s\n"));
    }

    #[test]
    fn places_do_not_share_a_window() {
        let (repeats, start) = (Arc::<Repeats>::default(), Instant::now());
        assert_eq!(admitted(&repeats, start, refused, 20), 10);
        assert_eq!(admitted(&repeats, start, || tracing::warn!("another"), 20), 10);
    }

    #[test]
    fn all_pass_of_what_was_asked_for_is_rare_or_has_no_message() {
        let (repeats, start) = (Arc::<Repeats>::default(), Instant::now());
        assert_eq!(admitted(&repeats, start, || tracing::debug!("detail"), 50), 50);
        assert_eq!(admitted(&repeats, start, || tracing::info!(name: "gadugi.reload", "reloaded"), 50), 50);
        assert_eq!(admitted(&repeats, start, || tracing::info!(only = "fields"), 50), 50);
    }

    #[test]
    fn all_windows_can_be_closed_before_their_time() {
        let (repeats, start) = (Arc::<Repeats>::default(), Instant::now());
        admitted(&repeats, start, refused, 12);
        let (summaries, _) = repeats.close(start, true);
        assert!(text(&summaries[0]).ends_with(": 2 more in 1 s\n"));
    }

    #[test]
    fn thousands_are_set_apart() {
        let numbers = [0, 12, 999, 1_000, 1_204, 123_456, 1_234_567];
        let grouped = numbers.map(grouped);
        assert_eq!(grouped, ["0", "12", "999", "1,000", "1,204", "123,456", "1,234,567"]);
    }
}
