//! A disk that is full, and one that may not be written to: a file system in memory of a few megabytes.
//!
//! Mounting one needs root, or a kernel that lets users have name spaces of their own. Elsewhere nothing is tested here;
//! a file that SQLite does not let grow (`PRAGMA max_page_count`) stands in for it in the store's own tests.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use gadugi_router::store::{Kind, Outcome, State, Store, StoreError};

use crate::support::{PATIENCE, all, event, open, problems};

/// Tells the test that it has a mount name space of its own, and where it may mount.
const INSIDE: &str = "GADUGI_STORE_SMALL_DISK";
const IN_A_NAMESPACE: [&str; 4] = ["--user", "--map-root-user", "--mount", "--"];

#[test]
fn a_full_disk_is_told_and_the_store_goes_on_when_there_is_room() {
    if let Ok(folder) = env::var(INSIDE) {
        return inside(Path::new(&folder));
    }
    let can =
        Command::new("unshare").args(IN_A_NAMESPACE).args(["mount", "-t", "tmpfs", "none", "/mnt"]).output();
    if !can.is_ok_and(|output| output.status.success()) {
        eprintln!("no small disk: this user may not mount");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let output = Command::new("unshare")
        .args(IN_A_NAMESPACE)
        .arg(env::current_exe().expect("this program"))
        .args([
            "--exact",
            "full_disk::a_full_disk_is_told_and_the_store_goes_on_when_there_is_room",
            "--nocapture",
        ])
        .env(INSIDE, folder.path())
        .output()
        .expect("this program, again");
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{output:?}");
}

fn mount(folder: &Path, options: &str) {
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", options, "none"]).arg(folder).status();
    assert!(mounted.is_ok_and(|status| status.success()), "mount -o {options}");
}

fn inside(folder: &Path) {
    mount(folder, "size=3m");
    let path = folder.join("store.db");
    let filler = folder.join("filler");
    fs::write(&filler, vec![0; 1 << 20]).expect("a filler");
    let (sender, answers) = sync_channel(10);
    let store =
        open(&path, Box::new(move |outcomes| sender.send(outcomes).unwrap_or_default())).expect("a store");
    let mut stored = Vec::new();
    let error = loop {
        let number = stored.len() + 1;
        match append(&store, &answers, number) {
            Ok(sequence) => stored.push((sequence, number.to_string())),
            Err(error) => break error,
        }
        assert!(number < 5_000, "it never became full");
    };
    assert!(error.kind == Kind::Full && error.to_string().contains("store.db"), "{error}");
    assert!(matches!(store.health().state, State::Failed(_)));
    assert_eq!(append(&store, &answers, 0).expect_err("it is refused at once").kind, Kind::Full);
    assert_eq!(all(&store), stored, "what is there can be read");

    fs::remove_file(&filler).expect("room");
    let since = Instant::now();
    while store.health().state != State::Working {
        assert!(since.elapsed() < PATIENCE, "{:?}", store.health());
        thread::sleep(Duration::from_millis(5));
    }
    let sequence = append(&store, &answers, 9_999).expect("it is stored");
    let there = all(&store);
    // What was refused may have reached the disk all the same; what was confirmed must.
    assert!(stored.iter().all(|event| there.contains(event)));
    assert!(there.contains(&(sequence, "9999".to_owned())));
    assert_eq!(problems(&store), Vec::<String>::new());
    store.end();
    drop(store);

    let since = Instant::now();
    while !Command::new("mount")
        .args(["-o", "remount,ro"])
        .arg(folder)
        .output()
        .is_ok_and(|it| it.status.success())
    {
        assert!(since.elapsed() < PATIENCE, "its files stay open");
        thread::sleep(Duration::from_millis(5));
    }
    let error = open(&path, Box::new(|_| {})).err().expect("a refusal");
    assert!(error.kind == Kind::ReadOnly && error.to_string().contains("store.db"), "{error}");
}

fn append(store: &Store, answers: &Receiver<Vec<Outcome>>, number: usize) -> Result<u64, StoreError> {
    let rule = store.rules().of("keep").expect("a rule");
    store.append(event(&number.to_string(), "keep", 5, 2_000), rule, number as u64)?;
    let mut outcomes = answers.recv_timeout(PATIENCE).expect("an answer");
    outcomes.pop().expect("an answer").1.map_err(|error| *error)
}
