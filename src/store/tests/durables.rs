//! Durable subscriptions: how far they are, and what they lose.

use super::kit::{Kit, everything, on, rule};
use crate::protocol::Priority;
use crate::store::{Change, Durable, Limits, NO_LIMITS};

fn durable(name: &str, wanted: &str, from: Option<u64>) -> Change {
    Change::Durable { name: name.into(), wanted: wanted.into(), from }
}

fn all(kit: &Kit) -> Vec<Durable> {
    kit.ask(|store, then| store.durables("".into(), 10, then)).unwrap()
}

fn level(number: u64) -> Priority {
    Priority::new(number).unwrap()
}

#[test]
fn one_begins_where_it_is_told_or_after_what_is_there_and_keeps_its_place() {
    let folder = tempfile::tempdir().unwrap();
    for kit in Kit::both(folder.path(), &everything()) {
        (0..3).for_each(|_| {
            kit.append(on("t", 5));
        });
        assert_eq!(kit.write(durable("now", "{}", None)), Ok(3));
        assert_eq!(kit.write(durable("second", "{}", Some(2))), Ok(1));
        assert_eq!(kit.write(durable("future", "{}", Some(99))), Ok(3), "not past what will come");
        assert_eq!(kit.write(durable("second", r#"{"topics":["t"]}"#, None)), Ok(1));
        let found = all(&kit);
        assert_eq!(found.iter().map(|it| &*it.name).collect::<Vec<_>>(), ["future", "now", "second"]);
        assert_eq!(&*found[2].wanted, r#"{"topics":["t"]}"#);
        let rest = kit.ask(|store, then| store.durables("future".into(), 1, then)).unwrap();
        assert_eq!(rest.iter().map(|it| &*it.name).collect::<Vec<_>>(), ["now"]);
        assert_eq!(kit.write(Change::Forget { name: "now".into() }), Ok(1));
        assert_eq!(kit.write(Change::Forget { name: "now".into() }), Ok(0));
        assert_eq!(all(&kit).len(), 2);
        assert_eq!(kit.problems(), Vec::<String>::new());
    }
}

#[test]
fn a_floor_only_rises_and_swallows_what_was_acknowledged_below_it() {
    let folder = tempfile::tempdir().unwrap();
    let name: Box<str> = "w".into();
    for kit in Kit::both(folder.path(), &everything()) {
        (0..6).for_each(|at| {
            kit.append(on("t", 1 + at % 2));
        });
        kit.write(durable("w", "{}", Some(1))).unwrap();
        let ack = |priority, sequence| {
            kit.write(Change::Acked { name: name.clone(), priority: level(priority), sequence }).unwrap();
        };
        let raise = |priority, floor| {
            kit.write(Change::Floor { name: name.clone(), priority: level(priority), floor }).unwrap();
        };
        [(1, 3), (1, 5), (2, 4), (1, 5)].into_iter().for_each(|(priority, sequence)| ack(priority, sequence));
        assert_eq!(all(&kit)[0].acked, [3, 4, 5]);
        raise(1, 3);
        raise(1, 2);
        ack(1, 1);
        let found = &all(&kit)[0];
        assert_eq!((found.levels[0].floor, found.levels[1].floor, &found.acked[..]), (3, 0, &[4, 5][..]));
        raise(2, 1_000);
        assert_eq!(all(&kit)[0].levels[1].floor, 6, "not past what was stored");
        // Of nobody: not an error, its client may just have left.
        kit.write(Change::Floor { name: "other".into(), priority: level(1), floor: 1 }).unwrap();
        assert_eq!(kit.problems(), Vec::<String>::new());
    }
}

#[test]
fn what_is_deleted_before_a_subscriber_got_it_is_counted_by_level() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { max_events: Some(2), ..NO_LIMITS };
    for kit in Kit::both(folder.path(), &[rule("**", limits)]) {
        kit.write(durable("w", r#"{"topics":["mine"]}"#, None)).unwrap();
        kit.write(durable("idle", r#"{"topics":["nothing"]}"#, None)).unwrap();
        for (topic, priority) in [("mine", 1), ("mine", 9), ("other", 9), ("mine", 9), ("mine", 9)] {
            // One at a time may be trimmed meanwhile; only what is acknowledged first is not lost.
            kit.append(on(topic, priority));
            if priority == 1 {
                kit.write(Change::Acked { name: "w".into(), priority: level(1), sequence: 1 }).unwrap();
            }
        }
        kit.store.tend();
        super::kit::wait_until("the oldest are deleted", || kit.store.health().trimmed == 3);
        assert_eq!(kit.sequences("{}"), [4, 5]);
        let lost = |kit: &Kit| all(kit)[1].levels.map(|level| level.lost);
        assert_eq!(lost(&kit), [0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
        assert_eq!(all(&kit)[0].levels.map(|level| level.lost), [0; 10]);
        assert_eq!(kit.store.health().lost, 1);
        kit.write(Change::Told { name: "w".into(), lost: Box::new(lost(&kit)) }).unwrap();
        assert_eq!(lost(&kit), [0; 10]);
    }
}
