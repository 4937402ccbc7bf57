//! What is logged.

use tracing_subscriber::EnvFilter;

use super::super::schema::closest;
use super::super::value::{Given, Wrong};
use super::{Rule, toml_string, wrong};

/// A level, or a filter of the tracing library. Levels are kept as that library writes them, so that "WARNING" of an
/// old file and "warn" are the same value.
pub(in crate::config) struct Level;

const LEVELS: &[(&str, &str)] = &[
    ("off", "off"),
    ("error", "error"),
    ("warn", "warn"),
    ("warning", "warn"),
    ("info", "info"),
    ("debug", "debug"),
    ("trace", "trace"),
];

impl Rule for Level {
    type Value = String;

    fn expected(&self) -> String {
        "debug, info, warning, error, or a filter such as \"info,gadugi_router::server=debug\"".to_owned()
    }

    fn read(&self, given: &Given<'_>) -> Result<String, Vec<Wrong>> {
        let Some(text) = given.text() else { return wrong(given, &self.expected(), None) };
        normal(text).or_else(|reason| wrong(given, &self.expected(), Some(&reason)))
    }

    fn write(&self, value: &String) -> String {
        toml_string(value)
    }
}

fn normal(text: &str) -> Result<String, String> {
    let filter = if text.contains('[') {
        // Commas may stand inside the brackets of a span: leave such a filter as it is.
        text.to_owned()
    } else {
        text.split(',').map(part).collect::<Result<Vec<_>, _>>()?.join(",")
    };
    match EnvFilter::builder().parse(&filter) {
        Ok(_) => Ok(filter),
        Err(error) => Err(error.to_string()),
    }
}

/// Checks what the library would not: it takes any single word for the name of a module, a misspelt level too.
fn part(text: &str) -> Result<&str, String> {
    let text = text.trim();
    if let Some((_, level)) = LEVELS.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)) {
        return Ok(level);
    }
    if text.contains('=') || text.contains("::") {
        return Ok(text);
    }
    Err(match closest(text, LEVELS.iter().map(|(name, _)| (*name, *name))) {
        Some(level) => format!("did you mean \"{level}\"?"),
        None if text.is_empty() => "a part of it is empty".to_owned(),
        None => format!("for a module of that name write \"{text}=trace\""),
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{complaint, integer, text};
    use super::*;

    #[test]
    fn levels_are_taken_in_any_case_and_under_their_old_names() {
        for (given, level) in [("DEBUG", "debug"), ("Info", "info"), ("WARNING", "warn"), ("warn", "warn")] {
            assert_eq!(Level.read(&text(given)).unwrap(), level);
        }
    }

    #[test]
    fn filters_are_checked_and_kept() {
        let filter = "info,gadugi_router::server=debug";
        assert_eq!(Level.read(&text(filter)).unwrap(), filter);
        assert_eq!(Level.read(&text("WARNING, hyper=info")).unwrap(), "warn,hyper=info");
        assert!(Level.read(&text("gadugi_router[client{id=3}]=trace")).is_ok());
        assert!(Level.read(&text("gadugi_router=loud")).is_err());
    }

    #[test]
    fn a_misspelt_level_is_not_taken_for_a_module() {
        assert!(complaint(&Level, &text("inof")).ends_with("did you mean \"info\"?"));
        assert!(complaint(&Level, &text("hyper")).ends_with("write \"hyper=trace\""));
        assert!(Level.read(&text("")).is_err());
        assert!(Level.read(&integer(3)).is_err());
    }
}
