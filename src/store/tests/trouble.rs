//! What goes wrong, is told, and goes away again.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use rusqlite::Connection;

use super::kit::{Kit, everything, on, wait_until};
use crate::protocol::Time;
use crate::store::{
    Backend, Change, Kind, Limits, Memory, NO_LIMITS, Reading, RuleId, Rules, Settings, Sqlite, State,
    StoreError, Trimmed, Writing,
};
use crate::testing::padded;

/// A store in memory that fails while it is told to, and holds its writer up while it is told to.
#[derive(Clone, Default)]
struct Moody {
    memory: Memory,
    mood: Arc<Mutex<Option<Kind>>>,
    tried: Arc<AtomicBool>,
    gate: Arc<Mutex<()>>,
}

impl Moody {
    fn set(&self, mood: Option<Kind>) {
        *self.mood.lock().unwrap() = mood;
    }

    fn mood(&self) -> Result<(), StoreError> {
        self.mood.lock().unwrap().map_or(Ok(()), |kind| Err(StoreError::new(kind, "moody")))
    }
}

impl Backend for Moody {
    fn writer(&self) -> Result<Box<dyn Writing>, StoreError> {
        self.tried.store(true, Ordering::SeqCst);
        self.mood()?;
        Ok(Box::new(self.clone()))
    }

    fn reader(&self) -> Result<Box<dyn Reading>, StoreError> {
        self.memory.reader()
    }
}

impl Writing for Moody {
    fn known_rules(&mut self) -> Result<BTreeMap<String, RuleId>, StoreError> {
        self.memory.known_rules()
    }

    fn set_rules(&mut self, rules: &Rules, dead: Limits) -> Result<(), StoreError> {
        self.memory.set_rules(rules, dead)
    }

    fn commit(&mut self, changes: &[Change], now: Time) -> Result<Vec<u64>, StoreError> {
        let _held_up = self.gate.lock().unwrap();
        self.mood()?;
        self.memory.commit(changes, now)
    }

    fn is_urgent(&self) -> bool {
        self.mood().is_err()
    }

    fn trim(&mut self, now: Time, most: usize) -> Result<Trimmed, StoreError> {
        self.mood()?;
        self.memory.trim(now, most)
    }

    fn rest(&mut self) -> Result<bool, StoreError> {
        self.memory.rest()
    }
}

fn append(kit: &Kit) -> Result<u64, StoreError> {
    let rule = kit.store.rules().of("t").unwrap();
    kit.write(Change::Append { event: on("t", 5), rule, expires: None })
}

/// Locks the file as another program does, for as long as what is returned lives.
fn lock(path: &Path) -> Connection {
    let other = Connection::open(path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    other
}

#[test]
fn a_lock_of_another_program_is_told_and_the_store_goes_on_when_it_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let kit = Kit::sqlite(&path, everything());
    assert_eq!(append(&kit), Ok(1));
    let other = lock(&path);
    let error = append(&kit).unwrap_err();
    assert!(error.kind == Kind::Locked && error.to_string().contains("store.db"), "{error}");
    // At once from now on, while others may still read.
    assert_eq!(append(&kit).unwrap_err().kind, Kind::Locked);
    assert_eq!((kit.failure(), kit.sequences("{}")), (Some(Kind::Locked), vec![1]));
    drop(other);
    wait_until("it works again", || kit.store.health().state == State::Working);
    assert_eq!(append(&kit), Ok(2));
    assert_eq!(kit.store.health().failed, 1);
}

#[test]
fn a_file_that_is_taken_away_or_replaced_is_not_written_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let kit = Kit::sqlite(&path, everything());
    append(&kit).unwrap();
    fs::rename(&path, folder.path().join("elsewhere")).unwrap();
    let error = append(&kit).unwrap_err();
    assert!(error.kind == Kind::Replaced && error.to_string().contains("restart"), "{error}");
    assert!(!path.exists());
    kit.store.end();
    assert_eq!(kit.store.health().state, State::Ended);
}

#[test]
fn an_older_copy_does_not_take_the_place_of_the_store_unseen() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let sqlite = Sqlite::new(&path).unwrap();
    let rule = RuleId(1);
    let append = |writing: &mut dyn Writing| {
        writing.commit(&[Change::Append { event: on("t", 5), rule, expires: None }], Time::from_micros(0))
    };
    let mut writing = sqlite.writer().unwrap();
    append(&mut *writing).unwrap();
    let copy = folder.path().join("copy.db");
    sqlite.reader().unwrap().backup(&copy, false).unwrap();
    append(&mut *writing).unwrap();
    drop(writing);
    assert_eq!(append(&mut *sqlite.writer().unwrap()), Ok(vec![3]));
    fs::rename(&copy, &path).unwrap();
    assert_eq!(sqlite.writer().err().unwrap().kind, Kind::Replaced);
    drop(sqlite);
    // Whoever restarts has decided.
    assert_eq!(append(&mut *Sqlite::new(&path).unwrap().writer().unwrap()), Ok(vec![2]));
}

#[test]
fn other_trouble_is_tried_again_and_what_waits_is_answered() {
    let moody = Moody::default();
    let kit = Kit::open(Arc::new(moody.clone()), everything()).unwrap();
    append(&kit).unwrap();
    for kind in [Kind::Full, Kind::ReadOnly, Kind::Io, Kind::Locked] {
        let rule = kit.store.rules().of("t").unwrap();
        let held_up = moody.gate.lock().unwrap();
        let marks: Vec<_> = (0..10)
            .map(|_| kit.submit(Change::Append { event: on("t", 5), rule, expires: None }).unwrap())
            .collect();
        // Not before they wait: the thread may still be looking at what to delete.
        moody.set(Some(kind));
        drop(held_up);
        for mark in marks {
            assert_eq!(kit.answer(mark).unwrap_err().kind, kind);
        }
        assert_eq!(append(&kit).unwrap_err().kind, kind);
        moody.tried.store(false, Ordering::SeqCst);
        wait_until("it is tried again", || moody.tried.load(Ordering::SeqCst));
        moody.set(None);
        wait_until("it works again", || kit.store.health().state == State::Working);
        append(&kit).unwrap();
    }
    let health = kit.store.health();
    assert_eq!((health.waiting, health.waiting_bytes, health.failed, health.written), (0, 0, 40, 5));
    assert_eq!(kit.sequences("{}"), [1, 2, 3, 4, 5]);
}

#[test]
fn trouble_that_lasts_is_not_tried_again() {
    let moody = Moody::default();
    let kit = Kit::open(Arc::new(moody.clone()), everything()).unwrap();
    moody.set(Some(Kind::Corrupt));
    assert_eq!(append(&kit).unwrap_err().kind, Kind::Corrupt);
    moody.set(None);
    moody.tried.store(false, Ordering::SeqCst);
    // Nothing that could be waited for happens; ending shows that the thread still listens.
    assert_eq!(append(&kit).unwrap_err().kind, Kind::Corrupt);
    kit.store.end();
    assert!(!moody.tried.load(Ordering::SeqCst));
    assert_eq!(append(&kit).unwrap_err().kind, Kind::Ended);
}

#[test]
fn a_full_queue_is_told_at_once_and_one_large_event_always_fits() {
    let moody = Moody::default();
    let settings = Settings { queue_changes: 3, queue_bytes: 5_000, reads: 1 };
    let kit = Kit::with(Arc::new(moody.clone()), everything(), NO_LIMITS, settings).unwrap();
    let rule = kit.store.rules().of("t").unwrap();
    let small = || Change::Append { event: on("t", 5), rule, expires: None };
    let large = || Change::Append { event: padded(1, 5, 9_000), rule, expires: None };
    let held_up = moody.gate.lock().unwrap();
    let first = kit.submit(large()).unwrap();
    let error = kit.submit(small()).unwrap_err();
    assert!(error.kind == Kind::Busy && error.to_string().contains("later"), "{error}");
    drop(held_up);
    assert_eq!(kit.answer(first), Ok(1));
    let held_up = moody.gate.lock().unwrap();
    let marks: Vec<_> = (0..3).map(|_| kit.submit(small()).unwrap()).collect();
    assert_eq!(kit.submit(small()).unwrap_err().kind, Kind::Busy);
    assert_eq!(kit.store.health().waiting, 3);
    drop(held_up);
    marks.into_iter().for_each(|mark| {
        kit.answer(mark).unwrap();
    });
    assert_eq!(kit.store.health().state, State::Working);
}

#[test]
fn a_reader_that_is_asked_too_much_says_so_and_one_that_failed_opens_again() {
    let settings = Settings { reads: 1, ..Settings::default() };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let kit = Kit::with(Arc::new(Sqlite::new(&path).unwrap()), everything(), NO_LIMITS, settings).unwrap();
    append(&kit).unwrap();
    let gate = Arc::new(Mutex::new(()));
    let held_up = gate.lock().unwrap();
    let busy = (0..3).map(|_| {
        let gate = Arc::clone(&gate);
        kit.store.event(1, move |_| drop(gate.lock().unwrap()))
    });
    let busy: Vec<_> = busy.collect();
    // One is being answered and one waits, or the first had not been begun when the second came.
    assert_eq!(busy.into_iter().find_map(Result::err).unwrap().kind, Kind::Busy);
    drop(held_up);
    wait_until("it has caught up", || kit.ask(|store, then| store.event(1, then)).is_ok());
    let other = Connection::open(&path).unwrap();
    other.execute_batch("ALTER TABLE block RENAME TO away").unwrap();
    assert!(kit.ask(|store, then| store.event(1, then)).is_err());
    other.execute_batch("ALTER TABLE away RENAME TO block").unwrap();
    assert_eq!(kit.ask(|store, then| store.event(1, then)).unwrap().sequence, 1);
}
