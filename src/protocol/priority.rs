//! The ten priorities.

use serde::{Deserialize, Serialize};

/// An event's priority, 1 (lowest) to 10 (highest). Six of them have names on the wire's client side; the
/// router serves all ten alike.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "u64")]
pub struct Priority(u8);

/// The levels that have a name.
const NAMES: [(u8, &str); 6] =
    [(1, "LOWEST"), (3, "LOW"), (5, "NORMAL"), (7, "HIGH"), (9, "CRITICAL"), (10, "SYSTEM")];

impl Priority {
    /// How many levels there are.
    pub const LEVELS: usize = 10;
    /// LOWEST, 1.
    pub const LOWEST: Self = Self(1);
    /// LOW, 3.
    pub const LOW: Self = Self(3);
    /// NORMAL, 5: what an event has when its publisher names none.
    pub const NORMAL: Self = Self(5);
    /// HIGH, 7.
    pub const HIGH: Self = Self(7);
    /// CRITICAL, 9.
    pub const CRITICAL: Self = Self(9);
    /// SYSTEM, 10.
    pub const SYSTEM: Self = Self(10);

    /// `None` outside 1 to 10.
    pub const fn new(level: u64) -> Option<Self> {
        if level >= 1 && level <= Self::LEVELS as u64 { Some(Self(level as u8)) } else { None }
    }

    /// The number on the wire, 1 to 10.
    pub const fn get(self) -> u8 {
        self.0
    }

    /// 0 to 9, for tables with a place for each level.
    pub const fn index(self) -> usize {
        self.0 as usize - 1
    }

    /// The name that people have for it; the levels between have none.
    pub fn name(self) -> Option<&'static str> {
        NAMES.iter().find(|(level, _)| *level == self.0).map(|(_, name)| *name)
    }

    /// The priority that people mean by a name or a number.
    pub fn from_word(word: &str) -> Option<Self> {
        match NAMES.iter().find(|(_, name)| name.eq_ignore_ascii_case(word)) {
            Some((level, _)) => Some(Self(*level)),
            None => word.parse().ok().and_then(Self::new),
        }
    }

    /// All of them, lowest first.
    pub fn all() -> impl DoubleEndedIterator<Item = Self> {
        (1..=Self::LEVELS as u8).map(Self)
    }
}

impl Default for Priority {
    fn default() -> Self {
        Self::NORMAL
    }
}

impl TryFrom<u64> for Priority {
    type Error = &'static str;

    fn try_from(level: u64) -> Result<Self, Self::Error> {
        Self::new(level).ok_or("a priority is an integer from 1 to 10")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priorities_are_known_by_number_and_some_by_name() {
        for priority in Priority::all() {
            assert_eq!(Priority::from_word(&priority.get().to_string()), Some(priority));
            if let Some(name) = priority.name() {
                assert_eq!(Priority::from_word(&name.to_lowercase()), Some(priority));
            }
        }
        assert_eq!(Priority::all().filter(|priority| priority.name().is_some()).count(), 6);
        for word in ["", "0", "11", "-1", "5.0", "urgent"] {
            assert_eq!(Priority::from_word(word), None, "{word}");
        }
    }

    #[test]
    fn only_one_to_ten_are_priorities() {
        assert_eq!(Priority::new(0), None);
        assert_eq!(Priority::new(11), None);
        assert_eq!(Priority::all().map(Priority::get).collect::<Vec<_>>(), (1..=10).collect::<Vec<_>>());
        assert_eq!(Priority::new(10).unwrap().index(), 9);
    }
}
