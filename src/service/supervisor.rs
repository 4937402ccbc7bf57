//! What the service manager is told: sd_notify(3).
//!
//! A thread of its own sends it. The socket's queue is short, and when the manager is busy or stopped, sending blocks:
//! that must not hold up an event.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use sd_notify::NotifyState;

/// Messages that wait while the manager does not read; more are dropped, and the next will be more to the point.
const WAITING: usize = 64;
/// How long the end waits for the last of them.
const PATIENCE: Duration = Duration::from_secs(1);

/// Something to say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Say {
    /// All listeners accept.
    Ready,
    /// The settings are being read anew; [`Say::Ready`] follows.
    Reloading,
    /// The end has begun.
    Stopping,
    /// The end needs more time: this long from now on.
    Extend(Duration),
    /// The dispatcher works.
    Watchdog,
    /// What the router does, in words.
    Status(String),
}

/// The service manager, if there is one.
#[derive(Clone)]
pub(super) struct Supervisor {
    said: Option<SyncSender<Say>>,
}

/// Ends the thread.
pub(super) struct Listener {
    done: Option<Receiver<()>>,
}

impl Supervisor {
    /// Begins to talk, if `NOTIFY_SOCKET` says that somebody listens.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub fn find(notify_socket: bool) -> io::Result<(Self, Listener)> {
        if !notify_socket {
            return Ok((Self { said: None }, Listener { done: None }));
        }
        let (said, heard) = sync_channel(WAITING);
        let (ending, done) = sync_channel::<()>(0);
        thread::Builder::new().name("notify".to_owned()).spawn(move || {
            // Dropped with the thread, which is the signal.
            let _ending = ending;
            heard.iter().for_each(|say| send(&say));
        })?;
        Ok((Self { said: Some(said) }, Listener { done: Some(done) }))
    }

    /// Says everything to a test.
    #[cfg(test)]
    pub fn for_tests() -> (Self, Receiver<Say>) {
        let (said, heard) = sync_channel(10_000);
        (Self { said: Some(said) }, heard)
    }

    /// Whether anybody listens.
    pub fn is_there(&self) -> bool {
        self.said.is_some()
    }

    /// Says something, soon.
    pub fn say(&self, say: Say) {
        if let Some(said) = &self.said
            && said.try_send(say).is_err()
        {
            tracing::debug!("the service manager does not read what it is told");
        }
    }
}

impl Listener {
    /// Waits a moment until all is sent. To be called when there is no [`Supervisor`] any more.
    pub fn finish(self) {
        if let Some(done) = self.done
            && matches!(done.recv_timeout(PATIENCE), Err(RecvTimeoutError::Timeout))
        {
            tracing::warn!("the service manager did not read all that it was told");
        }
    }
}

fn send(say: &Say) {
    let sent = match say {
        Say::Ready => sd_notify::notify(&[NotifyState::Ready]),
        // systemd 253 and later want both in one message.
        Say::Reloading => NotifyState::monotonic_usec_now()
            .and_then(|now| sd_notify::notify(&[NotifyState::Reloading, now])),
        Say::Stopping => sd_notify::notify(&[NotifyState::Stopping]),
        Say::Extend(time) => {
            let micros = u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
            sd_notify::notify(&[NotifyState::ExtendTimeoutUsec(micros)])
        }
        Say::Watchdog => sd_notify::notify(&[NotifyState::Watchdog]),
        Say::Status(text) => sd_notify::notify(&[NotifyState::Status(&one_line(text))]),
    };
    if let Err(error) = sent {
        tracing::warn!(%error, "the service manager could not be told");
    }
}

/// A newline would end the field, and what follows would be taken for others.
fn one_line(text: &str) -> String {
    text.replace(['\n', '\r', '\0'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_one_line_whatever_is_in_it() {
        assert_eq!(one_line("a\nREADY=1\r\n\0b"), "a READY=1   b");
    }

    #[test]
    fn without_a_manager_nothing_is_said_and_nothing_waits() {
        let (supervisor, listener) = Supervisor::find(false).unwrap();
        assert!(!supervisor.is_there());
        supervisor.say(Say::Ready);
        drop(supervisor);
        listener.finish();
    }
}
