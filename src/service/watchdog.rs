//! Proves to the service manager that the router works: each beat follows a probe that went through the real queue
//! and was seen by the dispatcher. A router whose dispatcher hangs stops beating, and is restarted.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::supervisor::{Say, Supervisor};
use crate::protocol::{Event, Fill, Request, Time, decode};
use crate::server::Hub;

/// Beats in the time that the manager waits for one: less than half of it, as sd_watchdog_enabled(3) advises.
const BEATS: u32 = 3;

/// Beats until it is dropped. `timeout` is how long the manager waits.
pub(super) async fn beat(hub: Arc<Hub>, supervisor: Supervisor, timeout: Duration) {
    let Some(event) = probe() else { return };
    let interval = timeout / BEATS;
    loop {
        let mut probing = pin!(hub.probe(Arc::clone(&event)));
        if tokio::time::timeout(timeout, &mut probing).await.is_err() {
            tracing::error!("the dispatcher does not answer: the service manager will restart the router");
            probing.await;
            tracing::error!("the dispatcher answers again");
        }
        supervisor.say(Say::Watchdog);
        tokio::time::sleep(interval).await;
    }
}

/// What is sent through the queue, ahead of everything else. Nobody sees it.
fn probe() -> Option<Arc<Event>> {
    struct Nobody;
    impl Fill for Nobody {
        fn client_id(&self) -> &str {
            "watchdog"
        }
        fn now(&mut self) -> Time {
            Time::from_micros(0)
        }
        fn new_id(&mut self) -> Uuid {
            Uuid::nil()
        }
    }
    let message = r#"{"type":"publish","event":{"topic":"watchdog","priority":10}}"#;
    match decode(message, &mut Nobody).ok()?.request {
        Request::Publish(publish) => Some(publish.event),
        _ => None,
    }
}
