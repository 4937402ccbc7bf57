//! Lists: in a file as TOML writes them, in the environment separated by commas.

use std::borrow::Cow;

use super::super::value::{Given, Value, Wrong, quoted};
use super::wrong;

/// Reads a list of what `one` takes, and tells of all items that it does not take. A lone text that would do as an item
/// is told to become a list.
pub(super) fn read<T>(
    given: &Given<'_>,
    expected: &str,
    one: impl Fn(&Given<'_>) -> Result<T, Wrong>,
) -> Result<Vec<T>, Vec<Wrong>> {
    let words;
    let items = match &given.value {
        Value::List(items) => items,
        Value::Word(text) => {
            words = split(text);
            &words
        }
        Value::Text(text) if one(given).is_ok() => {
            return wrong(given, expected, Some(&format!("write [{}]", quoted(text))));
        }
        _ => return wrong(given, expected, None),
    };
    let (mut taken, mut wrongs) = (Vec::with_capacity(items.len()), Vec::new());
    for item in items {
        match one(item) {
            Ok(item) => taken.push(item),
            Err(wrong) => wrongs.push(wrong),
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
