//! A process that stores events is killed at any moment. What it was told is stored, is there afterwards.

use std::collections::BTreeMap;
use std::env;
use std::hash::{BuildHasher, RandomState};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::{Duration, Instant};

use gadugi_router::protocol::{Event, Priority, Time};
use gadugi_router::store::{Change, Letter, Outcome, Store};

use crate::support::{PATIENCE, all, ask, event, open, problems};

/// Tells the test that it is the process to be killed: the store's path and the number of its life.
const VICTIM: &str = "GADUGI_STORE_VICTIM";
/// Events under way at once.
const WINDOW: usize = 200;
/// It would go on for ever if its parent died.
const LIFE: Duration = Duration::from_secs(30);

#[test]
fn what_was_confirmed_survives_kill_9() {
    if let Ok(victim) = env::var(VICTIM) {
        let (life, path) = victim.split_once(' ').expect("a life and a path");
        return publish(Path::new(path), life);
    }
    let lives: usize = env::var("GADUGI_CRASHES").map_or(30, |lives| lives.parse().expect("a number"));
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let mut chance = Chance::new();
    eprintln!("seed {}", chance.0);
    let mut confirmed = BTreeMap::new();
    let mut cut_off = 0;
    for life in 0..lives {
        let told = live(&path, life, &mut chance);
        cut_off += usize::from(told.is_empty());
        confirmed.extend(told);
        let store = reopened(&path);
        verify(&store, &confirmed);
        store.end();
    }
    println!("{} events were confirmed in {lives} lives; {cut_off} ended before the first", confirmed.len());
    assert!(cut_off < lives);
}

/// The store of a life that is over.
fn reopened(path: &Path) -> Store {
    open(path, Box::new(|_| {})).expect("a store")
}

fn verify(store: &Store, confirmed: &BTreeMap<u64, String>) {
    assert_eq!(problems(store), Vec::<String>::new());
    let there = all(store);
    let stats = ask(|then| store.stats(then)).expect("figures");
    assert!(stats.last >= there.last().map_or(0, |(sequence, _)| *sequence));
    // One life after the other, and within each the events of each level in the order of publishing.
    let (mut lives, mut newest) = (0, BTreeMap::new());
    for (sequence, id) in &there {
        let (life, number) = id.split_once('-').expect("a life and a number");
        let [life, number] = [life, number].map(|text| text.parse::<u64>().expect("a number"));
        assert!(life >= lives, "event {sequence}, {id}, is of a life before {lives}");
        lives = life;
        let before = newest.insert((life, level(number)), number);
        assert!(before.is_none_or(|before| before < number), "event {sequence}, {id}, came after {before:?}");
    }
    let there: BTreeMap<_, _> = there.into_iter().collect();
    for (sequence, id) in confirmed {
        // Each fourth is on a topic that is kept only for a while.
        let is_kept =
            !is_dropped(id.split_once('-').map_or(0, |(_, number)| number.parse().expect("a number")));
        match there.get(sequence) {
            Some(found) => assert_eq!(found, id),
            None => assert!(!is_kept, "event {sequence}, {id}, was confirmed and is not there"),
        }
    }
}

/// The level of an event.
fn level(number: u64) -> u64 {
    1 + number % 10
}

fn is_dropped(number: u64) -> bool {
    number.is_multiple_of(4)
}

/// One life of the victim: what it was told is stored, by number.
fn live(path: &Path, life: usize, chance: &mut Chance) -> BTreeMap<u64, String> {
    let program = env::current_exe().expect("this program");
    let mut victim = Command::new(program)
        .args(["--exact", "crash::what_was_confirmed_survives_kill_9", "--nocapture"])
        .env(VICTIM, format!("{life} {}", path.display()))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a victim");
    let mut output = victim.stdout.take().expect("its output");
    let (sender, first) = sync_channel(1);
    let reader = thread::spawn(move || {
        let (mut text, mut part) = (Vec::new(), [0; 4096]);
        while let Ok(size @ 1..) = output.read(&mut part) {
            text.extend_from_slice(&part[..size]);
            if text.windows(3).any(|three| three == b"ok ") {
                sender.try_send(()).unwrap_or_default();
            }
        }
        String::from_utf8(text).expect("UTF-8")
    });
    // Most are killed while they publish, some while they open the store.
    if chance.below(5) > 0 {
        first.recv_timeout(PATIENCE).expect("a confirmation");
    }
    thread::sleep(Duration::from_micros(chance.below(120_000)));
    victim.kill().expect("to kill it");
    victim.wait().expect("its end");
    let text = reader.join().expect("its output");
    // The last line may be cut off.
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole
        .lines()
        .filter_map(|line| line.split_once("ok ")?.1.split_once(' '))
        .map(|(sequence, id)| (sequence.parse().expect("a number"), id.to_owned()))
        .collect()
}

/// The victim's life.
fn publish(path: &Path, life: &str) {
    let (enter, leave) = sync_channel::<()>(WINDOW);
    let name = life.to_owned();
    let told = move |outcomes: Vec<Outcome>| {
        let mut lines = String::new();
        for (number, outcome) in outcomes {
            if number > 0 {
                let sequence = outcome.expect("it is stored");
                lines.push_str(&format!("ok {sequence} {name}-{number}\n"));
                leave.recv().expect("one less under way");
            }
        }
        std::io::stdout().write_all(lines.as_bytes()).expect("a reader");
    };
    let store = open(path, Box::new(told)).expect("a store");
    let (rules, born) = (store.rules(), Instant::now());
    let durable = Change::Durable { name: "worker".into(), wanted: "{}".into(), from: Some(1) };
    store.submit(durable, 0).expect("room");
    for number in 1.. {
        if born.elapsed() > LIFE {
            return;
        }
        enter.send(()).expect("room");
        let topic = if is_dropped(number) { "drop" } else { "keep" };
        let event = event(&format!("{life}-{number}"), topic, level(number), 200);
        let rule = rules.of(topic).expect("a rule");
        if number % 50 == 0 {
            let priority = Priority::NORMAL;
            store.submit(Change::Floor { name: "worker".into(), priority, floor: number }, 0).expect("room");
            store.submit(Change::Bury(Box::new(letter(&event))), 0).expect("room");
        }
        store.append(event, rule, number).expect("room");
    }
}

fn letter(event: &Arc<Event>) -> Letter {
    let at = Time::from_micros(0);
    Letter {
        id: 0,
        at,
        reason: "expired".into(),
        event: Arc::clone(event),
        subscription: None,
        attempts: None,
    }
}

/// Numbers at random, from a seed that is printed.
struct Chance(u64);

impl Chance {
    fn new() -> Self {
        Self(RandomState::new().hash_one(0) | 1)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}
