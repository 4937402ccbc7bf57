//! Whole numbers, durations and sizes, each with its bounds.

use std::marker::PhantomData;
use std::time::Duration;

use super::super::value::{Given, Value, Wrong};
use super::unit::{self, BYTES, TIME};
use super::{Rule, toml_string, wrong};

/// A whole number between two bounds, both allowed.
pub(in crate::config) struct Whole<T> {
    min: u64,
    max: u64,
    kind: PhantomData<T>,
}

/// A whole number from `min` to `max`.
pub(in crate::config) const fn whole<T>(min: u64, max: u64) -> Whole<T> {
    Whole { min, max, kind: PhantomData }
}

impl<T: TryFrom<u64> + ToString> Rule for Whole<T> {
    type Value = T;

    fn expected(&self) -> String {
        format!("a whole number from {} to {}", self.min, self.max)
    }

    fn read(&self, given: &Given<'_>) -> Result<T, Vec<Wrong>> {
        let number = match given.value {
            Value::Integer(number) => u64::try_from(number).ok(),
            Value::Word(word) => word.trim().parse().ok(),
            Value::Text(ref text) if text.parse::<i64>().is_ok() => {
                return wrong(given, &self.expected(), Some("without quotes"));
            }
            _ => None,
        };
        let inside = number.filter(|number| (self.min..=self.max).contains(number));
        match inside.and_then(|number| T::try_from(number).ok()) {
            Some(value) => Ok(value),
            None => wrong(given, &self.expected(), None),
        }
    }

    fn write(&self, value: &T) -> String {
        value.to_string()
    }
}

/// A duration between two bounds, both allowed.
pub(in crate::config) struct Span {
    min: Duration,
    max: Duration,
    zero: Option<&'static str>,
}

/// A duration from `min` to `max`.
pub(in crate::config) const fn duration(min: Duration, max: Duration) -> Span {
    Span { min, max, zero: None }
}

impl Span {
    /// Says why zero, which elsewhere often means "never", is no value here.
    pub const fn not_zero(mut self, reason: &'static str) -> Self {
        self.zero = Some(reason);
        self
    }
}

impl Rule for Span {
    type Value = Duration;

    fn expected(&self) -> String {
        format!("a duration from {} to {}, such as \"2s\"", written(&self.min), written(&self.max))
    }

    fn read(&self, given: &Given<'_>) -> Result<Duration, Vec<Wrong>> {
        if let Value::Integer(number @ 1..) = given.value {
            return wrong(given, &self.expected(), Some(&format!("did you mean \"{number}s\"?")));
        }
        let zero = matches!(given.value, Value::Integer(0)) || matches!(given.text(), Some("0"));
        let millis = if zero { Some(0) } else { given.text().and_then(|text| unit::parse(text, TIME)) };
        match millis.map(Duration::from_millis) {
            Some(value) if (self.min..=self.max).contains(&value) => Ok(value),
            Some(Duration::ZERO) => wrong(given, &self.expected(), self.zero),
            _ => wrong(given, &self.expected(), None),
        }
    }

    fn write(&self, value: &Duration) -> String {
        toml_string(&written(value))
    }
}

fn written(value: &Duration) -> String {
    unit::write(u64::try_from(value.as_millis()).unwrap_or(u64::MAX), TIME)
}

/// A duration, or "auto" where the router finds a fitting one itself.
pub(in crate::config) struct Auto(pub Span);

impl Rule for Auto {
    type Value = Option<Duration>;

    fn expected(&self) -> String {
        format!("\"auto\" or {}", self.0.expected())
    }

    fn read(&self, given: &Given<'_>) -> Result<Option<Duration>, Vec<Wrong>> {
        match given.text() {
            Some("auto") => Ok(None),
            _ => self.0.read(given).map(Some),
        }
    }

    fn write(&self, value: &Option<Duration>) -> String {
        value.as_ref().map_or_else(|| toml_string("auto"), |value| self.0.write(value))
    }
}

/// A number of bytes between two bounds, both allowed.
pub(in crate::config) struct Size {
    min: u64,
    max: u64,
}

/// A size from `min` to `max` bytes.
pub(in crate::config) const fn size(min: u64, max: u64) -> Size {
    Size { min, max }
}

impl Rule for Size {
    type Value = usize;

    fn expected(&self) -> String {
        format!(
            "a size from {} to {}, such as 65536 or \"64KiB\"",
            unit::write(self.min, BYTES),
            unit::write(self.max, BYTES)
        )
    }

    fn read(&self, given: &Given<'_>) -> Result<usize, Vec<Wrong>> {
        let bytes = match &given.value {
            Value::Integer(number) => u64::try_from(*number).ok(),
            Value::Word(word) => word.trim().parse().ok().or_else(|| unit::parse(word, BYTES)),
            Value::Text(text) => unit::parse(text, BYTES),
            _ => None,
        };
        let inside = bytes.filter(|bytes| (self.min..=self.max).contains(bytes));
        match inside.and_then(|bytes| usize::try_from(bytes).ok()) {
            Some(value) => Ok(value),
            None => wrong(given, &self.expected(), None),
        }
    }

    fn write(&self, value: &usize) -> String {
        toml_string(&unit::write(*value as u64, BYTES))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{complaint, integer, text};
    use super::*;

    const PORT: Whole<u16> = whole(0, 65_535);
    const PING: Span =
        duration(Duration::from_millis(100), Duration::from_secs(3600)).not_zero("nothing would be noticed");
    const MESSAGE: Size = size(1024, 1 << 30);

    #[test]
    fn a_whole_number_keeps_to_its_bounds() {
        assert_eq!(PORT.read(&integer(0)).unwrap(), 0);
        assert_eq!(PORT.read(&integer(65_535)).unwrap(), 65_535);
        assert_eq!(PORT.read(&Given::word(" 81 ")).unwrap(), 81);
        assert_eq!(complaint(&PORT, &integer(70_000)), "must be a whole number from 0 to 65535, not 70000");
        for number in [-1, i128::MAX, i128::MIN] {
            assert!(PORT.read(&integer(number)).is_err());
        }
        assert!(PORT.read(&Given::word("")).is_err());
        assert!(complaint(&PORT, &text("9090")).ends_with("not \"9090\": without quotes"));
    }

    #[test]
    fn a_duration_has_a_unit_and_keeps_to_its_bounds() {
        assert_eq!(PING.read(&text("500ms")).unwrap(), Duration::from_millis(500));
        assert_eq!(PING.read(&Given::word("1h")).unwrap(), Duration::from_secs(3600));
        assert!(PING.read(&text("99ms")).is_err());
        assert!(PING.read(&text("2h")).is_err());
        assert_eq!(
            complaint(&PING, &integer(30)),
            "must be a duration from 100ms to 1h, such as \"2s\", not 30: did you mean \"30s\"?"
        );
    }

    #[test]
    fn a_zero_duration_is_refused_with_its_reason() {
        for zero in [text("0s"), text("0"), integer(0), Given::word("0")] {
            assert!(complaint(&PING, &zero).ends_with(": nothing would be noticed"));
        }
    }

    #[test]
    fn an_automatic_duration_is_a_word_of_its_own() {
        const SPREAD: Auto = Auto(duration(Duration::ZERO, Duration::from_secs(60)));
        assert_eq!(SPREAD.read(&text("auto")).unwrap(), None);
        assert_eq!(SPREAD.read(&text("0s")).unwrap(), Some(Duration::ZERO));
        assert_eq!(
            (SPREAD.write(&None), SPREAD.write(&Some(Duration::from_secs(2)))),
            ("\"auto\"".to_owned(), "\"2s\"".to_owned())
        );
        assert!(SPREAD.read(&text("automatic")).is_err());
    }

    #[test]
    fn a_size_is_bytes_or_a_number_with_a_unit() {
        assert_eq!(MESSAGE.read(&integer(65_536)).unwrap(), 65_536);
        assert_eq!(MESSAGE.read(&text("64KiB")).unwrap(), 65_536);
        assert_eq!(MESSAGE.read(&Given::word("65536")).unwrap(), 65_536);
        assert_eq!(MESSAGE.write(&65_536), "\"64KiB\"");
        assert_eq!(
            complaint(&MESSAGE, &text("1B")),
            "must be a size from 1KiB to 1GiB, such as 65536 or \"64KiB\", not \"1B\""
        );
        assert!(MESSAGE.read(&integer((1 << 30) + 1)).is_err());
    }
}
