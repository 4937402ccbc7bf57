//! JSON as serde_json sees it: what the router's own reader is measured by.

use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// An object's members in their order, each value as it was written. Keys may repeat.
pub type Members<'a> = Vec<(String, &'a str)>;

/// Whether a text is JSON, at any depth.
pub fn is_json(text: &str) -> bool {
    // Neither recursion nor numbers and strings that are grammatical but hold nothing (`1e999`, half of a
    // surrogate pair) matter when everything is ignored.
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// A text's members if it is an object whose keys can be read.
pub fn members(text: &str) -> Option<Members<'_>> {
    struct Object;
    impl<'a> Visitor<'a> for Object {
        type Value = Members<'a>;

        fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            out.write_str("an object")
        }

        fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some((key, value)) = map.next_entry::<String, &RawValue>()? {
                members.push((key, value.get()));
            }
            Ok(members)
        }
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    let members = reader.deserialize_map(Object).ok()?;
    reader.end().ok()?;
    Some(members)
}

/// The value of a key that is there once.
pub fn get<'a>(members: &Members<'a>, key: &str) -> Option<&'a str> {
    let mut found = members.iter().filter(|(name, _)| name == key);
    let value = found.next()?.1;
    found.next().is_none().then_some(value)
}

/// How deep arrays and objects nest.
pub fn depth(text: &str) -> u32 {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_u32, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// The text that a JSON string means; `None` if it holds half of a surrogate pair.
pub fn string(json: &str) -> Option<String> {
    serde_json::from_str(json).ok()
}
