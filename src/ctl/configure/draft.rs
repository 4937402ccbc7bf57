//! A configuration file on its way to another content, and the difference.

use std::path::Path;

use diffy::DiffOptions;
use serde_json::{Value as Json, json};

use super::document::Document;
use super::value;
use super::write::Target;
use crate::admin::messages::{Change, Reloaded};
use crate::config::{self, Config, Setting};
use crate::ctl::config_command::mistakes;
use crate::ctl::failure::{Failure, USAGE};
use crate::ctl::output::{Output, plain};

/// A file on its way to another content.
pub(super) struct Draft {
    /// The file.
    pub target: Target,
    /// Its text, edited.
    pub document: Document,
    before: Config,
}

impl Draft {
    pub fn open(path: &Path) -> Result<Self, Failure> {
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json")) {
            let shown = path.display();
            let text = format!(
                "{shown} is an old router_config.json, which is read but not edited: make a TOML file of it with \
                 gadugi-router --config {shown} --print-config >{}",
                path.with_extension("toml").display()
            );
            return Err(Failure::new(USAGE, "old_file", text));
        }
        let target = Target::read(path)?;
        let checked = config::check(path, &target.before);
        let document = match Document::parse(&target.before) {
            Ok(document) => document,
            // It cannot be edited before somebody corrects it.
            Err(error) => {
                let found = checked.err().map(|found| mistakes(&found));
                return Err(found.unwrap_or_else(|| Failure::mistakes(vec![error], "a mistake to correct")));
            }
        };
        // With mistakes, that is what is corrected now, and the difference counts from the defaults.
        let before = checked.map(|loaded| loaded.config).unwrap_or_default();
        Ok(Self { target, document, before })
    }

    pub fn edit(&mut self, set: &[String], unset: &[String]) -> Result<(), Failure> {
        let mut wrong = Vec::new();
        for pair in set {
            let Some((key, text)) = pair.split_once('=') else {
                let text = format!("--set {}: this is no KEY=VALUE", plain(pair));
                return Err(Failure::new(USAGE, "usage", text));
            };
            let setting = find(key.trim())?;
            match value::understand(setting, text.trim()) {
                Ok(value) => self.document.set(setting, value),
                Err(text) => wrong.push(format!("--set {}: {text}", setting.key)),
            }
        }
        for key in unset {
            self.document.unset(find(key)?);
        }
        let message = "nothing is written: correct what was given";
        if wrong.is_empty() { Ok(()) } else { Err(Failure::mistakes(wrong, message)) }
    }

    /// What has come of it, if the router would take it.
    pub fn finish(&self) -> Result<Outcome, Failure> {
        let text = self.document.text();
        let loaded = config::check(&self.target.path, &text).map_err(|found| mistakes(&found))?;
        let word =
            |change: config::Change| Change { key: change.key.to_owned(), old: change.old, new: change.new };
        let changes = self.before.difference(&loaded.config).into_iter().map(word).collect();
        let name = self.target.shown();
        let mut options = DiffOptions::new();
        options.set_original_filename(name.clone()).set_modified_filename(name);
        let patch = options.create_patch(&self.target.before, &text);
        // One that changes nothing would still have a head.
        let diff = if patch.hunks().is_empty() { String::new() } else { patch.to_string() };
        Ok(Outcome { text, changes, diff, warnings: loaded.warnings })
    }
}

/// The file's content as it will be.
pub(super) struct Outcome {
    /// All of it.
    pub text: String,
    changes: Vec<Change>,
    diff: String,
    warnings: Vec<String>,
}

impl Outcome {
    pub fn is_change(&self) -> bool {
        !self.diff.is_empty()
    }

    pub fn show(&self, draft: &Draft, out: &mut Output) -> Result<(), Failure> {
        for warning in &self.warnings {
            out.line(format_args!("warning: {}", plain(warning)))?;
        }
        if !self.is_change() {
            return out.line(format_args!("{}: nothing changes", draft.target.shown()));
        }
        for Change { key, old, new } in &self.changes {
            out.line(format_args!("{key} = {} → {}", plain(old), plain(new)))?;
        }
        for line in self.diff.lines() {
            let text = plain(line);
            out.line(match line.as_bytes().first() {
                Some(b'+') => out.good(&text, true),
                Some(b'-') => out.good(&text, false),
                _ => text,
            })?;
        }
        Ok(())
    }

    pub fn told(&self, draft: &Draft, written: bool, reloaded: Option<&Reloaded>) -> Json {
        json!({
            "file": draft.target.shown(),
            "written": written,
            "changes": self.changes,
            "diff": self.diff,
            "warnings": self.warnings,
            "reloaded": reloaded,
        })
    }
}

/// The setting of this name.
fn find(key: &str) -> Result<&'static Setting, Failure> {
    if key.is_empty() {
        let text = "the key of a setting is missing: write KEY=VALUE, such as port=9191, and a KEY alone to unset it";
        return Err(Failure::new(USAGE, "usage", text));
    }
    Setting::find(key)
        .ok_or_else(|| Failure::new(USAGE, "usage", format!("{}: {}", plain(key), config::unknown(key))))
}
