//! `durables`: durable subscriptions, which stay when their clients go.

use clap::Subcommand;
use serde_json::json;

use super::connection::Connection;
use super::failure::Failure;
use super::output::{Output, plain, to_the_second};
use super::store::{ask, other};
use super::table::{self, Column};
use crate::admin::messages::{DurableView, StoreAnswer, StoreRequest};

/// What to do with durable subscriptions.
#[derive(Subcommand, Debug)]
pub(super) enum DurablesCommand {
    /// List them by name, also those of which no client is there
    List,
    /// End one that no client is there of: whoever comes by its name begins anew
    Forget {
        /// Its name
        name: String,
    },
}

pub(super) fn run(router: &mut Connection, out: &mut Output, what: DurablesCommand) -> Result<(), Failure> {
    match what {
        DurablesCommand::List => list(router, out),
        DurablesCommand::Forget { name } => forget(router, out, name),
    }
}

fn list(router: &mut Connection, out: &mut Output) -> Result<(), Failure> {
    let (mut found, mut after) = (Vec::new(), Some(String::new()));
    while let Some(name) = after {
        let request = StoreRequest::Durables { after: name };
        let StoreAnswer::Durables { durables, next } = ask(router, request)? else { return other(router) };
        found.extend(durables);
        after = next;
    }
    if out.json {
        return out.document(&json!({ "durables": found }));
    }
    if found.is_empty() {
        return out.line("there is no durable subscription");
    }
    let columns = [
        Column::Words("NAME"),
        Column::Numbers("CLIENTS"),
        Column::Words("CREATED"),
        Column::Words("LAST SEEN"),
        Column::Numbers("LOST"),
        Column::Words("DONE TO, BY PRIORITY 10 TO 1"),
    ];
    table::print(out, &columns, &found.iter().map(row).collect::<Vec<_>>())
}

fn row(of: &DurableView) -> Vec<String> {
    let done: Vec<_> = of.done_to.iter().rev().map(u64::to_string).collect();
    vec![
        plain(&of.name),
        of.clients.to_string(),
        to_the_second(&of.created),
        to_the_second(&of.last_seen),
        of.lost.to_string(),
        done.join(" "),
    ]
}

fn forget(router: &mut Connection, out: &mut Output, name: String) -> Result<(), Failure> {
    match ask(router, StoreRequest::Forget { name })? {
        StoreAnswer::Forgotten { name } if out.json => out.document(&json!({ "forgotten": name })),
        StoreAnswer::Forgotten { name } => {
            out.line(format_args!("the durable subscription {} is forgotten", plain(&name)))
        }
        _ => other(router),
    }
}
