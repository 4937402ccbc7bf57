//! Proves to the service manager that the router works: each beat follows a probe that went through the real queue
//! and was seen by the dispatcher. A router whose dispatcher hangs stops beating, and is restarted.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use super::supervisor::{Say, Supervisor};
use crate::protocol::{Blank, Event, Request, decode};
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
    let message = r#"{"type":"publish","event":{"topic":"watchdog","priority":10}}"#;
    match decode(message, &mut Blank).ok()?.request {
        Request::Publish(publish) => Some(publish.event),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering::Relaxed;

    use super::*;
    use crate::router::{Router, Settings};
    use crate::server::{self, Server};

    const TIMEOUT: Duration = Duration::from_secs(3);

    fn hub() -> Arc<Hub> {
        Arc::new(Hub::new(Router::new(Settings::default()), server::Settings::default(), || {}))
    }

    /// How many beats there are in this time, which passes at once.
    async fn beats_in(seconds: u64, heard: &std::sync::mpsc::Receiver<Say>) -> usize {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        heard.try_iter().filter(|say| *say == Say::Watchdog).count()
    }

    #[tokio::test(start_paused = true)]
    async fn it_beats_in_less_than_half_the_time_until_the_dispatcher_hangs() {
        let hub = hub();
        let _server = Server::start(Arc::clone(&hub), 1).unwrap();
        let (supervisor, heard) = Supervisor::for_tests();
        tokio::spawn(beat(Arc::clone(&hub), supervisor, TIMEOUT));
        assert!(beats_in(30, &heard).await > 20);
        hub.hangs.store(true, Relaxed);
        // One probe may have been through already.
        assert!(beats_in(30, &heard).await <= 1);
        assert_eq!(beats_in(300, &heard).await, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_dispatcher_there_is_no_beat() {
        let (supervisor, heard) = Supervisor::for_tests();
        tokio::spawn(beat(hub(), supervisor, TIMEOUT));
        assert_eq!(beats_in(60, &heard).await, 0);
    }
}
