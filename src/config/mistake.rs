//! Mistakes in the settings: where, which setting, what is wrong and what would be right.

use std::fmt;

use super::value::plain;

/// Where a value, or a mistake, comes from.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Origin {
    /// Built in.
    Default,
    /// A file, at a line and column counted from 1; none when it is about the whole file.
    File {
        /// The file as it was named.
        file: String,
        /// Line and column, the latter in characters.
        at: Option<(usize, usize)>,
    },
    /// An environment variable of this name.
    Environment(String),
    /// A flag of this name, such as `--port`.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { file, at: Some((line, column)) } => write!(f, "{}:{line}:{column}", plain(file)),
            Self::File { file, at: None } => f.write_str(&plain(file)),
            Self::Environment(name) | Self::Flag(name) => f.write_str(&plain(name)),
        }
    }
}

/// What sort of mistake it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// The content is wrong.
    Wrong,
    /// The file is not there or can't be read.
    Unavailable,
}

/// One mistake.
#[derive(Clone, Debug)]
pub struct Mistake {
    /// Where it is.
    pub origin: Origin,
    /// The dotted name that stands there; none when it is about no setting, such as broken syntax.
    pub key: Option<String>,
    /// What is wrong and what would be right.
    pub text: String,
    /// What sort of mistake it is.
    pub cause: Cause,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.origin)?;
        if let Some(key) = &self.key {
            write!(f, "{}: ", plain(key))?;
        }
        f.write_str(&plain(&self.text))
    }
}

/// All mistakes of all sources, in the order of the sources and of the lines; never empty.
#[derive(Clone, Debug)]
pub struct Mistakes(Vec<Mistake>);

impl Mistakes {
    pub(super) fn new(mut mistakes: Vec<Mistake>) -> Self {
        mistakes.sort_by(|one, other| one.origin.cmp(&other.origin));
        Self(mistakes)
    }

    /// One by one.
    pub fn iter(&self) -> impl Iterator<Item = &Mistake> {
        self.0.iter()
    }

    /// Whether nothing is wrong but that a file could not be read.
    pub fn only_unavailable(&self) -> bool {
        self.0.iter().all(|mistake| mistake.cause == Cause::Unavailable)
    }

    /// Whether all of them were made on the command line.
    pub fn only_flags(&self) -> bool {
        self.0.iter().all(|mistake| matches!(mistake.origin, Origin::Flag(_)))
    }
}

impl fmt::Display for Mistakes {
    /// A line each, without an end after the last.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            mistake.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistake(origin: Origin) -> Mistake {
        Mistake { origin, key: Some("port".to_owned()), text: "wrong".to_owned(), cause: Cause::Wrong }
    }

    #[test]
    fn mistakes_are_sorted_by_source_and_line_one_line_each() {
        let file = |at| Origin::File { file: "c.toml".to_owned(), at: Some(at) };
        let mistakes = Mistakes::new(vec![
            mistake(Origin::Flag("--port".to_owned())),
            mistake(file((12, 1))),
            mistake(Origin::Environment("GADUGI_ROUTER_PORT".to_owned())),
            mistake(file((3, 9))),
        ]);
        assert_eq!(
            mistakes.to_string(),
            "c.toml:3:9: port: wrong\nc.toml:12:1: port: wrong\nGADUGI_ROUTER_PORT: port: wrong\n--port: port: wrong"
        );
        assert!(!mistakes.only_flags());
    }
}
