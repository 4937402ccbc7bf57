//! Whether the router is well, in the log: when that changes, with the reasons; and that publishes are refused, of which
//! the status says nothing.

use std::sync::Arc;
use std::time::Duration;

use super::logging::grouped;
use crate::protocol::{Health, HealthStatus};
use crate::router::Router;
use crate::server::Hub;

/// How often it is looked. What is over sooner is left to `get_health`.
const INTERVAL: Duration = Duration::from_secs(1);
/// Looks between two reports of refused publishes: an overload may go on for hours.
const SILENT: u32 = 10;

/// Watches until it is dropped.
pub(super) async fn watch(hub: Arc<Hub>) {
    let mut before = HealthStatus::Healthy;
    let mut refusals = Refusals::default();
    loop {
        tokio::time::sleep(INTERVAL).await;
        let (health, news) = (hub.health(), hub.with(|router| refusals.look(router)));
        if health.status != before {
            tell(&health);
            before = health.status;
        }
        if let Some((refused, advice)) = news {
            tell_refused(refused, advice);
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

fn tell_refused(refused: u64, advice: &str) {
    tracing::warn!(
        name: "gadugi.publishes_refused",
        refused,
        reason = "queue_full",
        "publishes refused because the ingress queue was full: {}; {advice}",
        grouped(refused)
    );
}

/// How many publishes the full queue has refused, and how many of these were told of.
#[derive(Default)]
struct Refusals {
    told: u64,
    silent: u32,
}

impl Refusals {
    /// How many there were since the last report, if there is something to report, and what to do about it.
    fn look(&mut self, router: &Router) -> Option<(u64, &'static str)> {
        let advice = if router.settings().use_multi_queue {
            "publish slower, or turn use_multi_queue off and set max_queue_size"
        } else {
            "raise max_queue_size, or publish slower"
        };
        // Of a drain, and of a store that has failed, the log speaks elsewhere.
        self.count(router.stats().queue_full).map(|refused| (refused, advice))
    }

    fn count(&mut self, all: u64) -> Option<u64> {
        self.silent = self.silent.saturating_sub(1);
        let refused = all.saturating_sub(self.told);
        if refused == 0 || self.silent > 0 {
            return None;
        }
        (self.told, self.silent) = (all, SILENT);
        Some(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_publishes_are_told_at_once_and_then_summed_up() {
        let mut refusals = Refusals::default();
        assert_eq!((refusals.count(0), refusals.count(7)), (None, Some(7)));
        let then: Vec<_> = (1..=10).map(|look| refusals.count(7 + look)).collect();
        assert_eq!(then.iter().flatten().collect::<Vec<_>>(), [&10], "{then:?}");
        assert!((0..20).all(|_| refusals.count(17).is_none()));
    }
}
