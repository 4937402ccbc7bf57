//! `drain`: winds the router down, and shows how far that is until it has ended.

use std::thread;
use std::time::{Duration, Instant};

use super::connection::Connection;
use super::failure::Failure;
use super::interrupted;
use super::output::{Output, by_priority};
use super::progress::line;
use crate::admin::messages::{Answer, Ended, Progress, Request};

/// How long it may take until the router tells how far it is.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the process may take after its last word. Where a service manager holds the socket, it is always there.
const LAST: Duration = Duration::from_secs(3);
/// What Ctrl-C does not change.
pub(super) const GOES_ON: &str =
    "interrupted: the router goes on with its end; gadugi-routerctl drain or stop shows again how far it is";
const LOOK_AGAIN: Duration = Duration::from_millis(10);

pub(super) fn run(mut router: Connection, out: &mut Output) -> Result<(), Failure> {
    interrupted::say_what_goes_on(GOES_ON)?;
    let mut shown = None;
    let ended = follow(&mut router, PATIENCE, |progress| {
        if out.json {
            return out.json_line(&Answer::Progress(progress));
        }
        if shown.as_ref() != Some(&progress) {
            out.line(line(&progress))?;
        }
        shown = Some(progress);
        Ok(())
    })?;
    let said = if out.json { out.json_line(&Answer::Ended(ended)) } else { out.line(last_line(&ended)) };
    wait_for_the_end(&router);
    said
}

/// Asks for the end, or for how far it is when it has begun, and tells that until it is over.
pub(super) fn follow(
    router: &mut Connection,
    patience: Duration,
    mut tell: impl FnMut(Progress) -> Result<(), Failure>,
) -> Result<Ended, Failure> {
    let mut answer = router.ask_within(&Request::Drain, patience)?;
    loop {
        match answer {
            Answer::Progress(progress) => tell(progress)?,
            Answer::Ended(ended) => return Ok(ended),
            _ => return Err(router.not_understood("it does not say how far the end is")),
        }
        answer = router.next()?;
    }
}

/// What came of it, in words.
pub(super) fn last_line(ended: &Ended) -> String {
    let left: u64 = ended.left.iter().sum();
    if left == 0 {
        return "ended: everything was delivered".to_owned();
    }
    let what = format!("ended: {left} events were left (priority: {})", by_priority(&ended.left));
    if ended.kept.as_deref() == Some("spool") {
        return what + ", in the spool: the router takes them in when it is started";
    }
    what + " and are lost: a drain.spool that is set and can be written keeps them"
}

/// The socket's file is the last thing but one that the process takes away.
pub(super) fn wait_for_the_end(router: &Connection) {
    let begun = Instant::now();
    while begun.elapsed() < LAST && router.path().exists() {
        thread::sleep(LOOK_AGAIN);
    }
}
