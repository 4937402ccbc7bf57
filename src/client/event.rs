//! Events as clients see them: whole, whether they came lean or not.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

use super::Error;
use crate::protocol::{EventType, Priority, Time};

/// An event that was delivered, with all fourteen fields. What a lean delivery leaves out is filled in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Event {
    /// Its name.
    pub id: String,
    /// What it is matched by.
    pub topic: String,
    /// What it is about.
    #[serde(rename = "type", default)]
    pub kind: EventType,
    /// How urgent it is.
    #[serde(default)]
    pub priority: Priority,
    /// Who sent it.
    pub source: String,
    /// Whom its publisher had in mind.
    #[serde(default)]
    pub target: Option<String>,
    /// What it says, digit by digit as it was published.
    #[serde(default = "empty")]
    pub payload: Box<RawValue>,
    /// What is told about it.
    #[serde(default)]
    pub metadata: Metadata,
    /// When it was published.
    pub timestamp: String,
    /// The version of its shape.
    #[serde(default = "first_version")]
    pub version: String,
    /// How its delivery went, by its publisher's word.
    #[serde(default = "pending")]
    pub delivery_status: String,
    /// How often it was tried, by its publisher's word.
    #[serde(default)]
    pub delivery_attempts: u64,
    /// When that was.
    #[serde(default)]
    pub last_delivery_attempt: Option<String>,
    /// What went wrong then.
    #[serde(default)]
    pub delivery_error: Option<String>,
}

/// What is told about an event.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Metadata {
    /// When it was made.
    pub created_at: Option<String>,
    /// The conversation that it belongs to.
    pub correlation_id: Option<String>,
    /// The event that brought it about.
    pub causation_id: Option<String>,
    /// For whom.
    pub user_id: Option<String>,
    /// In which session.
    pub session_id: Option<String>,
    /// In which trace.
    pub trace_id: Option<String>,
    /// In which span of it.
    pub span_id: Option<String>,
    /// Words by words.
    pub tags: BTreeMap<String, String>,
    /// Words by words, for programs in between.
    pub headers: BTreeMap<String, String>,
}

/// An event to be published. What it leaves out, the router fills in.
#[derive(Clone, Debug, Serialize)]
pub struct NewEvent {
    /// Its name; none = a new UUID. A [`Client`](super::Client) gives it one, so that what is sent again is the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What it is matched by.
    pub topic: String,
    /// What it is about.
    #[serde(rename = "type")]
    pub kind: EventType,
    /// How urgent it is.
    pub priority: Priority,
    /// Who sends it; none = the connection's `client_id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Whom it is meant for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// What it says; none = `{}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<Box<RawValue>>,
    /// What is told about it: some of the fields of [`Metadata`]. One that is null stays null.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
    /// When it happened; none = when the router gets it. A [`Client`](super::Client) says when it was published, however
    /// long it waits then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Time>,
}

impl NewEvent {
    /// An event that has a topic and nothing else.
    pub fn new(topic: impl Into<String>) -> Self {
        Self {
            id: None,
            topic: topic.into(),
            kind: EventType::default(),
            priority: Priority::default(),
            source: None,
            target: None,
            payload: None,
            metadata: Map::new(),
            timestamp: None,
        }
    }

    /// With something to say, as JSON.
    ///
    /// # Errors
    /// If it cannot be written as JSON: a map whose keys are no strings, say.
    pub fn payload(mut self, payload: &(impl Serialize + ?Sized)) -> Result<Self, Error> {
        self.payload = Some(to_raw_value(payload).map_err(Error::Json)?);
        Ok(self)
    }

    /// Urgent, or not.
    #[must_use]
    pub fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// About something that has a name in the protocol.
    #[must_use]
    pub fn kind(mut self, kind: EventType) -> Self {
        self.kind = kind;
        self
    }

    /// Meant for somebody: subscriptions can ask for what is meant for them.
    #[must_use]
    pub fn target(mut self, target: impl Into<String>) -> Self {
        self.target = Some(target.into());
        self
    }

    /// With a field of [`Metadata`].
    #[must_use]
    pub fn metadata(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.metadata.insert(name.to_owned(), value.into());
        self
    }
}

impl Event {
    /// What it says, as the type that it is.
    ///
    /// # Errors
    /// If it is not of that type.
    pub fn read<'de, T: Deserialize<'de>>(&'de self) -> Result<T, Error> {
        serde_json::from_str(self.payload.get()).map_err(Error::Json)
    }
}

fn empty() -> Box<RawValue> {
    RawValue::from_string("{}".to_owned()).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

fn first_version() -> String {
    "1.0".to_owned()
}

fn pending() -> String {
    "pending".to_owned()
}
