//! The busiest topics: counted only while somebody looks.

use std::cmp::Reverse;
use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::{Millis, Router};

/// Counts begin anew after this long; the time before goes on being told for as long.
const WINDOW: Millis = 5_000;
/// Who has not asked for so long does not look any more.
const PATIENCE: Millis = 10_000;
/// Topics that are told apart in one window, so that publishers who make up topics cannot make it grow. Those that are
/// busy come early in a window and are among them.
const TOLD_APART: usize = 1_000;
/// A longer topic is not kept to be told.
const LONGEST: usize = 256;
/// Topics that are told.
const TOLD: usize = 50;

/// The busiest topics of the last seconds.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Busiest {
    /// Of how many seconds.
    pub seconds: f64,
    /// Topics and how many events were matched on each, the busiest first.
    pub topics: Vec<(Box<str>, u64)>,
    /// How many events were matched on topics that are not counted one by one.
    pub others: u64,
}

/// Somebody looks at the topics.
pub(super) struct TopicWatch {
    asked: Millis,
    now: Window,
    before: Option<Window>,
}

#[derive(Default)]
struct Window {
    began: Millis,
    counts: HashMap<Box<str>, u64, RandomState>,
    others: u64,
}

impl Window {
    fn count(&mut self, topic: &str) {
        if let Some(count) = self.counts.get_mut(topic) {
            *count += 1;
        } else if self.counts.len() < TOLD_APART && topic.len() <= LONGEST {
            self.counts.insert(topic.into(), 1);
        } else {
            self.others += 1;
        }
    }
}

impl TopicWatch {
    fn new(now: Millis) -> Self {
        Self { asked: now, now: Window { began: now, ..Window::default() }, before: None }
    }

    /// Counts an event. False: nobody looks any more.
    pub fn count(&mut self, topic: &str, now: Millis) -> bool {
        self.turn(now);
        self.now.count(topic);
        now.saturating_sub(self.asked) < PATIENCE
    }

    fn turn(&mut self, now: Millis) {
        let age = now.saturating_sub(self.now.began);
        if age >= WINDOW {
            let over = std::mem::replace(&mut self.now, Window { began: now, ..Window::default() });
            self.before = (age < 2 * WINDOW).then_some(over);
        }
    }

    fn busiest(&mut self, now: Millis) -> Busiest {
        self.asked = now;
        self.turn(now);
        let before = self.before.as_ref();
        let earlier = |topic: &str| before.and_then(|before| before.counts.get(topic)).copied().unwrap_or(0);
        let here = self.now.counts.iter().map(|(topic, count)| (topic, count + earlier(topic)));
        let gone = before.into_iter().flat_map(|before| &before.counts);
        let gone = gone.filter(|(topic, _)| !self.now.counts.contains_key(*topic));
        let mut all: Vec<_> = here.chain(gone.map(|(topic, count)| (topic, *count))).collect();
        all.sort_unstable_by_key(|&(topic, count)| (Reverse(count), topic));
        let began = before.map_or(self.now.began, |before| before.began);
        let rest: u64 = all.iter().skip(TOLD).map(|(_, count)| count).sum();
        Busiest {
            seconds: now.saturating_sub(began) as f64 / 1_000.0,
            topics: all.into_iter().take(TOLD).map(|(topic, count)| (topic.clone(), count)).collect(),
            others: rest + self.now.others + before.map_or(0, |before| before.others),
        }
    }
}

impl Router {
    /// The busiest topics since this was first asked, of the last 5 to 10 seconds. They are counted from the first
    /// question on, until nobody has asked for 10 seconds.
    pub fn busiest_topics(&mut self, now: Millis) -> Busiest {
        self.topics.get_or_insert_with(|| Box::new(TopicWatch::new(now))).busiest(now)
    }

    /// Whether topics are counted.
    pub fn counts_topics(&self) -> bool {
        self.topics.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(watch: &mut TopicWatch, now: Millis) -> Vec<(String, u64)> {
        watch.busiest(now).topics.into_iter().map(|(topic, count)| (topic.into(), count)).collect()
    }

    #[test]
    fn the_busiest_come_first_and_what_is_long_ago_is_forgotten() {
        let mut watch = TopicWatch::new(0);
        (0..3).for_each(|_| assert!(watch.count("b", 100)));
        assert!(watch.count("a", 100));
        assert_eq!(told(&mut watch, 1_000), [("b".to_owned(), 3), ("a".to_owned(), 1)]);
        assert!(watch.count("a", WINDOW + 1));
        assert_eq!(told(&mut watch, WINDOW + 1_000), [("b".to_owned(), 3), ("a".to_owned(), 2)]);
        assert_eq!(watch.busiest(WINDOW + 1_000).seconds, 6.0);
        assert_eq!(told(&mut watch, 2 * WINDOW + 2), [("a".to_owned(), 1)]);
        assert!(told(&mut watch, 9 * WINDOW).is_empty());
    }

    #[test]
    fn made_up_topics_take_no_more_room_and_are_counted_together() {
        let mut watch = TopicWatch::new(0);
        (0..2_500).for_each(|number| assert!(watch.count(&format!("t.{number}"), 0)));
        watch.count(&"x".repeat(LONGEST + 1), 0);
        let busiest = watch.busiest(1);
        assert_eq!((watch.now.counts.len(), busiest.topics.len()), (TOLD_APART, TOLD));
        assert_eq!(busiest.others + TOLD as u64, 2_501);
    }

    #[test]
    fn counting_ends_when_nobody_looks() {
        let mut watch = TopicWatch::new(0);
        assert!(watch.count("a", PATIENCE - 1));
        watch.busiest(PATIENCE - 1);
        assert!(watch.count("a", 2 * PATIENCE - 2));
        assert!(!watch.count("a", 2 * PATIENCE - 1));
    }
}
