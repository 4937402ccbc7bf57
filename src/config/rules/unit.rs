//! Numbers with a unit: durations and sizes, read and written.

use std::time::Duration;

/// A family of units: names with their values in the smallest of them, which comes first.
pub(super) type Units = &'static [(&'static str, u64)];

/// Durations, in milliseconds.
pub(super) const TIME: Units = &[("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];

/// Sizes, in bytes.
pub(super) const BYTES: Units = &[
    ("B", 1),
    ("KB", 1_000),
    ("KiB", 1 << 10),
    ("MB", 1_000_000),
    ("MiB", 1 << 20),
    ("GB", 1_000_000_000),
    ("GiB", 1 << 30),
];

/// Reads a whole number and a unit, with or without a space between, in the smallest unit.
pub(super) fn parse(text: &str, units: Units) -> Option<u64> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, name) = text.split_at(end);
    let (_, unit) = units.iter().find(|(known, _)| known.eq_ignore_ascii_case(name.trim_start()))?;
    number.parse::<u64>().ok()?.checked_mul(*unit)
}

/// A duration as the settings write it: `30s`, `500ms`.
///
/// # Errors
/// Says how to write one.
pub fn parse_duration(text: &str) -> Result<Duration, &'static str> {
    parse(text, TIME).map(Duration::from_millis).ok_or("write it as 500ms, 30s, 2m or 1h")
}

/// A size as the settings write it: bytes, or with a unit as `64KiB`.
///
/// # Errors
/// Says how to write one.
pub fn parse_size(text: &str) -> Result<usize, &'static str> {
    let bytes = text.parse().ok().or_else(|| parse(text, BYTES));
    bytes.and_then(|bytes| bytes.try_into().ok()).ok_or("write it in bytes, or as 64KiB or 1MB")
}

/// Writes with the largest unit that needs no fraction.
pub(super) fn write(value: u64, units: Units) -> String {
    let fitting = units.iter().rev().find(|(_, unit)| value >= *unit && value.is_multiple_of(*unit));
    let (name, unit) = fitting.unwrap_or(&units[0]);
    format!("{}{name}", value / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read_with_their_values() {
        assert_eq!(parse("500ms", TIME), Some(500));
        assert_eq!(parse("30 s", TIME), Some(30_000));
        assert_eq!(parse("2m", TIME), Some(120_000));
        assert_eq!(parse("1h", TIME), Some(3_600_000));
        assert_eq!(parse("64KiB", BYTES), Some(65_536));
        assert_eq!(parse("10mb", BYTES), Some(10_000_000));
    }

    #[test]
    fn what_is_no_number_with_a_unit_is_refused() {
        for text in
            ["", "30", "s", "-1s", "1.5s", "1m30s", "5d", "99999999999999999999s", "9999999999999999999h"]
        {
            assert_eq!(parse(text, TIME), None, "{text}");
        }
    }

    #[test]
    fn words_are_durations_and_sizes() {
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert!(parse_duration("30").is_err());
        assert_eq!((parse_size("300"), parse_size("64KiB")), (Ok(300), Ok(65_536)));
        assert!(parse_size("-1").is_err() && parse_size("1 cup").is_err());
    }

    #[test]
    fn what_is_written_is_short_and_reads_back() {
        assert_eq!(write(30_000, TIME), "30s");
        assert_eq!(write(90_000, TIME), "90s");
        assert_eq!(write(1_500, TIME), "1500ms");
        assert_eq!(write(0, TIME), "0ms");
        assert_eq!(write(10_000_000, BYTES), "10MB");
        assert_eq!(write(16 << 20, BYTES), "16MiB");
        assert_eq!(write(1_025, BYTES), "1025B");
        for value in [0, 1, 999, 1_000, 1_024, 65_536, 1_000_000, 3_600_000, u64::MAX] {
            assert_eq!(parse(&write(value, TIME), TIME), Some(value));
            assert_eq!(parse(&write(value, BYTES), BYTES), Some(value));
        }
    }
}
