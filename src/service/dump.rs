//! The router's state for the log, on SIGUSR2. No payloads, as everywhere in the log.

use crate::router::{Reason, Router};
use crate::server::Hub;

/// Clients that are listed, those with the most waiting.
const LISTED: usize = 20;

/// Logs what there is.
pub(super) fn dump(hub: &Hub) {
    let (lines, rest) = hub.with(|router| lines(router));
    tracing::info!(name: "gadugi.state", "state: {} connections", hub.connections());
    lines.iter().for_each(|line| tracing::info!(name: "gadugi.state", "state: {line}"));
    if rest > 0 {
        tracing::info!(name: "gadugi.state", "state: {rest} more clients");
    }
}

fn lines(router: &Router) -> (Vec<String>, usize) {
    let stats = router.stats();
    let mut lines = vec![
        format!(
            "{} clients, {} subscriptions, draining: {}",
            router.connected_clients(),
            router.subscriptions(),
            router.is_draining()
        ),
        format!("queue depth by priority, lowest first: {:?}", router.queue_depth()),
        format!("accepted by priority, lowest first: {:?}, refused: {}", stats.accepted, stats.refused),
        format!("processed: {}, matched: {}, delivered: {}", stats.processed, stats.matched, stats.delivered),
    ];
    for reason in Reason::ALL {
        let counts = router.dead_letters().count(reason);
        if counts.iter().any(|&count| count > 0) {
            lines.push(format!("dead letters, {}, by priority, lowest first: {counts:?}", reason.as_str()));
        }
    }
    let mut clients: Vec<_> =
        router.client_keys().into_iter().filter_map(|key| Some((router.view(key)?, key))).collect();
    clients.sort_by_key(|(view, _)| std::cmp::Reverse(view.outbox_events));
    let rest = clients.len().saturating_sub(LISTED);
    for (view, key) in clients.into_iter().take(LISTED) {
        let name = router.client_name(key);
        let (id, remote) = name.map(|name| (name.id.to_string(), &*name.remote)).unwrap_or_default();
        lines.push(format!(
            "client {id} from {remote}: {} subscriptions, {} events and {} bytes waiting, {} evicted",
            view.subscriptions, view.outbox_events, view.outbox_bytes, view.shed
        ));
    }
    (lines, rest)
}
