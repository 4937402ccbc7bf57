//! The questions: a group of settings after the other, each setting explained, each answer checked at once.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use dialoguer::console::Term;
use dialoguer::theme::{ColorfulTheme, SimpleTheme, Theme};
use dialoguer::{Confirm, Input, Select};
use signal_hook::consts::SIGINT;
use signal_hook::flag;

use super::draft::{Draft, Outcome};
use super::{ConfigureArgs, reloaded, value};
use crate::config::{self, Config, SETTINGS, Setting, TABLES, joined, wrapped};
use crate::ctl::connection::Connection;
use crate::ctl::failure::{Failure, INTERRUPTED, SYSTEM};
use crate::ctl::output::{Output, plain};
use crate::ctl::reload;

/// Connects to the router that has read the file.
type Connect<'a> = &'a dyn Fn() -> Result<Connection, Failure>;

/// What is typed to have the default again: a value of no setting.
const DEFAULT: &str = "-";

pub(super) fn run(
    mut draft: Draft,
    args: &ConfigureArgs,
    connect: Option<Connect<'_>>,
    out: &mut Output,
) -> Result<(), Failure> {
    if !args.dry_run {
        draft.target.check_permission()?;
    }
    // A question that Ctrl-C ends leaves the terminal in order only if we live on.
    flag::register(SIGINT, Arc::new(AtomicBool::new(false)))
        .map_err(|error| Failure::new(SYSTEM, "system", format!("cannot watch for signals: {error}")))?;
    let theme: Box<dyn Theme> =
        if out.colour { Box::new(ColorfulTheme::default()) } else { Box::new(SimpleTheme) };
    let outcome = Wizard { theme: &*theme, args }.ask(&mut draft, connect, out);
    if outcome.is_err() {
        // Without a terminal it is nobody's concern.
        let terminal = Term::stderr();
        drop(terminal.show_cursor().and_then(|()| terminal.write_line("")));
    }
    outcome
}

struct Wizard<'a> {
    theme: &'a dyn Theme,
    args: &'a ConfigureArgs,
}

impl Wizard<'_> {
    fn ask(&self, draft: &mut Draft, connect: Option<Connect<'_>>, out: &mut Output) -> Result<(), Failure> {
        let what = if draft.target.is_new() { "a new file" } else { "its comments and order stay" };
        say(&format!("{}: {what}\n", draft.target.shown()))?;
        let mut at = 0;
        while let Some(table) = self.group(at)? {
            for setting in SETTINGS.iter().filter(|setting| setting.split().0 == TABLES[table].0) {
                self.setting(setting, draft)?;
            }
            at = table + 1;
        }
        let outcome = draft.finish()?;
        outcome.show(draft, out)?;
        if self.args.dry_run || !outcome.is_change() {
            return Ok(());
        }
        if !self.confirm(&format!("Write {}?", draft.target.shown()))? {
            return out.line("nothing is written");
        }
        self.write(draft, &outcome, connect, out)
    }

    fn write(
        &self,
        draft: &Draft,
        outcome: &Outcome,
        connect: Option<Connect<'_>>,
        out: &mut Output,
    ) -> Result<(), Failure> {
        draft.target.write(&outcome.text)?;
        out.line(format_args!("written: {}", draft.target.shown()))?;
        match connect {
            Some(connect) if self.args.reload || self.confirm("Have the running router read it now?")? => {
                let reloaded = reloaded(&mut connect()?)?;
                reload::tell(&reloaded, out, "the running router has these settings already")
            }
            Some(_) => out.line("the running router reads it with gadugi-routerctl reload"),
            None => Ok(()),
        }
    }

    /// Which table is next; none: it is enough.
    fn group(&self, at: usize) -> Result<Option<usize>, Failure> {
        let line = |(table, doc): &(&str, &[&str])| match *table {
            "" => "The common ones: where to listen, how much, what is logged".to_owned(),
            table => format!("[{table}] {}", joined(doc)),
        };
        let mut lines: Vec<_> = TABLES.iter().map(line).collect();
        lines.push("That is all: show the difference".to_owned());
        let question = Select::with_theme(self.theme)
            .with_prompt("Which settings? (Esc: no more)")
            .items(&lines)
            .default(at);
        // Esc leaves the list; what was answered until then is shown before it is written.
        let chosen = question.max_length(lines.len()).interact_opt().map_err(failed)?;
        Ok(chosen.filter(|&chosen| chosen < TABLES.len()))
    }

    fn setting(&self, setting: &'static Setting, draft: &mut Draft) -> Result<(), Failure> {
        let default = setting.show(&Config::default());
        let now = config::check(&draft.target.path, &draft.document.text());
        let now = now.map_or_else(|_| default.clone(), |loaded| setting.show(&loaded.config));
        let about = wrapped(&format!("{} Must be {}.", setting.doc(), setting.expected()), " ");
        say(&format!("\n{}\n{about}  The default is {default}.\n", setting.key))?;
        let answer: String = Input::with_theme(self.theme)
            .with_prompt(format!(
                "{} (Enter keeps {}, {DEFAULT} takes the default)",
                setting.key,
                plain(&now)
            ))
            .allow_empty(true)
            .validate_with(|answer: &String| check(setting, answer))
            .interact_text()
            .map_err(failed)?;
        match answer.trim() {
            "" => {}
            DEFAULT => draft.document.unset(setting),
            text => {
                if let Ok(value) = value::understand(setting, text) {
                    draft.document.set(setting, value);
                }
            }
        }
        Ok(())
    }

    fn confirm(&self, question: &str) -> Result<bool, Failure> {
        let asked = Confirm::with_theme(self.theme).with_prompt(question).default(true);
        // Esc is a no.
        Ok(asked.interact_opt().map_err(failed)?.unwrap_or(false))
    }
}

fn check(setting: &Setting, answer: &str) -> Result<(), String> {
    match answer.trim() {
        "" | DEFAULT => Ok(()),
        text => value::understand(setting, text).map(drop),
    }
}

fn say(text: &str) -> Result<(), Failure> {
    let written = io::stderr().write_all(text.as_bytes());
    written.map_err(|error| Failure::new(SYSTEM, "system", format!("cannot write to the terminal: {error}")))
}

fn failed(error: dialoguer::Error) -> Failure {
    let dialoguer::Error::IO(error) = error;
    match error.kind() {
        io::ErrorKind::Interrupted => {
            Failure::new(INTERRUPTED, "interrupted", "interrupted: nothing is written")
        }
        _ => Failure::new(SYSTEM, "system", format!("cannot ask on this terminal: {error}")),
    }
}
