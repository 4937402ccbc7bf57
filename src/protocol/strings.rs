//! The inside of JSON strings: finding where they end, and undoing their escapes.

use std::borrow::Cow;

const EACH: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// The high bit of each byte of `word` that is zero. Bytes above the lowest such one may be marked wrongly,
/// because the subtraction borrows; callers use the lowest only.
const fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(EACH) & !word & HIGH
}

/// The first of eight bytes that is a `"`, a `\` or a control character.
#[inline(always)]
fn special_among(bytes: &[u8; 8]) -> Option<usize> {
    let word = u64::from_le_bytes(*bytes);
    let quote = zero_bytes(word ^ (EACH * u64::from(b'"')));
    let backslash = zero_bytes(word ^ (EACH * u64::from(b'\\')));
    let control = word.wrapping_sub(EACH * 0x20) & !word & HIGH;
    let special = quote | backslash | control;
    (special != 0).then(|| special.trailing_zeros() as usize / 8)
}

/// How many times eight bytes a string is looked at by before it counts as long.
const SHORT: usize = 3;

/// How many bytes of a long string are looked at in one go.
const BLOCK: usize = 32;

/// Whether none of these bytes is special. Each test makes a byte zero if it holds, and the smallest byte tells:
/// of this the compiler makes a few vector instructions, of plain comparisons it does not.
#[inline(always)]
fn is_plain(block: &[u8; BLOCK]) -> bool {
    let smallest = |least: u8, byte: &u8| least.min(byte ^ b'"').min(byte ^ b'\\').min(byte & 0xe0);
    block.iter().fold(u8::MAX, smallest) != 0
}

/// The first place at or after `at` of a `"`, a `\` or a control character below U+0020; the length if there is
/// none.
#[inline]
pub(super) fn plain_until(bytes: &[u8], mut at: usize) -> usize {
    // Most strings are short: blocks would only be looked at twice.
    for _ in 0..SHORT {
        let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk()) else { break };
        if let Some(ahead) = special_among(chunk) {
            return at + ahead;
        }
        at += 8;
    }
    plain_long_until(bytes, at)
}

/// The same for what is long, or near the end of the text.
#[inline(never)]
fn plain_long_until(bytes: &[u8], mut at: usize) -> usize {
    while let Some(block) = bytes.get(at..).and_then(|rest| rest.first_chunk())
        && is_plain(block)
    {
        at += BLOCK;
    }
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        if let Some(ahead) = special_among(chunk) {
            return at + ahead;
        }
        at += 8;
    }
    while bytes.get(at).is_some_and(|&byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
        at += 1;
    }
    at
}

/// A string holds half of a surrogate pair, which no text can.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct LoneSurrogate;

/// Undoes the escapes of what stands between the quotes of a JSON string whose grammar has been checked.
pub(super) fn unescape(inner: &str) -> Result<Cow<'_, str>, LoneSurrogate> {
    let Some(first) = inner.find('\\') else { return Ok(Cow::Borrowed(inner)) };
    let mut out = String::with_capacity(inner.len());
    out.push_str(&inner[..first]);
    let mut rest = inner[first..].chars();
    while let Some(next) = rest.next() {
        let decoded = if next == '\\' { escaped(&mut rest)? } else { next };
        out.push(decoded);
    }
    Ok(Cow::Owned(out))
}

fn escaped(rest: &mut std::str::Chars<'_>) -> Result<char, LoneSurrogate> {
    Ok(match rest.next() {
        Some('b') => '\u{8}',
        Some('f') => '\u{c}',
        Some('n') => '\n',
        Some('r') => '\r',
        Some('t') => '\t',
        Some('u') => return unicode(rest),
        Some(itself) => itself,
        None => return Err(LoneSurrogate),
    })
}

fn unicode(rest: &mut std::str::Chars<'_>) -> Result<char, LoneSurrogate> {
    let first = four_digits(rest);
    if !(0xd800..0xdc00).contains(&first) {
        return char::from_u32(first).ok_or(LoneSurrogate);
    }
    if rest.next() != Some('\\') || rest.next() != Some('u') {
        return Err(LoneSurrogate);
    }
    let second = four_digits(rest);
    if !(0xdc00..0xe000).contains(&second) {
        return Err(LoneSurrogate);
    }
    char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00)).ok_or(LoneSurrogate)
}

fn four_digits(rest: &mut std::str::Chars<'_>) -> u32 {
    rest.by_ref().take(4).filter_map(|digit| digit.to_digit(16)).fold(0, |number, digit| number * 16 + digit)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_end_of_the_plain_part_is_found_at_every_place() {
        for stop in ["\"", "\\", "\n", "\u{1f}", "\0"] {
            for before in 0..40 {
                let text = format!(
                    "{}{stop}{}",
                    "é\u{7f} x".repeat(8).chars().take(before).collect::<String>(),
                    "\"".repeat(9)
                );
                let expected = text.find(stop).unwrap();
                assert_eq!(plain_until(text.as_bytes(), 0), expected, "{text:?}");
            }
        }
        assert_eq!(plain_until(b"nothing special", 3), 15);
    }

    #[test]
    fn escapes_are_undone() {
        assert_eq!(
            unescape(r#"a\"\\\/\b\f\n\r\t\u00e9\ud83e\udd80z"#).unwrap(),
            "a\"\\/\u{8}\u{c}\n\r\té🦀z"
        );
    }

    #[test]
    fn halves_of_surrogate_pairs_are_refused() {
        for inner in [r"\ud800", r"\udc00", r"\ud800x", r"\ud800\n", r"\ud800\ud800", r"\ud800A"] {
            assert_eq!(unescape(inner), Err(LoneSurrogate), "{inner}");
        }
    }

    proptest! {
        #[test]
        fn plain_until_is_what_a_loop_over_bytes_finds(bytes in prop::collection::vec(any::<u8>(), 0..80), from in 0usize..80) {
            let from = from.min(bytes.len());
            let naive = bytes[from..].iter().position(|&b| b < 0x20 || b == b'"' || b == b'\\').map_or(bytes.len(), |n| from + n);
            prop_assert_eq!(plain_until(&bytes, from), naive);
        }

        #[test]
        fn what_is_escaped_comes_back(text in any::<String>()) {
            let mut out = Vec::new();
            super::super::write::string(&mut out, &text);
            let quoted = String::from_utf8(out).unwrap();
            prop_assert_eq!(unescape(&quoted[1..quoted.len() - 1]).unwrap(), text);
        }
    }
}
