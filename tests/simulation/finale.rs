//! How a run ends: nothing more is accepted, what is there is delivered or given up, and the books must balance.

use gadugi_router::protocol::Time;
use gadugi_router::router::Published;

use super::messages::{self, Sequences};
use super::peer::Phase;
use super::run::Run;

impl Run {
    pub fn finale(&mut self) {
        self.router.drain(Time::from_micros(7), 0);
        self.model.drain(&self.router.client_keys(), Time::from_micros(7));
        self.wake();
        self.trace.note(|| "drain".into());
        self.refuse();
        if self.profile.abandon {
            self.abandon();
        }
        while !self.model.queue.is_empty() {
            self.dispatch_many(if self.profile.solo { 4_096 } else { 1 });
            self.check();
        }
        self.all_read();
        if self.mute.is_none() {
            assert!(self.router.is_drained(), "everything is read, and still the engine is not drained");
        }
        self.check_kept();
        while !self.peers.is_empty() {
            self.disconnect(0);
            self.check();
        }
        assert!(self.router.is_drained());
        assert_eq!(
            self.router.take_late().by_priority(),
            self.model.late.unwrap_or_default(),
            "what came back late"
        );
        assert_eq!((self.model.subscriptions.len(), self.router.connected_clients()), (0, 0));
    }

    /// Whoever publishes now is refused.
    fn refuse(&mut self) {
        let (event, options) = messages::publish(&mut self.rng, &self.profile, &mut Sequences::default());
        let published = self.router.publish(event.clone(), options.ttl_ms, None, self.now);
        assert_eq!(published, Published::Draining);
        assert_eq!(self.model.publish(event, options.ttl_ms, None, self.now), Published::Draining);
        self.check();
    }

    fn abandon(&mut self) {
        let left = self.router.take_left();
        self.trace.note(|| format!("abandon: {left:?}"));
        let counts = (left.by_priority(), left.subscribers());
        self.router.bury(left, self.now);
        assert_eq!(counts, self.model.abandon(self.now), "what was given up");
        self.wake();
        self.check();
    }

    /// Everybody reads, and those whose connection was to be closed are gone.
    fn all_read(&mut self) {
        for at in (0..self.peers.len()).rev() {
            if self.mute == Some(self.peers[at].name) {
                continue;
            }
            self.read_all(at);
            if matches!(self.peers[at].phase, Phase::Closing) {
                self.disconnect(at);
            } else {
                let peer = &self.peers[at];
                assert!(
                    peer.receipts.is_empty(),
                    "client {} waits for receipts in vain: {:?}",
                    peer.name,
                    peer.receipts
                );
            }
            self.check();
        }
    }
}
