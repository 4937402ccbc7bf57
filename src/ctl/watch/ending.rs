//! When to end that is no failure: a signal, or nobody reads stdout any more.

use std::io;
use std::os::fd::AsFd;
use std::process;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use signal_hook::consts::TERM_SIGNALS;
use signal_hook::iterator::Signals;
use tokio::sync::Notify;

/// How long the program may take for its end after a signal. It may be in the middle of a write that nobody takes.
const GRACE: Duration = Duration::from_secs(1);

/// Waits for a good end.
pub(super) struct Ending(Arc<Notify>);

impl Ending {
    /// From now on SIGINT, SIGTERM and SIGQUIT end the program well, and so does the end of whoever reads it.
    pub fn new() -> io::Result<Self> {
        let over = Arc::new(Notify::new());
        let mut signals = Signals::new(TERM_SIGNALS)?;
        let signalled = Arc::clone(&over);
        thread::spawn(move || {
            if signals.forever().next().is_some() {
                signalled.notify_one();
                thread::sleep(GRACE);
                process::exit(0);
            }
        });
        let unread = Arc::clone(&over);
        thread::spawn(move || {
            if wait_for_the_last_reader() {
                unread.notify_one();
            }
        });
        Ok(Self(over))
    }

    /// Until it is time.
    pub async fn wait(self) {
        self.0.notified().await;
    }
}

/// A pipe or a terminal says so when nobody is at its other end. For a file this takes forever. False if it cannot be
/// waited for; the next line will show it then.
fn wait_for_the_last_reader() -> bool {
    let stdout = io::stdout();
    loop {
        // Errors are told without being asked for.
        let mut asked = [PollFd::new(stdout.as_fd(), PollFlags::empty())];
        match poll(&mut asked, PollTimeout::NONE) {
            Err(Errno::EINTR) => {}
            done => return done.is_ok(),
        }
    }
}
