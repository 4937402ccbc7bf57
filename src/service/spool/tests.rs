//! What is written is what comes back, whatever happened to the file in between.

use std::sync::Arc;

use super::*;
use crate::testing::{event, numbered, wanted};

const NOW: Now = Now { engine: 5_000, wall: 1_000_000 };

fn ids(leftovers: &[Leftover]) -> Vec<&str> {
    leftovers.iter().map(|leftover| leftover.event.id()).collect()
}

fn left() -> Left {
    let leftover = |id: &str, priority, deadline| Leftover::new(numbered(id, priority), deadline);
    let wish = r#"{"topics":["b.*","a"],"types":["task.created"],"priorities":[3],"sources":["s\"1"],
        "targets":["t"],"group":"g"}"#;
    Left {
        queued: vec![leftover("q1", 9, Millis::MAX), leftover("q2", 1, 8_000)],
        owed: vec![
            Owed::new(wanted(wish), vec![leftover("a1", 10, Millis::MAX), leftover("a2", 3, Millis::MAX)]),
            Owed::new(wanted("{}"), vec![leftover("b1", 5, Millis::MAX)]),
        ],
    }
}

#[test]
fn what_is_written_comes_back_in_order_and_to_whom_it_is_owed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("spool");
    write(&path, &left(), NOW).unwrap();
    // Another process, whose engine has just started, a second later.
    let taken = take(&path, Now { engine: 10, wall: 1_001_000 }).unwrap().unwrap();
    assert!(taken.damaged.is_empty(), "{:?}", taken.damaged);
    assert_eq!(ids(&taken.left.queued), ["q1", "q2"]);
    assert_eq!(taken.left.queued[1].deadline, 10 + 2_000);
    let owed = &taken.left.owed;
    assert_eq!(
        owed.iter().map(|owed| ids(&owed.deliveries)).collect::<Vec<_>>(),
        [vec!["a1", "a2"], vec!["b1"]]
    );
    for (one, other) in owed.iter().zip(&left().owed) {
        assert_eq!(one.wanted, other.wanted);
    }
    assert!(take(&path, NOW).unwrap().is_some(), "it stays until it is removed");
    remove(&path).unwrap();
    remove(&path).unwrap();
    assert!(take(&path, NOW).unwrap().is_none());
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn what_is_mandatory_is_so_afterwards() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("spool");
    let mut left = left();
    left.queued[1].mandatory = true;
    write(&path, &left, NOW).unwrap();
    let taken = take(&path, NOW).unwrap().unwrap();
    assert_eq!(taken.left.queued.iter().map(|it| it.mandatory).collect::<Vec<_>>(), [false, true]);
    assert!(taken.damaged.is_empty() && taken.left.owed.iter().all(|owed| !owed.deliveries[0].mandatory));
}

#[test]
fn an_event_comes_back_byte_for_byte_in_one_line() {
    let text = "{\"id\":\"1\",\n\"topic\":\"t\",\"payload\":{\"a\":1.50,\"ü\":\"\\n\u{2028}\"}}";
    let original = event(text);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("spool");
    let queued = vec![Leftover::new(Arc::clone(&original), Millis::MAX)];
    write(&path, &Left { queued, owed: Vec::new() }, NOW).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 1);
    let taken = take(&path, NOW).unwrap().unwrap();
    assert_eq!(taken.left.queued[0].event.full(), original.full());
}

#[test]
fn damaged_lines_are_named_and_the_rest_is_taken() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("spool");
    write(&path, &left(), NOW).unwrap();
    let mut lines: Vec<Vec<u8>> =
        fs::read(&path).unwrap().split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
    lines[0][3] = 0xff;
    lines[2].truncate(40);
    lines.insert(3, b"{\"event\":{\"topic\":\"t\",\"nonsense\":1}}".to_vec());
    fs::write(&path, lines.join(&b'\n')).unwrap();
    let taken = take(&path, NOW).unwrap().unwrap();
    assert_eq!(taken.damaged.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 3, 4]);
    assert!(taken.damaged[2].1.contains("nonsense"), "{:?}", taken.damaged);
    assert_eq!(ids(&taken.left.queued), ["q2"]);
    assert_eq!(taken.left.by_priority().iter().sum::<u64>(), 3);
    // For whoever wants to mend it.
    assert_eq!(fs::read(damaged(&path)).unwrap(), fs::read(&path).unwrap());
}

#[test]
fn a_file_that_is_cut_off_anywhere_gives_back_all_its_whole_lines() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("spool");
    write(&path, &left(), NOW).unwrap();
    let whole = fs::read(&path).unwrap();
    for end in 0..whole.len() {
        fs::write(&path, &whole[..end]).unwrap();
        let taken = take(&path, NOW).unwrap().unwrap();
        let lines = whole[..end].iter().filter(|&&byte| byte == b'\n').count() as u64;
        assert_eq!(taken.left.by_priority().iter().sum::<u64>(), lines);
        assert_eq!(taken.damaged.len(), usize::from(end > 0 && whole[end - 1] != b'\n'));
    }
}

#[test]
fn a_spool_that_cannot_be_read_stops_the_start_and_one_that_cannot_be_written_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let failure = take(directory.path(), NOW).unwrap_err();
    assert_eq!(failure.code, Exit::Unavailable);
    assert!(failure.message.contains("drain.spool"), "{}", failure.message);
    assert!(write(&directory.path().join("absent").join("spool"), &left(), NOW).is_err());
}
