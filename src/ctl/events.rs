//! `events`: what is in the event store, one by one.

use clap::Subcommand;
use serde_json::json;
use serde_json::value::RawValue;

use super::connection::Connection;
use super::failure::{Failure, UNAVAILABLE};
use super::output::{Output, plain, to_the_second};
use super::store::{ask, other};
use super::table::{self, Column};
use super::watch::since;
use crate::admin::messages::{StoreAnswer, StoreRequest, StoredEvent};
use crate::protocol::Time;

/// What to do with stored events.
#[derive(Subcommand, Debug)]
pub(super) enum EventsCommand {
    /// List them, the newest first
    List(ListArgs),
    /// Print one with what is known of it
    Show {
        /// Its number, or its id
        #[arg(value_name = "NUMBER|ID")]
        which: String,
    },
}

/// Which events to list.
#[derive(clap::Args, Debug)]
pub(super) struct ListArgs {
    /// Only events on these topics: task.created, task.*, task.**; may be given several times
    #[arg(short, long = "topic", value_name = "PATTERN")]
    topics: Vec<String>,
    /// Only events that were stored since then: a time in UTC, or as long ago as 90s, 10m, 1h, 7d
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<Time>,
    /// How many at most
    #[arg(short = 'n', long, value_name = "N", default_value_t = 100)]
    limit: usize,
}

pub(super) fn run(router: &mut Connection, out: &mut Output, what: EventsCommand) -> Result<(), Failure> {
    match what {
        EventsCommand::List(args) => list(router, out, args),
        EventsCommand::Show { which } => show(router, out, &which),
    }
}

fn list(router: &mut Connection, out: &mut Output, args: ListArgs) -> Result<(), Failure> {
    let is_too_old =
        |event: &StoredEvent| args.since.is_some_and(|since| Time::parse(&event.stored) < Some(since));
    let (mut found, mut before) = (Vec::new(), None);
    let more = loop {
        let StoreAnswer::Events(page) =
            ask(router, StoreRequest::Events { before, topics: args.topics.clone() })?
        else {
            return other(router);
        };
        // They lie in the order of their times: what is before one that is too old is too old as well.
        let end = page.events.iter().position(is_too_old);
        found.extend(page.events.into_iter().take(end.unwrap_or(usize::MAX)));
        before = page.next.filter(|_| end.is_none());
        if before.is_none() || found.len() > args.limit {
            break found.len() > args.limit;
        }
    };
    found.truncate(args.limit);
    if out.json {
        return out.document(&json!({ "events": found, "more": more }));
    }
    if found.is_empty() {
        return out.line("there is no such event in the store");
    }
    print(&found, out)?;
    if more {
        out.line(format_args!("… and more: these are the newest {} (--limit)", args.limit))
    } else {
        Ok(())
    }
}

fn print(events: &[StoredEvent], out: &mut Output) -> Result<(), Failure> {
    let columns = [
        Column::Numbers("NUMBER"),
        Column::Words("STORED"),
        Column::Numbers("PRIORITY"),
        Column::Words("TYPE"),
        Column::Numbers("BYTES"),
        Column::Words("SOURCE"),
        Column::Words("EVENT"),
        Column::Words("TOPIC"),
    ];
    let row = |event: &StoredEvent| {
        vec![
            event.sequence.to_string(),
            to_the_second(&event.stored),
            event.priority.to_string(),
            plain(&event.kind),
            event.size.to_string(),
            plain(&event.source),
            plain(&event.id),
            plain(&event.topic),
        ]
    };
    table::print(out, &columns, &events.iter().map(row).collect::<Vec<_>>())
}

fn show(router: &mut Connection, out: &mut Output, which: &str) -> Result<(), Failure> {
    let (row, event) = find(router, which)?;
    // As it was published, digit by digit.
    let event = event.map(|text| RawValue::from_string(text).map_err(|error| Failure::output(error.into())));
    let event = event.transpose()?;
    if out.json {
        return out.json_line(&Shown { stored: &row, event: event.as_deref() });
    }
    print(&[row], out)?;
    match event {
        Some(event) => out.line(plain(event.get())),
        None => out.line("the event is too long to be shown"),
    }
}

/// What `show` prints as JSON.
#[derive(serde::Serialize)]
struct Shown<'a> {
    stored: &'a StoredEvent,
    event: Option<&'a RawValue>,
}

/// By its number, else by its id, page by page.
fn find(router: &mut Connection, which: &str) -> Result<(StoredEvent, Option<String>), Failure> {
    if let Ok(sequence) = which.parse() {
        match ask(router, StoreRequest::Event { sequence }) {
            Ok(StoreAnswer::Event { row, event }) => return Ok((row, event)),
            Ok(_) => return other(router),
            // An id may have nothing but digits.
            Err(failure) if !failure.is(UNAVAILABLE) => return Err(failure),
            Err(_) => {}
        }
    }
    let mut before = None;
    loop {
        match ask(router, StoreRequest::Find { id: which.to_owned(), before })? {
            StoreAnswer::Event { row, event } => return Ok((row, event)),
            StoreAnswer::Events(page) if page.next.is_some() => before = page.next,
            _ => return other(router),
        }
    }
}
