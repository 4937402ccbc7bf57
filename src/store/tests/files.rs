//! The file: whose it is, what is in it, what survives.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, OpenFlags};

use super::kit::{Kit, everything, on, rule, wait_until};
use crate::store::{Backend, Change, Kind, Limits, NO_LIMITS, SCHEMA, Sqlite, StoreError};
use crate::testing::event;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn refused(path: &Path) -> StoreError {
    let refused = match Sqlite::new(path) {
        Ok(sqlite) => Kit::open(Arc::new(sqlite), everything()).err(),
        Err(error) => Some(error),
    };
    refused.unwrap()
}

#[test]
fn events_and_numbers_survive_even_when_all_events_are_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let kit = Kit::sqlite(&path, everything());
    (0..5).for_each(|_| {
        kit.append(on("t", 5));
    });
    kit.store.end();
    drop(kit);
    let kit = Kit::sqlite(&path, vec![rule("**", Limits { max_events: Some(0), ..NO_LIMITS })]);
    kit.store.tend();
    wait_until("all are deleted", || kit.sequences("{}").is_empty());
    kit.store.end();
    drop(kit);
    let kit = Kit::sqlite(&path, everything());
    assert_eq!(kit.append(on("t", 5)), 6);
}

#[test]
fn the_file_is_for_its_owner_only_and_any_sqlite_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let kit = Kit::sqlite(&path, everything());
    let stored =
        event(r#"{"id":"7","topic":"a.b","type":"task.failed","source":"me","target":"you","priority":9}"#);
    kit.append(stored.clone());
    for name in ["store.db", "store.db-wal", "store.db-shm", "store.db.lock"] {
        assert_eq!(mode(&folder.path().join(name)), 0o600, "{name}");
    }
    let other = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let sql = "SELECT sequence || '|' || time || '|' || id || '|' || type || '|' || source || '|' || target || '|' ||
        (size = ?1 AND length(event) < ?1) || '|' || priority || '|' || topic FROM events WHERE topic LIKE 'a.%'";
    let line: String = other.query_row(sql, [stored.size() as i64], |row| row.get(0)).unwrap();
    assert_eq!(line, "1|1970-01-01T00:00:01.000Z|7|task.failed|me|you|1|9|a.b");
}

#[test]
fn events_that_an_earlier_version_wrote_in_full_and_without_their_size_are_read_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let kit = Kit::sqlite(&path, everything());
    let stored = on("t", 5);
    kit.append(stored.clone());
    kit.store.end();
    drop(kit);
    let other = Connection::open(&path).unwrap();
    let text = format!("[[1,null,{}]]", stored.full());
    assert_eq!(other.execute("UPDATE block SET events = ?1 WHERE events <> ?1", [text]).unwrap(), 1);
    let size: i64 = other.query_row("SELECT size FROM events", [], |row| row.get(0)).unwrap();
    assert_eq!(size, stored.size() as i64);
    let kit = Kit::sqlite(&path, everything());
    assert_eq!(kit.all("{}")[0].event.full(), stored.full());
    assert!(kit.problems().is_empty(), "{:?}", kit.problems());
}

#[test]
fn a_second_router_is_refused_until_the_first_has_ended() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let kit = Kit::sqlite(&path, everything());
    let error = refused(&path);
    assert_eq!(error.kind, Kind::Taken);
    assert!(
        error.to_string().contains("another router") && error.to_string().contains("store.db"),
        "{error}"
    );
    kit.store.end();
    drop(kit);
    wait_until("the lock is free", || Sqlite::new(&path).is_ok());
}

#[test]
fn what_is_no_store_of_ours_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let missing = refused(&folder.path().join("absent/store.db"));
    assert!(missing.kind == Kind::Io && missing.to_string().contains("make its directory"), "{missing}");

    let newer = folder.path().join("newer.db");
    Kit::sqlite(&newer, everything()).store.end();
    let connection = Connection::open(&newer).unwrap();
    connection.pragma_update(None, "user_version", SCHEMA + 1).unwrap();
    drop(connection);
    wait_until("it is free", || Sqlite::new(&newer).is_ok());
    let error = refused(&newer);
    assert!(error.kind == Kind::Newer && error.to_string().contains("later version"), "{error}");
    assert!(Sqlite::new(&newer).unwrap().reader().is_err());

    let foreign = folder.path().join("foreign.db");
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE precious (x)").unwrap();
    let before = fs::read(&foreign).unwrap();
    assert_eq!(refused(&foreign).kind, Kind::Foreign);
    assert_eq!(fs::read(&foreign).unwrap(), before);

    let text = folder.path().join("text");
    fs::write(&text, "no database at all, but long enough to have a header".repeat(9)).unwrap();
    assert_eq!(refused(&text).kind, Kind::Corrupt);
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(&text, &link).unwrap();
    assert!(refused(&link).to_string().contains("not a file"));
}

#[test]
fn a_copy_is_whole_while_events_come_and_never_takes_the_place_of_a_file_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let kit = Kit::sqlite(&folder.path().join("store.db"), everything());
    let rule = kit.store.rules().of("t").unwrap();
    let copy = folder.path().join("copy.db");
    let marks: Vec<_> = (0..2_000)
        .map(|_| kit.submit(Change::Append { event: on("t", 5), rule, expires: None }).unwrap())
        .collect();
    kit.answer(marks[0]).unwrap();
    let path = copy.clone();
    let size = kit.ask(|store, then| store.backup(path, false, then)).unwrap();
    assert_eq!((fs::metadata(&copy).unwrap().len(), mode(&copy)), (size, 0o600));
    let again = kit.ask(|store, then| store.backup(copy.clone(), false, then)).unwrap_err();
    assert!(again.kind == Kind::Exists && again.to_string().contains("copy.db"), "{again}");
    kit.answer(marks[1_999]).unwrap();
    let path = copy.clone();
    kit.ask(|store, then| store.backup(path, true, then)).unwrap();
    let absent = folder.path().join("absent/copy.db");
    assert_eq!(kit.ask(|store, then| store.backup(absent, false, then)).unwrap_err().kind, Kind::Io);
    let names = fs::read_dir(folder.path()).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap());
    let unknown = names.filter(|name| name != "copy.db" && !name.starts_with("store.db"));
    assert_eq!(unknown.collect::<Vec<_>>(), Vec::<String>::new());
    // The copy is a store.
    let kit = Kit::sqlite(&copy, everything());
    assert_eq!(kit.sequences("{}").len(), 2_000);
    assert_eq!(kit.problems(), Vec::<String>::new());
}

#[test]
fn a_file_that_lost_its_order_is_found_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let kit = Kit::sqlite(&path, everything());
    (0..3).for_each(|_| {
        kit.append(on("t", 5));
    });
    assert_eq!(kit.problems(), Vec::<String>::new());
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch(
            "UPDATE rule SET events = 7 WHERE id = 1; UPDATE meta SET value = 3 WHERE key = 'last_sequence';
            UPDATE block SET stored = 0 WHERE id = 2; INSERT INTO durable VALUES ('w', '{}', 0, 0);
            INSERT INTO durable_acked VALUES ('x', 1, 1);",
        )
        .unwrap();
    let problems = kit.problems().join("\n");
    for part in [
        "rule 1 counts 7",
        "block 2 was stored before block 1",
        "w has 0 levels",
        "no durable subscription x",
    ] {
        assert!(problems.contains(part), "{part}: {problems}");
    }
}
