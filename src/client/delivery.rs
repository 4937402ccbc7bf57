//! Events that have to be acknowledged.

use std::fmt;
use std::time::Duration;

use super::Event;
use super::acks::Hold;

/// An event that has to be acknowledged: the router delivers it until somebody says that it is done.
///
/// While it is here, the router hears from time to time that it is being worked on, so that this may take hours (unless
/// [`Subscription::no_heartbeat`](super::Subscription::no_heartbeat)). Dropped without a word, it is given back, and
/// delivered again. After a lost connection the router has given it to somebody else, or will deliver it again:
/// [`is_current`](Self::is_current) is false then, and what is said of it goes nowhere.
#[derive(Debug)]
pub struct Delivery {
    /// The event. Its `delivery_attempts` says how often it was delivered, this time included.
    pub event: Event,
    /// Its number in the router's store, where the subscription is durable.
    pub sequence: Option<u64>,
    pub(super) hold: Hold,
}

impl Delivery {
    /// How often it was delivered, this time included.
    pub fn attempt(&self) -> u64 {
        self.event.delivery_attempts
    }

    /// Whether the router still waits for what becomes of it.
    pub fn is_current(&self) -> bool {
        self.hold.is_current()
    }

    /// It is done. False: the router does not wait for it any more.
    pub fn ack(self) -> bool {
        self.hold.ack()
    }

    /// It is not done, and is to be delivered again. False: the router does not wait for it any more.
    ///
    /// ```no_run
    /// # fn example(delivery: gadugi_router::client::Delivery) {
    /// use gadugi_router::client::Nack;
    ///
    /// delivery.nack(Nack::new("no disk").after(std::time::Duration::from_secs(60)));
    /// # }
    /// ```
    pub fn nack(self, nack: impl Into<Nack>) -> bool {
        self.hold.nack(&nack.into())
    }

    /// It is being worked on: the router's time-out begins anew. That is said by itself too.
    pub fn in_progress(&self) -> bool {
        self.hold.in_progress()
    }
}

/// As many bytes of a reason go to the router.
const MAX_REASON: usize = 1_000;

/// Why an event is not done, and when it is to come again. Anything that can be shown makes one.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Nack {
    reason: String,
    delay: Option<Duration>,
}

impl Nack {
    /// For a reason, which is told in `delivery_error` and in the dead letters. It comes again when the router finds right:
    /// later with each failure.
    pub fn new(reason: impl fmt::Display) -> Self {
        let mut reason = reason.to_string();
        if reason.len() > MAX_REASON {
            let end = (0..=MAX_REASON).rfind(|at| reason.is_char_boundary(*at));
            reason.truncate(end.unwrap_or_default());
        }
        Self { reason, delay: None }
    }

    /// It is to come again after so long.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = Some(delay);
        self
    }

    /// Why.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// After how long it is to come again; none = as the router finds right.
    pub fn delay(&self) -> Option<Duration> {
        self.delay
    }
}

impl<E: fmt::Display> From<E> for Nack {
    fn from(reason: E) -> Self {
        Self::new(reason)
    }
}
