//! What an entry in the table of settings is, and the lookups in that table.

use super::SETTINGS;
use super::settings::Config;
use super::value::{Given, Wrong};

/// What the names of all our environment variables begin with.
pub(super) const ENV_PREFIX: &str = "GADUGI_ROUTER_";

/// One setting, as everything but its user sees it.
pub struct Setting {
    /// Its name in the file, dotted: `limits.ping_interval`.
    pub key: &'static str,
    pub(super) doc_lines: &'static [&'static str],
    pub(super) expected: fn() -> String,
    pub(super) set: fn(&mut Config, &Given<'_>) -> Result<(), Vec<Wrong>>,
    pub(super) show: fn(&Config) -> String,
}

impl Setting {
    /// The setting of this dotted name.
    pub fn find(key: &str) -> Option<&'static Self> {
        SETTINGS.iter().find(|setting| setting.key == key)
    }

    /// What it is for.
    pub fn doc(&self) -> String {
        joined(self.doc_lines)
    }

    /// What it may be, to stand after "must be".
    pub fn expected(&self) -> String {
        (self.expected)()
    }

    /// Its value in this configuration, as TOML.
    pub fn show(&self, config: &Config) -> String {
        (self.show)(config)
    }

    /// The name of its environment variable.
    pub fn env_name(&self) -> String {
        format!("{ENV_PREFIX}{}", self.key.replace('.', "__").to_ascii_uppercase())
    }

    /// The table it stands in, "" for the top level, and its name there.
    pub fn split(&self) -> (&'static str, &'static str) {
        self.key.rsplit_once('.').unwrap_or(("", self.key))
    }
}

/// The text of a comment in lines.
pub fn joined(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}

/// The names of all tables, some of them more than once.
pub(super) fn tables() -> impl Iterator<Item = &'static str> {
    SETTINGS.iter().map(|setting| setting.split().0).filter(|table| !table.is_empty())
}

/// What a wrong name was probably meant to be: the thing whose name is the most alike, if one is alike enough.
pub(super) fn closest<'a, T>(name: &str, candidates: impl IntoIterator<Item = (&'a str, T)>) -> Option<T> {
    const ALIKE: f64 = 0.8;
    let name = name.to_ascii_lowercase().replace('-', "_");
    candidates
        .into_iter()
        .map(|(candidate, thing)| (strsim::jaro_winkler(&name, candidate), thing))
        .filter(|(alike, _)| *alike >= ALIKE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, thing)| thing)
}

/// Makes the structs, their defaults and the table from one description.
macro_rules! settings {
    (
        $(#[doc = $top_doc:literal])+
        pub struct $top:ident {
            $($(#[doc = $doc:literal])+ $field:ident: $type:ty = $default:expr, $rule:expr;)+
        }
        $(
            $(#[doc = $table_doc:literal])+
            [$table:ident] pub struct $name:ident {
                $($(#[doc = $inner_doc:literal])+
                    $inner:ident: $inner_type:ty = $inner_default:expr, $inner_rule:expr;)+
            }
        )*
    ) => {
        $(#[doc = $top_doc])+
        #[derive(Clone, PartialEq, Debug)]
        pub struct $top {
            $($(#[doc = $doc])+ pub $field: $type,)+
            $($(#[doc = $table_doc])+ pub $table: $name,)*
        }

        impl Default for $top {
            fn default() -> Self {
                Self { $($field: $default,)+ $($table: $name::default(),)* }
            }
        }

        $(
            $(#[doc = $table_doc])+
            #[derive(Clone, PartialEq, Debug)]
            pub struct $name {
                $($(#[doc = $inner_doc])+ pub $inner: $inner_type,)+
            }

            impl Default for $name {
                fn default() -> Self {
                    Self { $($inner: $inner_default,)+ }
                }
            }
        )*

        /// The tables of the settings, and what each is for.
        pub static TABLES: &[(&str, &[&str])] = &[("", &[$($top_doc),+]), $((stringify!($table), &[$($table_doc),+]),)*];

        /// All settings, top level first, in the order in which they are printed.
        pub static SETTINGS: &[$crate::config::Setting] = &[
            $($crate::config::schema::setting!(stringify!($field), [$($doc),+], [$field], $type, $rule),)+
            $($($crate::config::schema::setting!(
                concat!(stringify!($table), ".", stringify!($inner)),
                [$($inner_doc),+], [$table . $inner], $inner_type, $inner_rule
            ),)+)*
        ];
    };
}

/// One entry of the table.
macro_rules! setting {
    ($key:expr, [$($doc:literal),+], [$($path:tt)+], $type:ty, $rule:expr) => {{
        use $crate::config::rules::{Rule as _, typed};
        $crate::config::Setting {
            key: $key,
            doc_lines: &[$($doc),+],
            expected: || typed::<$type, _>($rule).expected(),
            set: |config, given| {
                config.$($path)+ = typed::<$type, _>($rule).read(given)?;
                Ok(())
            },
            show: |config| typed::<$type, _>($rule).write(&config.$($path)+),
        }
    }};
}

pub(super) use {setting, settings};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_named_alike_in_file_and_environment() {
        let setting = Setting::find("limits.ping_interval").unwrap();
        assert_eq!(setting.env_name(), "GADUGI_ROUTER_LIMITS__PING_INTERVAL");
        assert_eq!(setting.split(), ("limits", "ping_interval"));
        assert!(Setting::find("ping_interval").is_none());
    }

    #[test]
    fn a_slip_finds_its_name_and_nonsense_finds_none() {
        let names = [("max_clients", 1), ("max_queue_size", 2), ("port", 3)];
        assert_eq!(closest("max_client", names), Some(1));
        assert_eq!(closest("Max-Queue-Size", names), Some(2));
        assert_eq!(closest("prot", names), Some(3));
        assert_eq!(closest("zebra", names), None);
    }
}
