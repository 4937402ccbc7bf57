//! How long looking holds up routing: what is copied under the engine's lock for an operator, with 1,000 clients, 10,000
//! subscriptions and, for each client, so many events that wait. The figure that counts is the slowest.

mod engine;

use std::sync::Arc;

use divan::{Bencher, black_box};
use gadugi_router::protocol::Time;
use gadugi_router::router::{Router, Settings, Turn};

use engine::{event, subscribe, take};

const CLIENTS: u128 = 1_000;
const SUBSCRIPTIONS: u128 = 10;
const WAITING: [usize; 3] = [0, 100, 10_000];

fn main() {
    divan::main();
}

fn crowd(waiting: usize) -> Router {
    let mut router = Router::new(Settings { outbox_size: usize::MAX, ..Settings::default() });
    for client in 0..CLIENTS {
        let key = router.connect().expect("room for a client");
        // It waits for what comes.
        assert_eq!(take(&mut router, key, 1, &mut Turn::default()), 0);
        subscribe(&mut router, key, client, "task.created");
        for other in 1..SUBSCRIPTIONS {
            subscribe(&mut router, key, client + other * CLIENTS, &format!("t.{client}.{other}"));
        }
    }
    let event = event("task.created", 5);
    for _ in 0..waiting {
        router.publish(Arc::clone(&event), None, None, 0);
        router.dispatch(usize::MAX, 0);
    }
    router
}

#[divan::bench(args = WAITING)]
fn a_page_of_clients(bencher: Bencher, waiting: usize) {
    let router = crowd(waiting);
    bencher.bench_local(|| router.client_page(0, 1));
}

#[divan::bench]
fn a_page_of_subscriptions(bencher: Bencher) {
    let router = crowd(0);
    bencher.bench_local(|| router.subscription_page(0));
}

#[divan::bench(args = WAITING)]
fn who_has_something_waiting(bencher: Bencher, waiting: usize) {
    let router = crowd(waiting);
    bencher.bench_local(|| router.waiting_page(0));
}

#[divan::bench]
fn status(bencher: Bencher) {
    let router = crowd(100);
    bencher.bench_local(|| {
        black_box((
            router.stats().clone(),
            router.rates(1),
            router.queue_depth(),
            router.waiting_deliveries(),
        ));
        black_box((router.latency().clone(), router.health(1, Time::from_micros(0))))
    });
}

#[divan::bench]
fn busiest_of_1_000_topics(bencher: Bencher) {
    let mut router = crowd(0);
    router.busiest_topics(0);
    for number in 0..1_000 {
        router.publish(event(&format!("topic.{number}"), 5), None, None, 0);
        router.dispatch(usize::MAX, 0);
    }
    bencher.bench_local(|| router.busiest_topics(1));
}
