//! What is compared after each step. Some of it follows from the rest as long as the model is right; it is checked by the
//! engine's own numbers as well, so that engine and model cannot be wrong in the same way.

use std::sync::Arc;

use gadugi_router::protocol::Time;
use gadugi_router::router::{Millis, Reason};
use uuid::Uuid;

use super::peer::{Peer, Phase};
use super::run::Run;

impl Run {
    pub fn check(&mut self) {
        self.check_queue();
        self.check_deadlines();
        self.check_conservation();
        self.check_letters();
        for at in 0..self.peers.len() {
            self.check_client(at);
            self.check_wakes(at);
        }
        self.check_health();
    }

    fn check_queue(&self) {
        let mut depth = [0; 10];
        self.model.queue.iter().for_each(|queued| depth[queued.event.priority().index()] += 1);
        let engines = self.router.queue_depth();
        assert_eq!(engines, depth, "depth of the queue");
        let settings = &self.model.settings;
        if settings.use_multi_queue {
            let sum = |levels: std::ops::Range<usize>| engines[levels].iter().sum::<usize>();
            assert!(sum(0..4) <= 5_000 && sum(4..6) <= 10_000 && sum(6..9) <= 5_000 && sum(9..10) <= 1_000);
        } else {
            assert!(engines.iter().sum::<usize>() <= settings.max_queue_size, "the queue exceeds its bound");
        }
    }

    fn check_conservation(&self) {
        let stats = self.router.stats();
        assert_eq!(stats, &self.model.stats, "engine's counters and the model's");
        let queued = self.router.queue_depth().iter().sum::<usize>() as u64;
        assert_eq!(
            stats.accepted.iter().sum::<u64>(),
            stats.processed + stats.lost_queued + queued,
            "accepted = processed + lost in the queue + queued"
        );
        let views = self.peers.iter().filter_map(|peer| self.router.view(peer.key));
        let waiting: usize = views.map(|view| view.outbox_events).sum();
        let lost = self.router.dead_letters().total() - stats.lost_queued;
        let late: u64 = self.model.late.iter().flatten().sum();
        assert_eq!(
            stats.matched,
            stats.delivered + lost + waiting as u64 + late,
            "matched = delivered + dead letters of subscribers + waiting + come back late"
        );
    }

    /// What was lost in this step was lost for good reason, is counted, and is kept as long as there is room.
    fn check_letters(&mut self) {
        let letters = self.router.dead_letters();
        for reason in Reason::ALL {
            assert_eq!(letters.count(reason), self.model.dead[reason as usize], "lost: {reason:?}");
        }
        let mut expected: Vec<_> = self
            .model
            .letters
            .drain(..)
            .map(|letter| {
                (Arc::as_ptr(&letter.event), letter.subscription, letter.reason, letter.at.cast_signed())
            })
            .collect();
        let count = expected.len() as u64;
        assert_eq!(letters.total() - self.letters_before, count, "lost in this step");
        let new: Vec<_> = self.new_letters().cloned().collect();
        for letter in &new {
            let found = (Arc::as_ptr(&letter.event), letter.subscription, letter.reason, letter.at);
            let Some(place) = expected.iter().position(|wanted| *wanted == found) else {
                panic!("no such loss was expected: {letter:?}");
            };
            expected.swap_remove(place);
        }
        let capacity = self.model.settings.dead_letters;
        assert_eq!(new.len(), capacity.min(count as usize), "kept of this step's");
        self.kept.extend(new.into_iter().map(|letter| (letter.event, letter.subscription)));
        while self.kept.len() > capacity {
            self.kept.pop_front();
        }
        let kept = self.router.dead_letters().iter();
        assert_eq!(kept.len(), self.kept.len(), "dead letters that are kept");
        self.letters_before += count;
    }

    /// The newest were kept, in order.
    pub fn check_kept(&self) {
        let same =
            self.router.dead_letters().iter().zip(&self.kept).all(|(letter, (event, subscription))| {
                Arc::ptr_eq(&letter.event, event) && letter.subscription == *subscription
            });
        assert!(same, "dead letters that are kept");
    }

    fn check_client(&self, at: usize) {
        let Peer { key, name, .. } = self.peers[at];
        let Some(client) = self.model.clients.iter().find(|client| client.key == key) else {
            panic!("the model knows no client {name}");
        };
        let Some(view) = self.router.view(key) else { panic!("the engine knows no client {name}") };
        let mine: Vec<(&str, Uuid, Millis)> =
            client.waiting.iter().map(|w| (w.event.id(), w.subscription, w.deadline)).collect();
        let mut waiting = self.router.waiting(key);
        let same = client.waiting.iter().all(|wanted| {
            waiting
                .next()
                .is_some_and(|(event, id)| Arc::ptr_eq(event, &wanted.event) && id == wanted.subscription)
        });
        if !same || waiting.next().is_some() {
            let engines: Vec<_> = self.router.waiting(key).map(|(event, id)| (event.id(), id)).collect();
            panic!("{engines:?} waits for client {name}, not {mine:?}");
        }
        assert_eq!(
            (view.outbox_events, view.outbox_bytes),
            (client.len(), client.bytes()),
            "outbox of {name}"
        );
        let subscriptions = self.model.subscriptions.iter().filter(|subscription| subscription.client == key);
        assert_eq!(view.subscriptions, subscriptions.count(), "subscriptions of client {name}");
        assert_eq!(self.router.close_wanted(key), client.close, "close of client {name}");
        let settings = &self.model.settings;
        // What is being written cannot be taken back when the bounds become smaller.
        let within =
            view.outbox_events <= settings.outbox_events && view.outbox_bytes <= settings.outbox_size;
        assert!(
            within || client.waiting.is_empty(),
            "the outbox of client {name} exceeds its bounds: {view:?}"
        );
    }

    /// A connection that had nothing to do is woken when it has, and by nothing else.
    fn check_wakes(&mut self, at: usize) {
        let peer = &mut self.peers[at];
        let Some(client) = self.model.client(peer.key) else { return };
        let rings = peer.bell.rings();
        if client.due && matches!(peer.phase, Phase::Ready) {
            assert!(rings > peer.rings_at_turn, "client {} has something to do and was not woken", peer.name);
        }
        let woken = rings > peer.rings_before;
        assert!(!woken || client.wakeable, "client {} was woken for nothing", peer.name);
        peer.rings_before = rings;
        client.wakeable = false;
    }

    fn check_health(&self) {
        let health = self.router.health(self.now, Time::from_micros(0));
        assert_eq!(health.events_in_queue, self.model.queue.len() as u64);
        assert_eq!(health.active_subscriptions, self.model.subscriptions.len() as u64);
        assert_eq!(health.connected_clients, self.model.clients.len() as u64);
        assert_eq!(self.router.is_draining(), self.model.draining);
        let empty = self.model.queue.is_empty() && self.model.clients.iter().all(|client| client.len() == 0);
        assert_eq!(self.router.is_drained(), empty, "is_drained");
    }
}
