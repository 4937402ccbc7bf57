//! What becomes, or became, of an event for one subscription.

use serde::Serialize;

use crate::admin::messages::{Explained, Fate, Step};
use crate::ctl::output::{Output, duration, patterns, plain};

/// In one word.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Word {
    WouldBeDelivered,
    Waiting,
    DeadLetter,
    NotRemembered,
    WouldNotBeDelivered,
    NotForIt,
}

/// The answer for one subscription.
#[derive(Serialize)]
pub(super) struct Verdict {
    verdict: Word,
    #[serde(flatten)]
    row: Explained,
}

/// Steps that say whom an event is for, and hold for one that came already as well.
const FILTERS: [&str; 5] = ["pattern", "priority", "type", "source", "target"];

impl Verdict {
    /// Of an event that came already (`fates`: where it was found), or of one that might come.
    pub fn new(mut row: Explained, fates: &[Fate], is_refused: bool) -> Self {
        let own = fates.iter().find(|fate| fate.subscription.as_deref() == Some(&row.subscription));
        // Not matched yet, or lost before that: it is the same for everybody.
        let all = fates.iter().find(|fate| fate.subscription.is_none());
        let verdict = match own.or(all) {
            Some(Fate { place, step, .. }) if place == "dead_letter" => {
                row.steps = step.iter().cloned().collect();
                Word::DeadLetter
            }
            Some(Fate { place, .. }) if place == "outbox" => {
                row.steps.clear();
                Word::Waiting
            }
            None if !fates.is_empty() => {
                row.steps.retain(|step| FILTERS.contains(&&*step.step));
                if row.steps.is_empty() { Word::NotRemembered } else { Word::NotForIt }
            }
            _ if is_refused || !row.steps.is_empty() => Word::WouldNotBeDelivered,
            _ => Word::WouldBeDelivered,
        };
        Self { verdict, row }
    }

    /// It gets there, as far as can be known.
    pub fn reaches(&self) -> bool {
        matches!(self.verdict, Word::WouldBeDelivered | Word::Waiting)
    }

    /// What is of interest first: those that get it, then those that come closest.
    pub fn rank(&self) -> (Word, bool, usize) {
        let is_on_topic = self.row.steps.iter().all(|step| step.step != "pattern");
        (self.verdict, !is_on_topic, self.row.steps.len())
    }

    /// In words.
    pub fn lines(&self, out: &Output) -> Vec<String> {
        let row = &self.row;
        let (mark, words) = match self.verdict {
            Word::WouldBeDelivered => (out.good("yes:", true), "would be delivered"),
            Word::Waiting => (out.good("yes:", true), "waits in its client's outbox"),
            Word::DeadLetter => (out.good("no:", false), "was not delivered"),
            Word::WouldNotBeDelivered => (out.good("no:", false), "would not be delivered"),
            Word::NotForIt => (out.good("no:", false), "not for it"),
            Word::NotRemembered => (
                "?".to_owned(),
                "nothing is remembered: it was delivered, or given to another of its group, or it came before the subscription",
            ),
        };
        let topics = patterns(&row.topics, row.more_topics);
        let client = row.client.as_deref().unwrap_or("that is leaving");
        let remote = plain(row.remote.as_deref().unwrap_or("?"));
        let mut lines = vec![format!(
            "{mark} subscription {} of client {client} ({remote}) to {topics}: {words}",
            row.subscription
        )];
        for Step { step, reason, message } in &row.steps {
            lines.push(format!("    {step} ({reason}): {}", plain(message)));
        }
        lines.extend(row.notes.iter().map(|note| format!("    note: {}", plain(note))));
        lines
    }
}

/// Where an event was found, in words.
pub(super) fn words(fate: &Fate) -> String {
    let of = fate.subscription.as_ref().map(|id| format!(" for the subscription {id}")).unwrap_or_default();
    let expires = fate.expires_in.map(|left| format!(", expires in {}", duration(left))).unwrap_or_default();
    match (&*fate.place, &fate.step) {
        ("queue", _) => format!("it waits in the ingress queue{expires}"),
        ("left", _) => {
            format!(
                "an earlier run left it: it waits for a subscription like the one that it was for{expires}"
            )
        }
        ("outbox", _) => format!("it waits in an outbox{of}{expires}"),
        (place, Some(Step { step, reason, message })) => {
            let age = duration(fate.age.unwrap_or_default());
            format!(
                "{}{of}, {age} ago: {step} ({reason}): {}",
                plain(place).replace('_', " "),
                plain(message)
            )
        }
        (place, None) => format!("it is in {}{of}", plain(place)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(step: &str) -> Step {
        Step { step: step.to_owned(), reason: "r".to_owned(), message: "m".to_owned() }
    }

    fn verdict(steps: &[&str], fates: &[Fate]) -> Word {
        let row = Explained {
            subscription: "s".to_owned(),
            client: None,
            remote: None,
            topics: Vec::new(),
            more_topics: 0,
            steps: steps.iter().map(|name| step(name)).collect(),
            notes: Vec::new(),
        };
        Verdict::new(row, fates, false).verdict
    }

    fn fate(place: &str, subscription: Option<&str>) -> Fate {
        Fate {
            place: place.to_owned(),
            subscription: subscription.map(str::to_owned),
            step: (place == "dead_letter").then(|| step("ttl")),
            age: None,
            expires_in: None,
        }
    }

    #[test]
    fn what_might_come_is_told_by_its_steps() {
        assert_eq!(
            (verdict(&[], &[]), verdict(&["group"], &[])),
            (Word::WouldBeDelivered, Word::WouldNotBeDelivered)
        );
    }

    #[test]
    fn what_came_is_told_by_where_it_is() {
        let own = |place| [fate(place, Some("s"))];
        assert_eq!(verdict(&["outbox"], &own("outbox")), Word::Waiting);
        assert_eq!(verdict(&[], &own("dead_letter")), Word::DeadLetter);
        assert_eq!(verdict(&[], &[fate("dead_letter", None)]), Word::DeadLetter);
        assert_eq!(verdict(&["group"], &[fate("queue", None)]), Word::WouldNotBeDelivered);
    }

    #[test]
    fn of_what_is_gone_nothing_is_claimed() {
        let other = [fate("outbox", Some("other"))];
        assert_eq!(verdict(&["group", "outbox"], &other), Word::NotRemembered);
        assert_eq!(verdict(&["priority", "outbox"], &other), Word::NotForIt);
    }
}
