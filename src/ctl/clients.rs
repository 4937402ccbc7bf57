//! `clients`: who is connected, and who is slow.

use std::cmp::Reverse;

use serde_json::json;

use super::connection::Connection;
use super::failure::Failure;
use super::output::{Output, by_priority, duration, plain};
use super::table::{Column, lines};
use crate::admin::messages::{Answer, Client, Request};

pub(super) fn run(router: &mut Connection, out: &mut Output, slow: bool) -> Result<(), Failure> {
    let mut clients = all(router)?;
    if slow {
        clients.retain(|client| client.waiting_events > 0 || client.evicted > 0);
        clients.sort_by_key(|client| Reverse((client.waiting_events, client.waiting_bytes, client.evicted)));
    }
    if out.json {
        return out.document(&json!({ "clients": clients }));
    }
    if clients.is_empty() {
        return out.line(if slow { "no client is slow" } else { "no client is connected" });
    }
    let columns = [
        Column::Words("ID"),
        Column::Words("ADDRESS"),
        Column::Numbers("CONNECTED"),
        Column::Numbers("SUBSCRIPTIONS"),
        Column::Numbers("DELIVERED"),
        Column::Numbers("WAITING"),
        Column::Numbers("BYTES"),
        Column::Numbers("EVICTED"),
        Column::Words("BY PRIORITY"),
        Column::Words("SOFTWARE"),
    ];
    for line in lines(&columns, &clients.into_iter().map(row).collect::<Vec<_>>()) {
        out.line(line)?;
    }
    Ok(())
}

fn all(router: &mut Connection) -> Result<Vec<Client>, Failure> {
    let (mut clients, mut next) = (Vec::new(), Some(0));
    while let Some(from) = next {
        match router.ask(&Request::Clients { from })? {
            Answer::Clients(page) => {
                clients.extend(page.clients);
                next = page.next;
            }
            _ => return Err(router.not_understood("it is no list of clients")),
        }
    }
    Ok(clients)
}

fn row(client: Client) -> Vec<String> {
    vec![
        client.id,
        plain(&client.remote),
        duration(client.connected_for),
        client.subscriptions.to_string(),
        client.delivered.to_string(),
        client.waiting_events.to_string(),
        client.waiting_bytes.to_string(),
        client.evicted.to_string(),
        by_priority(&client.depth.map(|depth| depth as u64)),
        plain(&client.software.unwrap_or_default()),
    ]
}
