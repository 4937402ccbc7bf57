//! Signals that come while the router starts wait until somebody listens for them.
//!
//! Without this, a SIGTERM between the first open socket and the first handler would end the process at once, with an
//! error, and leave its PID file behind.

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal};

use super::exit::{Exit, Failure};

/// What a router may be sent.
const SIGNALS: [Signal; 5] =
    [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGUSR1, Signal::SIGUSR2];

/// Signals of this thread, and of those that it starts meanwhile, that the kernel keeps.
#[derive(Debug)]
pub(super) struct HeldSignals(SigSet);

impl HeldSignals {
    /// Holds them from now on. A host name may be looked up meanwhile: the end can wait for as long as that takes.
    ///
    /// # Errors
    /// The system refuses.
    pub fn hold() -> Result<Self, Failure> {
        let set: SigSet = SIGNALS.into_iter().collect();
        set.thread_block().map_err(|error| failure("hold", error))?;
        Ok(Self(set))
    }

    /// Lets them come, each once: to be called when handlers are there.
    ///
    /// # Errors
    /// The system refuses.
    pub fn release(self) -> Result<(), Failure> {
        self.0.thread_unblock().map_err(|error| failure("release", error))
    }
}

fn failure(what: &str, error: Errno) -> Failure {
    Failure::new(Exit::System, format!("cannot {what} signals: {}", error.desc()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_blocked_until_it_is_released() {
        let blocked = || SigSet::thread_get_mask().unwrap().contains(Signal::SIGTERM);
        let held = HeldSignals::hold().unwrap();
        assert!(blocked());
        held.release().unwrap();
        assert!(!blocked());
    }
}
