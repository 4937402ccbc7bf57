//! What it costs to store events safely, and to read them again.
//!
//! The publishers are driven by one thread, as in the router; each publishes a batch and goes on when all of it is
//! confirmed. `GADUGI_STORE_EVENTS=10000000` measures with so many events in the store instead of 100,000. The disk is
//! that of `TMPDIR`.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, OnceLock};

use divan::counter::ItemsCount;
use divan::{AllocProfiler, Bencher};
use gadugi_router::protocol::{Blank, Event, Pattern, Request, Subscription, Time, decode};
use gadugi_router::store::{
    Backend, Bounds, Memory, NO_LIMITS, Outcome, Page, Rule, RuleId, Settings, Sqlite, Store, StoreError,
};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

/// How many a replay reads.
const REPLAYED: usize = if cfg!(debug_assertions) { 1_000 } else { 100_000 };

/// Publishers and events in a batch of each.
const LOADS: [(usize, usize); 10] =
    [(1, 1), (1, 10), (1, 100), (1, 1_000), (10, 1), (10, 10), (10, 100), (100, 1), (100, 10), (1_000, 1)];

fn main() {
    divan::main();
    // What is static is not dropped.
    if let Some((folder, _)) = FULL.get() {
        std::fs::remove_dir_all(folder.path()).expect("the folder is ours");
    }
}

/// An event with 256 bytes of payload.
fn event(topic: &str) -> Arc<Event> {
    let text = "x".repeat(256);
    let message =
        format!(r#"{{"type":"publish","event":{{"topic":"{topic}","payload":{{"text":"{text}"}}}}}}"#);
    match decode(&message, &mut Blank).expect("a good message").request {
        Request::Publish(publish) => publish.event,
        _ => unreachable!("a publish"),
    }
}

/// A store and what it answers.
struct Driver {
    store: Store,
    answers: Receiver<Vec<Outcome>>,
    event: Arc<Event>,
    rule: RuleId,
}

impl Driver {
    fn new(backend: Arc<dyn Backend>) -> Self {
        let (sender, answers) = sync_channel(1_024);
        let told = Box::new(move |outcomes| sender.send(outcomes).unwrap_or_default());
        let topics = vec![Pattern::all()];
        let rules = vec![Rule { topics, limits: NO_LIMITS }];
        let clock = Box::new(|| Time::from_micros(0));
        let store =
            Store::open(backend, rules, NO_LIMITS, Settings::default(), (clock, told)).expect("a store");
        let event = event("task.created");
        let rule = store.rules().of(event.topic()).expect("a rule");
        Self { store, answers, event, rule }
    }

    fn publish(&self, publisher: usize, batch: usize) {
        for _ in 0..batch {
            self.store.append(Arc::clone(&self.event), self.rule, publisher as u64).expect("room");
        }
    }

    /// Has so many publishers publish so many batches together.
    fn run(&self, publishers: usize, batch: usize, batches: usize) {
        let mut left = vec![batch; publishers];
        let mut begun = publishers;
        (0..publishers).for_each(|publisher| self.publish(publisher, batch));
        let mut open = publishers;
        while open > 0 {
            for (publisher, outcome) in self.answers.recv().expect("an answer") {
                outcome.expect("it is stored");
                let left = &mut left[publisher as usize];
                *left -= 1;
                if *left > 0 {
                    continue;
                }
                *left = batch;
                if begun < batches {
                    begun += 1;
                    self.publish(publisher as usize, batch);
                } else {
                    open -= 1;
                }
            }
        }
    }

    fn measure(&self, bencher: Bencher, (publishers, batch): (usize, usize)) {
        // Each publishes some times, and slow ones not for too long.
        let batches = (publishers * 4).max(if cfg!(debug_assertions) { 4 } else { 200 });
        bencher
            .counter(ItemsCount::new(batches * batch))
            .bench_local(|| self.run(publishers, batch, batches));
    }
}

#[divan::bench(args = LOADS, sample_count = 5, sample_size = 1)]
fn confirmed_sqlite(bencher: Bencher, load: (usize, usize)) {
    let folder = tempfile::tempdir().expect("a folder");
    let sqlite = Sqlite::new(&folder.path().join("store.db")).expect("a file");
    let driver = Driver::new(Arc::new(sqlite));
    driver.measure(bencher, load);
    driver.store.end();
}

#[divan::bench(args = [(1, 1), (1, 1_000), (100, 10)], sample_count = 5, sample_size = 1)]
fn confirmed_memory(bencher: Bencher, load: (usize, usize)) {
    Driver::new(Arc::new(Memory::new())).measure(bencher, load);
}

/// A file with as many events as are asked for, for all that read.
static FULL: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();

fn fill() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let driver = Driver::new(Arc::new(Sqlite::new(&path).expect("a file")));
    let events =
        std::env::var("GADUGI_STORE_EVENTS").map_or(REPLAYED, |count| count.parse().expect("a number"));
    for _ in 0..events.div_ceil(10_000) {
        driver.run(10, 1_000, 10);
    }
    driver.store.end();
    (folder, path)
}

/// One at a time: a file has one owner.
static ONE: Mutex<()> = Mutex::new(());

fn full() -> Driver {
    let path: &Path = &FULL.get_or_init(fill).1;
    Driver::new(Arc::new(Sqlite::new(path).expect("a file")))
}

fn page(
    driver: &Driver,
    ask: impl FnOnce(&Store, Box<dyn FnOnce(Result<Page, StoreError>) + Send>) -> Result<(), StoreError>,
) -> Page {
    let (sender, answer) = sync_channel(1);
    ask(&driver.store, Box::new(move |page| sender.send(page).unwrap_or_default())).expect("room");
    answer.recv().expect("an answer").expect("a page")
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn replay(bencher: Bencher) {
    let _one = ONE.lock();
    let driver = full();
    let wanted = Arc::new(Subscription::default());
    bencher.counter(ItemsCount::new(REPLAYED)).bench_local(|| {
        let (mut from, mut count) = (1, 0);
        while count < REPLAYED {
            let next =
                page(&driver, |store, then| store.events(from, Arc::clone(&wanted), Bounds::default(), then));
            count += next.events.len();
            from = next.next;
        }
    });
    driver.store.end();
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn replay_of_what_is_not_there(bencher: Bencher) {
    let _one = ONE.lock();
    let driver = full();
    let topics = vec![Pattern::parse("task.deleted").expect("a pattern")];
    let wanted = Arc::new(Subscription { topics, ..Subscription::default() });
    bencher.counter(ItemsCount::new(REPLAYED)).bench_local(|| {
        let mut from = 1;
        while from < REPLAYED as u64 {
            from =
                page(&driver, |store, then| store.events(from, Arc::clone(&wanted), Bounds::default(), then))
                    .next;
        }
    });
    driver.store.end();
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn start_and_end(bencher: Bencher) {
    let _one = ONE.lock();
    FULL.get_or_init(fill);
    bencher.bench_local(|| full().store.end());
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn one_event_beside_those_that_are_there(bencher: Bencher) {
    let _one = ONE.lock();
    let driver = full();
    driver.measure(bencher, (1, 1));
    driver.store.end();
}
