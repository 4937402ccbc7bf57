//! What all connections share: the engine, its clock, the settings.

use std::cell::RefCell;
use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Waker;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::Notify;

use super::Settings;
use crate::protocol::Time;
use crate::router::{Millis, Router};

/// Deliveries that are matched before whoever dispatches lets others have a turn.
pub(super) const SLICE: usize = 4_096;
/// How often what expired is looked for behind what still waits.
const EXPIRY_INTERVAL: Duration = Duration::from_millis(100);

/// The engine and what it does not know by itself.
///
/// The lock is a plain mutex: nothing awaits under it, and with one I/O thread nobody ever waits for it.
pub struct Hub {
    router: Mutex<Router>,
    start: Instant,
    settings: Arc<Settings>,
    /// The ingress queue was left with something in it.
    backlog: Notify,
    /// An event came that may expire.
    deadlines: Notify,
    /// Connections that have a task, also those that the engine no longer knows.
    connections: AtomicUsize,
}

/// Counts a connection for as long as it lives.
pub(super) struct Counted(Arc<Hub>);

impl Counted {
    pub fn new(hub: Arc<Hub>) -> Self {
        hub.connections.fetch_add(1, Relaxed);
        Self(hub)
    }
}

impl Deref for Counted {
    type Target = Hub;

    fn deref(&self) -> &Hub {
        &self.0
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Relaxed);
    }
}

thread_local! {
    static WAKERS: RefCell<Vec<Waker>> = const { RefCell::new(Vec::new()) };
}

impl Hub {
    /// Puts an engine into service.
    pub fn new(router: Router, settings: Settings) -> Self {
        Self {
            router: Mutex::new(router),
            start: Instant::now(),
            settings: Arc::new(settings),
            backlog: Notify::new(),
            deadlines: Notify::new(),
            connections: AtomicUsize::new(0),
        }
    }

    /// The settings in force.
    pub fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings)
    }

    /// The engine's clock.
    pub fn now(&self) -> Millis {
        self.start.elapsed().as_millis() as Millis
    }

    /// Does something with the engine, and then wakes the connections that it gave work, outside of the lock.
    pub fn with<T>(&self, work: impl FnOnce(&mut Router) -> T) -> T {
        WAKERS.with_borrow_mut(|wakers| {
            let done = {
                let mut router = self.lock();
                let done = work(&mut router);
                router.take_wakers(wakers);
                if router.take_new_deadline() {
                    self.deadlines.notify_one();
                }
                done
            };
            for waker in wakers.drain(..) {
                waker.wake();
            }
            done
        })
    }

    fn lock(&self) -> MutexGuard<'_, Router> {
        self.router.lock().unwrap_or_else(|_| {
            // Somebody panicked inside the engine. Its books may be wrong, and no event should be routed by them.
            tracing::error!(name: "gadugi.internal_error", "the engine panicked: ending, so that the supervisor starts a sound one");
            std::process::abort()
        })
    }

    /// Connections that have a task.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Relaxed)
    }

    /// Somebody else is to go on dispatching.
    pub(super) fn leave_backlog(&self) {
        self.backlog.notify_one();
    }

    /// Matches what connections leave in the queue when their slice is over, and lets connections read in
    /// between, so that an event of high priority can overtake the rest.
    pub(super) async fn dispatch_backlog(&self) {
        loop {
            self.backlog.notified().await;
            while self.with(|router| router.dispatch(SLICE, self.now())) {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Looks for expired events now and then, as long as there are any that may expire.
    pub(super) async fn expire_regularly(&self) {
        loop {
            self.deadlines.notified().await;
            while self.with(|router| router.has_deadlines()) {
                tokio::time::sleep(EXPIRY_INTERVAL).await;
                self.with(|router| router.expire(self.now()));
            }
        }
    }
}

/// The time on the wall.
pub(super) fn wall_clock() -> Time {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Time::from_micros(since_epoch.as_micros() as i64)
}
