//! Random subscribing and unsubscribing, compared after each step with a plain list of patterns.

use std::collections::HashSet;

use proptest::prelude::*;

use super::{Index, assert_bare, check, found};

#[derive(Clone, Debug)]
enum Step {
    Insert(String, u32),
    Remove(String, u32),
    RemoveNth(prop::sample::Index),
}

fn parts(of: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(of), 1..5).prop_map(|parts| parts.join("."))
}

fn pattern() -> impl Strategy<Value = String> {
    parts(&["a", "b", "*", "**", ""])
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (pattern(), 0..4_u32).prop_map(|(pattern, key)| Step::Insert(pattern, key)),
        1 => (pattern(), 0..4_u32).prop_map(|(pattern, key)| Step::Remove(pattern, key)),
        3 => any::<prop::sample::Index>().prop_map(Step::RemoveNth),
    ]
}

/// The meaning of a pattern, as the protocol's text says it.
fn fits(pattern: &str, topic: &str) -> bool {
    if pattern == "*" {
        return true;
    }
    let (mut pattern, topic): (Vec<_>, Vec<_>) = (pattern.split('.').collect(), topic.split('.').collect());
    let open = pattern.last() == Some(&"**");
    if open {
        pattern.pop();
    }
    let long_enough = if open { topic.len() > pattern.len() } else { topic.len() == pattern.len() };
    long_enough && pattern.iter().zip(&topic).all(|(part, other)| *part == "*" || part == other)
}

fn apply(step: Step, index: &mut Index<u32>, model: &mut HashSet<(String, u32)>) {
    match step {
        Step::Insert(pattern, key) => {
            let added = index.insert(&pattern, key);
            assert_eq!(added, model.insert((pattern, key)));
        }
        Step::Remove(pattern, key) => {
            let removed = index.remove(&pattern, key);
            assert_eq!(removed, model.remove(&(pattern, key)));
        }
        Step::RemoveNth(nth) => {
            let mut pairs: Vec<_> = model.iter().cloned().collect();
            pairs.sort();
            if !pairs.is_empty() {
                let (pattern, key) = nth.get(&pairs);
                apply(Step::Remove(pattern.clone(), *key), index, model);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn the_index_finds_what_a_plain_list_of_patterns_finds(
        steps in prop::collection::vec(step(), 1..80),
        topics in prop::collection::vec(parts(&["a", "b", "c", "", "*", "**"]), 8),
    ) {
        let mut index = Index::new();
        let mut model = HashSet::new();
        for step in steps {
            apply(step, &mut index, &mut model);
            check(&index);
            prop_assert_eq!(index.len(), model.len());
            for topic in &topics {
                let mut expected: Vec<_> =
                    model.iter().filter(|(pattern, _)| fits(pattern, topic)).map(|&(_, key)| key).collect();
                expected.sort_unstable();
                prop_assert_eq!(found(&index, topic), expected, "{}", topic);
            }
        }
        for (pattern, key) in model {
            prop_assert!(index.remove(&pattern, key));
            check(&index);
        }
        assert_bare(&index);
    }

    #[test]
    fn a_crowded_pattern_is_a_set_of_keys(steps in prop::collection::vec((0..200_u32, prop::bool::weighted(0.6)), 1..600)) {
        let mut index = Index::new();
        let mut model = HashSet::new();
        for (key, add) in steps {
            if add {
                prop_assert_eq!(index.insert("a", key), model.insert(key));
            } else {
                prop_assert_eq!(index.remove("a", key), model.remove(&key));
            }
            check(&index);
        }
        prop_assert_eq!(found(&index, "a").into_iter().collect::<HashSet<_>>(), model);
    }

    #[test]
    fn a_node_with_many_children_finds_each_of_them(steps in prop::collection::vec((0..24_u32, any::<bool>()), 1..200)) {
        let mut index = Index::new();
        let mut model = HashSet::new();
        for (key, add) in steps {
            let pattern = format!("t.{key}.*");
            if add {
                prop_assert_eq!(index.insert(&pattern, key), model.insert(key));
            } else {
                prop_assert_eq!(index.remove(&pattern, key), model.remove(&key));
            }
            for key in 0..24 {
                prop_assert_eq!(found(&index, &format!("t.{key}.x")) == [key], model.contains(&key));
            }
        }
    }
}
