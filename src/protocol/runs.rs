//! Runs of fields that nearly always hold their defaults and stand in one order: most of the fields that a client
//! writes out in full. A run is known, or written, in one step instead of five or eight.

use super::{fields::Field, json::Span};

/// The most fields of a run.
const MOST: usize = 8;

/// Some of an event's fields in a row, each with a comma in front and its default as its value.
pub(super) struct Run {
    pub text: &'static str,
    /// The fields, by their bits ([`bit`]).
    pub bits: u32,
    first: usize,
    count: usize,
    /// Where the values stand in the text.
    spans: [Span; MOST],
}

macro_rules! run {
    ($comma:literal $colon:literal; $($field:ident $name:literal $default:literal)*) => {
        Run::new(
            concat!($($comma, "\"", $name, "\"", $colon, $default),*),
            &[$((Field::$field, concat!($comma, "\"", $name, "\"", $colon).len(), $default.len())),*],
        )
    };
}

macro_rules! runs {
    ($comma:literal $colon:literal) => {
        [
            run!($comma $colon;
                CorrelationId "correlation_id" "null"
                CausationId "causation_id" "null"
                UserId "user_id" "null"
                SessionId "session_id" "null"
                TraceId "trace_id" "null"
                SpanId "span_id" "null"
                Tags "tags" "{}"
                Headers "headers" "{}"
            ),
            run!($comma $colon;
                Version "version" "\"1.0\""
                DeliveryStatus "delivery_status" "\"pending\""
                DeliveryAttempts "delivery_attempts" "0"
                LastDeliveryAttempt "last_delivery_attempt" "null"
                DeliveryError "delivery_error" "null"
            ),
        ]
    };
}

static COMPACT: [Run; 2] = runs!("," ":");
/// As Python's `json.dumps` puts spaces.
static SPACED: [Run; 2] = runs!(", " ": ");

/// The fields of both runs, by their bits.
pub(super) const RUNS: u32 = COMPACT[0].bits | COMPACT[1].bits;

impl Run {
    const fn new(text: &'static str, fields: &[(Field, usize, usize)]) -> Self {
        let (mut bits, mut spans) = (0, [Span { start: 0, end: 0 }; MOST]);
        let (mut at, mut end) = (0, 0);
        while at < fields.len() {
            let (field, name, value) = fields[at];
            bits |= bit(field);
            spans[at] = Span { start: (end + name) as u32, end: (end + name + value) as u32 };
            end += name + value;
            at += 1;
        }
        Self { text, bits, first: fields[0].0 as usize, count: fields.len(), spans }
    }

    /// The run that may follow the value of `field`, in its compact form.
    #[inline(always)]
    pub fn after(field: Field) -> Option<&'static Self> {
        Self::of(&COMPACT, field)
    }

    /// The run that follows the value of `field` in this rest of a message.
    #[inline(always)]
    pub fn follows(field: Field, rest: &[u8]) -> Option<&'static Self> {
        let spaced = rest.get(1) == Some(&b' ');
        Self::of(if spaced { &SPACED } else { &COMPACT }, field)
            .filter(|run| rest.starts_with(run.text.as_bytes()))
    }

    #[inline(always)]
    fn of(runs: &'static [Self; 2], field: Field) -> Option<&'static Self> {
        match field {
            Field::CreatedAt => Some(&runs[0]),
            Field::Timestamp => Some(&runs[1]),
            _ => None,
        }
    }

    /// Notes where its values stand if it begins at this place of a message.
    #[inline]
    pub fn place(&self, at: usize, spans: &mut [Span; Field::COUNT]) {
        let at = at as u32;
        for (place, span) in spans[self.first..].iter_mut().zip(&self.spans[..self.count]) {
            *place = Span { start: span.start + at, end: span.end + at };
        }
    }
}

/// A field's place in a set of fields.
pub(super) const fn bit(field: Field) -> u32 {
    1 << field as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_hold_names_and_defaults_of_their_fields() {
        for (field, run) in [Field::CreatedAt, Field::Timestamp].into_iter().zip(&COMPACT) {
            let fields = Field::OF_EVENT.into_iter().chain(Field::OF_METADATA);
            let text: String = fields
                .filter(|field| run.bits & bit(*field) != 0)
                .map(|field| format!("{}{}", field.lead(), field.default().unwrap()))
                .collect();
            assert_eq!(run.text, text);
            assert_eq!(Run::follows(field, run.text.as_bytes()).map(|run| run.text), Some(&*text));
            assert_eq!(run.first, field as usize + 1);
        }
    }

    #[test]
    fn spaced_runs_are_the_compact_ones_with_spaces_and_know_their_values() {
        for (compact, spaced) in COMPACT.iter().zip(&SPACED) {
            assert_eq!(spaced.text.replace(' ', ""), compact.text);
            for run in [compact, spaced] {
                let mut spans = [Span::default(); Field::COUNT];
                run.place(0, &mut spans);
                for field in Field::OF_EVENT.into_iter().chain(Field::OF_METADATA) {
                    let expected = if run.bits & bit(field) != 0 { field.default().unwrap() } else { "" };
                    assert_eq!(spans[field as usize].of(run.text), expected);
                }
            }
        }
    }
}
