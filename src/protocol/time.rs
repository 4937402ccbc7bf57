//! Instants on the wire: how the router writes them, and which of the publishers' it takes.

use std::borrow::Cow;
use std::fmt;

use jiff::{Timestamp, tz::Offset};
use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{Serialize, Serializer};

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

    /// So many milliseconds later; the last instant there is, if that is none.
    pub const fn after_millis(self, millis: u64) -> Self {
        let micros = if millis > i64::MAX as u64 / 1_000 { i64::MAX } else { millis as i64 * 1_000 };
        Self(self.0.saturating_add(micros))
    }

    /// Microseconds since the Unix epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Reads what a clock wrote that knew its offset; without one nobody can say which instant is meant.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse::<Timestamp>().ok().map(|at| Self(at.as_microsecond()))
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

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, into: S) -> Result<S::Ok, S::Error> {
        into.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(from)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("a date-time with its offset was expected"))
    }
}

/// How many bytes a [`Time`] has on the wire, with quotes.
pub(super) const QUOTED: usize = WRITTEN + 2;

/// The form of every [`Time`]: digits where it has zeros.
const FORM: [u8; WRITTEN] = *b"0000-00-00T00:00:00.000000+00:00";

/// How many bytes the date and the time of day have, without a fraction.
const HEAD: usize = 19;

/// Whether a text begins with a JSON string that holds a date-time in exactly the form of [`Time`]. Most are: it is
/// what clients in Python write. [`is_date_time`] knows the other forms.
#[inline]
pub(super) fn is_usual(json: &[u8]) -> bool {
    let Some([b'"', text @ .., b'"']) = json.first_chunk::<QUOTED>() else { return false };
    let (words, _) = text.as_chunks::<8>();
    let (forms, _) = FORM.as_chunks::<8>();
    let alike = words.iter().zip(forms).fold(true, |alike, (word, form)| alike & has_form(*word, *form));
    alike && text.first_chunk().is_some_and(exists) && pair(&text[27..]) < 24 && pair(&text[30..]) < 60
}

/// Whether eight bytes are digits where the form has zeros, and what the form has elsewhere.
#[inline(always)]
fn has_form(word: [u8; 8], form: [u8; 8]) -> bool {
    const HIGH: u64 = 0xf0f0_f0f0_f0f0_f0f0;
    const SIX: u64 = 0x0606_0606_0606_0606;
    let digits = u64::from_le_bytes(form.map(|byte| if byte == b'0' { 0xff } else { 0 }));
    let (word, form) = (u64::from_le_bytes(word), u64::from_le_bytes(form));
    // `0` to `9` are 0x30 to 0x39: the high half is right, and still is when 6 is added. A carry into the next
    // byte comes only from a byte whose high half was wrong.
    let wrong = (word ^ form) & (!digits | HIGH);
    let too_high = (word.wrapping_add(digits & SIX) ^ form) & digits & HIGH;
    wrong | too_high == 0
}

/// Whether a text is a date-time as Python's `isoformat` or JavaScript's `toISOString` write them: a real date,
/// `T` or a space, a time with seconds, perhaps a fraction, perhaps `Z` or an offset.
pub(super) fn is_date_time(text: &str) -> bool {
    let Some((head, tail)) = text.as_bytes().split_first_chunk::<HEAD>() else { return false };
    let alike = head.iter().zip(FORM).all(|(&byte, form)| match form {
        b'0' => byte.is_ascii_digit(),
        b'T' => byte == b'T' || byte == b' ',
        mark => byte == mark,
    });
    alike && exists(head) && is_offset(after_fraction(tail))
}

/// Whether the calendar has this date and the day this time, all of whose digits are digits.
#[inline]
fn exists(head: &[u8; HEAD]) -> bool {
    let (month, day) = (pair(&head[5..]), pair(&head[8..]));
    let (hour, minute, second) = (pair(&head[11..]), pair(&head[14..]), pair(&head[17..]));
    // Every month has 28 days; only the others need the calendar.
    let is_date = (1..=12).contains(&month) && day >= 1 && (day <= 28 || day <= days_in_month(head, month));
    is_date && hour < 24 && minute < 60 && second < 60
}

/// The number that two digits are; 255, which is none, if there are not two bytes.
#[inline(always)]
fn pair(digits: &[u8]) -> u8 {
    match digits {
        [tens, ones, ..] => (tens & 15) * 10 + (ones & 15),
        _ => u8::MAX,
    }
}

#[cold]
fn days_in_month(head: &[u8; HEAD], month: u8) -> u8 {
    let (century, year) = (pair(&head[0..]), pair(&head[2..]));
    let leap = if year == 0 { century.is_multiple_of(4) } else { year.is_multiple_of(4) };
    match month {
        2 => 28 + u8::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// What follows a fraction of one to nine digits; the tail itself if it begins with none.
fn after_fraction(tail: &[u8]) -> &[u8] {
    let Some(digits) = tail.strip_prefix(b".") else { return tail };
    let count = digits.iter().take(10).take_while(|byte| byte.is_ascii_digit()).count();
    if (1..=9).contains(&count) { &digits[count..] } else { tail }
}

fn is_offset(text: &[u8]) -> bool {
    match text {
        [] | [b'Z'] => true,
        [b'+' | b'-', hours @ .., b':', m1, m2] if hours.len() == 2 => {
            hours.iter().chain([m1, m2]).all(u8::is_ascii_digit) && pair(hours) < 24 && pair(&[*m1, *m2]) < 60
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
    fn what_is_written_reads_back() {
        for micros in [0, 1_769_860_800_123_456, -1] {
            let time = Time::from_micros(micros);
            assert_eq!(Time::parse(&time.to_string()), Some(time));
        }
        assert_eq!(Time::parse("2026-01-31T12:00:00"), None);
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
        let written = Time::from_micros(5).to_string();
        assert!(is_date_time(&written) && is_usual(format!("\"{written}\"").as_bytes()));
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
            "2026-01-31T12:00:00.123456+24:00",
            "2026-01-31T12:00:00.123456+00:60",
            "2026-01-31T12:00:00.12345:+00:00",
            "2026-01-31T12:00:00.12345/+00:00",
            "2026-01-3\u{ff11}T12:00:00+00:00",
            "2026-02-30T12:00:00.123456+00:00",
            "2026-01-31T12:00:00é",
        ] {
            assert!(!is_date_time(text), "{text}");
            assert!(!is_usual(format!("\"{text}\"").as_bytes()), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn the_calendar_agrees_with_jiffs(year in 1..9999_i16, month in 0..14_i8, day in 0..33_i8, hour in 0..26_i8, minute in 0..62_i8, second in 0..62_i8) {
            let exists = second < 60 && jiff::civil::DateTime::new(year, month, day, hour, minute, second, 0).is_ok();
            let text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.000000+00:00");
            proptest::prop_assert_eq!(is_date_time(&text), exists, "{}", text);
            proptest::prop_assert_eq!(is_usual(format!("\"{text}\"").as_bytes()), exists);
        }

        #[test]
        fn the_quick_look_and_the_thorough_one_agree(at in 0..WRITTEN, byte in 0..128_u8) {
            let mut text = Time::from_micros(1_769_860_800_123_456).written();
            text[at] = byte;
            let text = std::str::from_utf8(&text).unwrap();
            let other_form = is_date_time(text) && ((at == 10 && byte == b' ') || (at == 26 && byte == b'-'));
            proptest::prop_assert_eq!(is_usual(format!("\"{text}\"").as_bytes()), is_date_time(text) && !other_form, "{}", text);
        }
    }
}
