//! What somebody has typed, as a value for the file.

use std::path::Path;

use toml_edit::Value;

use crate::config::{self, Inputs, Setting};

/// The value as it is to stand in the file, or what would be right.
///
/// It may be written as in the file, without its quotes, or as in the environment, and stays as it was written where the
/// file allows.
pub(super) fn understand(setting: &Setting, text: &str) -> Result<Value, String> {
    let mut first = None;
    for value in candidates(setting, text) {
        match check(setting, &value) {
            Ok(()) => return Ok(value),
            Err(wrong) => first = first.or(Some(wrong)),
        }
    }
    Err(first.unwrap_or_else(|| format!("must be {}", setting.expected())))
}

fn candidates(setting: &Setting, text: &str) -> Vec<Value> {
    let as_in_the_file = text.parse::<Value>().ok();
    if let Some(value) = &as_in_the_file
        && (value.is_str() || value.is_array() || value.is_inline_table())
    {
        return as_in_the_file.into_iter().collect();
    }
    let word = Inputs { flags: vec![(setting.key, text.to_owned())], ..Inputs::default() };
    let as_in_the_environment = config::load(&word).ok().map(|loaded| setting.show(&loaded.config));
    let as_in_the_environment = as_in_the_environment.and_then(|shown| shown.parse().ok());
    [as_in_the_file, Some(Value::from(text)), as_in_the_environment].into_iter().flatten().collect()
}

/// By the router's own rules.
fn check(setting: &Setting, value: &Value) -> Result<(), String> {
    let checked = config::check(Path::new(""), &format!("{} = {value}", setting.key));
    let told = |mistake: &config::Mistake| mistake.text.clone();
    checked.map(drop).map_err(|mistakes| mistakes.iter().map(told).collect::<Vec<_>>().join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(key: &str, text: &str) -> Result<String, String> {
        understand(Setting::find(key).unwrap(), text).map(|value| value.to_string())
    }

    #[test]
    fn a_value_is_written_as_in_the_file_or_as_a_word() {
        for (key, text, value) in [
            ("port", "9191", "9191"),
            ("use_multi_queue", "true", "true"),
            ("drain.timeout", "90s", "\"90s\""),
            ("drain.timeout", "\"90s\"", "\"90s\""),
            ("limits.outbox_size", "65536", "65536"),
            ("limits.outbox_size", "64KiB", "\"64KiB\""),
            ("process.umask", "027", "\"027\""),
            ("process.umask", "27", "\"27\""),
            ("host", "::1", "\"::1\""),
            ("log.file", "", "\"\""),
            ("log.file", "/a b", "\"/a b\""),
            ("limits.allowed_origins", "https://a.org,*", "[\"https://a.org\", \"*\"]"),
            ("limits.allowed_origins", "['*']", "['*']"),
        ] {
            assert_eq!(read(key, text).as_deref(), Ok(value), "{key} {text}");
        }
    }

    #[test]
    fn a_wrong_one_is_answered_by_the_router_s_own_rules() {
        let wrong = |key, text| read(key, text).unwrap_err();
        assert_eq!(wrong("port", "70000"), "must be a whole number from 0 to 65535, not 70000");
        assert!(wrong("port", "\"9090\"").ends_with("without quotes"));
        assert!(wrong("drain.timeout", "soon").starts_with("must be a duration"));
        assert!(wrong("host", "a\nport = 1").starts_with("must be a host name"));
    }
}
