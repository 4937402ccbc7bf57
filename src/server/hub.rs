//! What all connections share: the engine, its clock, the settings.

use std::cell::RefCell;
use std::ops::Deref;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::Notify;

use super::Settings;
use super::letters::{self, Clocks};
use super::mourning;
use super::storing::{self, Storing, UnderWay};
use crate::protocol::{Event, Health, Time};
use crate::router::{Errand, Millis, Moment, Router};
use crate::store::{Letter, OnCommit, Store};

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
    settings: Mutex<Arc<Settings>>,
    /// Goes up with each change of the settings.
    version: AtomicU32,
    /// Ends the process, after a panic inside the engine.
    broken: Box<dyn Fn() + Send + Sync>,
    /// The ingress queue was left with something in it.
    backlog: Notify,
    /// An event came that may expire.
    deadlines: Notify,
    /// Connections that have a task, also those that the engine no longer knows.
    connections: AtomicUsize,
    storing: OnceLock<Storing>,
    /// What is on its way to the store, which is there before the hub knows it.
    under_way: Arc<UnderWay>,
    /// The dispatcher is to hang, as by a mistake in it.
    #[cfg(test)]
    pub(crate) hangs: std::sync::atomic::AtomicBool,
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
    /// Puts an engine into service. `broken` is called when the engine has panicked and should end the process: no
    /// event may be routed by books that may be wrong. If it returns, the process is aborted.
    pub fn new(router: Router, settings: Settings, broken: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            router: Mutex::new(router),
            start: Instant::now(),
            settings: Mutex::new(Arc::new(settings)),
            version: AtomicU32::new(0),
            broken: Box::new(broken),
            backlog: Notify::new(),
            deadlines: Notify::new(),
            connections: AtomicUsize::new(0),
            storing: OnceLock::new(),
            under_way: Arc::default(),
            #[cfg(test)]
            hangs: std::sync::atomic::AtomicBool::new(false),
        }
    }

    /// What the store is to tell of its transactions: this hub's dispatcher passes it on to the engine.
    pub fn on_commit(self: &Arc<Self>) -> OnCommit {
        storing::on_commit(Arc::downgrade(self), Arc::clone(&self.under_way))
    }

    /// From now on events are stored, as its rules say. There is one store, from the start to the end; it was opened with
    /// [`Hub::on_commit`]. False: there is one already.
    pub fn attach_store(self: &Arc<Self>, store: Store) -> bool {
        self.storing.set(Storing::new(Arc::downgrade(self), store, Arc::clone(&self.under_way))).is_ok()
    }

    /// These dead letters of earlier runs are in the store, oldest first, and later ones go there too.
    pub fn recall(&self, letters: &[Letter]) {
        let clocks = self.clocks();
        let known = letters.iter().filter_map(|letter| letters::recalled(letter, clocks)).collect();
        self.with(|router| router.recall(known));
    }

    /// The store, if there is one.
    pub fn store(&self) -> Option<&Store> {
        self.storing().map(Storing::store)
    }

    /// How the router is, its store included.
    pub fn health(&self) -> Health {
        let health = self.with(|router| router.health(self.now(), wall_clock()));
        self.with_store(health)
    }

    /// What the engine says of its health, and what is wrong with the store.
    pub fn with_store(&self, mut health: Health) -> Health {
        if let Some(storing) = self.storing() {
            storing.trouble(&mut health);
        }
        health
    }

    pub(super) fn storing(&self) -> Option<&Storing> {
        self.storing.get()
    }

    /// Everything accepted has been delivered or ended in the dead letters, and nothing is on its way to the store.
    pub fn is_drained(&self) -> bool {
        self.storing().is_none_or(Storing::is_idle) && self.with(|router| router.is_drained())
    }

    /// The settings in force.
    pub fn settings(&self) -> Arc<Settings> {
        // A panic cannot leave an Arc half exchanged.
        Arc::clone(&self.settings.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Other settings from now on, for connections that are open as well.
    pub fn change(&self, settings: Settings) {
        *self.settings.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
        self.version.fetch_add(1, Relaxed);
        self.with(Router::wake_all);
    }

    /// Which settings are in force. Cheap enough to ask at every turn.
    pub(super) fn version(&self) -> u32 {
        self.version.load(Relaxed)
    }

    /// Returns when an event has gone through the queue and was seen by the dispatcher. Only one may be under way.
    pub async fn probe(&self, event: Arc<Event>) {
        let mut wanted = None;
        std::future::poll_fn(|cx| {
            let Some(wanted) = wanted else {
                wanted = Some(self.with(|router| {
                    router.probe(Arc::clone(&event), cx.waker().clone());
                    router.probes() + 1
                }));
                self.leave_backlog();
                return Poll::Pending;
            };
            if self.with(|router| router.probes() >= wanted) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    pub(super) fn clocks(&self) -> Clocks {
        Clocks { engine: self.now(), wall: wall_clock() }
    }

    /// The engine's clock.
    pub fn now(&self) -> Millis {
        self.start.elapsed().as_millis() as Millis
    }

    /// The same as finely as latency is measured.
    pub fn moment(&self) -> Moment {
        Moment::after(self.start.elapsed())
    }

    /// The same of a moment that was.
    pub(super) fn moment_of(&self, instant: Instant) -> Moment {
        Moment::after(instant.saturating_duration_since(self.start))
    }

    /// Does something with the engine, and then wakes the connections that it gave work, outside of the lock.
    pub fn with<T>(&self, work: impl FnOnce(&mut Router) -> T) -> T {
        let mut errands = Vec::new();
        let done = WAKERS.with_borrow_mut(|wakers| {
            let done = {
                let mut router = self.lock();
                let done = work(&mut router);
                router.take_wakers(wakers);
                router.take_errands(&mut errands);
                if router.take_new_deadline() {
                    self.deadlines.notify_one();
                }
                done
            };
            for waker in wakers.drain(..) {
                waker.wake();
            }
            done
        });
        if !errands.is_empty() {
            self.run(errands);
        }
        done
    }

    /// Outside of all locks: the store may answer at once.
    #[cold]
    fn run(&self, errands: Vec<Errand>) {
        for errand in errands {
            match (errand, self.storing()) {
                (Errand::Mourn(letter), _) => mourning::tell(self, &letter),
                (errand, Some(storing)) => storing.run(errand),
                // Nothing else is asked for without a store.
                (_, None) => {}
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Router> {
        self.router.lock().unwrap_or_else(|_| {
            (self.broken)();
            std::process::abort()
        })
    }

    /// Connections that have a task.
    pub fn connections(&self) -> usize {
        self.connections.load(Relaxed)
    }

    /// Somebody else is to go on dispatching.
    pub fn leave_backlog(&self) {
        self.backlog.notify_one();
    }

    /// Takes in what the store has written since, and lets it write what came since.
    fn tend_store(&self) {
        if let Some(storing) = self.storing() {
            storing.wake();
            storing.pass_on(self);
        }
    }

    /// Matches what connections leave in the queue when their slice is over, and lets connections read in
    /// between, so that an event of high priority can overtake the rest.
    pub(super) async fn dispatch_backlog(&self) {
        loop {
            self.backlog.notified().await;
            #[cfg(test)]
            if self.hangs.load(Relaxed) {
                std::future::pending::<()>().await;
            }
            self.tend_store();
            while self.with(|router| router.dispatch(SLICE, self.moment())) {
                tokio::task::yield_now().await;
                self.tend_store();
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
pub fn wall_clock() -> Time {
    wall_time(SystemTime::now())
}

/// A moment of the operating system's as the protocol writes it.
pub fn wall_time(moment: SystemTime) -> Time {
    let since_epoch = moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Time::from_micros(since_epoch.as_micros() as i64)
}
