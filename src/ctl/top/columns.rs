//! Numbers as columns have room for them.

use crate::ctl::output::duration;

/// A count with a mark after each three digits, shortened from ten millions on.
pub(super) fn count(number: u64) -> String {
    if number >= 10_000_000 {
        return short(number as f64, 1_000.0, &["", "k", "M", "G", "T", "P", "E"]);
    }
    let digits = number.to_string();
    let mut marked = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            marked.push(',');
        }
        marked.push(digit);
    }
    marked
}

/// A rate: whole, but for slow ones.
pub(super) fn rate(by_second: f64) -> String {
    if by_second > 0.0 && by_second < 9.95 {
        format!("{by_second:.1}")
    } else {
        count(by_second.round() as u64)
    }
}

/// Bytes.
pub(super) fn bytes(number: usize) -> String {
    short(number as f64, 1_024.0, &["B", "KiB", "MiB", "GiB", "TiB"])
}

/// A duration of which there is mostly little.
pub(super) fn seconds(seconds: f64) -> String {
    match seconds {
        _ if seconds < 0.001 => format!("{:.0} µs", seconds * 1e6),
        _ if seconds < 0.1 => format!("{:.1} ms", seconds * 1e3),
        _ if seconds < 1.0 => format!("{:.0} ms", seconds * 1e3),
        _ if seconds < 100.0 => format!("{seconds:.1} s"),
        _ => duration(seconds),
    }
}

/// A bar of so many columns when it is as long as the longest, in eighths of a column.
pub(super) fn bar(number: usize, longest: usize, columns: usize) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    if number == 0 || longest == 0 {
        return String::new();
    }
    let eighths = (number as f64 / longest as f64 * columns as f64 * 8.0).round() as usize;
    let eighths = eighths.clamp(1, columns * 8);
    let part = PARTS.get(eighths % 8).copied().unwrap_or_default();
    "█".repeat(eighths / 8) + part
}

fn short(mut number: f64, step: f64, units: &[&str]) -> String {
    let mut units = units.iter();
    let mut unit = units.next().copied().unwrap_or_default();
    while number >= step
        && let Some(larger) = units.next()
    {
        number /= step;
        unit = larger;
    }
    let space = if unit.is_empty() || step == 1_000.0 { "" } else { " " };
    if number < 9.95 && number.fract() != 0.0 {
        format!("{number:.1}{space}{unit}")
    } else {
        format!("{number:.0}{space}{unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_marked_and_large_ones_short() {
        assert_eq!(
            [0, 999, 1_000, 1_234_567, 12_345_678].map(count),
            ["0", "999", "1,000", "1,234,567", "12M"]
        );
        assert_eq!([0.0, 0.26, 9.96, 1_234.5].map(rate), ["0", "0.3", "10", "1,235"]);
    }

    #[test]
    fn sizes_and_times_have_the_unit_that_fits() {
        assert_eq!([0, 1_023, 1_536, 16 << 20].map(bytes), ["0 B", "1023 B", "1.5 KiB", "16 MiB"]);
        let shown = [0.000_152, 0.001_5, 0.25, 2.0, 3_700.0].map(seconds);
        assert_eq!(shown, ["152 µs", "1.5 ms", "250 ms", "2.0 s", "1h 1m"]);
    }

    #[test]
    fn the_longest_bar_is_full_and_the_least_is_seen() {
        assert_eq!(bar(10, 10, 4), "████");
        assert_eq!(bar(1, 1_000, 4), "▏");
        assert_eq!((bar(0, 10, 4), bar(5, 8, 1)), (String::new(), "▋".to_owned()));
    }
}
