//! The intake log: what it holds is as safe as what the file holds, and what does not fit is refused.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rusqlite::Connection;

use super::kit::{Kit, everything, on, wait_until};
use crate::protocol::{Priority, Subscription, Time};
use crate::store::{Backend, Bounds, Change, Kind, RuleId, Sqlite, Writing};
use crate::testing::padded;

const NOW: Time = Time::from_micros(1_000_000);

fn append() -> Change {
    Change::Append { event: on("t", 5), rule: RuleId(1), expires: None }
}

fn logs(store: &Path) -> [PathBuf; 2] {
    ["intake-0", "intake-1"].map(|name| PathBuf::from(format!("{}.{name}", store.display())))
}

/// The numbers that a reader finds, without the store's help.
fn numbers(sqlite: &Sqlite) -> Vec<u64> {
    let page = sqlite.reader().unwrap().events(1, &Subscription::default(), Bounds::default()).unwrap();
    page.events.iter().map(|stored| stored.sequence).collect()
}

fn take_in(writing: &mut dyn Writing, count: usize) -> Vec<u64> {
    (0..count).flat_map(|_| writing.take_in(vec![append()], NOW).unwrap()).collect()
}

/// A store that has the first event, and the two others only in its intake log, as a process leaves it that is killed.
fn left_behind(folder: &Path) -> PathBuf {
    let path = folder.join("store.db");
    let sqlite = Sqlite::new(&path).unwrap();
    let mut writing = sqlite.writer().unwrap();
    writing.commit(&[append()], NOW).unwrap();
    assert_eq!(take_in(&mut *writing, 2), [2, 3]);
    assert_eq!(numbers(&sqlite), [1]);
    path
}

#[test]
fn what_only_the_intake_log_has_is_there_after_the_next_start_under_the_numbers_that_were_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = left_behind(folder.path());
    assert_eq!(fs::metadata(&logs(&path)[0]).unwrap().permissions().mode() & 0o7777, 0o600);
    let sqlite = Sqlite::new(&path).unwrap();
    let mut writing = sqlite.writer().unwrap();
    assert_eq!(numbers(&sqlite), [1, 2, 3]);
    // And not once more.
    drop(writing);
    writing = sqlite.writer().unwrap();
    assert_eq!(take_in(&mut *writing, 1), [4]);
    drop(writing);
    writing = sqlite.writer().unwrap();
    assert_eq!(numbers(&sqlite), [1, 2, 3, 4]);
    assert!(sqlite.reader().unwrap().check(false).unwrap().problems.is_empty());
    writing.end().unwrap();
    assert!(logs(&path).iter().all(|log| !log.exists()));
}

#[test]
fn the_files_take_turns_and_are_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let sqlite = Sqlite::new(&path).unwrap();
    let mut writing = sqlite.writer().unwrap();
    let large = || Change::Append { event: padded(1, 5, 300_000), rule: RuleId(1), expires: None };
    for number in 1..=40 {
        assert_eq!(writing.take_in(vec![large()], NOW), Ok(vec![number]));
    }
    // Of twelve megabytes.
    for log in logs(&path) {
        assert!((1..=4 << 20).contains(&fs::metadata(&log).unwrap().len()), "{log:?}");
    }
    drop(writing);
    wait_until("what was under way is written", || sqlite.writer().is_ok());
    assert_eq!(sqlite.reader().unwrap().stats().unwrap().last, 40);
}

#[test]
fn while_more_and_more_comes_the_file_gets_it_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = Sqlite::new(&folder.path().join("store.db")).unwrap();
    let mut writing = sqlite.writer().unwrap();
    // Fewer groups than make a file of the log full.
    let is_there = (0..400).any(|_| {
        take_in(&mut *writing, 1);
        thread::sleep(Duration::from_millis(2));
        !numbers(&sqlite).is_empty()
    });
    assert!(is_there);
}

#[test]
fn a_group_that_was_cut_off_is_not_there_and_those_before_it_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = left_behind(folder.path());
    let log = &logs(&path)[0];
    let mut bytes = fs::read(log).unwrap();
    assert_eq!(bytes.len(), 2 * 4_096);
    bytes.truncate(4_096 + 100);
    fs::write(log, bytes).unwrap();
    let sqlite = Sqlite::new(&path).unwrap();
    let mut writing = sqlite.writer().unwrap();
    assert_eq!(numbers(&sqlite), [1, 2]);
    assert_eq!(take_in(&mut *writing, 1), [3]);
}

#[test]
fn a_group_that_is_missing_before_others_is_told_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = left_behind(folder.path());
    let log = &logs(&path)[0];
    let mut bytes = fs::read(log).unwrap();
    bytes[100] ^= 1;
    fs::write(log, bytes).unwrap();
    let sqlite = Sqlite::new(&path).unwrap();
    let error = sqlite.writer().err().unwrap();
    assert_eq!(error.kind, Kind::Corrupt);
    for part in ["intake-0", "group 1 is missing", "move both away"] {
        assert!(error.to_string().contains(part), "{error}");
    }
    fs::remove_file(log).unwrap();
    assert_eq!(take_in(&mut *sqlite.writer().unwrap(), 1), [2]);
}

#[test]
fn an_older_copy_does_not_get_what_it_cannot_go_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let copy = folder.path().join("copy.db");
    let sqlite = Sqlite::new(&path).unwrap();
    let mut writing = sqlite.writer().unwrap();
    writing.commit(&[append()], NOW).unwrap();
    sqlite.reader().unwrap().backup(&copy, false).unwrap();
    // The copy has the number that comes next, and not this event.
    writing.commit(&[append()], NOW).unwrap();
    take_in(&mut *writing, 1);
    drop((writing, sqlite));
    fs::rename(&copy, &path).unwrap();
    for rest in ["-wal", "-shm"] {
        fs::remove_file(format!("{}{rest}", path.display())).ok();
    }
    let error = Sqlite::new(&path).unwrap().writer().err().unwrap();
    assert!(error.kind == Kind::Corrupt && error.to_string().contains("goes on with number 3"), "{error}");
}

#[test]
fn another_stores_groups_are_set_aside_and_not_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = left_behind(folder.path());
    let log = logs(&path)[0].clone();
    let before = fs::read(&log).unwrap();
    for rest in ["", "-wal", "-shm"] {
        fs::remove_file(format!("{}{rest}", path.display())).ok();
    }
    let sqlite = Sqlite::new(&path).unwrap();
    assert_eq!(take_in(&mut *sqlite.writer().unwrap(), 1), [1]);
    let names = fs::read_dir(folder.path()).unwrap().map(|it| it.unwrap().path());
    let aside: Vec<_> = names.filter(|it| it.to_str().unwrap().contains("intake-0.of-")).collect();
    assert_eq!(fs::read(&aside[0]).unwrap(), before);
}

#[test]
fn what_a_later_version_took_in_is_not_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = left_behind(folder.path());
    let log = &logs(&path)[0];
    let text = br#"["a later version's"]"#;
    let head =
        format!("\u{1e}gadugi-intake 1 {:010} {:016x}\n", text.len(), twox_hash::XxHash64::oneshot(0, text));
    let before = fs::read(log).unwrap();
    for later in [&[head.as_bytes(), text].concat()[..], b"\x1egadugi-intake 2, of which nothing is known"] {
        fs::write(log, [&before, later].concat()).unwrap();
        let error = Sqlite::new(&path).unwrap().writer().err().unwrap();
        assert!(error.kind == Kind::Newer && error.to_string().contains("later version"), "{error}");
    }
}

#[test]
fn where_the_intake_log_cannot_be_written_the_file_takes_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let sqlite = Sqlite::new(&path).unwrap();
    let mut writing = sqlite.writer().unwrap();
    fs::create_dir(&logs(&path)[0]).unwrap();
    assert_eq!(take_in(&mut *writing, 3), [1, 2, 3]);
    assert!(writing.is_settled());
    assert_eq!(numbers(&sqlite), [1, 2, 3]);
    drop(writing);
    // What a reader of the directory would say is no group that is missing.
    fs::remove_dir(&logs(&path)[0]).unwrap();
    assert_eq!(take_in(&mut *sqlite.writer().unwrap(), 1), [4]);
    drop(sqlite.writer().unwrap());
    assert_eq!(numbers(&sqlite), [1, 2, 3, 4]);
}

#[test]
fn what_the_file_refuses_stays_in_the_intake_log_until_it_works_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let sqlite = Sqlite::new(&path).unwrap();
    let mut writing = sqlite.writer().unwrap();
    take_in(&mut *writing, 2);
    let other = Connection::open(&path).unwrap();
    other.execute_batch("ALTER TABLE block RENAME TO away").unwrap();
    assert!(writing.settle().is_err() && !writing.is_settled());
    assert!(writing.take_in(vec![append()], NOW).is_err(), "nothing is promised that may not be kept");
    assert!(sqlite.writer().is_err());
    other.execute_batch("ALTER TABLE away RENAME TO block").unwrap();
    let mut writing = sqlite.writer().unwrap();
    assert_eq!(numbers(&sqlite), [1, 2]);
    assert_eq!(take_in(&mut *writing, 1), [3]);
}

#[test]
fn who_asks_finds_what_was_just_confirmed() {
    let folder = tempfile::tempdir().unwrap();
    let kit = Kit::sqlite(&folder.path().join("store.db"), everything());
    kit.write(Change::Durable { name: "d".into(), wanted: "{}".into(), from: None }).unwrap();
    for number in 1..=200 {
        assert_eq!(kit.append(on("t", 5)), number);
        kit.write(Change::Floor { name: "d".into(), priority: Priority::NORMAL, floor: number }).unwrap();
        assert_eq!(kit.ask(|store, then| store.event(number, then)).unwrap().sequence, number);
        let page = kit.ask(|store, then| {
            let level = (Priority::NORMAL, number);
            store.level(level, super::kit::for_all(), Bounds::default(), then)
        });
        assert_eq!(page.unwrap().events.len(), 1);
        let durable = kit.ask(|store, then| store.durable("d".into(), then)).unwrap().unwrap();
        assert_eq!(durable.levels[Priority::NORMAL.index()].floor, number);
    }
    let folder = folder.path().join("store.db");
    assert!(logs(&folder)[0].exists(), "nothing came close enough on another");
}
