//! `drain`: winds the router down, and shows how far that is until it has ended.

use std::thread;
use std::time::{Duration, Instant};

use super::connection::Connection;
use super::failure::Failure;
use super::output::{Output, by_priority};
use crate::admin::messages::{Answer, Ended, Progress, Request};

/// How long the process may take after its last word. Where a service manager holds the socket, it is always there.
const LAST: Duration = Duration::from_secs(3);
const LOOK_AGAIN: Duration = Duration::from_millis(10);

pub(super) fn run(mut router: Connection, out: &mut Output) -> Result<(), Failure> {
    let mut answer = router.ask_patiently(&Request::Drain)?;
    let mut shown = None;
    loop {
        if out.json {
            out.json_line(&answer)?;
        }
        match answer {
            Answer::Progress(progress) => {
                if !out.json && shown.as_ref() != Some(&progress) {
                    out.line(line(&progress))?;
                }
                shown = Some(progress);
            }
            Answer::Ended(ended) => {
                wait_for_the_end(&router);
                return if out.json { Ok(()) } else { out.line(last_line(&ended)) };
            }
            _ => return Err(router.not_understood("it does not say how far the end is")),
        }
        answer = router.next()?;
    }
}

fn line(progress: &Progress) -> String {
    let Progress { phase, queued, waiting, clients } = progress;
    format!("{phase}: {queued} queued, {waiting} waiting for subscribers, {clients} clients")
}

fn last_line(ended: &Ended) -> String {
    let left: u64 = ended.left.iter().sum();
    if left == 0 {
        return "ended: everything was delivered".to_owned();
    }
    format!("ended: {left} events were left (priority: {}), in the {}", by_priority(&ended.left), ended.kept)
}

/// The socket's file is the last thing but one that the process takes away.
fn wait_for_the_end(router: &Connection) {
    let begun = Instant::now();
    while begun.elapsed() < LAST && router.path().exists() {
        thread::sleep(LOOK_AGAIN);
    }
}
