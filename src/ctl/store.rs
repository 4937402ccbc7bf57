//! `store`: what the event store has, whether it is in order, and a copy of it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Subcommand;
use serde_json::json;
use tempfile::NamedTempFile;

use super::connection::Connection;
use super::failure::{Failure, SYSTEM, UNAVAILABLE};
use super::output::{Output, count, duration, plain, to_the_second};
use super::table::{self, Column};
use crate::admin::messages::{Answer, Request, StoreAnswer, StoreFigures, StoreRequest, StoreRule};

/// Reading all of a large file takes as long as the disk needs.
const PATIENCE: Duration = Duration::from_secs(3_600);

/// What to do with the event store.
#[derive(Subcommand, Debug)]
pub(super) enum StoreCommand {
    /// Tell how much is in it, by rule, and how it is
    Stats,
    /// Read all of it and tell whether it is in order; ends with 1 if it is not
    Check {
        /// Look at the structure only, not at every value and index
        #[arg(long)]
        quick: bool,
    },
    /// Write a copy of it while the router goes on; the copy is an event store as well
    Backup {
        /// Where to
        file: PathBuf,
        /// Replace a file that is there
        #[arg(long)]
        force: bool,
    },
}

pub(super) fn run(router: &mut Connection, out: &mut Output, what: StoreCommand) -> Result<(), Failure> {
    match what {
        StoreCommand::Stats => stats(router, out),
        StoreCommand::Check { quick } => check(router, out, quick),
        StoreCommand::Backup { file, force } => backup(router, out, &file, force),
    }
}

/// Asks the event store.
pub(super) fn ask(router: &mut Connection, request: StoreRequest) -> Result<StoreAnswer, Failure> {
    match router.ask_within(&Request::Store(request), PATIENCE)? {
        Answer::Store(answer) => Ok(answer),
        _ => Err(router.not_understood("it is no answer of an event store")),
    }
}

/// An answer to another question.
pub(super) fn other<T>(router: &Connection) -> Result<T, Failure> {
    Err(router.not_understood("it is another answer of the event store"))
}

fn stats(router: &mut Connection, out: &mut Output) -> Result<(), Failure> {
    let StoreAnswer::Stats(figures) = ask(router, StoreRequest::Stats)? else { return other(router) };
    if out.json {
        return out.document(&figures);
    }
    lines(&figures).into_iter().try_for_each(|line| out.line(line))?;
    out.line("")?;
    let columns = [
        Column::Numbers("EVENTS"),
        Column::Numbers("BYTES"),
        Column::Numbers("MAX AGE"),
        Column::Numbers("MAX EVENTS"),
        Column::Numbers("MAX BYTES"),
        Column::Words("RULE"),
    ];
    table::print(out, &columns, &figures.rules.iter().map(row).collect::<Vec<_>>())
}

fn lines(of: &StoreFigures) -> Vec<String> {
    let place = of.path.as_deref().map_or_else(String::new, |path| format!(" in {}", plain(path)));
    let end = |end: &Option<(u64, String)>| {
        let shown = end.as_ref().map(|(sequence, at)| format!("{sequence}, of {}", to_the_second(at)));
        shown.unwrap_or_else(|| "none".to_owned())
    };
    let mut lines = vec![
        format!("Event Store: {}{place}, schema {}", plain(&of.kind), of.schema),
        format!("State: {}", of.failed.as_deref().map_or_else(|| "working".to_owned(), plain)),
        format!("Events: {} with {}", of.events, count(of.bytes, "byte")),
        format!("Oldest: {}", end(&of.oldest)),
        format!("Newest: {}", end(&of.newest)),
        format!("Last Number Given: {}", of.last),
        format!("Dead Letters: {}", of.dead_letters),
        format!("Durable Subscriptions: {}", of.durables),
        format!("Beyond a Limit: {} deleted, {} of them not yet delivered", of.deleted, of.lost),
        format!("Changes: {} written in {}", of.written, count(of.commits, "commit")),
        format!("Waiting to Be Written: {}", of.waiting),
        format!("Refused: {}", of.refused),
    ];
    if of.path.is_some() {
        let (file, log) = (count(of.file_bytes, "byte"), count(of.log_bytes, "byte"));
        lines.push(format!("File: {file}, {} of them free; write-ahead log {log}", of.free_bytes));
    }
    lines
}

fn row(rule: &StoreRule) -> Vec<String> {
    let limit = |limit: Option<u64>| limit.map_or_else(|| "-".to_owned(), |limit| limit.to_string());
    let former = if rule.in_force { "" } else { " (no longer among the settings)" };
    vec![
        rule.events.to_string(),
        rule.bytes.to_string(),
        rule.max_age.map_or_else(|| "-".to_owned(), duration),
        limit(rule.max_events),
        limit(rule.max_size),
        plain(&rule.topics) + former,
    ]
}

fn check(router: &mut Connection, out: &mut Output, quick: bool) -> Result<(), Failure> {
    let StoreAnswer::Checked { problems } = ask(router, StoreRequest::Check { quick })? else {
        return other(router);
    };
    if out.json {
        out.document(&json!({ "problems": problems }))?;
    } else if problems.is_empty() {
        out.line("the event store is in order")?;
    } else {
        problems.iter().try_for_each(|problem| out.line(plain(problem)))?;
    }
    if problems.is_empty() { Ok(()) } else { Err(Failure::answered_no()) }
}

/// The copy comes over the admin socket, so that it belongs to whoever asks, and may be on another disk. It has its name only
/// when it is whole.
fn backup(router: &mut Connection, out: &mut Output, file: &Path, force: bool) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(SYSTEM, "system", format!("cannot write {}: {error}", file.display()))
    };
    let is_there = || {
        let text = format!("{} is there already: name another file, or use --force", file.display());
        Failure::new(UNAVAILABLE, "is_there", text)
    };
    if !force && file.symlink_metadata().is_ok() {
        return Err(is_there());
    }
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut copy = NamedTempFile::new_in(folder).map_err(failed)?;
    let StoreAnswer::Copy { bytes } = ask(router, StoreRequest::Backup)? else { return other(router) };
    router.copy(bytes, copy.as_file_mut(), failed)?;
    copy.as_file().sync_all().map_err(failed)?;
    if force {
        copy.persist(file).map_err(|error| failed(error.error))?;
    } else {
        copy.persist_noclobber(file).map_err(|error| match error.error.kind() {
            std::io::ErrorKind::AlreadyExists => is_there(),
            _ => failed(error.error),
        })?;
    }
    // The name is safe as well when its directory is.
    std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    if out.json {
        return out.document(&json!({ "file": file, "bytes": bytes }));
    }
    out.line(format_args!("wrote {} to {}", count(bytes, "byte"), plain(&file.display().to_string())))
}
