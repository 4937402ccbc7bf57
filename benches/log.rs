//! What a record costs whoever logs it: one that is not wanted, one that is summed up, and one that is handed over. The
//! writing itself is on another thread and not in these figures.

use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use divan::counter::ItemsCount;
use divan::{AllocProfiler, Bencher};
use gadugi_router::config::{Config, Log, LogTarget};
use gadugi_router::service::logging::{LogHandle, Plan, Worker, Writing, prepare};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

/// Less than the queue holds.
const RECORDS: usize = 1_000;
const PATIENCE: Duration = Duration::from_secs(60);
const CLIENT: &str = "0197f7a4-5a0e-7d3c-9a55-2f6a1c3b4d5e";

/// One for the process: a file that takes all and keeps nothing.
static LOG: LazyLock<(LogHandle, Writing)> = LazyLock::new(|| {
    let file = Some("/dev/null".into());
    let settings = Log { target: LogTarget::File, file, ..Config::default().log };
    let plan = Plan { settings: &settings, daemon: false, default_directory: Path::new("/dev"), owner: None };
    let prepared = prepare("debug", &plan).and_then(|(handle, worker)| Ok((handle, Worker::start(worker)?)));
    prepared.unwrap_or_else(|failure| panic!("{}", failure.message))
});

fn main() {
    divan::main();
}

/// Logs so often, each time with an empty queue.
fn measure(bencher: Bencher, level: &str, log: impl Fn(usize)) {
    let (handle, _) = &*LOG;
    assert!(handle.set_level(level).is_ok());
    bencher
        .counter(ItemsCount::new(RECORDS))
        .with_inputs(|| assert!(handle.flush(PATIENCE)))
        .bench_local_values(|()| (0..RECORDS).for_each(&log));
}

fn connected(number: usize) {
    tracing::debug!(client_id = %CLIENT, remote = %"127.0.0.1:41234", number, "connected");
}

#[divan::bench]
fn not_wanted(bencher: Bencher) {
    measure(bencher, "info", connected);
}

#[divan::bench]
fn handed_over(bencher: Bencher) {
    measure(bencher, "debug", connected);
}

#[divan::bench]
fn summed_up(bencher: Bencher) {
    measure(bencher, "info", |number| {
        tracing::warn!(remote = %"127.0.0.1:41234", number, "a client was refused");
    });
}
