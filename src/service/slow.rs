//! Slow consumers in the log: summed up, not a line for each event that is shed.

use std::sync::Arc;
use std::time::Duration;

use super::logging::grouped;
use crate::router::Slow;
use crate::server::Hub;

/// What is summed up in one report.
const INTERVAL: Duration = Duration::from_secs(5);
/// Clients that get a line of their own, the slowest. The others share one.
const NAMED: usize = 5;

/// Reports until it is dropped.
pub(super) async fn report(hub: Arc<Hub>) {
    loop {
        tokio::time::sleep(INTERVAL).await;
        let slow = hub.with(|router| router.slow_consumers());
        slow.iter().take(NAMED).for_each(name);
        let others = slow.get(NAMED..).unwrap_or_default();
        if !others.is_empty() {
            let evicted: u64 = others.iter().map(|slow| slow.shed).sum();
            tracing::warn!(
                name: "gadugi.slow_consumer",
                clients = others.len(),
                evicted,
                "slow consumers: {} events evicted in {} s for {} more clients",
                grouped(evicted),
                INTERVAL.as_secs(),
                grouped(others.len() as u64)
            );
        }
    }
}

fn name(slow: &Slow) {
    let (client_id, remote) = match &slow.name {
        Some(name) => (name.id.to_string(), &*name.remote),
        None => ("unknown".to_owned(), "unknown"),
    };
    tracing::warn!(
        name: "gadugi.slow_consumer",
        client_id,
        remote,
        evicted = slow.shed,
        "slow consumer: {} events evicted in {} s",
        grouped(slow.shed),
        INTERVAL.as_secs()
    );
}
