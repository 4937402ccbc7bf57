//! `config`: settings in a file, of the running router, and the difference.

use std::path::PathBuf;

use serde_json::json;

use super::args::ConfigCommand;
use super::connection::Connection;
use super::current_file;
use super::failure::{Failure, NOT_RUNNING, USAGE};
use super::keeper;
use super::output::{Output, plain};
use super::reload;
use crate::admin::messages::{Answer, Request, Setting};
use crate::config::Mistakes;

pub(super) fn run(
    what: ConfigCommand,
    connect: impl FnOnce() -> Result<Connection, Failure>,
    out: &mut Output,
) -> Result<(), Failure> {
    match what {
        ConfigCommand::Check { file } => {
            let file = file.map_or_else(|| theirs(connect), |file| Ok(Some(file)))?;
            check(file, out)
        }
        ConfigCommand::Show => show(&mut connect()?, out),
        ConfigCommand::Diff => diff(&mut connect()?, out),
    }
}

/// The file of the running router; where none runs, the one that it would read when it is started.
fn theirs(connect: impl FnOnce() -> Result<Connection, Failure>) -> Result<Option<PathBuf>, Failure> {
    let file = match current_file::running(connect) {
        Err(failure) if failure.is(NOT_RUNNING) => return Ok(None),
        Err(failure) => Err(failure),
        Ok((_, reads)) => reads.file(),
    };
    file.map_err(|failure| {
        let text = format!("{failure}; gadugi-routerctl config check FILE asks no router");
        Failure::new(USAGE, "unknown_file", text)
    })
}

/// As the router itself would: with the environment.
fn check(file: Option<PathBuf>, out: &mut Output) -> Result<(), Failure> {
    let loaded = keeper::load(file.as_deref()).map_err(|found| mistakes(&found))?;
    let file = loaded.file.as_ref().map(|file| file.display().to_string());
    if out.json {
        return out.document(&json!({ "ok": true, "file": file, "warnings": loaded.warnings }));
    }
    for warning in &loaded.warnings {
        out.line(format_args!("warning: {warning}"))?;
    }
    match file {
        Some(file) => out.line(format_args!("{}: ok", plain(&file))),
        None => out.line("no configuration file; defaults and environment: ok"),
    }
}

/// All of them, for whoever is to correct them.
pub(super) fn mistakes(found: &Mistakes) -> Failure {
    let found: Vec<_> = found.iter().map(ToString::to_string).collect();
    let message = format!("{} to correct", if found.len() == 1 { "a mistake" } else { "mistakes" });
    Failure::mistakes(found, message)
}

fn show(router: &mut Connection, out: &mut Output) -> Result<(), Failure> {
    let settings = match router.ask(&Request::Settings)? {
        Answer::Settings { settings } => settings,
        _ => return Err(router.not_understood("it is no list of settings")),
    };
    if out.json {
        return out.document(&json!({ "settings": settings }));
    }
    let mut table = "";
    for Setting { key, value, origin } in &settings {
        let (its, name) = key.rsplit_once('.').unwrap_or(("", key));
        if its != table {
            table = its;
            out.line(format_args!("\n[{table}]"))?;
        }
        out.line(format_args!("{name} = {}  # {}", plain(value), plain(origin)))?;
    }
    Ok(())
}

fn diff(router: &mut Connection, out: &mut Output) -> Result<(), Failure> {
    match router.ask_patiently(&Request::Difference)? {
        Answer::Reloaded(reloaded) => reload::tell(&reloaded, out, "a reload would change nothing"),
        _ => Err(router.not_understood("it does not say what would change")),
    }
}
