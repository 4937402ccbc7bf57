//! What a subscription is to be.

use super::Error;
use crate::protocol::{self, EventType, MAX_GROUP, MAX_NAMES, MAX_PATTERNS, Pattern, Priority};

/// Which events are wanted. It is checked when it is subscribed.
///
/// ```
/// use gadugi_router::client::Subscription;
/// use gadugi_router::protocol::Priority;
///
/// let urgent = Subscription::new(["task.*", "agent.**"]).min_priority(Priority::HIGH).group("workers");
/// ```
#[derive(Clone, Default, Debug)]
pub struct Subscription {
    topics: Vec<String>,
    types: Vec<EventType>,
    least: Option<Priority>,
    sources: Vec<Box<str>>,
    targets: Option<Vec<Box<str>>>,
    group: Option<Box<str>>,
}

impl Subscription {
    /// Events whose topic is one of these patterns'; no pattern = all.
    pub fn new(topics: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { topics: topics.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// Only of these types.
    #[must_use]
    pub fn types(mut self, types: impl IntoIterator<Item = EventType>) -> Self {
        self.types.extend(types);
        self
    }

    /// Only as urgent as this, or more.
    #[must_use]
    pub fn min_priority(mut self, least: Priority) -> Self {
        self.least = Some(least);
        self
    }

    /// Only from these.
    #[must_use]
    pub fn sources(mut self, sources: impl IntoIterator<Item = impl Into<Box<str>>>) -> Self {
        self.sources.extend(sources.into_iter().map(Into::into));
        self
    }

    /// Only what is meant for these.
    #[must_use]
    pub fn targets(mut self, targets: impl IntoIterator<Item = impl Into<Box<str>>>) -> Self {
        self.targets.get_or_insert_default().extend(targets.into_iter().map(Into::into));
        self
    }

    /// Shared with all others of this group: each event goes to one of them.
    #[must_use]
    pub fn group(mut self, group: impl Into<Box<str>>) -> Self {
        self.group = Some(group.into());
        self
    }

    /// As the protocol has it.
    pub(super) fn checked(self) -> Result<protocol::Subscription, Error> {
        let mut wanted =
            protocol::Subscription { sources: self.sources, ..protocol::Subscription::default() };
        if !self.topics.is_empty() {
            let pattern = |text: &String| {
                Pattern::parse(text)
                    .map_err(|problem| Error::Invalid(format!("the pattern {text:?} {problem}")))
            };
            wanted.topics = self.topics.iter().map(pattern).collect::<Result<_, _>>()?;
        }
        self.types.into_iter().for_each(|kind| wanted.types.insert(kind));
        wanted.min_priority = self.least.unwrap_or(wanted.min_priority);
        wanted.targets = self.targets;
        wanted.group = self.group;
        bounded("patterns", wanted.topics.len(), MAX_PATTERNS)?;
        bounded("sources", wanted.sources.len(), MAX_NAMES)?;
        bounded("targets", wanted.targets.as_ref().map_or(0, Vec::len), MAX_NAMES)?;
        if wanted.targets.as_ref().is_some_and(Vec::is_empty) {
            return Err(Error::Invalid(
                "a subscription to no target gets nothing; name one, or none at all".to_owned(),
            ));
        }
        match wanted.group.as_ref().map(|group| group.len()) {
            Some(0) => Err(Error::Invalid("a group needs a name".to_owned())),
            Some(length) => bounded("bytes in a group's name", length, MAX_GROUP).map(|()| wanted),
            None => Ok(wanted),
        }
    }
}

fn bounded(what: &str, count: usize, most: usize) -> Result<(), Error> {
    match count > most {
        true => {
            Err(Error::Invalid(format!("{count} {what}; at most {most} are allowed in one subscription")))
        }
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_router_would_refuse_is_refused_here() {
        for (wrong, why) in [
            (Subscription::new(["a.**.b"]), "last part"),
            (Subscription::new([""]), "empty"),
            (Subscription::new(["a"]).group(""), "needs a name"),
            (Subscription::new(["a"]).group("g".repeat(300)), "300 bytes"),
            (Subscription::new(["a"]).targets(Vec::<String>::new()), "no target"),
            (Subscription::new(vec!["a"; 1_001]), "1001 patterns"),
        ] {
            let error = wrong.checked().unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn a_subscription_says_what_it_was_told() {
        let all = Subscription::new(Vec::<String>::new()).checked().unwrap();
        assert_eq!(all, protocol::Subscription::default());
        let some = Subscription::new(["a.*"]).types([EventType::TaskFailed]).min_priority(Priority::HIGH);
        let some = some.sources(["s"]).targets(["t"]).group("g").checked().unwrap();
        assert!(some.types.admits(EventType::TaskFailed) && !some.types.admits(EventType::Custom));
        assert_eq!((some.min_priority, some.group.as_deref()), (Priority::HIGH, Some("g")));
        assert_eq!((some.sources.len(), some.targets.unwrap().len()), (1, 1));
    }
}
