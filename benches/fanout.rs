//! The engine's whole way: publish, dispatch, and every subscriber takes its delivery. With and without 20,000 other
//! subscriptions, which should not show. The throughput is in deliveries.

mod engine;

use std::sync::Arc;

use divan::counter::ItemsCount;
use divan::{AllocProfiler, Bencher};
use gadugi_router::router::{ClientKey, Router, Settings, Turn};

use engine::{event, subscribe, take};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

const SUBSCRIBERS: [usize; 3] = [1, 50, 1_000];

fn main() {
    divan::main();
}

/// Subscribers to `task.created` in a router with so many other subscriptions, of a thousand other clients.
fn crowd(pattern: &str, subscribers: usize, others: usize) -> (Router, Vec<ClientKey>) {
    let mut router = Router::new(Settings { max_clients: 10_000, ..Settings::default() });
    let bystanders: Vec<_> = (0..1_000).filter_map(|_| router.connect().ok()).collect();
    for (number, &client) in bystanders.iter().cycle().take(others).enumerate() {
        let topic = if number % 2 == 0 { format!("t.{number}.*") } else { format!("t.{number}") };
        subscribe(&mut router, client, number as u128, &topic);
    }
    let interested: Vec<_> = (0..subscribers).filter_map(|_| router.connect().ok()).collect();
    for (number, &client) in interested.iter().enumerate() {
        subscribe(&mut router, client, 1 << 64 | number as u128, pattern);
    }
    (router, interested)
}

fn fan_out(bencher: Bencher, (mut router, subscribers): (Router, Vec<ClientKey>)) {
    let event = event("task.created", 5);
    let (mut turn, mut wakers) = (Turn::default(), Vec::new());
    // The first turn says where to call.
    subscribers.iter().for_each(|&client| assert_eq!(take(&mut router, client, 1, &mut turn), 0));
    bencher.counter(ItemsCount::new(subscribers.len())).bench_local(|| {
        router.publish(Arc::clone(&event), None, None, 0);
        router.dispatch(usize::MAX, 0);
        router.take_wakers(&mut wakers);
        wakers.clear();
        for &client in &subscribers {
            assert_eq!(take(&mut router, client, 512, &mut turn), 1);
        }
    });
}

#[divan::bench(args = SUBSCRIBERS)]
fn exact_topic(bencher: Bencher, subscribers: usize) {
    fan_out(bencher, crowd("task.created", subscribers, 0));
}

#[divan::bench(args = SUBSCRIBERS)]
fn exact_topic_beside_20_000_others(bencher: Bencher, subscribers: usize) {
    fan_out(bencher, crowd("task.created", subscribers, 20_000));
}

#[divan::bench(args = SUBSCRIBERS)]
fn pattern(bencher: Bencher, subscribers: usize) {
    fan_out(bencher, crowd("task.*", subscribers, 0));
}

#[divan::bench(args = SUBSCRIBERS)]
fn pattern_beside_20_000_others(bencher: Bencher, subscribers: usize) {
    fan_out(bencher, crowd("task.*", subscribers, 20_000));
}

/// A hundred events are dispatched before their subscribers take them: what a busy connection sees.
#[divan::bench(args = SUBSCRIBERS)]
fn a_hundred_at_a_time(bencher: Bencher, subscribers: usize) {
    let (mut router, subscribers) = crowd("task.created", subscribers, 0);
    let event = event("task.created", 5);
    let mut turn = Turn::default();
    bencher.counter(ItemsCount::new(100 * subscribers.len())).bench_local(|| {
        for _ in 0..100 {
            router.publish(Arc::clone(&event), None, None, 0);
        }
        router.dispatch(usize::MAX, 0);
        for &client in &subscribers {
            assert_eq!(take(&mut router, client, 512, &mut turn), 100);
        }
    });
}
