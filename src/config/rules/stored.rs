//! What the event store keeps: tables of topics and limits.

use std::borrow::Cow;
use std::time::Duration;

use toml::de::DeTable;

use super::super::sources::given;
use super::super::value::{Given, Value, Wrong, plain};
use super::unit::{self, BYTES, Units};
use super::{Rule, toml_list, toml_string, wrong};
use crate::protocol::Pattern;

/// Events on these topics are stored, within these limits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoreRule {
    /// Any of them.
    pub topics: Vec<Pattern>,
    /// Not for longer than this.
    pub max_age: Option<Duration>,
    /// Not more than so many, the latest.
    pub max_events: Option<u64>,
    /// Not more than so many bytes, the latest.
    pub max_size: Option<u64>,
}

/// How long something is kept: longer than anything else here takes.
const AGE: Units = &[("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

const KEYS: [&str; 4] = ["topics", "max_age", "max_events", "max_size"];

/// A list of such tables.
pub(in crate::config) struct StoreRules;

impl Rule for StoreRules {
    type Value = Vec<StoreRule>;

    fn expected(&self) -> String {
        "a list of tables with topics and limits, such as [{ topics = [\"task.**\"], max_age = \"7d\", max_events = 1000000, max_size = \"1GiB\" }]"
            .to_owned()
    }

    fn read(&self, given: &Given<'_>) -> Result<Vec<StoreRule>, Vec<Wrong>> {
        match &given.value {
            Value::List(items) => collect(items.iter().map(rule)),
            Value::Word("") => Ok(Vec::new()),
            Value::Word(text) => self.word(given, text),
            _ => wrong(given, &self.expected(), None),
        }
    }

    fn write(&self, value: &Vec<StoreRule>) -> String {
        let rules: Vec<_> = value.iter().map(written).collect();
        format!("[{}]", rules.join(", "))
    }
}

impl StoreRules {
    /// The environment has no tables: there it is written as TOML.
    fn word(&self, given_word: &Given<'_>, text: &str) -> Result<Vec<StoreRule>, Vec<Wrong>> {
        let document = format!("rule = {text}");
        let (table, errors) = DeTable::parse_recoverable(&document);
        let value = table.get_ref().iter().next().map(|(_, value)| given(&document, value));
        match value {
            Some(value) if errors.is_empty() && matches!(value.value, Value::List(_)) => self.read(&value),
            _ => wrong(given_word, &self.expected(), None),
        }
    }
}

/// All of them, or all that is wrong.
fn collect<T>(read: impl Iterator<Item = Result<T, Vec<Wrong>>>) -> Result<Vec<T>, Vec<Wrong>> {
    let (mut taken, mut wrongs) = (Vec::new(), Vec::new());
    for one in read {
        match one {
            Ok(one) => taken.push(one),
            Err(wrong) => wrongs.extend(wrong),
        }
    }
    if wrongs.is_empty() { Ok(taken) } else { Err(wrongs) }
}

fn rule(given: &Given<'_>) -> Result<StoreRule, Vec<Wrong>> {
    let Value::Table(entries) = &given.value else {
        return Err(vec![given.not("a table with topics and limits")]);
    };
    let mut wrongs: Vec<_> = entries.iter().filter(|(key, _)| !KEYS.contains(&&**key)).map(unknown).collect();
    let of = |name: &str| entries.iter().find(|(key, _)| key == name).map(|(_, value)| value);
    let mut keep = |wrong: Vec<Wrong>| wrongs.extend(wrong);
    let topics = match of("topics") {
        Some(topics) => patterns(topics).map_err(&mut keep).unwrap_or_default(),
        None => {
            let text = "topics is missing: which events the rule stores, such as [\"task.**\"]".to_owned();
            keep(vec![Wrong { text, span: given.span.clone() }]);
            Vec::new()
        }
    };
    let mut limit = |name, expected: &str, read: fn(&Given<'_>) -> Option<u64>| {
        let value = of(name)?;
        let read = read(value).filter(|&number| number > 0);
        if read.is_none() {
            keep(vec![Wrong {
                text: format!("{name} {}", value.not(expected).text),
                span: value.span.clone(),
            }]);
        }
        read
    };
    let max_age = limit("max_age", "a duration such as \"7d\" or \"12h\"", |value| {
        value.text().and_then(|text| unit::parse(text, AGE))
    });
    let max_events = limit("max_events", "a whole number from 1", |value| match value.value {
        Value::Integer(number) => number.try_into().ok(),
        _ => None,
    });
    let max_size = limit("max_size", "a size in bytes or such as \"1GiB\"", |value| match value.value {
        Value::Integer(number) => number.try_into().ok(),
        _ => value.text().and_then(|text| unit::parse(text, BYTES)),
    });
    let max_age = max_age.map(Duration::from_millis);
    if wrongs.is_empty() { Ok(StoreRule { topics, max_age, max_events, max_size }) } else { Err(wrongs) }
}

fn unknown((key, value): &(Cow<'_, str>, Given<'_>)) -> Wrong {
    let text = format!("unknown key {}; a rule has {}", plain(key), KEYS.join(", "));
    Wrong { text, span: value.span.clone() }
}

fn patterns(given: &Given<'_>) -> Result<Vec<Pattern>, Vec<Wrong>> {
    let Value::List(items) = &given.value else {
        return Err(vec![given.not("a list of topic patterns such as [\"task.**\"]")]);
    };
    if items.is_empty() {
        return Err(vec![given.not("a list with at least one topic pattern")]);
    }
    collect(items.iter().map(|item| {
        let text = item.text().ok_or_else(|| vec![item.not("a topic pattern such as \"task.**\"")])?;
        Pattern::parse(text).map_err(|problem| {
            vec![Wrong { text: format!("the topic pattern {}", plain(&problem)), span: item.span.clone() }]
        })
    }))
}

fn written(rule: &StoreRule) -> String {
    let StoreRule { topics, max_age, max_events, max_size } = rule;
    let topics: Vec<_> = topics.iter().map(|pattern| pattern.as_str().to_owned()).collect();
    let age = max_age.map(|age| toml_string(&unit::write(age.as_millis() as u64, AGE)));
    let limits = [
        ("max_age", age),
        ("max_events", max_events.map(|events| events.to_string())),
        ("max_size", max_size.map(|bytes| toml_string(&unit::write(bytes, BYTES)))),
    ];
    let limits = limits.into_iter().filter_map(|(name, value)| Some(format!(", {name} = {}", value?)));
    format!("{{ topics = {}{} }}", toml_list(&topics), limits.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = r#"[{ topics = ["task.**", "a"], max_age = "7d", max_events = 5, max_size = "1GiB" }, { topics = ["b"] }]"#;

    fn wrongs(text: &str) -> Vec<String> {
        let wrongs = StoreRules.read(&Given::word(text)).unwrap_err();
        wrongs.into_iter().map(|wrong| wrong.text).collect()
    }

    #[test]
    fn rules_are_read_and_written_alike() {
        let rules = StoreRules.read(&Given::word(TWO)).unwrap();
        assert_eq!(rules.len(), 2);
        assert_eq!(rules[0].max_age, Some(Duration::from_secs(7 * 86_400)));
        assert_eq!((rules[0].max_events, rules[0].max_size), (Some(5), Some(1 << 30)));
        assert_eq!(StoreRules.write(&rules), TWO);
        assert_eq!(StoreRules.read(&Given::word("")).unwrap(), []);
    }

    #[test]
    fn everything_that_is_wrong_is_told() {
        let found = wrongs(
            r#"[{ max_age = "7 days", max_events = 0, size = 1 }, 3, { topics = [] }, { topics = ["a.**.b", 1] }]"#,
        );
        let expected = [
            "unknown key size",
            "topics is missing",
            "max_age must be a duration",
            "max_events must be a whole number from 1, not 0",
            "must be a table",
            "must be a list with at least one topic pattern",
            "the topic pattern has `**` before its last part",
            "must be a topic pattern",
        ];
        assert_eq!(found.len(), expected.len(), "{found:#?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.starts_with(expected), "{found} / {expected}");
        }
        assert!(wrongs("x")[0].starts_with("must be a list of tables"));
    }
}
