//! The text of a configuration file, edited: comments, order and what else it says stay.

use toml_edit::{DocumentMut, Item, RawString, Table, TableLike, Value};

use crate::config::Setting;

/// A file's text.
pub(super) struct Document {
    toml: DocumentMut,
    /// Its lines end as those of Windows do.
    crlf: bool,
}

impl Document {
    pub fn parse(text: &str) -> Result<Self, String> {
        // A file with both kinds of ends has neither to keep.
        let ends = text.matches("\r\n").count();
        let crlf = ends > 0 && ends == text.matches('\n').count();
        let text = if crlf { text.replace("\r\n", "\n") } else { text.to_owned() };
        let toml = text.parse().map_err(|error: toml_edit::TomlError| error.to_string())?;
        Ok(Self { toml, crlf })
    }

    pub fn text(&self) -> String {
        let text = self.toml.to_string();
        if self.crlf { text.replace('\n', "\r\n") } else { text }
    }

    /// Gives a setting a value. A comment behind the old one stays.
    pub fn set(&mut self, setting: &Setting, mut value: Value) {
        let (table, name) = setting.split();
        if self.toml.is_empty() || (table.is_empty() && self.toml.iter().all(|(_, item)| item.is_table())) {
            self.keep_heading(table);
        }
        let Some(place) = self.place_to_write(table) else { return };
        match place.get_mut(name) {
            Some(Item::Value(old)) => {
                *value.decor_mut() = old.decor().clone();
                *old = value;
            }
            _ => {
                place.insert(name, Item::Value(value));
            }
        }
    }

    /// Takes a setting out. What stands above it may be about more than it, and stays.
    pub fn unset(&mut self, setting: &Setting) {
        let (table, name) = setting.split();
        let Some(place) = self.place(table) else { return };
        let above = place.key(name).and_then(|key| text_of(key.leaf_decor().prefix()));
        let behind = place.iter().map(|(key, _)| key.to_owned()).skip_while(|key| key != name).nth(1);
        if place.remove(name).is_none() {
            return;
        }
        let Some(above) = above.filter(|above| !above.trim().is_empty()) else { return };
        let next = behind.filter(|key| place.get(key).is_some_and(Item::is_value));
        if let Some(mut key) = next.as_deref().and_then(|key| place.key_mut(key)) {
            let own = text_of(key.leaf_decor().prefix()).unwrap_or_default();
            key.leaf_decor_mut().set_prefix(above + &own);
        } else {
            self.append(table, &above);
        }
    }

    /// Puts a comment behind all of a table: in front of the next one, or at the end.
    fn append(&mut self, table: &str, text: &str) {
        let at = self.toml.get(table).and_then(Item::as_table).and_then(Table::position);
        let tables = self.toml.iter_mut().filter_map(|(_, item)| item.as_table_mut());
        let later = tables.filter(|other| table.is_empty() || other.position() > at);
        if let Some(next) = later.min_by_key(|other| other.position()) {
            let own = text_of(next.decor().prefix()).unwrap_or_default();
            next.decor_mut().set_prefix(text.to_owned() + &own);
        } else {
            let own = text_of(Some(self.toml.trailing())).unwrap_or_default();
            self.toml.set_trailing(text.to_owned() + &own);
        }
    }

    /// What is said at the head of a file that has no setting at its top level is about the file: it stays there when one
    /// comes.
    fn keep_heading(&mut self, table: &str) {
        let trailing = text_of(Some(self.toml.trailing())).unwrap_or_default();
        let first = self.toml.iter_mut().filter_map(|(_, item)| item.as_table_mut());
        let first = first.min_by_key(|table| table.position());
        let (text, end) = match &first {
            Some(table) => {
                // Without an empty line behind it, the comment belongs to the table.
                let text = text_of(table.decor().prefix()).unwrap_or_default();
                let end = text.rfind("\n\n").map_or(0, |at| at + 2);
                (text, end)
            }
            None => (trailing.clone(), trailing.len()),
        };
        let (heading, rest) = text.split_at(end);
        if heading.trim().is_empty() {
            return;
        }
        match first {
            Some(table) => table.decor_mut().set_prefix(rest),
            None => self.toml.set_trailing(rest),
        }
        let gap = if heading.ends_with("\n\n") || !heading.ends_with('\n') { "" } else { "\n" };
        if table.is_empty() {
            self.toml.decor_mut().set_prefix(format!("{heading}{gap}"));
        } else {
            let mut new = Table::new();
            new.decor_mut().set_prefix(format!("{heading}{gap}"));
            self.toml.insert(table, Item::Table(new));
        }
    }

    fn place(&mut self, table: &str) -> Option<&mut dyn TableLike> {
        match table {
            "" => Some(self.toml.as_table_mut()),
            _ => self.toml.get_mut(table)?.as_table_like_mut(),
        }
    }

    /// None: something else has the table's name, which the check of the whole tells.
    fn place_to_write(&mut self, table: &str) -> Option<&mut dyn TableLike> {
        if !table.is_empty() && self.toml.get(table).is_none() {
            self.toml.insert(table, Item::Table(Table::new()));
        }
        self.place(table)
    }
}

fn text_of(raw: Option<&RawString>) -> Option<String> {
    raw.and_then(RawString::as_str).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# Ours.\n\n# The port.\nport = 1 # not 2\n\n# Bounds.\n[limits]\n# Few.\n\
                        outbox_events = 7\n  publish_rate   =  3\n\n# The end.\n[drain]\ntimeout = '1s'\n# End.\n";

    fn edited(text: &str, edits: &[(&str, Option<&str>)]) -> String {
        let mut document = Document::parse(text).unwrap();
        for (key, value) in edits {
            let setting = Setting::find(key).unwrap();
            match value {
                Some(value) => document.set(setting, value.parse().unwrap()),
                None => document.unset(setting),
            }
        }
        document.text()
    }

    #[test]
    fn nothing_but_the_value_changes() {
        assert_eq!(edited(FILE, &[]), FILE);
        let changed = edited(FILE, &[("port", Some("9")), ("limits.publish_rate", Some("4"))]);
        assert_eq!(changed, FILE.replace("port = 1 ", "port = 9 ").replace("=  3", "=  4"));
    }

    #[test]
    fn lines_end_as_they_did() {
        let dos = FILE.replace('\n', "\r\n");
        assert_eq!(edited(&dos, &[]), dos);
        let edits = [("port", Some("9")), ("host", Some("'h'")), ("limits.outbox_events", None)];
        let changed = edited(&dos, &edits);
        assert_eq!(changed, edited(FILE, &edits).replace('\n', "\r\n"));
    }

    #[test]
    fn what_is_new_comes_behind_what_is_there() {
        let changed = edited(FILE, &[("host", Some("'h'")), ("limits.dead_letters", Some("5"))]);
        assert!(changed.contains("port = 1 # not 2\nhost = 'h'\n\n# Bounds.\n[limits]"), "{changed}");
        assert!(changed.contains("  publish_rate   =  3\ndead_letters = 5\n\n# The end."), "{changed}");
        let changed = edited(FILE, &[("log.file", Some("'/x'"))]);
        assert!(changed.contains("timeout = '1s'\n\n[log]\nfile = '/x'\n"), "{changed}");
    }

    #[test]
    fn what_is_taken_out_leaves_the_comments() {
        let changed = edited(FILE, &[("limits.outbox_events", None)]);
        assert_eq!(changed, FILE.replace("outbox_events = 7\n", ""));
        let changed = edited(FILE, &[("port", None)]);
        assert!(
            changed.starts_with("# Ours.\n\n# The port.\n") && changed.contains("# Bounds.\n[limits]"),
            "{changed}"
        );
        assert_eq!(edited(FILE, &[("host", None), ("log.file", None)]), FILE);
    }

    #[test]
    fn a_heading_stays_at_the_head() {
        assert_eq!(edited("# Ours.\n", &[("port", Some("1"))]), "# Ours.\n\nport = 1\n");
        assert_eq!(edited("# Ours.\n", &[("log.file", Some("''"))]), "# Ours.\n\n[log]\nfile = ''\n");
        let changed = edited("# Ours.\n\n# The log.\n[log]\n", &[("port", Some("1"))]);
        assert!(
            changed.starts_with("# Ours.\n\nport = 1\n") && changed.contains("# The log.\n[log]\n"),
            "{changed}"
        );
        assert_eq!(edited("", &[("port", Some("1"))]), "port = 1\n");
        assert_eq!(edited("", &[("drain.timeout", Some("'1s'"))]), "[drain]\ntimeout = '1s'\n");
    }

    #[test]
    fn tables_in_other_forms_are_edited_in_theirs() {
        let dotted = "limits.dead_letters = 1\n";
        assert_eq!(edited(dotted, &[("limits.dead_letters", Some("2"))]), dotted.replace('1', "2"));
        let inline = edited("drain = { timeout = '1s' }\n", &[("drain.spool", Some("'/x'"))]);
        assert_eq!(inline.replace(' ', ""), "drain={timeout='1s',spool='/x'}\n");
    }
}
