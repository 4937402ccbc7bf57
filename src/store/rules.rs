//! Which events are stored, and for how long.
//!
//! A rule is known by its topics: whoever changes its limits changes the rule, whoever changes its topics makes another
//! one. What the old one stored stays under the limits that it had, so that an edit never deletes at once what somebody
//! may still want.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::protocol::Pattern;

/// A rule's number in the store. It keeps it for ever.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RuleId(pub i64);

impl RuleId {
    /// The dead letters, which have limits too.
    pub const DEAD: Self = Self(0);
}

/// What the dead letters are called among the rules, whose names are lists.
pub(super) const DEAD_NAME: &str = "dead letters";

/// How much is kept; what is beyond goes, oldest first. `None` = as much as there is.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Limits {
    /// Not longer than this.
    pub max_age: Option<Duration>,
    /// Not more than this.
    pub max_events: Option<u64>,
    /// Not more bytes of events than this.
    pub max_bytes: Option<u64>,
}

/// Everything is kept.
pub const NO_LIMITS: Limits = Limits { max_age: None, max_events: None, max_bytes: None };

/// A limit that is passed by less than this part of it is kept at the next lull, not at once: each deletion is a
/// transaction of its own.
const SLACK_PART: u64 = 10;
/// The most events and bytes by which a limit is passed in a busy time.
const MAX_SLACK_EVENTS: u64 = 1_000;
const MAX_SLACK_BYTES: u64 = 4 << 20;

impl Limits {
    /// By how many events and bytes so much is too much.
    pub(super) fn excess(&self, events: u64, bytes: u64) -> (u64, u64) {
        let over = |most: Option<u64>, has: u64| most.map_or(0, |most| has.saturating_sub(most));
        (over(self.max_events, events), over(self.max_bytes, bytes))
    }

    /// It cannot wait for a lull.
    pub(super) fn is_urgent(&self, events: u64, bytes: u64) -> bool {
        let slack = |most: Option<u64>, bound: u64| (most.unwrap_or(0) / SLACK_PART).clamp(1, bound);
        let (more, larger) = self.excess(events, bytes);
        more >= slack(self.max_events, MAX_SLACK_EVENTS) || larger >= slack(self.max_bytes, MAX_SLACK_BYTES)
    }
}

/// Events on these topics are stored, within these limits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    /// Any of them.
    pub topics: Vec<Pattern>,
    /// For how long.
    pub limits: Limits,
}

impl Rule {
    /// What it is known by: its topics in order, as a JSON list; a topic may hold any separator.
    pub fn name(&self) -> String {
        let mut topics: Vec<_> = self.topics.iter().map(Pattern::as_str).collect();
        topics.sort_unstable();
        topics.dedup();
        // Strings: writing them cannot fail.
        serde_json::to_string(&topics).unwrap_or_default()
    }
}

/// The rules in force, each with its number.
#[derive(Clone, Default, Debug)]
pub struct Rules(Vec<(RuleId, Rule)>);

impl Rules {
    /// Numbers rules: those that the store knows keep their number. Of two rules with the same topics the first counts.
    pub(super) fn number(rules: Vec<Rule>, known: &mut BTreeMap<String, RuleId>) -> Self {
        let mut numbered: Vec<(RuleId, Rule)> = Vec::with_capacity(rules.len());
        for rule in rules {
            let next = RuleId(known.values().map(|id| id.0).max().unwrap_or(RuleId::DEAD.0) + 1);
            let id = *known.entry(rule.name()).or_insert(next);
            if numbered.iter().all(|(other, _)| *other != id) {
                numbered.push((id, rule));
            }
        }
        Self(numbered)
    }

    /// The first rule that an event on this topic is stored by; `None` = it is not stored.
    pub fn of(&self, topic: &str) -> Option<RuleId> {
        let holds = |rule: &Rule| rule.topics.iter().any(|pattern| pattern.matches(topic));
        self.0.iter().find(|(_, rule)| holds(rule)).map(|(id, _)| *id)
    }

    /// Whether all topics that a pattern matches are stored, by one rule.
    pub fn cover(&self, pattern: &Pattern) -> bool {
        self.0.iter().any(|(_, rule)| rule.topics.iter().any(|wide| wide.covers(pattern)))
    }

    /// All of them, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &(RuleId, Rule)> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(topics: &[&str]) -> Rule {
        let topics = topics.iter().map(|topic| Pattern::parse(topic).unwrap()).collect();
        Rule { topics, limits: NO_LIMITS }
    }

    #[test]
    fn the_first_rule_that_matches_counts_and_a_known_one_keeps_its_number() {
        let mut known = BTreeMap::new();
        let rules = Rules::number(vec![rule(&["task.**", "a"]), rule(&["**"])], &mut known);
        assert_eq!(rules.of("task.x.y"), Some(RuleId(1)));
        assert_eq!(rules.of("b"), Some(RuleId(2)));
        let later = Rules::number(vec![rule(&["b"]), rule(&["a", "task.**"]), rule(&["b"])], &mut known);
        assert_eq!(later.of("a"), Some(RuleId(1)));
        assert_eq!(later.of("b"), Some(RuleId(3)));
        assert_eq!(later.of("c"), None);
        assert_eq!(later.iter().count(), 2);
    }

    #[test]
    fn a_limit_is_urgent_when_it_is_passed_by_a_tenth() {
        let limits = Limits { max_events: Some(100), max_bytes: Some(100 << 20), max_age: None };
        assert_eq!(limits.excess(103, 5), (3, 0));
        assert!(!limits.is_urgent(109, 0) && limits.is_urgent(110, 0));
        assert!(!limits.is_urgent(0, 104 << 20 >> 1) && limits.is_urgent(0, 104 << 20));
        assert!(!NO_LIMITS.is_urgent(u64::MAX, u64::MAX));
    }
}
