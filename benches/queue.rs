//! What it costs to wait: in the ingress queue at several depths, and in an outbox that is full. Through the router,
//! for its parts are its own; the columns of one row should be alike, as no operation depends on the depth.

mod engine;

use std::sync::Arc;

use divan::counter::ItemsCount;
use divan::{AllocProfiler, Bencher};
use gadugi_router::router::{Published, Router, Settings, Turn};

use engine::{event, subscribe, take};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

const DEPTHS: [usize; 4] = [0, 100, 5_000, 9_999];
const TURN: usize = 512;

fn main() {
    divan::main();
}

/// A router without subscribers, with so many events in its queue, spread over the levels up to NORMAL.
fn queue_of(depth: usize) -> Router {
    let mut router = Router::new(Settings::default());
    let events = [1, 2, 3, 4, 5].map(|priority| event("t", priority));
    for event in events.iter().cycle().take(depth) {
        assert_eq!(router.publish(Arc::clone(event), None, None, 0), Published::Queued);
    }
    router
}

#[divan::bench(args = DEPTHS)]
fn publish_and_dispatch_past_what_waits(bencher: Bencher, depth: usize) {
    let mut router = queue_of(depth);
    let event = event("t", 10);
    bencher.bench_local(|| {
        router.publish(Arc::clone(&event), None, None, 0);
        router.dispatch(1, 0)
    });
}

#[divan::bench(args = DEPTHS)]
fn publish_behind_what_waits_and_dispatch(bencher: Bencher, depth: usize) {
    let mut router = queue_of(depth);
    let levels = [1, 2, 3, 4, 5].map(|priority| event("t", priority));
    let mut turn = 0;
    bencher.bench_local(|| {
        turn = (turn + 1) % levels.len();
        router.publish(Arc::clone(&levels[turn]), None, None, 0);
        router.dispatch(1, 0)
    });
}

#[divan::bench]
fn publish_is_refused_by_a_full_queue(bencher: Bencher) {
    let mut router = queue_of(10_000);
    let event = event("t", 1);
    bencher.bench_local(|| router.publish(Arc::clone(&event), None, None, 0));
}

/// One goes to the dead letters, one is matched, one fills the gap.
#[divan::bench]
fn publish_evicts_from_a_full_queue(bencher: Bencher) {
    let mut router = queue_of(10_000);
    let (low, high) = (event("t", 1), event("t", 10));
    bencher.bench_local(|| {
        router.publish(Arc::clone(&high), None, None, 0);
        router.dispatch(1, 0);
        router.publish(Arc::clone(&low), None, None, 0)
    });
}

/// One subscriber with so many LOWEST events in its outbox.
fn outbox_of(depth: usize) -> (Router, gadugi_router::router::ClientKey) {
    let mut router = Router::new(Settings { outbox_size: usize::MAX, ..Settings::default() });
    let client = router.connect().expect("room for a client");
    subscribe(&mut router, client, 1, "t");
    let low = event("t", 1);
    for _ in 0..depth {
        router.publish(Arc::clone(&low), None, None, 0);
        router.dispatch(usize::MAX, 0);
    }
    (router, client)
}

/// The newcomer outranks nothing and is a dead letter at once.
#[divan::bench]
fn a_full_outbox_sheds_the_newcomer(bencher: Bencher) {
    let (mut router, _) = outbox_of(10_000);
    let low = event("t", 1);
    bencher.bench_local(|| {
        router.publish(Arc::clone(&low), None, None, 0);
        router.dispatch(usize::MAX, 0)
    });
}

/// One is evicted by one that is then taken, and one fills the gap.
#[divan::bench]
fn a_full_outbox_evicts_for_a_higher_event(bencher: Bencher) {
    let (mut router, client) = outbox_of(10_000);
    let (low, high) = (event("t", 1), event("t", 10));
    let mut turn = Turn::default();
    bencher.bench_local(|| {
        for event in [&high, &low] {
            router.publish(Arc::clone(event), None, None, 0);
            router.dispatch(usize::MAX, 0);
            take(&mut router, client, usize::from(Arc::ptr_eq(event, &high)), &mut turn);
        }
    });
}

/// A turn for a socket that turns out to be full. The figure is for one event of 512.
#[divan::bench(args = [512, 5_000, 10_000])]
fn take_a_turn_and_put_it_back(bencher: Bencher, depth: usize) {
    let (mut router, client) = outbox_of(depth);
    let mut turn = Turn::default();
    bencher.counter(ItemsCount::new(TURN)).bench_local(|| {
        assert_eq!(take(&mut router, client, TURN, &mut turn), TURN);
        router.put_back(client, &mut turn, 0, 0);
    });
}
