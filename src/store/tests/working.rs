//! Writing and reading.

use std::sync::Arc;
use std::time::Duration;

use super::kit::{Kit, everything, for_all, on, rule};
use crate::protocol::Start;
use crate::protocol::Time;
use crate::store::{Bounds, Change, Kind, Letter, Letters, NO_LIMITS, State};
use crate::testing::{event, wanted};

#[test]
fn events_get_numbers_in_order_and_come_back_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let text = "{\"id\":\"\\u0031\",\n\"topic\":\"t\",\"target\":null,\"payload\":{\"a\":1.50,\"ü\":\"\\n\u{2028}\"}}";
    for kit in Kit::both(folder.path(), &everything()) {
        let original = event(text);
        assert_eq!(kit.append(Arc::clone(&original)), 1);
        assert_eq!(kit.append(on("u", 9)), 2);
        let back = kit.all("{}");
        assert_eq!(back[0].event.full(), original.full());
        assert_eq!(
            (back[0].event.id(), back[0].event.topic(), back[0].at),
            ("1", "t", Time::from_micros(1_000_000))
        );
        assert_eq!(kit.ask(|store, then| store.event(2, then)).unwrap().event.topic(), "u");
        let missing = kit.ask(|store, then| store.event(3, then)).unwrap_err();
        assert_eq!(missing.kind, Kind::NotFound);
        assert_eq!(kit.problems(), Vec::<String>::new());
    }
}

#[test]
fn all_filters_work_as_they_do_live() {
    let folder = tempfile::tempdir().unwrap();
    for kit in Kit::both(folder.path(), &everything()) {
        kit.append(event(r#"{"topic":"task.a","type":"task.created","priority":1,"source":"x"}"#));
        kit.append(event(
            r#"{"topic":"task.a.b","type":"task.failed","priority":9,"source":"y","target":"me"}"#,
        ));
        kit.append(event(r#"{"topic":"agent.a","priority":5,"source":"x","target":"you"}"#));
        for (wish, found) in [
            (r#"{}"#, &[1, 2, 3][..]),
            (r#"{"topics":[]}"#, &[1, 2, 3]),
            (r#"{"topics":["task.*"]}"#, &[1]),
            (r#"{"topics":["task.**"]}"#, &[1, 2]),
            (r#"{"topics":["agent.a","*.a"]}"#, &[1, 3]),
            (r#"{"types":["task.failed","custom"]}"#, &[2, 3]),
            (r#"{"priorities":[5]}"#, &[2, 3]),
            (r#"{"topics":["task.**"],"priorities":[5]}"#, &[2]),
            (r#"{"sources":["x"]}"#, &[1, 3]),
            (r#"{"targets":["me","you"]}"#, &[2, 3]),
            (r#"{"topics":["nothing"]}"#, &[]),
        ] {
            assert_eq!(kit.sequences(wish), found, "{wish}");
        }
    }
}

#[test]
fn a_page_keeps_each_of_its_bounds_and_says_where_the_next_begins() {
    let folder = tempfile::tempdir().unwrap();
    for kit in Kit::both(folder.path(), &everything()) {
        (0..10).for_each(|at| {
            kit.append(on(if at % 5 == 0 { "rare" } else { "t" }, 5));
        });
        let size = on("t", 5).size();
        let page = |bounds, wish: &str| {
            let wish = Arc::new(wanted(wish));
            let page = kit.ask(|store, then| store.events(2, wish, bounds, then)).unwrap();
            (page.events.len(), page.next, page.is_end)
        };
        let wide = Bounds::default();
        assert_eq!(page(Bounds { events: 4, ..wide }, "{}"), (4, 6, false));
        assert_eq!(page(Bounds { bytes: size + 1, ..wide }, "{}"), (2, 4, false));
        assert_eq!(page(Bounds { looked_at: 3, ..wide }, r#"{"types":["task.failed"]}"#), (0, 5, false));
        assert_eq!(page(Bounds { looked_at: 3, ..wide }, r#"{"topics":["rare"]}"#).0, 0);
        assert_eq!(page(wide, "{}"), (9, 11, true));
        // What comes later is neither missed nor repeated.
        assert_eq!(kit.append(on("t", 5)), 11);
    }
}

#[test]
fn a_level_is_read_by_itself_from_its_own_place() {
    let folder = tempfile::tempdir().unwrap();
    for kit in Kit::both(folder.path(), &everything()) {
        (0..12).for_each(|at| {
            kit.append(on(if at % 2 == 0 { "a" } else { "b" }, 1 + at % 3));
        });
        let level = |from, wish: &str, events| {
            let (wish, bounds) = (Arc::new(wanted(wish)), Bounds { events, ..Bounds::default() });
            let second = crate::protocol::Priority::new(2).unwrap();
            let page = kit.ask(|store, then| store.level((second, from), wish, bounds, then)).unwrap();
            (page.events.iter().map(|stored| stored.sequence).collect::<Vec<_>>(), page.next, page.is_end)
        };
        assert_eq!(level(1, "{}", 2), (vec![2, 5], 8, false));
        assert_eq!(level(8, "{}", 9), (vec![8, 11], 13, true));
        assert_eq!(level(1, r#"{"topics":["a"]}"#, 9), (vec![5, 11], 13, true));
    }
}

#[test]
fn a_replay_begins_at_a_number_a_time_or_the_last_so_many() {
    let folder = tempfile::tempdir().unwrap();
    for kit in Kit::both(folder.path(), &everything()) {
        let seek = |start, wish: &str| {
            let wish = Arc::new(wanted(wish));
            kit.ask(|store, then| store.seek(start, wish, then)).unwrap()
        };
        assert_eq!(seek(Start::Last(3), "{}"), 1);
        for at in 0..10 {
            kit.append(on(if at % 3 == 0 { "x" } else { "y" }, 5));
            kit.advance(Duration::from_secs(1));
        }
        assert_eq!(seek(Start::Sequence(0), "{}"), 1);
        assert_eq!(seek(Start::Sequence(7), "{}"), 7);
        assert_eq!(seek(Start::Time(Time::from_micros(0)), "{}"), 1);
        assert_eq!(seek(Start::Time(Time::from_micros(4_000_000)), "{}"), 4);
        assert_eq!(seek(Start::Time(Time::from_micros(4_000_001)), "{}"), 5);
        assert_eq!(seek(Start::Time(Time::from_micros(i64::MAX)), "{}"), 11);
        assert_eq!(seek(Start::Last(2), "{}"), 9);
        assert_eq!(seek(Start::Last(2), r#"{"topics":["x"]}"#), 7);
        assert_eq!(seek(Start::Last(99), r#"{"topics":["x"]}"#), 1);
        assert_eq!(seek(Start::Last(1), r#"{"topics":["z"]}"#), 11);
        assert_eq!(seek(Start::Last(0), "{}"), 11);
    }
}

#[test]
fn a_clock_that_goes_back_does_not_put_times_out_of_order() {
    let folder = tempfile::tempdir().unwrap();
    for kit in Kit::both(folder.path(), &everything()) {
        kit.append(on("t", 5));
        kit.advance(Duration::from_secs(5));
        kit.append(on("t", 5));
        kit.store.tend();
        // The wall's clock was put right.
        kit.set_back(Duration::from_secs(3));
        kit.append(on("t", 5));
        let times: Vec<_> = kit.all("{}").iter().map(|stored| stored.at.micros()).collect();
        assert_eq!(times, [1_000_000, 6_000_000, 6_000_000]);
    }
}

#[test]
fn dead_letters_are_listed_by_what_is_asked_and_taken_out() {
    let folder = tempfile::tempdir().unwrap();
    for kit in Kit::both(folder.path(), &everything()) {
        let letter = |reason: &str, topic: &str| Letter {
            id: 0,
            at: Time::from_micros(5),
            reason: reason.into(),
            event: event(&format!(r#"{{"id":"of-{topic}","topic":"{topic}"}}"#)),
            subscription: Some("worker".into()),
            attempts: Some("[]".into()),
        };
        for (reason, topic) in [("retries", "a.x"), ("expired", "a.y"), ("expired", "b.y")] {
            kit.write(Change::Bury(Box::new(letter(reason, topic)))).unwrap();
        }
        let list = |wanted: Letters| {
            let page = kit.ask(|store, then| store.letters(wanted, Bounds::default(), then)).unwrap();
            assert!(page.is_end);
            page.letters.iter().map(|letter| letter.id).collect::<Vec<_>>()
        };
        assert_eq!(list(Letters::default()), [1, 2, 3]);
        assert_eq!(list(Letters { reason: Some("expired".into()), ..Letters::default() }), [2, 3]);
        assert_eq!(
            list(Letters { after: 1, topics: wanted(r#"{"topics":["a.*"]}"#).topics, ..Letters::default() }),
            [2]
        );
        assert_eq!(list(Letters { event: Some("of-b.y".into()), ..Letters::default() }), [3]);
        let whole =
            kit.ask(|store, then| store.letters(Letters::default(), Bounds::default(), then)).unwrap();
        let first = &whole.letters[0];
        assert_eq!(
            (&*first.reason, first.subscription.as_deref(), first.attempts.as_deref()),
            ("retries", Some("worker"), Some("[]"))
        );
        let two = Bounds { events: 2, ..Bounds::default() };
        let page = kit.ask(|store, then| store.letters(Letters::default(), two, then)).unwrap();
        assert_eq!((page.letters.len(), page.after, page.is_end), (2, 2, false));
        assert_eq!(kit.write(Change::Unbury { ids: vec![3, 1, 9] }), Ok(2));
        assert_eq!(list(Letters::default()), [2]);
        assert_eq!(
            kit.write(Change::Bury(Box::new(letter("drain", "c")))),
            Ok(4),
            "a number is never given twice"
        );
        let dead = kit.ask(|store, then| store.stats(then)).unwrap().dead.unwrap();
        assert_eq!(dead.events, 2);
        assert_eq!(kit.problems(), Vec::<String>::new());
    }
}

#[test]
fn other_rules_take_effect_for_what_comes_and_old_ones_keep_what_they_have() {
    let folder = tempfile::tempdir().unwrap();
    for kit in Kit::both(folder.path(), &[rule("a.**", NO_LIMITS)]) {
        kit.append(on("a.x", 5));
        let rules = kit.store.set_rules(vec![rule("b", NO_LIMITS)], NO_LIMITS);
        assert_eq!((rules.of("a.x"), rules.of("b").map(|id| id.0)), (None, Some(2)));
        assert_eq!(kit.append(on("b", 5)), 2);
        let stats = kit.ask(|store, then| store.stats(then)).unwrap();
        let rules: Vec<_> = stats.rules.iter().map(|rule| (rule.name.as_str(), rule.events)).collect();
        assert_eq!(rules, [(r#"["a.**"]"#, 1), (r#"["b"]"#, 1)]);
        assert_eq!(
            (stats.last, stats.events(), stats.oldest.map(|it| it.0), stats.newest.map(|it| it.0)),
            (2, 2, Some(1), Some(2))
        );
    }
}

#[test]
fn what_waits_at_the_end_is_written_and_nothing_is_taken_after_it() {
    let folder = tempfile::tempdir().unwrap();
    for kit in Kit::both(folder.path(), &everything()) {
        let rule = kit.store.rules().of("t").unwrap();
        let marks: Vec<_> = (0..500)
            .map(|_| kit.submit(Change::Append { event: on("t", 5), rule, expires: None }).unwrap())
            .collect();
        kit.store.end();
        let numbers: Vec<_> = marks.into_iter().map(|mark| kit.answer(mark).unwrap()).collect();
        assert_eq!(numbers, (1..=500).collect::<Vec<u64>>());
        let health = kit.store.health();
        assert_eq!(
            (health.state, health.waiting, health.waiting_bytes, health.written),
            (State::Ended, 0, 0, 500)
        );
        assert_eq!(kit.submit(Change::Seen { name: "x".into() }).unwrap_err().kind, Kind::Ended);
        let refused = kit.store.events(1, for_all(), Bounds::default(), |_| {});
        assert_eq!(refused.unwrap_err().kind, Kind::Ended);
        kit.store.end();
    }
}
