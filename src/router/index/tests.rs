//! What the index promises, case by case; `model` compares it with a plain list.

mod model;

use super::Index;

fn found(index: &Index<u32>, topic: &str) -> Vec<u32> {
    let mut found = Vec::new();
    index.matches(topic, &mut found);
    found.sort_unstable();
    found
}

/// An index in which each pattern's key is its place in the list.
fn index_of(patterns: &[&str]) -> Index<u32> {
    let mut index = Index::new();
    for (pattern, key) in patterns.iter().zip(0..) {
        assert!(index.insert(pattern, key));
    }
    index
}

/// Nothing is left, neither pairs nor memory that grew with them.
fn assert_bare(index: &Index<u32>) {
    assert!(index.is_empty());
    assert_eq!(index.len(), 0);
    assert!(index.everything.is_empty());
    assert!(index.exact.is_empty());
    assert!(index.exact.capacity() < 32, "room for {} topics", index.exact.capacity());
    assert!(index.patterns.is_empty());
    assert_eq!(index.patterns.nodes(), 1);
    assert!(index.patterns.room() < 32, "room for {} nodes", index.patterns.room());
}

fn check(index: &Index<u32>) {
    index.everything.check();
    index.exact.values().for_each(|keys| {
        assert!(!keys.is_empty());
        keys.check();
    });
    index.patterns.check();
}

#[test]
fn an_exact_topic_matches_only_itself() {
    let index = index_of(&["task.created", "task", "task.created.now", ""]);
    assert_eq!(found(&index, "task.created"), [0]);
    assert_eq!(found(&index, "task"), [1]);
    assert_eq!(found(&index, ""), [3]);
    assert!(found(&index, "task.").is_empty());
    assert!(found(&index, "Task.created").is_empty());
}

#[test]
fn a_star_matches_exactly_one_part() {
    let index = index_of(&["task.*", "*.failed", "*.*"]);
    assert_eq!(found(&index, "task.created"), [0, 2]);
    assert_eq!(found(&index, "agent.failed"), [1, 2]);
    assert_eq!(found(&index, "task.failed"), [0, 1, 2]);
    assert!(found(&index, "task").is_empty());
    assert!(found(&index, "task.review.done").is_empty());
}

#[test]
fn a_star_matches_an_empty_part() {
    let index = index_of(&["a.*.b", "a.*", "*.a"]);
    assert_eq!(found(&index, "a..b"), [0]);
    assert_eq!(found(&index, "a."), [1]);
    assert_eq!(found(&index, ".a"), [2]);
}

#[test]
fn a_lone_star_or_double_star_matches_every_topic() {
    let index = index_of(&["*", "**"]);
    for topic in ["", ".", "a", "a.b", "a..b", "a.b.c.d.e.f"] {
        assert_eq!(found(&index, topic), [0, 1], "{topic:?}");
    }
}

#[test]
fn a_double_star_at_the_end_matches_one_or_more_parts() {
    let index = index_of(&["task.**", "*.**", "task.*.**"]);
    assert!(found(&index, "task").is_empty());
    assert_eq!(found(&index, "task."), [0, 1]);
    assert_eq!(found(&index, "task.created"), [0, 1]);
    assert_eq!(found(&index, "task.review.done"), [0, 1, 2]);
    assert_eq!(found(&index, "agent.failed.again"), [1]);
}

#[test]
fn a_double_star_before_the_end_is_a_literal() {
    let index = index_of(&["a.**.b", "*.**.b", "**.b"]);
    assert_eq!(found(&index, "a.**.b"), [0, 1]);
    assert!(found(&index, "a.x.b").is_empty());
    assert_eq!(found(&index, "**.b"), [2]);
}

#[test]
fn a_star_within_a_part_is_a_literal() {
    let index = index_of(&["task.cre*", "task.***", "*.cre*"]);
    assert!(found(&index, "task.created").is_empty());
    assert_eq!(found(&index, "task.cre*"), [0, 2]);
    assert_eq!(found(&index, "task.***"), [1]);
}

#[test]
fn a_key_is_found_once_for_each_of_its_matching_patterns() {
    let mut index = Index::new();
    for pattern in ["a.b", "a.*", "*", "a.**", "x"] {
        index.insert(pattern, 7);
    }
    assert_eq!(found(&index, "a.b"), [7, 7, 7, 7]);
}

#[test]
fn found_keys_are_appended_to_what_is_there() {
    let mut list = vec![99];
    index_of(&["a"]).matches("a", &mut list);
    assert_eq!(list, [99, 0]);
}

#[test]
fn a_pair_inserted_twice_is_kept_once() {
    for pattern in ["a.b", "a.*", "*", "**"] {
        let mut index = Index::new();
        assert!(index.insert(pattern, 1));
        assert!(!index.insert(pattern, 1));
        assert_eq!(index.len(), 1);
        assert_eq!(found(&index, "a.b"), [1]);
        assert!(index.remove(pattern, 1));
        assert!(!index.remove(pattern, 1));
        assert_bare(&index);
    }
}

#[test]
fn removing_what_is_not_there_changes_nothing() {
    let mut index = index_of(&["a.b", "a.*", "a.**", "*"]);
    for pattern in ["a.b", "a.*", "a.**", "*", "**", "a", "a.*.c", "x.*", "a.b.**"] {
        assert!(!index.remove(pattern, 50), "{pattern}");
    }
    assert_eq!(index.len(), 4);
    assert_eq!(found(&index, "a.b"), [0, 1, 2, 3]);
    check(&index);
}

#[test]
fn removing_a_pattern_leaves_those_on_its_way_and_beyond() {
    let mut index = index_of(&["a.*", "a.*.c", "a.*.c.**"]);
    assert!(index.remove("a.*.c", 1));
    assert_eq!(found(&index, "a.b"), [0]);
    assert!(found(&index, "a.b.c").is_empty());
    assert_eq!(found(&index, "a.b.c.d"), [2]);
    assert!(index.remove("a.*.c.**", 2));
    check(&index);
    assert_eq!(index.patterns.nodes(), 3);
    assert_eq!(found(&index, "a.b"), [0]);
}

#[test]
fn churn_leaves_no_memory_behind() {
    let mut index = Index::new();
    let patterns = |n: u32| {
        [
            format!("t.{n}"),
            format!("t.{n}.*"),
            format!("*.{n}.x.**"),
            format!("{n}.*.y"),
            "*".into(),
            "**".into(),
        ]
    };
    for _ in 0..3 {
        for n in 0..2_000 {
            patterns(n).iter().for_each(|pattern| assert!(index.insert(pattern, n)));
        }
        check(&index);
        assert_eq!(index.len(), 12_000);
        for n in (0..2_000).rev() {
            patterns(n).iter().for_each(|pattern| assert!(index.remove(pattern, n)));
        }
        assert_bare(&index);
    }
}

#[test]
fn a_crowd_may_leave_a_topic_in_any_order() {
    const CROWD: u32 = 20_000;
    type Order = fn(u32) -> u32;
    // 7,919 and 20,000 have no common factor, so each key comes once.
    let orders: [Order; 3] = [|n| n, |n| CROWD - 1 - n, |n| n * 7_919 % CROWD];
    for order in orders {
        for pattern in ["hot.topic", "hot.*", "hot.**", "*"] {
            let mut index = Index::new();
            (0..CROWD).for_each(|key| assert!(index.insert(pattern, key)));
            assert_eq!(found(&index, "hot.topic"), (0..CROWD).collect::<Vec<_>>());
            (0..CROWD / 2).for_each(|n| assert!(index.remove(pattern, order(n))));
            check(&index);
            assert_eq!(found(&index, "hot.topic").len(), 10_000);
            (CROWD / 2..CROWD).for_each(|n| assert!(index.remove(pattern, order(n))));
            assert_bare(&index);
        }
    }
}

#[test]
fn the_deepest_search_that_the_bound_on_patterns_allows_needs_a_small_stack() {
    let topic = ["a"; 512].join(".");
    let mut index = Index::new();
    assert!(index.insert(&["*"; 512].join("."), 0));
    // At each of its 512 nodes the literal fits as well, so that there is something to come back to.
    for stars in 0..511 {
        assert!(index.insert(&format!("{}a.**", "*.".repeat(stars)), 1));
    }
    let search = std::thread::Builder::new().stack_size(192 * 1024).spawn(move || found(&index, &topic));
    assert_eq!(search.unwrap().join().unwrap().len(), 512);
}

#[test]
fn depth_takes_no_stack_where_only_one_way_leads_on() {
    let pattern = "*.".repeat(200_000);
    let mut index = Index::new();
    index.insert(&pattern, 1);
    assert_eq!(found(&index, &"b.".repeat(200_000)), [1]);
    assert!(index.remove(&pattern, 1));
    index.insert(&pattern, 1);
    drop(index);
}
