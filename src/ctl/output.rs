//! What is printed on stdout.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use serde::Serialize;
use serde_json::json;
use terminal_size::Width;

use super::failure::Failure;

/// How to print.
pub(super) struct Output {
    /// JSON instead of text.
    pub json: bool,
    /// With colours.
    pub colour: bool,
}

impl Output {
    /// A line.
    pub fn line(&mut self, text: impl Display) -> Result<(), Failure> {
        writeln!(io::stdout().lock(), "{text}").map_err(Failure::output)
    }

    /// A document in JSON, for people to read as well.
    pub fn document(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value).map_err(|error| Failure::output(error.into()))?;
        self.line(text)
    }

    /// One of many documents in JSON.
    pub fn json_line(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string(value).map_err(|error| Failure::output(error.into()))?;
        self.line(text)?;
        io::stdout().flush().map_err(Failure::output)
    }

    /// How wide a line may be, if stdout is a terminal.
    pub fn width(&self) -> Option<usize> {
        let is_terminal = !self.json && io::stdout().is_terminal();
        let (Width(width), _) = terminal_size::terminal_size().filter(|_| is_terminal)?;
        Some(width.into())
    }

    /// Something to know while a command goes on, on stderr.
    pub fn notice(&self, name: &str, text: impl Display) {
        let mut err = io::stderr().lock();
        // Whether anybody reads it is not this command's business.
        drop(if self.json {
            let notice = json!({ "notice": { "code": name, "message": text.to_string() } });
            writeln!(err, "{notice}")
        } else {
            writeln!(err, "gadugi-routerctl: {text}")
        });
    }

    /// The text in a colour, if there are colours.
    pub fn good(&self, text: &str, is_good: bool) -> String {
        match (self.colour, is_good) {
            (false, _) => text.to_owned(),
            (true, true) => format!("\x1b[32m{text}\x1b[0m"),
            (true, false) => format!("\x1b[31m{text}\x1b[0m"),
        }
    }
}

/// What others have written, with control characters as escapes: a client's name must not move the cursor.
pub(super) fn plain(text: &str) -> String {
    let one = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(one).collect()
}

/// How many of the names in a list are printed; `--json` has all.
const SHOWN: usize = 8;

/// A list of names, the first few of it, and how many more there are: `more` are not even in the list.
pub(super) fn some(names: &[String], more: usize) -> String {
    let shown: Vec<_> = names.iter().take(SHOWN).map(|name| plain(name)).collect();
    match names.len() - shown.len() + more {
        0 => shown.join(","),
        more => format!("{} +{more} more", shown.join(",")),
    }
}

/// The same of a subscription's patterns, of which none means all of one part.
pub(super) fn patterns(topics: &[String], more: usize) -> String {
    if topics.is_empty() { "*".to_owned() } else { some(topics, more) }
}

/// So many things, as `1 event` or `2 events`.
pub(super) fn count(number: u64, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

/// A duration in its two largest units.
pub(super) fn duration(seconds: f64) -> String {
    let whole = Duration::try_from_secs_f64(seconds).unwrap_or_default().as_secs();
    let (days, hours, minutes, rest) = (whole / 86_400, whole / 3_600 % 24, whole / 60 % 60, whole % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{rest}s"),
        (0, 0, _) => format!("{minutes}m {rest}s"),
        (0, ..) => format!("{hours}h {minutes}m"),
        _ => format!("{days}d {hours}h"),
    }
}

/// A short time in three digits.
pub(super) fn brief(seconds: f64) -> String {
    let (number, unit) = if seconds < 1.0 { (seconds * 1_000.0, "ms") } else { (seconds, "s") };
    let digits = if number >= 100.0 {
        0
    } else if number >= 10.0 {
        1
    } else {
        2
    };
    format!("{number:.digits$} {unit}")
}

/// A moment as the router writes it, without the fraction of the second.
pub(super) fn to_the_second(time: &str) -> String {
    match time.get(..19) {
        Some(head) if time.ends_with("+00:00") => format!("{head}Z"),
        _ => plain(time),
    }
}

/// Counts by priority as `10:3 5:12`, highest first, without zeros.
pub(super) fn by_priority<T: Copy + Into<u64>>(counts: &[T]) -> String {
    let counted = counts.iter().map(|&count| count.into()).enumerate().rev().filter(|(_, count)| *count > 0);
    counted.map(|(level, count)| format!("{}:{count}", level + 1)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_have_written_cannot_move_the_cursor() {
        assert_eq!(plain("ä\x1b[2J\n"), "ä\\u{1b}[2J\\n");
    }

    #[test]
    fn long_lists_are_cut_short_and_say_so() {
        let names: Vec<_> = (1..=300).map(|number| format!("t{number}")).collect();
        assert_eq!(some(&names, 2), "t1,t2,t3,t4,t5,t6,t7,t8 +294 more");
        assert_eq!((some(&names[..2], 0), patterns(&[], 0)), ("t1,t2".to_owned(), "*".to_owned()));
    }

    #[test]
    fn one_is_not_several() {
        assert_eq!([0, 1, 2].map(|number| count(number, "client")), ["0 clients", "1 client", "2 clients"]);
    }

    #[test]
    fn durations_have_two_units_at_most() {
        let shown = [0.4, 59.9, 61.0, 7_384.0, 200_000.0, -1.0].map(duration);
        assert_eq!(shown, ["0s", "59s", "1m 1s", "2h 3m", "2d 7h", "0s"]);
    }

    #[test]
    fn short_times_have_three_digits() {
        let shown = [0.000_05, 0.012_34, 0.5, 1.0, 12.34, 1_234.0].map(brief);
        assert_eq!(shown, ["0.05 ms", "12.3 ms", "500 ms", "1.00 s", "12.3 s", "1234 s"]);
    }

    #[test]
    fn a_moment_is_told_to_the_second() {
        assert_eq!(to_the_second("2026-01-31T12:00:00.123456+00:00"), "2026-01-31T12:00:00Z");
        assert_eq!(to_the_second("soon"), "soon");
    }

    #[test]
    fn priorities_are_told_highest_first() {
        assert_eq!(by_priority(&[0_u64, 0, 0, 0, 12, 0, 0, 0, 0, 3]), "10:3 5:12");
    }
}
