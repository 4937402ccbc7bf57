//! Instants on the wire: how the router writes them, and which of the publishers' it takes.

use std::fmt;

use jiff::{Timestamp, tz::Offset};

use super::write;

/// An instant, in microseconds since the Unix epoch. It is written in UTC as
/// `2026-01-31T12:00:00.123456+00:00`: Python before 3.11 reads no `Z` and only three or six fraction digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Time(i64);

/// How many bytes a [`Time`] has on the wire, without quotes.
pub(super) const WRITTEN: usize = 32;

impl Time {
    /// The instant that many microseconds after the Unix epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the Unix epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// As it stands on the wire. An instant outside the years 0 to 9999 is written as the nearest inside.
    pub(super) fn written(self) -> [u8; WRITTEN] {
        let nearest = if self.0 < 0 { Timestamp::UNIX_EPOCH } else { Timestamp::MAX };
        let at = Offset::UTC.to_datetime(Timestamp::from_microsecond(self.0).unwrap_or(nearest));
        let mut out = *b"0000-00-00T00:00:00.000000+00:00";
        write::digits(&mut out[0..4], at.year().unsigned_abs().into());
        write::digits(&mut out[5..7], at.month().unsigned_abs().into());
        write::digits(&mut out[8..10], at.day().unsigned_abs().into());
        write::digits(&mut out[11..13], at.hour().unsigned_abs().into());
        write::digits(&mut out[14..16], at.minute().unsigned_abs().into());
        write::digits(&mut out[17..19], at.second().unsigned_abs().into());
        write::digits(&mut out[20..26], at.subsec_nanosecond().unsigned_abs() / 1_000);
        out
    }
}

impl fmt::Display for Time {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(std::str::from_utf8(&self.written()).unwrap_or_default())
    }
}

/// How many bytes a [`Time`] has on the wire, with quotes.
pub(super) const QUOTED: usize = WRITTEN + 2;

/// Whether a text begins with a JSON string that holds a date-time of exactly the form that [`Time`] has. It says
/// no to other forms, [`is_date_time`] to none that is right.
#[inline]
pub(super) fn is_usual(json: &[u8]) -> bool {
    json.first_chunk::<QUOTED>().is_some_and(|[open, inner @ .., close]| {
        (*open == b'"') & (*close == b'"') && std::str::from_utf8(inner).is_ok_and(is_date_time)
    })
}

/// Whether a text is a date-time as Python's `isoformat` or JavaScript's `toISOString` write them: a real date,
/// `T` or a space, a time with seconds, perhaps a fraction, perhaps `Z` or an offset.
pub(super) fn is_date_time(text: &str) -> bool {
    let Some((head, tail)) = text.as_bytes().split_at_checked(19) else { return false };
    let [y1, y2, y3, y4, b'-', mo1, mo2, b'-', d1, d2, b'T' | b' ', h1, h2, b':', mi1, mi2, b':', s1, s2] =
        *head
    else {
        return false;
    };
    let (Some(century), Some(year), Some(month), Some(day)) =
        (pair(y1, y2), pair(y3, y4), pair(mo1, mo2), pair(d1, d2))
    else {
        return false;
    };
    let (Some(hour), Some(minute), Some(second)) = (pair(h1, h2), pair(mi1, mi2), pair(s1, s2)) else {
        return false;
    };
    let year = u16::from(century) * 100 + u16::from(year);
    (1..=days_in_month(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60
        && is_offset(after_fraction(tail))
}

fn pair(tens: u8, ones: u8) -> Option<u8> {
    (tens.is_ascii_digit() && ones.is_ascii_digit()).then(|| (tens - b'0') * 10 + (ones - b'0'))
}

/// 0 for a month that does not exist.
fn days_in_month(year: u16, month: u8) -> u8 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    }
}

/// What follows a fraction of one to nine digits; the tail itself if it begins with none.
fn after_fraction(tail: &[u8]) -> &[u8] {
    let Some(digits) = tail.strip_prefix(b".") else { return tail };
    let count = digits.iter().take(10).take_while(|byte| byte.is_ascii_digit()).count();
    if (1..=9).contains(&count) { &digits[count..] } else { tail }
}

fn is_offset(text: &[u8]) -> bool {
    match *text {
        [] | [b'Z'] => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] => {
            pair(h1, h2).is_some_and(|hour| hour < 24) && pair(m1, m2).is_some_and(|minute| minute < 60)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_six_digits_and_a_numeric_offset() {
        assert_eq!(Time::from_micros(1_769_860_800_123_456).to_string(), "2026-01-31T12:00:00.123456+00:00");
        assert_eq!(Time::from_micros(0).to_string(), "1970-01-01T00:00:00.000000+00:00");
        assert_eq!(Time::from_micros(-1).to_string(), "1969-12-31T23:59:59.999999+00:00");
        assert_eq!(Time::from_micros(951_782_400_000_001).to_string(), "2000-02-29T00:00:00.000001+00:00");
    }

    #[test]
    fn impossible_instants_are_written_without_a_panic() {
        assert_eq!(Time::from_micros(i64::MAX).to_string().len(), WRITTEN);
        assert_eq!(Time::from_micros(i64::MIN).to_string().len(), WRITTEN);
    }

    #[test]
    fn what_python_and_javascript_write_is_taken() {
        for text in [
            "2026-01-31T12:00:00.123456+00:00",
            "2026-01-31T12:00:00",
            "2026-01-31 12:00:00",
            "2026-01-31T12:00:00.123Z",
            "2026-01-31T12:00:00Z",
            "2026-01-31T12:00:00-08:00",
            "2024-02-29T23:59:59.123456789+05:30",
            "2000-02-29T00:00:00",
        ] {
            assert!(is_date_time(text), "{text}");
        }
        assert!(is_date_time(&Time::from_micros(5).to_string()));
    }

    #[test]
    fn what_is_no_date_time_is_not() {
        for text in [
            "",
            "now",
            "2026-01-31",
            "2026-01-31T12:00",
            "2026-13-01T12:00:00",
            "2026-00-01T12:00:00",
            "2026-02-29T12:00:00",
            "1900-02-29T12:00:00",
            "2026-04-31T12:00:00",
            "2026-01-00T12:00:00",
            "2026-01-31T24:00:00",
            "2026-01-31T12:60:00",
            "2026-01-31T12:00:60",
            "2026-01-31x12:00:00",
            "2026-01-31T12:00:00.",
            "2026-01-31T12:00:00.1234567890",
            "2026-01-31T12:00:00z",
            "2026-01-31T12:00:00+0000",
            "2026-01-31T12:00:00+24:00",
            "2026-01-31T12:00:00+00:00 ",
            "2O26-01-31T12:00:00",
            "2026-01-31T12:00:00é",
        ] {
            assert!(!is_date_time(text), "{text}");
        }
    }
}
