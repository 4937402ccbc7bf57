//! Settings as TOML for people: those in effect, and an example with all there are.

use std::fmt::Write as _;

use super::load::Loaded;
use super::schema::Setting;
use super::settings::{Config, SETTINGS};

impl Loaded {
    /// The settings in effect as a file that can be read back, each with where it comes from.
    pub fn to_toml(&self) -> String {
        document(|setting| {
            format!(
                "{} = {}  # {}\n",
                setting.split().1,
                setting.show(&self.config),
                self.origin(setting.key)
            )
        })
    }
}

/// A file with every setting, explained, at its default.
pub fn example() -> String {
    let defaults = Config::default();
    document(|setting| {
        let must = format!("Must be {}.", setting.expected());
        let mut text = format!("\n{}{}", comment(&setting.doc()), comment(&must));
        // Writing into a String cannot fail.
        writeln!(text, "{} = {}", setting.split().1, setting.show(&defaults)).ok();
        text
    })
}

/// All settings, each as told, under the headings of their tables.
fn document(write: impl Fn(&Setting) -> String) -> String {
    let mut text = String::new();
    let mut table = "";
    for setting in SETTINGS {
        let its = setting.split().0;
        if its != table {
            table = its;
            writeln!(text, "\n[{table}]").ok();
        }
        text += &write(setting);
    }
    text
}

fn comment(text: &str) -> String {
    wrapped(text, "#")
}

/// A text in lines that fit a terminal, each with this and a space in front.
pub fn wrapped(text: &str, lead: &str) -> String {
    const WIDTH: usize = 80;
    let mut out = String::new();
    let mut line = String::from(lead);
    for word in text.split_whitespace() {
        if line.len() + word.len() >= WIDTH {
            writeln!(out, "{line}").ok();
            line.truncate(lead.len());
        }
        line.push(' ');
        line.push_str(word);
    }
    writeln!(out, "{line}").ok();
    out
}

#[cfg(test)]
mod tests {
    use super::super::{Inputs, load};
    use super::*;

    fn read_back(text: &str) -> Loaded {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("c.toml");
        std::fs::write(&path, text).unwrap();
        load(&Inputs { file: Some(path), ..Inputs::default() }).unwrap()
    }

    #[test]
    fn what_is_printed_reads_back_as_the_same_settings() {
        let flags = [
            ("host", "::1"),
            ("log_level", "info,a[b{c=\"d\\\\e\"}]=debug"),
            ("limits.ping_timeout", "90s"),
            ("limits.outbox_size", "12345678"),
            ("limits.slow_consumer", "disconnect"),
            ("limits.allowed_origins", "*,http://[::1]:81"),
        ];
        let flags = flags.map(|(key, value)| (key, value.to_owned())).to_vec();
        let loaded = load(&Inputs { flags, ..Inputs::default() }).unwrap();
        let text = loaded.to_toml();
        assert!(text.contains("host = \"::1\"  # --host\n"), "{text}");
        assert!(text.contains("port = 9090  # default\n"), "{text}");
        assert_eq!(read_back(&text).config, loaded.config);
    }

    #[test]
    fn a_line_break_in_the_name_of_a_file_does_not_leave_the_comment() {
        let mut loaded = load(&Inputs::default()).unwrap();
        let file = "a\nport = 1".to_owned();
        loaded.origins.insert("host", super::super::Origin::File { file, at: Some((1, 1)) });
        assert_eq!(read_back(&loaded.to_toml()).config, Config::default());
    }

    #[test]
    fn the_example_is_the_defaults_and_names_every_setting() {
        let loaded = read_back(&example());
        assert_eq!(loaded.config, Config::default());
        assert_eq!(loaded.origins.len(), SETTINGS.len());
    }
}
