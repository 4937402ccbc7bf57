//! Winding down: nothing more is accepted, clients are told, what is queued is still delivered.

use super::client::Notice;
use super::{ClientKey, Millis, Router};
use crate::protocol::Time;

/// The first client may come back after this long: a router that is only restarted is there again by then.
const FIRST_RETURN: Millis = 500;

/// What the next client is told.
#[derive(Clone, Copy)]
pub(super) struct Goodbye {
    deadline: Time,
    next: Millis,
    step: Millis,
}

impl Goodbye {
    fn notice(&mut self) -> Notice {
        let reconnect_after = self.next;
        self.next += self.step;
        Notice::Draining { deadline: self.deadline, reconnect_after }
    }
}

impl Router {
    /// From now on nothing is accepted; what is queued is still matched and delivered. Clients that said `hello` are
    /// told, each to come back at another moment within `spread` milliseconds, later ones behind that.
    pub fn drain(&mut self, deadline: Time, spread: Millis) {
        self.draining = true;
        let step = (spread / self.clients.len().max(1) as Millis).max(1);
        let mut goodbye = Goodbye { deadline, next: FIRST_RETURN, step };
        for key in self.client_keys() {
            if self.client(key).is_some_and(|client| client.hello) {
                self.notify(key, goodbye.notice());
            }
        }
        self.goodbye = Some(goodbye);
    }

    /// Tells a client that came late.
    pub(super) fn say_goodbye(&mut self, key: ClientKey) {
        if let Some(notice) = self.goodbye.as_mut().map(Goodbye::notice) {
            self.notify(key, notice);
        }
    }

    /// Whether [`Router::drain`] was called.
    pub fn is_draining(&self) -> bool {
        self.draining
    }

    /// Everything accepted has been delivered or ended in the dead letters.
    pub fn is_drained(&self) -> bool {
        self.ingress.is_empty()
            && self
                .clients
                .iter()
                .all(|(_, it)| it.outbox.len() == 0 && it.lane.as_ref().is_none_or(|lane| lane.has_ended()))
            && self.consumers_are_done()
    }
}
