//! Memory and SQLite do the same, whatever is done to them in whichever order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::kit::{on, rule};
use crate::protocol::{Priority, Subscription, Time};
use crate::store::{
    Backend, Bounds, Change, Letter, Letters, Limits, Memory, Reading, RuleId, Rules, SCHEMA, Sqlite, Stored,
    Writing,
};
use crate::testing::wanted;

const TOPICS: [&str; 4] = ["a", "a.b", "b", "b.c.d"];
const NAMES: [&str; 2] = ["one", "two"];
const WISHES: [&str; 4] =
    ["{}", r#"{"topics":["a.**","b"]}"#, r#"{"priorities":[4]}"#, r#"{"topics":["*"],"priorities":[2]}"#];

#[derive(Clone, Debug)]
enum Step {
    Write(Vec<Change>),
    TakeIn(Vec<Change>),
    Settle,
    Trim(usize),
    Wait(u32),
    /// As after the end of the process: nothing is settled before.
    Reopen,
}

fn change() -> impl Strategy<Value = Change> {
    let name = || prop::sample::select(&NAMES[..]).prop_map(Box::<str>::from);
    let level = || (1..=10_u64).prop_map(|level| Priority::new(level).unwrap());
    let event = || (prop::sample::select(&TOPICS[..]), 1..=10_u8).prop_map(|(topic, level)| on(topic, level));
    let wish = prop::sample::select(&WISHES[..]).prop_map(Box::<str>::from);
    prop_oneof![
        8 => (event(), 1..=3_i64).prop_map(|(event, rule)| Change::Append { event, rule: RuleId(rule), expires: None }),
        2 => (name(), wish, prop::option::of(0..30_u64))
            .prop_map(|(name, wanted, from)| Change::Durable { name, wanted, from }),
        1 => name().prop_map(|name| Change::Seen { name }),
        1 => name().prop_map(|name| Change::Forget { name }),
        3 => (name(), level(), 1..40_u64)
            .prop_map(|(name, priority, sequence)| Change::Acked { name, priority, sequence }),
        3 => (name(), level(), 1..40_u64)
            .prop_map(|(name, priority, floor)| Change::Floor { name, priority, floor }),
        3 => (name(), level(), 1..40_u64, "[a-z]{0,3}").prop_map(|(name, priority, sequence, text)| Change::Tried {
            name,
            priority,
            sequence,
            attempts: text.into(),
        }),
        1 => (name(), any::<[u8; 10]>())
            .prop_map(|(name, lost)| Change::Told { name, lost: Box::new(lost.map(|it| u64::from(it % 3))) }),
        2 => (event(), 0..9_000_000_i64).prop_map(|(event, at)| Change::Bury(Box::new(Letter {
            id: 0,
            at: Time::from_micros(at),
            reason: "expired".into(),
            event,
            subscription: None,
            attempts: None,
        }))),
        1 => prop::collection::vec(1..20_u64, 0..3).prop_map(|ids| Change::Unbury { ids }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => prop::collection::vec(change(), 1..12).prop_map(Step::Write),
        6 => prop::collection::vec(change(), 1..12).prop_map(Step::TakeIn),
        1 => Just(Step::Settle),
        2 => (1..9_usize).prop_map(Step::Trim),
        2 => (20_000..3_000_000_u32).prop_map(Step::Wait),
        1 => Just(Step::Reopen),
    ]
}

fn rules() -> (Rules, Limits) {
    let limits = |seconds, events, bytes| Limits {
        max_age: Some(Duration::from_secs(seconds)),
        max_events: Some(events),
        max_bytes: Some(bytes),
    };
    let large = 1 << 30;
    let rules = vec![
        rule("a.**", limits(5, 1_000, large)),
        rule("b", limits(1_000, 6, large)),
        rule("**", limits(1_000, 1_000, 3_000)),
    ];
    (Rules::number(rules, &mut BTreeMap::new()), limits(1_000, 4, large))
}

fn opened(backend: &dyn Backend) -> Box<dyn Writing> {
    let mut writing = backend.writer().unwrap();
    let (rules, dead) = rules();
    writing.set_rules(&rules, dead).unwrap();
    writing
}

/// All pages of a kind.
fn pages(mut page: impl FnMut(u64) -> crate::store::Page, backwards: bool) -> Vec<(u64, i64, String)> {
    let (mut at, mut found) = (if backwards { u64::MAX >> 1 } else { 1 }, Vec::new());
    loop {
        let page = page(at);
        let text = |it: Stored| (it.sequence, it.at.micros(), it.event.full().to_owned());
        found.extend(page.events.into_iter().map(text));
        at = page.next;
        if page.is_end {
            // What `next` says is not compared: it counts what was looked at.
            return found;
        }
    }
}

/// All there is to see.
fn seen(reading: &mut dyn Reading) -> String {
    let bounds = Bounds { events: 3, bytes: 1_500, looked_at: 5 };
    let mut seen = Vec::new();
    for wish in WISHES {
        let wish: Subscription = wanted(wish);
        seen.push(format!("{:?}", pages(|at| reading.events(at, &wish, bounds).unwrap(), false)));
        seen.push(format!("{:?}", pages(|at| reading.back(at, &wish, bounds).unwrap(), true)));
        for priority in Priority::all() {
            seen.push(format!(
                "{:?}",
                pages(|at| reading.level(priority, at, &wish, bounds).unwrap(), false)
            ));
        }
    }
    for seconds in 0..12 {
        seen.push(format!("{:?}", reading.at(Time::from_micros(seconds * 1_000_000)).unwrap()));
    }
    seen.push(format!("{:?}", reading.durables("", 10).unwrap()));
    let letters = reading.letters(&Letters::default(), Bounds::default()).unwrap();
    seen.extend(
        letters.letters.iter().map(|letter| format!("{} {:?} {}", letter.id, letter.at, letter.event.full())),
    );
    let stats = reading.stats().unwrap();
    assert!(stats.schema == 0 || stats.schema == SCHEMA);
    seen.push(format!(
        "{:?}",
        (stats.last, stats.oldest, stats.newest, stats.rules, stats.dead, stats.durables)
    ));
    seen.push(format!("{:?}", reading.check(false).unwrap().problems));
    seen.join("\n")
}

fn trimmed(writing: &mut dyn Writing, now: Time, most: usize) -> (u64, u64) {
    let (mut events, mut lost) = (0, 0);
    loop {
        let trimmed = writing.trim(now, most).unwrap();
        assert!(trimmed.events <= most as u64);
        (events, lost) = (events + trimmed.events, lost + trimmed.lost);
        if !trimmed.is_more {
            return (events, lost);
        }
    }
}

/// Runs the steps with both.
fn compare(steps: Vec<Step>) {
    let folder = tempfile::tempdir().unwrap();
    let backends: [Arc<dyn Backend>; 2] =
        [Arc::new(Memory::new()), Arc::new(Sqlite::new(&folder.path().join("store.db")).unwrap())];
    let mut writing = backends.each_ref().map(|backend| opened(&**backend));
    let mut now = 1_000_000;
    for step in steps {
        let at = Time::from_micros(now);
        match step {
            Step::Write(changes) => {
                let [memory, sqlite] = writing.each_mut().map(|it| it.commit(&changes, at).unwrap());
                assert_eq!(memory, sqlite);
            }
            Step::TakeIn(changes) => {
                let [memory, sqlite] = writing.each_mut().map(|it| it.take_in(changes.clone(), at).unwrap());
                assert_eq!(memory, sqlite);
            }
            Step::Settle => writing.iter_mut().for_each(|it| it.settle().unwrap()),
            Step::Trim(most) => {
                let [memory, sqlite] = writing.each_mut().map(|it| trimmed(&mut **it, at, most));
                assert_eq!(memory, sqlite);
            }
            Step::Wait(micros) => now += i64::from(micros),
            Step::Reopen => {
                drop(writing);
                writing = backends.each_ref().map(|backend| opened(&**backend));
            }
        }
        if writing[1].is_settled() {
            assert_eq!(writing[0].is_urgent(), writing[1].is_urgent());
        }
    }
    writing.iter_mut().for_each(|it| it.settle().unwrap());
    let [memory, sqlite] = backends.each_ref().map(|backend| seen(&mut *backend.reader().unwrap()));
    assert_eq!(memory.lines().last(), Some("[]"));
    assert_eq!(memory, sqlite);
}

/// Many in one transaction: more than one batch, and in each batch blocks of all rules and levels.
#[test]
fn memory_and_sqlite_are_alike_where_many_are_written_at_once() {
    let many = |count: usize| {
        let event = |number: usize| on(TOPICS[number % 4], 1 + (number * 7 / 3 % 10) as u8);
        let rule = |number: usize| RuleId([1, 3, 2][number / 5 % 3]);
        let append = |number| Change::Append { event: event(number), rule: rule(number), expires: None };
        Step::Write((0..count).map(append).collect())
    };
    let durable = Change::Durable { name: "one".into(), wanted: WISHES[1].into(), from: None };
    compare(vec![
        Step::Write(vec![durable]),
        many(1_300),
        Step::Trim(7),
        Step::Reopen,
        many(3),
        Step::Wait(3_000_000),
        many(700),
        Step::Trim(301),
        Step::Wait(3_000_000),
        Step::Trim(11),
        many(1),
    ]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn memory_and_sqlite_are_alike(steps in prop::collection::vec(step(), 1..25)) {
        compare(steps);
    }
}
