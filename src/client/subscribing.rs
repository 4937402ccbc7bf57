//! What a subscription is to be.

use std::time::Duration;

use super::Error;
use crate::protocol::{
    self, Acks, DEAD_TOPICS, EventType, MAX_DURABLE, MAX_GROUP, MAX_NAMES, MAX_PATTERNS, Pattern, Priority,
    Start,
};

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
    durable: Option<Box<str>>,
    from: Option<Start>,
    in_flight: Option<u32>,
    ack_timeout: Option<Duration>,
    retries: Option<u32>,
    backlog: Option<Duration>,
    has_no_heartbeat: bool,
}

/// What is asked of the router, and what of it is the client's own affair.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Wanted {
    pub subscription: protocol::Subscription,
    /// Deliveries that are here are said to be worked on.
    pub heartbeat: bool,
}

impl Wanted {
    /// It begins with what is stored, and goes on where it was by what this client remembers.
    pub fn is_replayed(&self) -> bool {
        self.subscription.from.is_some() && self.subscription.durable.is_none()
    }
}

impl Subscription {
    /// Events whose topic is one of these patterns'; no pattern = all.
    pub fn new(topics: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { topics: topics.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// Events that could not be delivered, to be read with [`DeadLetter::of`](super::DeadLetter::of): for these reasons
    /// (`retries`, `expired`, …), or for any.
    ///
    /// ```no_run
    /// # async fn example(client: gadugi_router::client::Client) -> Result<(), gadugi_router::client::Error> {
    /// use gadugi_router::client::{DeadLetter, Subscription};
    ///
    /// let mut letters = client.subscribe(Subscription::dead_letters(["retries"])).await?;
    /// while let Some(notice) = letters.recv().await {
    ///     let letter = DeadLetter::of(&notice)?;
    ///     println!("{}: {} after {} attempts", letter.event.topic, letter.reason, letter.attempts.len());
    /// }
    /// # Ok(()) }
    /// ```
    pub fn dead_letters(reasons: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let topics: Vec<_> =
            reasons.into_iter().map(|reason| format!("{DEAD_TOPICS}{}", reason.as_ref())).collect();
        Self {
            topics: if topics.is_empty() { vec![format!("{DEAD_TOPICS}*")] } else { topics },
            ..Self::default()
        }
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

    /// By this name it outlives the client and the router: it goes on after the last event that was acknowledged. Clients with
    /// the same name share its events. For [`Client::deliveries`](super::Client::deliveries).
    #[must_use]
    pub fn durable(mut self, name: impl Into<Box<str>>) -> Self {
        self.durable = Some(name.into());
        self
    }

    /// Stored events first, from there on, then live ones: without gap or repeat, also across lost connections. Of a
    /// durable one: where it begins if it is new.
    #[must_use]
    pub fn from(mut self, start: Start) -> Self {
        self.from = Some(start);
        self
    }

    /// How many deliveries may be here and not acknowledged. One without this: what waits, waits in the router, where
    /// others can have it, and the most urgent comes next. For [`Client::deliveries`](super::Client::deliveries).
    #[must_use]
    pub fn max_in_flight(mut self, events: u32) -> Self {
        self.in_flight = Some(events);
        self
    }

    /// After how long without a sign a delivery is tried again. 30 s. For [`Client::deliveries`](super::Client::deliveries).
    #[must_use]
    pub fn ack_timeout(mut self, timeout: Duration) -> Self {
        self.ack_timeout = Some(timeout);
        self
    }

    /// How often it is tried again before it is a dead letter. 3. For [`Client::deliveries`](super::Client::deliveries).
    #[must_use]
    pub fn max_retries(mut self, retries: u32) -> Self {
        self.retries = Some(retries);
        self
    }

    /// How often [`Client::notices`](super::Client::notices) tells what waits, while something does. For
    /// [`Client::deliveries`](super::Client::deliveries).
    #[must_use]
    pub fn backlog_interval(mut self, interval: Duration) -> Self {
        self.backlog = Some(interval);
        self
    }

    /// The router does not hear by itself that a delivery is being worked on: what takes longer than the time-out is given
    /// to somebody else.
    #[must_use]
    pub fn no_heartbeat(mut self) -> Self {
        self.has_no_heartbeat = true;
        self
    }

    /// As the protocol has it, with acknowledgements or without.
    pub(super) fn checked(self, acks: bool) -> Result<Wanted, Error> {
        let acks = if acks { Some(self.acks()?) } else { self.no_acks().map(|()| None)? };
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
        (wanted.ack, wanted.durable, wanted.from) = (acks, self.durable, self.from);
        named("group", wanted.group.as_deref(), MAX_GROUP)?;
        named("durable subscription", wanted.durable.as_deref(), MAX_DURABLE)?;
        protocol::check_lasting(&wanted).map_err(Error::Invalid)?;
        Ok(Wanted { subscription: wanted, heartbeat: !self.has_no_heartbeat })
    }

    fn acks(&self) -> Result<Acks, Error> {
        let usual = Acks::default();
        let acks = Acks {
            // What waits, waits in the router: here is only what is being done.
            max_in_flight: self.in_flight.unwrap_or(1),
            timeout_ms: self.ack_timeout.map_or(usual.timeout_ms, millis),
            max_retries: self.retries.unwrap_or(usual.max_retries),
            backlog_ms: self.backlog.map(millis),
        };
        acks.check().map(|()| acks).map_err(Error::Invalid)
    }

    fn no_acks(&self) -> Result<(), Error> {
        let needing = [
            ("durable", self.durable.is_some()),
            ("max_in_flight", self.in_flight.is_some()),
            ("ack_timeout", self.ack_timeout.is_some()),
            ("max_retries", self.retries.is_some()),
            ("backlog_interval", self.backlog.is_some()),
        ];
        match needing.into_iter().find(|(_, is_given)| *is_given) {
            Some((name, _)) => Err(Error::Invalid(format!(
                "`{name}` needs acknowledgements: use `Client::deliveries` instead of `subscribe`"
            ))),
            None => Ok(()),
        }
    }
}

fn millis(time: Duration) -> u64 {
    time.as_millis().try_into().unwrap_or(u64::MAX)
}

fn named(what: &str, name: Option<&str>, most: usize) -> Result<(), Error> {
    match name.map(str::len) {
        Some(0) => Err(Error::Invalid(format!("a {what} needs a name"))),
        Some(length) => bounded(&format!("bytes in a {what}'s name"), length, most),
        None => Ok(()),
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
            let error = wrong.checked(false).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn a_subscription_says_what_it_was_told() {
        let all = Subscription::new(Vec::<String>::new()).checked(false).unwrap().subscription;
        assert_eq!(all, protocol::Subscription::default());
        let some = Subscription::new(["a.*"]).types([EventType::TaskFailed]).min_priority(Priority::HIGH);
        let some = some.sources(["s"]).targets(["t"]).group("g").checked(false).unwrap().subscription;
        assert!(some.types.admits(EventType::TaskFailed) && !some.types.admits(EventType::Custom));
        assert_eq!((some.min_priority, some.group.as_deref()), (Priority::HIGH, Some("g")));
        assert_eq!((some.sources.len(), some.targets.unwrap().len()), (1, 1));
    }
}
