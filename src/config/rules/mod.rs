//! What the value of a setting may be: read from what a source gave, and written back as TOML.
//!
//! A rule knows one kind of value. Which setting follows which rule stands in the table of settings.

mod host;
mod http;
mod level;
mod list;
mod number;
mod origins;
mod stored;
mod system;
mod unit;

pub(super) use host::Host;
pub use http::Endpoint;
pub(super) use http::{HostNames, ListenOn};
pub(super) use level::Level;
pub(super) use number::{Auto, duration, size, whole};
pub(super) use origins::Origins;
pub use stored::StoreRule;
pub(super) use stored::StoreRules;
pub(super) use system::{Account, Accounts, FilePath, Octal};
pub use unit::{parse_duration, parse_size};

use super::value::{Given, Value, Wrong};

/// One kind of value.
pub(super) trait Rule {
    /// Its type in `Config`.
    type Value;

    /// What it may be, to stand after "must be".
    fn expected(&self) -> String;

    /// Takes what a source gave, or says all that is wrong with it.
    fn read(&self, given: &Given<'_>) -> Result<Self::Value, Vec<Wrong>>;

    /// Writes it as a TOML value that `read` takes back.
    fn write(&self, value: &Self::Value) -> String;
}

/// The rule itself; names the type of its values where the rule alone leaves that open.
pub(super) fn typed<V, R: Rule<Value = V>>(rule: R) -> R {
    rule
}

/// The most common outcome of a rule that is not kept.
fn wrong<T>(given: &Given<'_>, expected: &str, reason: Option<&str>) -> Result<T, Vec<Wrong>> {
    let wrong = given.not(expected);
    Err(vec![match reason {
        Some(reason) => wrong.because(reason),
        None => wrong,
    }])
}

/// A string as TOML writes it.
fn toml_string(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// A list of strings as TOML writes it.
fn toml_list(texts: &[String]) -> String {
    format!("[{}]", texts.iter().map(|text| toml_string(text)).collect::<Vec<_>>().join(", "))
}

/// Yes or no.
pub(super) struct Switch;

impl Rule for Switch {
    type Value = bool;

    fn expected(&self) -> String {
        "true or false".to_owned()
    }

    fn read(&self, given: &Given<'_>) -> Result<bool, Vec<Wrong>> {
        match given.value {
            Value::Bool(value) => Ok(value),
            Value::Word("true") => Ok(true),
            Value::Word("false") => Ok(false),
            Value::Text(_) => wrong(given, &self.expected(), Some("without quotes")),
            _ => wrong(given, &self.expected(), None),
        }
    }

    fn write(&self, value: &bool) -> String {
        value.to_string()
    }
}

/// One of a few words.
pub(super) struct Choice<T: 'static>(pub &'static [(&'static str, T)]);

impl<T: Copy + PartialEq> Rule for Choice<T> {
    type Value = T;

    fn expected(&self) -> String {
        self.0.iter().map(|(word, _)| format!("\"{word}\"")).collect::<Vec<_>>().join(" or ")
    }

    fn read(&self, given: &Given<'_>) -> Result<T, Vec<Wrong>> {
        match self.0.iter().find(|(word, _)| given.text() == Some(word)) {
            Some((_, value)) => Ok(*value),
            None => wrong(given, &self.expected(), None),
        }
    }

    fn write(&self, value: &T) -> String {
        self.0.iter().find(|(_, known)| known == value).map(|(word, _)| toml_string(word)).unwrap_or_default()
    }
}

#[cfg(test)]
mod testing {
    use std::borrow::Cow;

    use super::*;

    /// As a string in a file gives it.
    pub fn text(text: &str) -> Given<'_> {
        let written = Cow::Owned(super::super::value::quoted(text));
        Given { value: Value::Text(Cow::Borrowed(text)), written, span: 0..0 }
    }

    /// As an integer in a file gives it.
    pub fn integer(value: i128) -> Given<'static> {
        Given { value: Value::Integer(value), written: Cow::Owned(value.to_string()), span: 0..0 }
    }

    /// The one complaint about this value.
    pub fn complaint<R: Rule>(rule: &R, given: &Given<'_>) -> String {
        let wrongs = rule.read(given).err().expect("a mistake");
        assert_eq!(wrongs.len(), 1);
        wrongs[0].text.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{complaint, text};
    use super::*;

    #[test]
    fn a_switch_is_a_word_in_the_environment_and_a_boolean_in_a_file() {
        assert!(Switch.read(&Given::word("true")).unwrap());
        assert!(!Switch.read(&Given::word("false")).unwrap());
        assert_eq!(complaint(&Switch, &Given::word("yes")), r#"must be true or false, not "yes""#);
        assert_eq!(complaint(&Switch, &text("true")), r#"must be true or false, not "true": without quotes"#);
    }

    #[test]
    fn a_choice_is_one_of_its_words() {
        const RULE: Choice<u8> = Choice(&[("one", 1), ("two", 2)]);
        assert_eq!(RULE.read(&text("two")).unwrap(), 2);
        assert_eq!(RULE.write(&2), "\"two\"");
        assert_eq!(complaint(&RULE, &text("three")), r#"must be "one" or "two", not "three""#);
    }
}
