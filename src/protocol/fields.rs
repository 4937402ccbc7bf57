//! The names of an event's fourteen fields and its metadata's nine, and what each may hold.

/// A field of an event or of its metadata, in the order in which a complete event has them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Field {
    Id,
    Topic,
    Type,
    Priority,
    Source,
    Target,
    Payload,
    Metadata,
    Timestamp,
    Version,
    DeliveryStatus,
    DeliveryAttempts,
    LastDeliveryAttempt,
    DeliveryError,
    CreatedAt,
    CorrelationId,
    CausationId,
    UserId,
    SessionId,
    TraceId,
    SpanId,
    Tags,
    Headers,
}

/// What a field may hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Rule {
    /// A string that the router itself works with: half of a surrogate pair is refused.
    Name,
    /// Such a string or null.
    NameOrNull,
    Text,
    TextOrNull,
    Anything,
    /// An integer from 1 to 10.
    Priority,
    /// An integer from 0.
    Count,
    /// One of [`DELIVERY_STATUSES`].
    Status,
    Time,
    TimeOrNull,
    /// The object with the nine fields of its own.
    Metadata,
    /// An object of strings.
    TextMap,
}

/// What `delivery_status` may say.
pub(super) const DELIVERY_STATUSES: [&str; 5] = ["pending", "delivered", "failed", "retrying", "dead_letter"];

impl Field {
    /// An event's fields and its metadata's together.
    pub const COUNT: usize = 23;

    /// The fourteen of an event.
    pub const OF_EVENT: [Self; 14] = [
        Self::Id,
        Self::Topic,
        Self::Type,
        Self::Priority,
        Self::Source,
        Self::Target,
        Self::Payload,
        Self::Metadata,
        Self::Timestamp,
        Self::Version,
        Self::DeliveryStatus,
        Self::DeliveryAttempts,
        Self::LastDeliveryAttempt,
        Self::DeliveryError,
    ];

    /// The nine of its metadata.
    pub const OF_METADATA: [Self; 9] = [
        Self::CreatedAt,
        Self::CorrelationId,
        Self::CausationId,
        Self::UserId,
        Self::SessionId,
        Self::TraceId,
        Self::SpanId,
        Self::Tags,
        Self::Headers,
    ];

    /// The event's field of this name.
    #[inline]
    pub fn in_event(name: &[u8]) -> Option<Self> {
        // By length first: one comparison, or two, instead of fourteen.
        Some(match name.len() {
            2 if name == b"id" => Self::Id,
            4 if name == b"type" => Self::Type,
            5 if name == b"topic" => Self::Topic,
            6 if name == b"source" => Self::Source,
            6 if name == b"target" => Self::Target,
            7 if name == b"payload" => Self::Payload,
            7 if name == b"version" => Self::Version,
            8 if name == b"priority" => Self::Priority,
            8 if name == b"metadata" => Self::Metadata,
            9 if name == b"timestamp" => Self::Timestamp,
            14 if name == b"delivery_error" => Self::DeliveryError,
            15 if name == b"delivery_status" => Self::DeliveryStatus,
            17 if name == b"delivery_attempts" => Self::DeliveryAttempts,
            21 if name == b"last_delivery_attempt" => Self::LastDeliveryAttempt,
            _ => return None,
        })
    }

    /// The metadata's field of this name.
    #[inline]
    pub fn in_metadata(name: &[u8]) -> Option<Self> {
        Some(match name.len() {
            4 if name == b"tags" => Self::Tags,
            7 if name == b"user_id" => Self::UserId,
            7 if name == b"span_id" => Self::SpanId,
            7 if name == b"headers" => Self::Headers,
            8 if name == b"trace_id" => Self::TraceId,
            10 if name == b"created_at" => Self::CreatedAt,
            10 if name == b"session_id" => Self::SessionId,
            12 if name == b"causation_id" => Self::CausationId,
            14 if name == b"correlation_id" => Self::CorrelationId,
            _ => return None,
        })
    }

    /// Its name, by which its object knows it.
    pub fn name(self) -> &'static str {
        let lead = self.lead();
        &lead[2..lead.len() - 2]
    }

    /// What stands in front of its value when the router writes the event.
    pub const fn lead(self) -> &'static str {
        match self {
            Self::Id => "{\"id\":",
            Self::Topic => ",\"topic\":",
            Self::Type => ",\"type\":",
            Self::Priority => ",\"priority\":",
            Self::Source => ",\"source\":",
            Self::Target => ",\"target\":",
            Self::Payload => ",\"payload\":",
            Self::Metadata => ",\"metadata\":",
            Self::Timestamp => ",\"timestamp\":",
            Self::Version => ",\"version\":",
            Self::DeliveryStatus => ",\"delivery_status\":",
            Self::DeliveryAttempts => ",\"delivery_attempts\":",
            Self::LastDeliveryAttempt => ",\"last_delivery_attempt\":",
            Self::DeliveryError => ",\"delivery_error\":",
            Self::CreatedAt => "{\"created_at\":",
            Self::CorrelationId => ",\"correlation_id\":",
            Self::CausationId => ",\"causation_id\":",
            Self::UserId => ",\"user_id\":",
            Self::SessionId => ",\"session_id\":",
            Self::TraceId => ",\"trace_id\":",
            Self::SpanId => ",\"span_id\":",
            Self::Tags => ",\"tags\":",
            Self::Headers => ",\"headers\":",
        }
    }

    /// Its place among the fields of its object.
    #[inline]
    pub const fn place(self) -> usize {
        if self.is_metadata() { self as usize - Self::OF_EVENT.len() } else { self as usize }
    }

    /// It belongs to the metadata, not to the event itself.
    pub const fn is_metadata(self) -> bool {
        self as u8 >= Self::CreatedAt as u8
    }

    /// What it may hold.
    pub const fn rule(self) -> Rule {
        match self {
            Self::Id | Self::Topic | Self::Type | Self::Source => Rule::Name,
            Self::Target => Rule::NameOrNull,
            Self::Priority => Rule::Priority,
            Self::Payload => Rule::Anything,
            Self::Metadata => Rule::Metadata,
            Self::Timestamp => Rule::Time,
            Self::Version => Rule::Text,
            Self::DeliveryStatus => Rule::Status,
            Self::DeliveryAttempts => Rule::Count,
            Self::LastDeliveryAttempt | Self::CreatedAt => Rule::TimeOrNull,
            Self::Tags | Self::Headers => Rule::TextMap,
            Self::DeliveryError
            | Self::CorrelationId
            | Self::CausationId
            | Self::UserId
            | Self::SessionId
            | Self::TraceId
            | Self::SpanId => Rule::TextOrNull,
        }
    }

    /// The JSON it has when its publisher leaves it out, where that is always the same.
    pub const fn default(self) -> Option<&'static str> {
        match self {
            Self::Id | Self::Topic | Self::Source | Self::Metadata | Self::Timestamp => None,
            Self::Type => Some("\"custom\""),
            Self::Priority => Some("5"),
            Self::Payload | Self::Tags | Self::Headers => Some("{}"),
            Self::Version => Some("\"1.0\""),
            Self::DeliveryStatus => Some("\"pending\""),
            Self::DeliveryAttempts => Some("0"),
            // A `created_at` that is left out becomes the present; in a lean event it stands for null.
            Self::CreatedAt
            | Self::Target
            | Self::LastDeliveryAttempt
            | Self::DeliveryError
            | Self::CorrelationId
            | Self::CausationId
            | Self::UserId
            | Self::SessionId
            | Self::TraceId
            | Self::SpanId => Some("null"),
        }
    }

    /// Whether this JSON is its default; an empty object may hold whitespace.
    pub fn holds_default(self, json: &str) -> bool {
        self.default().is_some_and(|default| json == default || (default == "{}" && is_empty_object(json)))
    }
}

/// Whether the value that this JSON ends with is an object without members.
pub(super) fn is_empty_object(json: &str) -> bool {
    json.strip_suffix('}').is_some_and(|json| json.trim_end().ends_with('{'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_finds_its_field_and_the_tables_are_in_order() {
        for (at, field) in Field::OF_EVENT.into_iter().chain(Field::OF_METADATA).enumerate() {
            assert_eq!(field as usize, at);
            let name = field.name().as_bytes();
            assert_eq!(Field::in_event(name), (!field.is_metadata()).then_some(field));
            assert_eq!(Field::in_metadata(name), field.is_metadata().then_some(field));
        }
        assert_eq!(Field::OF_EVENT.len() + Field::OF_METADATA.len(), Field::COUNT);
        assert_eq!(Field::in_event(b"topik"), None);
        assert_eq!(Field::in_metadata(b""), None);
    }
}
