//! Where settings are read from: a file in TOML, the old file in JSON, the environment, the flags.
//!
//! Each source finds names and values and hands them to `Reading`, which knows the settings and collects the mistakes.

mod environment;
mod file;
mod json;
mod names;
mod toml;

pub(super) use self::toml::given;
pub(super) use environment::{read_environment, read_flags};
pub use file::fetch;
pub(super) use file::{Missing, read_file, read_text};
pub use names::unknown;

use std::collections::BTreeMap;

use super::mistake::{Cause, Mistake, Origin};
use super::schema::Setting;
use super::settings::Config;
use super::value::{Given, Wrong};

/// The settings as far as they are read, and what was found on the way.
#[derive(Default)]
pub(super) struct Reading {
    pub config: Config,
    pub origins: BTreeMap<&'static str, Origin>,
    pub mistakes: Vec<Mistake>,
    pub warnings: Vec<String>,
}

impl Reading {
    /// Takes a value for a setting; `locate` turns a span into the place of a mistake.
    fn set(&mut self, setting: &Setting, given: &Given<'_>, locate: impl Fn(usize) -> Origin) {
        match (setting.set)(&mut self.config, given) {
            Ok(()) => {
                self.origins.insert(setting.key, locate(given.span.start));
            }
            Err(wrongs) => {
                for Wrong { text, span } in wrongs {
                    self.wrong(locate(span.start), Some(setting.key.to_owned()), text);
                }
            }
        }
    }

    /// Notes a mistake in the content of a source.
    fn wrong(&mut self, origin: Origin, key: Option<String>, text: String) {
        self.mistakes.push(Mistake { origin, key, text, cause: Cause::Wrong });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::file::Document;
    use super::{Reading, json, toml};

    proptest! {
        #[test]
        fn no_text_breaks_a_reader(text in "([a-z_.\"'=\\[\\]{},:0-9\n #é\\\\]|limits|port|host|allowed_origins|\"\"\"|://){0,60}") {
            let document = Document { file: "f", text: &text };
            let mut reading = Reading::default();
            toml::read(&mut reading, &document);
            json::read(&mut reading, &document);
            prop_assert!(reading.mistakes.iter().all(|mistake| mistake.to_string().lines().count() == 1));
        }
    }
}
