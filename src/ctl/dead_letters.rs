//! `dead-letters`: events that could not be delivered.

use serde_json::json;
use serde_json::value::RawValue;

use super::args::{About, DeadLettersCommand, Which};
use super::connection::Connection;
use super::failure::Failure;
use super::output::{Output, count, duration, plain};
use super::table::{self, Column};
use crate::admin::messages::{self, Answer, Letter, Letters, Request};

pub(super) fn run(
    router: &mut Connection,
    out: &mut Output,
    what: DeadLettersCommand,
) -> Result<(), Failure> {
    match what {
        DeadLettersCommand::List { limit, about } => list(router, out, limit, about.meant()),
        DeadLettersCommand::Show { id } => show(router, out, id),
        DeadLettersCommand::Requeue(which) => requeue(router, out, which),
        DeadLettersCommand::Purge(which) => purge(router, out, which),
    }
}

fn letters(router: &mut Connection, request: &Request) -> Result<Letters, Failure> {
    match router.ask(request)? {
        Answer::DeadLetters(letters) => Ok(letters),
        _ => Err(router.not_understood("it is no list of dead letters")),
    }
}

impl About {
    fn meant(self) -> messages::Which {
        messages::Which { id: None, reason: self.reason, topic: self.topic }
    }
}

impl Which {
    fn meant(self) -> messages::Which {
        messages::Which { id: self.id, ..self.about.meant() }
    }
}

fn list(
    router: &mut Connection,
    out: &mut Output,
    limit: usize,
    which: messages::Which,
) -> Result<(), Failure> {
    let (mut found, mut next) = (Vec::new(), Some(0));
    while let Some(from) = next.filter(|_| found.len() < limit) {
        let page = letters(router, &Request::DeadLetters { from, which: which.clone() })?;
        found.extend(page.letters);
        next = page.next;
    }
    let more = next.is_some() || found.len() > limit;
    found.truncate(limit);
    if out.json {
        return out.document(&json!({ "dead_letters": found, "more": more }));
    }
    if found.is_empty() {
        return out.line(match which {
            messages::Which { id: None, reason: None, topic: None } => "there is no dead letter",
            _ => "there is no such dead letter",
        });
    }
    print(&found, out)?;
    if more { out.line(format_args!("… and more: these are the newest {limit} (--limit)")) } else { Ok(()) }
}

fn print(letters: &[Letter], out: &mut Output) -> Result<(), Failure> {
    let columns = [
        Column::Words("EVENT"),
        Column::Numbers("AGE"),
        Column::Numbers("PRIORITY"),
        Column::Words("REASON"),
        Column::Words("SUBSCRIPTION"),
        Column::Numbers("BYTES"),
        Column::Words("TOPIC"),
    ];
    let row = |letter: &Letter| {
        vec![
            plain(&letter.id),
            duration(letter.age),
            letter.priority.to_string(),
            letter.reason.clone(),
            letter.subscription.clone().unwrap_or_else(|| "before matching".to_owned()),
            letter.size.to_string(),
            plain(&letter.topic),
        ]
    };
    let rows: Vec<_> = letters.iter().map(row).collect();
    table::print(out, &columns, &rows)
}

fn show(router: &mut Connection, out: &mut Output, id: String) -> Result<(), Failure> {
    let Letters { letters, event, .. } = letters(router, &Request::DeadLetter { id })?;
    // As it was published, digit by digit.
    let event = event.map(|text| RawValue::from_string(text).map_err(|error| Failure::output(error.into())));
    let event = event.transpose()?;
    if out.json {
        return out.json_line(&Shown { dead_letters: &letters, event: event.as_deref() });
    }
    print(&letters, out)?;
    for tried in letters.iter().flat_map(|letter| &letter.attempts) {
        out.line(format_args!("tried {} ago: {}", duration(tried.age), plain(&tried.error)))?;
    }
    match event {
        Some(event) => out.line(plain(event.get())),
        None => out.line("the event is too long to be shown"),
    }
}

/// What `show` prints as JSON.
#[derive(serde::Serialize)]
struct Shown<'a> {
    dead_letters: &'a [Letter],
    event: Option<&'a RawValue>,
}

fn requeue(router: &mut Connection, out: &mut Output, which: Which) -> Result<(), Failure> {
    match router.ask_patiently(&Request::Requeue(which.meant()))? {
        Answer::Requeued(requeued) if out.json => out.document(&requeued),
        Answer::Requeued(requeued) => {
            out.line(format_args!(
                "routed once more: {}, {}",
                count(requeued.events, "event"),
                count(requeued.letters, "dead letter")
            ))?;
            if requeued.refused > 0 {
                let left = count(requeued.refused, "dead letter");
                out.line(format_args!("still there, for the queue has no room now: {left}"))?;
            }
            Ok(())
        }
        _ => Err(router.not_understood("it does not say what was requeued")),
    }
}

fn purge(router: &mut Connection, out: &mut Output, which: Which) -> Result<(), Failure> {
    match router.ask_patiently(&Request::Purge(which.meant()))? {
        Answer::Purged { letters } if out.json => out.document(&json!({ "letters": letters })),
        Answer::Purged { letters } => out.line(format_args!("purged: {}", count(letters, "dead letter"))),
        _ => Err(router.not_understood("it does not say what was purged")),
    }
}
