//! Lists of words: an array in a file, separated by commas in the environment.

use std::borrow::Cow;

use super::super::value::{Given, Value, Wrong, quoted};
use super::{toml_string, wrong};

/// What a list is made of.
pub(super) trait Items {
    /// What the whole list may be, to stand after "must be".
    fn expected(&self) -> String;

    /// One of them, as it is kept.
    fn read_one(&self, text: &str) -> Option<String>;

    /// What is wrong with one that is none.
    fn complaint(&self, item: &Given<'_>) -> Wrong;
}

/// Takes the whole list, or says of each item what is wrong with it.
pub(super) fn read(items: &impl Items, given: &Given<'_>) -> Result<Vec<String>, Vec<Wrong>> {
    let words;
    let list = match &given.value {
        Value::List(list) => list,
        Value::Word(text) => {
            words = split(text);
            &words
        }
        Value::Text(text) if items.read_one(text).is_some() => {
            return wrong(given, &items.expected(), Some(&format!("write [{}]", quoted(text))));
        }
        _ => return wrong(given, &items.expected(), None),
    };
    let (mut taken, mut wrongs) = (Vec::with_capacity(list.len()), Vec::new());
    for item in list {
        match item.text().and_then(|text| items.read_one(text)) {
            Some(one) => taken.push(one),
            None => wrongs.push(items.complaint(item)),
        }
    }
    if wrongs.is_empty() { Ok(taken) } else { Err(wrongs) }
}

/// A list in the environment: by commas, empty for none.
fn split(text: &str) -> Vec<Given<'_>> {
    if text.trim().is_empty() {
        return Vec::new();
    }
    let item = |item| Given { value: Value::Word(item), written: Cow::Owned(quoted(item)), span: 0..0 };
    text.split(',').map(str::trim).map(item).collect()
}

/// The list as TOML.
pub(super) fn write(list: &[String]) -> String {
    format!("[{}]", list.iter().map(|item| toml_string(item)).collect::<Vec<_>>().join(", "))
}
