//! Trouble that only a file can have.

use std::fs;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Sqlite, Writer, connect};
use crate::protocol::Time;
use crate::store::{Backend, Change, Kind, Reading, RuleId, StoreError, Writing};
use crate::testing::padded;

/// A store whose file may not grow while it is told so, as on a disk that is full.
struct Tight {
    sqlite: Sqlite,
    is_tight: AtomicBool,
}

impl Backend for Tight {
    fn writer(&self) -> Result<Box<dyn Writing>, StoreError> {
        let place = &self.sqlite.place;
        let connection = connect::writing(&place.path)?;
        let identity = connect::identity(&place.path, &connection)?;
        if self.is_tight.load(Ordering::SeqCst) {
            let pages: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
            connection.pragma_update_and_check(None, "max_page_count", pages + 2, |_| Ok(())).unwrap();
        }
        Ok(Box::new(Writer::new(Arc::clone(place), connection, identity)?))
    }

    fn reader(&self) -> Result<Box<dyn Reading>, StoreError> {
        self.sqlite.reader()
    }
}

fn append(number: u64) -> Change {
    Change::Append { event: padded(number, 5, 3_000), rule: RuleId(1), expires: None }
}

#[test]
fn a_transaction_that_does_not_fit_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = Sqlite::new(&folder.path().join("store.db")).unwrap();
    let tight = Tight { sqlite, is_tight: AtomicBool::new(true) };
    let mut writing = tight.writer().unwrap();
    let now = Time::from_micros(0);
    let mut written = 0;
    let error = loop {
        match writing.commit(&[append(written + 1), append(written + 2)], now) {
            Ok(numbers) => written = numbers[1],
            Err(error) => break error,
        }
        assert!(written < 100, "it never became full");
    };
    assert!(error.kind == Kind::Full && error.to_string().contains("free some space"), "{error}");
    tight.is_tight.store(false, Ordering::SeqCst);
    let mut writing = tight.writer().unwrap();
    assert_eq!(writing.commit(&[append(0)], now), Ok(vec![written + 1]));
    let mut reading = tight.reader().unwrap();
    assert_eq!(reading.stats().unwrap().last, written + 1);
    let problems = reading.check(false).unwrap().problems;
    // No rules were put in force here, so that none counts.
    assert_eq!(problems, Vec::<String>::new());
}

#[test]
fn damage_is_told_with_what_to_do_and_found_by_a_check() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let sqlite = Sqlite::new(&path).unwrap();
    let mut writing = sqlite.writer().unwrap();
    for number in 0..50 {
        writing.commit(&[append(number)], Time::from_micros(0)).unwrap();
    }
    drop(writing);
    // The last pages are events: the table of contents is still whole.
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    let size = file.metadata().unwrap().len();
    file.write_all_at(&vec![0xa5; 40 * 4_096], size - 40 * 4_096).unwrap();
    drop(file);
    let mut reading = sqlite.reader().unwrap();
    let found = reading.check(true);
    assert!(found.is_err() || !found.unwrap().problems.is_empty());
    let error = reading.back(99, &Default::default(), Default::default()).unwrap_err();
    assert!(error.kind == Kind::Corrupt && error.to_string().contains(".recover"), "{error}");
    let error = sqlite
        .writer()
        .and_then(|mut writing| writing.commit(&[append(1)], Time::from_micros(0)))
        .unwrap_err();
    assert_eq!(error.kind, Kind::Corrupt);
    assert!(error.kind.is_lasting());
}
