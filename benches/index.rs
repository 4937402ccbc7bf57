//! What the subscription index costs for one event: `cargo bench --bench index`.
//!
//! Each search is measured with few and with 20,000 other subscriptions, half of them topics, half of them patterns: the
//! columns should be alike. The allocation counts show that a search allocates nothing, and what a subscription weighs.

use divan::{AllocProfiler, Bencher, black_box};
use gadugi_router::router::Index;

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

const OTHERS: [u32; 3] = [0, 200, 20_000];

fn main() {
    divan::main();
}

/// Subscriptions to other topics: `t.0.*`, `t.1`, `t.2.*`, …
fn others(count: u32) -> Index<u32> {
    let mut index = Index::new();
    for n in 0..count {
        let pattern = if n % 2 == 0 { format!("t.{n}.*") } else { format!("t.{n}") };
        index.insert(&pattern, n);
    }
    index
}

fn search(bencher: Bencher, index: &Index<u32>, topic: &str, matches: usize) {
    let mut found = Vec::with_capacity(matches);
    index.matches(topic, &mut found);
    assert_eq!(found.len(), matches);
    bencher.bench_local(|| {
        found.clear();
        index.matches(black_box(topic), &mut found);
        found.len()
    });
}

#[divan::bench(args = OTHERS)]
fn exact_topic(bencher: Bencher, count: u32) {
    let mut index = others(count);
    index.insert("task.created", 1);
    search(bencher, &index, "task.created", 1);
}

#[divan::bench(args = OTHERS)]
fn exact_topic_beside_the_others(bencher: Bencher, count: u32) {
    let mut index = others(count);
    index.insert("t.created", 1);
    search(bencher, &index, "t.created", 1);
}

#[divan::bench(args = OTHERS)]
fn no_match(bencher: Bencher, count: u32) {
    search(bencher, &others(count), "t.nobody.asks", 0);
}

/// Each time another topic, in no order that a cache could guess: what 20,000 cost that are really asked for.
#[divan::bench(args = [200, 20_000], sample_size = 2_000)]
fn always_another_topic(bencher: Bencher, count: u32) {
    let index = others(count);
    let topics: Vec<_> = (0..count)
        .map(|n| n * 7_919 % count)
        .map(|n| if n % 2 == 0 { format!("t.{n}.x") } else { format!("t.{n}") })
        .collect();
    let mut turn = topics.iter().cycle();
    let mut found = Vec::with_capacity(1);
    bencher.bench_local(|| {
        found.clear();
        turn.by_ref().take(1).for_each(|topic| index.matches(topic, &mut found));
        found.len()
    });
}

#[divan::bench(args = OTHERS)]
fn pattern_with_star(bencher: Bencher, count: u32) {
    let mut index = others(count);
    index.insert("t.mine.*", 1);
    search(bencher, &index, "t.mine.created", 1);
}

#[divan::bench(args = OTHERS)]
fn pattern_with_tail(bencher: Bencher, count: u32) {
    let mut index = others(count);
    index.insert("task.**", 1);
    search(bencher, &index, "task.review.done", 1);
}

#[divan::bench(args = OTHERS)]
fn fifty_on_one_topic(bencher: Bencher, count: u32) {
    let mut index = others(count);
    (0..50).for_each(|key| assert!(index.insert("task.created", key)));
    search(bencher, &index, "task.created", 50);
}

#[divan::bench(args = OTHERS)]
fn fifty_by_five_patterns(bencher: Bencher, count: u32) {
    let mut index = others(count);
    for pattern in ["t.a.b", "t.a.*", "t.*.b", "t.**", "*"] {
        (0..10).for_each(|key| assert!(index.insert(pattern, key)));
    }
    search(bencher, &index, "t.a.b", 50);
}

#[divan::bench(args = OTHERS)]
fn topic_of_512_parts_that_leaves_the_trie_early(bencher: Bencher, count: u32) {
    search(bencher, &others(count), &["t"; 512].join("."), 0);
}

#[divan::bench(args = OTHERS)]
fn topic_of_512_parts_matched_by_512_stars(bencher: Bencher, count: u32) {
    let mut index = others(count);
    index.insert(&["*"; 512].join("."), 1);
    search(bencher, &index, &["t"; 512].join("."), 1);
}

/// The worst that 1,024 patterns can do: every mixture of `*` and the topic's parts, 2,046 nodes, all of them visited.
#[divan::bench(args = OTHERS)]
fn every_mixture_of_ten_parts(bencher: Bencher, count: u32) {
    let mut index = others(count);
    for mixture in 0..1_024_u32 {
        let parts: Vec<_> = (0..10).map(|bit| if mixture >> bit & 1 == 0 { "t" } else { "*" }).collect();
        index.insert(&parts.join("."), mixture);
    }
    search(bencher, &index, &["t"; 10].join("."), 1_024);
}

/// One subscription each, for 1,000 clients: see the bytes allocated less those freed.
#[divan::bench(args = ["agent.{}.inbox", "agent.{}.*", "agent.{}.inbox.*"])]
fn a_thousand_clients_subscribe(bencher: Bencher, shape: &str) {
    let patterns: Vec<_> = (0..1_000_u128)
        .map(|n| shape.replace("{}", &uuid::Uuid::from_u128(n << 64 | n).to_string()))
        .collect();
    bencher.bench_local(|| {
        let mut index = Index::new();
        patterns.iter().zip(0..).for_each(|(pattern, key)| assert!(index.insert(pattern, key)));
        index
    });
}

/// A client that comes and goes while 20,000 others stay.
#[divan::bench(args = ["task.created", "t.mine.*", "*"])]
fn subscribe_and_unsubscribe(bencher: Bencher, pattern: &str) {
    let mut index = others(20_000);
    bencher.bench_local(|| index.insert(pattern, 1) && index.remove(pattern, 1));
}

/// All leave a topic one by one, in the order in which they came: the time for one should not depend on how many.
#[divan::bench(args = [50, 2_000, 20_000])]
fn a_crowd_leaves_one_topic(bencher: Bencher, crowd: u32) {
    let full = || {
        let mut index = Index::new();
        (0..crowd).for_each(|key| assert!(index.insert("task.created", key)));
        index
    };
    bencher.counter(divan::counter::ItemsCount::new(crowd)).with_inputs(full).bench_local_values(
        |mut index| {
            (0..crowd).for_each(|key| assert!(index.remove("task.created", key)));
            index
        },
    );
}
