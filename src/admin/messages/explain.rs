//! What is asked and answered about the way of an event.

use serde::{Deserialize, Serialize};

/// What would become of an event that was published now?
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Question {
    /// Its topic.
    pub topic: String,
    /// Its priority; 5 without one.
    pub priority: Option<u8>,
    /// Its type; `custom` without one.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Its source; without one it would be the id of its publisher.
    pub source: Option<String>,
    /// Its target.
    pub target: Option<String>,
    /// Bytes of its JSON text; without them, those of an event without payload.
    pub size: Option<usize>,
    /// Ask only about this client: the beginning of its id, or its address.
    pub client: Option<String>,
    /// Ask only about this subscription.
    pub subscription: Option<String>,
    /// Where the page of subscriptions begins, 0 for the first one.
    #[serde(default, skip_serializing_if = "is_first")]
    pub from: usize,
}

fn is_first(from: &usize) -> bool {
    *from == 0
}

/// Something on the way of an event that it does not pass, or did not.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Step {
    /// Where: limit, client, subscription, pattern, priority, type, source, target, group, outbox, ttl, router.
    pub step: String,
    /// Why, for programs.
    pub reason: String,
    /// Why, for people.
    pub message: String,
}

/// A page of what would become of an event.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Explanation {
    /// What keeps it from everybody who was asked about: it is refused, or there is nobody.
    pub steps: Vec<Step>,
    /// What is good to know besides.
    pub notes: Vec<String>,
    /// Each subscription.
    pub subscriptions: Vec<Explained>,
    /// Where the next page begins, if there may be one.
    pub next: Option<usize>,
}

/// What would become of an event for one subscription.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Explained {
    /// The subscription's id.
    pub subscription: String,
    /// The `client_id` of whose it is.
    pub client: Option<String>,
    /// Where that comes from.
    pub remote: Option<String>,
    /// Some of its patterns; none means `*`.
    pub topics: Vec<String>,
    /// How many more patterns it has.
    #[serde(default)]
    pub more_topics: usize,
    /// All that keeps the event from it, in the order in which it is looked at; none: it would be delivered.
    pub steps: Vec<Step>,
    /// What is good to know besides.
    pub notes: Vec<String>,
}

/// Where an event is that came already; a part of the search.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Located {
    /// What routing has to know of it, if it was found.
    pub event: Option<Outline>,
    /// Where it was found.
    pub fates: Vec<Fate>,
    /// Where the search goes on, if it does.
    pub next: Option<(usize, usize)>,
}

/// An event without its payload.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Outline {
    /// Its id.
    pub id: String,
    /// Its topic.
    pub topic: String,
    /// Its priority.
    pub priority: u8,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its source.
    pub source: String,
    /// Its target.
    pub target: Option<String>,
    /// Bytes of its JSON text.
    pub size: usize,
}

/// Where an event is.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Fate {
    /// queue, left (by an earlier run), outbox, dead_letter.
    pub place: String,
    /// The subscription that it waits for, or was for.
    pub subscription: Option<String>,
    /// With dead_letter: why.
    pub step: Option<Step>,
    /// With dead_letter: seconds since then.
    pub age: Option<f64>,
    /// Otherwise: seconds until it expires, if it does.
    pub expires_in: Option<f64>,
}
