//! `clients`: who is connected, and who is slow.

use std::cmp::Reverse;

use serde_json::json;

use super::connection::Connection;
use super::failure::Failure;
use super::output::{Output, brief, by_priority, duration, patterns, plain, to_the_second};
use super::table::{self, Column};
use crate::admin::messages::{Answer, Client, Request, Slowest};

const COLUMNS: &[Column] = &[
    Column::Words("ID"),
    Column::Words("ADDRESS"),
    Column::Words("SINCE"),
    Column::Numbers("CONNECTED"),
    Column::Numbers("SUBSCRIPTIONS"),
    Column::Numbers("IN/S"),
    Column::Numbers("OUT/S"),
    Column::Numbers("PUBLISHED"),
    Column::Numbers("DELIVERED"),
    Column::Numbers("WAITING"),
    Column::Numbers("BYTES"),
    Column::Numbers("EVICTED"),
    Column::Words("BY PRIORITY"),
    Column::Words("SOFTWARE"),
];
const SLOW_COLUMNS: &[Column] = &[
    Column::Words("ID"),
    Column::Words("ADDRESS"),
    Column::Numbers("WAITING"),
    Column::Numbers("BYTES"),
    Column::Numbers("BEHIND"),
    Column::Numbers("OUT/S"),
    Column::Numbers("EVICTED"),
    Column::Words("SLOWEST SUBSCRIPTION"),
    Column::Words("BY PRIORITY"),
    Column::Words("SOFTWARE"),
];

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
    let rows: Vec<_> = clients.into_iter().map(if slow { slow_row } else { row }).collect();
    table::print(out, if slow { SLOW_COLUMNS } else { COLUMNS }, &rows)
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
    let waiting = waiting(&client);
    vec![
        client.id,
        plain(&client.remote),
        client.connected_since.as_deref().map(to_the_second).unwrap_or_default(),
        duration(client.connected_for),
        client.subscriptions.to_string(),
        format!("{:.1}", client.published_rate),
        format!("{:.1}", client.delivered_rate),
        client.published.to_string(),
        client.delivered.to_string(),
        client.waiting_events.to_string(),
        client.waiting_bytes.to_string(),
        client.evicted.to_string(),
        waiting,
        plain(&client.software.unwrap_or_default()),
    ]
}

fn slow_row(client: Client) -> Vec<String> {
    let waiting = waiting(&client);
    vec![
        client.id,
        plain(&client.remote),
        client.waiting_events.to_string(),
        client.waiting_bytes.to_string(),
        if client.waiting_events == 0 { "-".to_owned() } else { brief(client.behind_seconds) },
        format!("{:.1}", client.delivered_rate),
        client.evicted.to_string(),
        client.slowest_subscription.as_ref().map(subscription).unwrap_or_default(),
        waiting,
        plain(&client.software.unwrap_or_default()),
    ]
}

/// What waits, by priority, and what of it is being written already and has left its level.
fn waiting(client: &Client) -> String {
    let mut parts = vec![by_priority(&client.depth.map(|depth| depth as u64))];
    if client.in_flight > 0 {
        parts.push(format!("+{} being written", client.in_flight));
    }
    parts.retain(|part| !part.is_empty());
    parts.join(" ")
}

/// Its patterns, how much waits for it, and its id.
fn subscription(slowest: &Slowest) -> String {
    let topics = patterns(&slowest.topics, slowest.more_topics);
    format!("{topics} ({} waiting, {})", slowest.waiting_events, plain(&slowest.id))
}
