//! The examples run, and say what they should.

use std::path::PathBuf;
use std::process::{Output, Stdio};

use nix::sys::signal::Signal;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use super::router::Router;
use super::soon;

/// Where Cargo puts them when it builds the tests.
fn example(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let path = tests.parent().unwrap().parent().unwrap().join("examples").join(name);
    assert!(path.exists(), "{} is not there; cargo build --examples", path.display());
    path
}

async fn run(name: &str) -> String {
    let router = Router::running().await;
    let mut command = Command::new(example(name));
    command.arg(router.url()).stdin(Stdio::null()).kill_on_drop(true);
    let Output { status, stdout, stderr } = soon(command.output()).await.unwrap();
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

#[tokio::test]
async fn three_agents() {
    let said = run("three_agents").await;
    for line in [
        "task-001: Process user registration: done by worker-",
        "task-004: division by zero",
        "task.created 5",
    ] {
        assert!(said.contains(line), "{said}");
    }
}

#[tokio::test]
async fn request_reply() {
    let said = run("request_reply").await;
    assert_eq!(
        said,
        "1 + 2 = 3\n1 / 0: the responder failed: division by zero\nnobody subscribes to math.root\n"
    );
}

#[tokio::test]
async fn work_sharing() {
    let said = run("work_sharing").await;
    let count = |name: &str| -> u32 {
        let line = said.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.strip_prefix(": ")).unwrap().parse().unwrap()
    };
    let (quick, slow) = (count("quick"), count("slow"));
    assert_eq!(quick + slow, 200, "{said}");
    assert!(slow > 0, "{said}");
}

#[tokio::test]
async fn durable_worker() {
    let said = run("durable_worker").await;
    for line in
        ["mail: done at attempt 1", "report: done at attempt 2", "impossible: given up after 3 attempts"]
    {
        assert!(said.contains(line), "{said}");
    }
}

#[tokio::test]
async fn health() {
    let said = run("health").await;
    assert!(said.contains("\n1 clients, 0 subscriptions\n"), "{said}");
}

#[tokio::test]
async fn reconnection() {
    let mut router = Router::running().await;
    let url = router.url();
    let mut command = Command::new(example("reconnection"));
    command.arg(&url).stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut running = command.spawn().unwrap();
    let mut lines = BufReader::new(running.stdout.take().unwrap()).lines();
    let mut said = Vec::new();
    while let Some(line) = soon(lines.next_line()).await.unwrap() {
        if line == "tick 3" {
            router.stop(Signal::SIGKILL).await;
            router.start().await;
        }
        said.push(line);
    }
    assert!(soon(running.wait()).await.unwrap().success());
    let count = |begins: &str| said.iter().filter(|line| line.starts_with(begins)).count();
    assert!(count("connected, as") == 2 && count("reconnecting in") >= 1, "{said:#?}");
    // What was confirmed and not delivered when the router was killed is gone with it.
    assert!(count("tick ") >= 4 && count("closed") <= 1, "{said:#?}");
}
