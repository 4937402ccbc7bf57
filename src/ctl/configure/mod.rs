//! `configure`: changes the configuration file, by questions on a terminal or by `--set`.
//!
//! The file is edited, not written anew: comments, order and what else it says stay. Nothing is written that the router
//! would not take.

mod document;
mod value;
mod wizard;
mod write;

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};
use similar::TextDiff;

use super::config_command::mistakes;
use super::connection::Connection;
use super::failure::{Failure, USAGE};
use super::output::{Output, plain};
use super::reload;
use crate::admin::messages::{Answer, Change, Reloaded, Request};
use crate::config::{self, Config, STANDARD_FILE, Setting};
use document::Document;
use write::Target;

/// What to change, and how.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct ConfigureArgs {
    /// The file, instead of the one that the running router has read, or /etc/gadugi-router/config.toml
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Give a setting this value, such as drain.timeout=30s; without questions
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Take a setting out of the file, so that it has its default
    #[arg(long, value_name = "KEY")]
    pub unset: Vec<String>,
    /// Only show the difference
    #[arg(long)]
    pub dry_run: bool,
    /// Have the running router read its settings again
    #[arg(long, conflicts_with = "dry_run")]
    pub reload: bool,
}

const EXAMPLES: &str = "\
Examples:
  gadugi-routerctl configure                                    asks
  gadugi-routerctl configure --set port=9191 --set drain.timeout=30s --reload
  gadugi-routerctl configure --set limits.allowed_origins='[\"https://a.example\"]' --dry-run
  gadugi-routerctl configure --config ./c.toml --unset log_level

A value is written as in the file, or without quotes.";

pub(super) fn run(
    args: &ConfigureArgs,
    connect: impl Fn() -> Result<Connection, Failure>,
    out: &mut Output,
) -> Result<(), Failure> {
    let asked = args.set.is_empty() && args.unset.is_empty();
    if asked && (out.json || !io::stdin().is_terminal() || !io::stderr().is_terminal()) {
        let text = "questions need a terminal: give --set KEY=VALUE (see gadugi-routerctl configure --help)";
        return Err(Failure::new(USAGE, "usage", text));
    }
    // First of all: a reload that cannot be had is told before anything is written.
    let mut router = if args.reload { Some(connect()?) } else { connect().ok() };
    let file = router.as_mut().and_then(file_of);
    let path = args.config.clone().or_else(|| file.clone());
    let mut draft = Draft::open(&path.unwrap_or_else(|| PathBuf::from(STANDARD_FILE)))?;
    // Only one that has read this file could read it again.
    let router = router.filter(|_| args.reload || file.as_deref().is_some_and(|file| draft.is_of(file)));
    if asked {
        // Not this connection: the router does not wait for answers to questions.
        let connect = router.is_some().then_some(&connect as &dyn Fn() -> _);
        return wizard::run(draft, args, connect, out);
    }
    draft.edit(&args.set, &args.unset)?;
    let outcome = draft.finish()?;
    let write = !args.dry_run && outcome.is_change();
    if write {
        draft.target.write(&outcome.text)?;
    }
    let reloaded = match router {
        Some(mut router) if args.reload => Some(reloaded(&mut router)?),
        _ => None,
    };
    if out.json {
        return out.document(&outcome.told(&draft, write, reloaded.as_ref()));
    }
    outcome.show(&draft, out)?;
    if write {
        out.line(format_args!("written: {}", draft.target.shown()))?;
    }
    match reloaded {
        Some(reloaded) => reload::tell(&reloaded, out, "the running router has these settings already"),
        None => Ok(()),
    }
}

/// The file that the running router has read.
fn file_of(router: &mut Connection) -> Option<PathBuf> {
    match router.ask(&Request::Status) {
        Ok(Answer::Status(status)) => status.config_file.map(PathBuf::from),
        _ => None,
    }
}

fn reloaded(router: &mut Connection) -> Result<Reloaded, Failure> {
    match router.ask_patiently(&Request::Reload)? {
        Answer::Reloaded(reloaded) => Ok(reloaded),
        _ => Err(router.not_understood("it does not say what has changed")),
    }
}

/// The setting of this name.
fn find(key: &str) -> Result<&'static Setting, Failure> {
    Setting::find(key)
        .ok_or_else(|| Failure::new(USAGE, "usage", format!("{}: {}", plain(key), config::unknown(key))))
}

/// A file on its way to another content.
struct Draft {
    target: Target,
    document: Document,
    before: Config,
}

impl Draft {
    fn open(path: &Path) -> Result<Self, Failure> {
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

    /// Whether this is the same file.
    fn is_of(&self, file: &Path) -> bool {
        file.canonicalize().is_ok_and(|file| self.target.is(&file))
    }

    fn edit(&mut self, set: &[String], unset: &[String]) -> Result<(), Failure> {
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
    fn finish(&self) -> Result<Outcome, Failure> {
        let text = self.document.text();
        let loaded = config::check(&self.target.path, &text).map_err(|found| mistakes(&found))?;
        let word =
            |change: config::Change| Change { key: change.key.to_owned(), old: change.old, new: change.new };
        let changes = self.before.difference(&loaded.config).into_iter().map(word).collect();
        let name = self.target.shown();
        let diff = TextDiff::from_lines(&self.target.before, &text);
        let diff = diff.unified_diff().context_radius(3).header(&name, &name).to_string();
        Ok(Outcome { text, changes, diff, warnings: loaded.warnings })
    }
}

/// The file's content as it will be.
struct Outcome {
    text: String,
    changes: Vec<Change>,
    diff: String,
    warnings: Vec<String>,
}

impl Outcome {
    fn is_change(&self) -> bool {
        !self.diff.is_empty()
    }

    fn show(&self, draft: &Draft, out: &mut Output) -> Result<(), Failure> {
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

    fn told(&self, draft: &Draft, written: bool, reloaded: Option<&Reloaded>) -> Json {
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
