//! Whether the router is well, in the log: when that changes, with the reasons.

use std::sync::Arc;
use std::time::Duration;

use crate::protocol::{Health, HealthStatus};
use crate::server::{Hub, wall_clock};

/// How often it is looked. What is over sooner is left to `get_health`.
const INTERVAL: Duration = Duration::from_secs(1);

/// Watches until it is dropped.
pub(super) async fn watch(hub: Arc<Hub>) {
    let mut before = HealthStatus::Healthy;
    loop {
        tokio::time::sleep(INTERVAL).await;
        let health = hub.with(|router| router.health(hub.now(), wall_clock()));
        if health.status != before {
            tell(&health);
            before = health.status;
        }
    }
}

fn tell(health: &Health) {
    match health.status {
        HealthStatus::Healthy => tracing::info!(name: "gadugi.health", "healthy again"),
        status => {
            let reason = health.errors.join("; ");
            tracing::warn!(name: "gadugi.health", "{}: {reason}", status.as_str());
        }
    }
}
