//! The ten priorities.

/// An event's priority, 1 (lowest) to 10 (highest). Six of them have names on the wire's client side; the
/// router serves all ten alike.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Priority(u8);

impl Priority {
    /// How many levels there are.
    pub const LEVELS: usize = 10;
    /// LOWEST, 1.
    pub const LOWEST: Self = Self(1);
    /// NORMAL, 5: what an event has when its publisher names none.
    pub const NORMAL: Self = Self(5);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_to_ten_are_priorities() {
        assert_eq!(Priority::new(0), None);
        assert_eq!(Priority::new(11), None);
        assert_eq!(Priority::all().map(Priority::get).collect::<Vec<_>>(), (1..=10).collect::<Vec<_>>());
        assert_eq!(Priority::new(10).unwrap().index(), 9);
    }
}
