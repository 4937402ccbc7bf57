//! What changes between two configurations.

use super::{Config, SETTINGS};

/// A setting that has another value than before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// Its dotted name.
    pub key: &'static str,
    /// The value before, as TOML.
    pub old: String,
    /// The value now, as TOML.
    pub new: String,
}

impl Config {
    /// What is different in `other`, in the order of the settings.
    pub fn difference(&self, other: &Self) -> Vec<Change> {
        let change = |setting: &super::Setting| {
            // Each value has one written form, so those may be compared.
            let (old, new) = (setting.show(self), setting.show(other));
            (old != new).then_some(Change { key: setting.key, old, new })
        };
        SETTINGS.iter().filter_map(change).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn equal_configurations_have_no_difference() {
        assert!(Config::default().difference(&Config::default()).is_empty());
    }

    #[test]
    fn each_changed_setting_is_named_with_both_values() {
        let old = Config::default();
        let mut new = old.clone();
        new.port = 81;
        new.limits.ping_interval = Duration::from_millis(1500);
        new.limits.allowed_origins.push("https://a.org".to_owned());
        let change = |key, old: &str, new: &str| Change { key, old: old.to_owned(), new: new.to_owned() };
        assert_eq!(
            old.difference(&new),
            [
                change("port", "9090", "81"),
                change("limits.ping_interval", "\"30s\"", "\"1500ms\""),
                change("limits.allowed_origins", "[]", "[\"https://a.org\"]"),
            ]
        );
    }
}
