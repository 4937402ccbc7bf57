//! What goes, and when.

use std::sync::Arc;
use std::time::Duration;

use super::kit::{Kit, everything, on, rule, wait_until};
use crate::protocol::Time;
use crate::store::{Backend, Change, Letter, Limits, Memory, NO_LIMITS, Settings, Sqlite};

#[test]
fn each_rule_keeps_its_own_limits_and_the_oldest_go() {
    let folder = tempfile::tempdir().unwrap();
    let size = on("b", 5).size() as u64;
    let rules = [
        rule("a", Limits { max_events: Some(3), ..NO_LIMITS }),
        rule("b", Limits { max_bytes: Some(2 * size), ..NO_LIMITS }),
        rule("c", NO_LIMITS),
    ];
    for kit in Kit::both(folder.path(), &rules) {
        for _ in 0..5 {
            ["a", "b", "c"].into_iter().for_each(|topic| {
                kit.append(on(topic, 5));
            });
        }
        kit.store.tend();
        wait_until("the oldest are deleted", || kit.store.health().trimmed == 5);
        assert_eq!(kit.sequences(r#"{"topics":["a"]}"#), [7, 10, 13]);
        assert_eq!(kit.sequences(r#"{"topics":["b"]}"#), [11, 14]);
        assert_eq!(kit.sequences(r#"{"topics":["c"]}"#), [3, 6, 9, 12, 15]);
        assert_eq!(kit.problems(), Vec::<String>::new());
    }
}

#[test]
fn what_is_too_old_goes_when_the_clock_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let day = Duration::from_secs(86_400);
    for kit in Kit::both(folder.path(), &[rule("**", Limits { max_age: Some(day), ..NO_LIMITS })]) {
        kit.append(on("t", 5));
        kit.advance(day / 2);
        kit.append(on("t", 5));
        kit.advance(day / 2);
        kit.store.tend();
        kit.append(on("t", 5));
        assert_eq!(kit.sequences("{}"), [1, 2, 3], "a day old is not older than a day");
        kit.advance(Duration::from_secs(1));
        kit.store.tend();
        wait_until("the first is deleted", || kit.sequences("{}") == [2, 3]);
    }
}

#[test]
fn a_flood_never_gets_far_past_a_limit() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { max_events: Some(100), ..NO_LIMITS };
    for kit in Kit::both(folder.path(), &[rule("**", limits)]) {
        let rule = kit.store.rules().of("t").unwrap();
        for _ in 0..20 {
            let marks: Vec<_> = (0..200)
                .map(|_| kit.submit(Change::Append { event: on("t", 5), rule, expires: None }).unwrap())
                .collect();
            marks.into_iter().for_each(|mark| {
                kit.answer(mark).unwrap();
            });
        }
        wait_until("it is within its slack", || {
            kit.ask(|store, then| store.stats(then)).unwrap().events() < 110
        });
        assert_eq!(kit.problems(), Vec::<String>::new());
        let stats = kit.ask(|store, then| store.stats(then)).unwrap();
        assert_eq!(stats.last, 4_000);
    }
}

#[test]
fn dead_letters_have_limits_too() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { max_events: Some(2), ..NO_LIMITS };
    let sqlite = Sqlite::new(&folder.path().join("store.db")).unwrap();
    let backends: [Arc<dyn Backend>; 2] = [Arc::new(Memory::new()), Arc::new(sqlite)];
    for backend in backends {
        let kit = Kit::with(backend, everything(), limits, Settings::default()).unwrap();
        for at in 1..=5 {
            let letter = Letter {
                id: 0,
                at: Time::from_micros(at),
                reason: "drain".into(),
                event: on("t", 5),
                subscription: None,
                attempts: None,
            };
            kit.write(Change::Bury(Box::new(letter))).unwrap();
        }
        kit.store.tend();
        wait_until("the oldest are deleted", || kit.store.health().trimmed == 3);
        let page =
            kit.ask(|store, then| store.letters(Default::default(), Default::default(), then)).unwrap();
        assert_eq!(page.letters.iter().map(|letter| letter.id).collect::<Vec<_>>(), [4, 5]);
    }
}
