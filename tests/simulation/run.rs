//! One run: engine and model go through the same steps, and are compared after each.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use gadugi_router::protocol::{Event, Receipt as When};
use gadugi_router::router::{Close, DeadLetter, Millis, Published, Receipt, Refusal, Router};
use uuid::Uuid;

use super::messages::{self, Sequences};
use super::model::Model;
use super::peer::{Peer, Phase};
use super::profile::{Action, Profile};
use super::rng::Rng;
use super::trace::Trace;

pub struct Run {
    pub profile: Profile,
    pub router: Router,
    pub model: Model,
    pub peers: Vec<Peer>,
    /// What clients that are gone had got, by their names.
    pub logs: Vec<(usize, Vec<(String, Uuid)>)>,
    pub now: Millis,
    pub step: u64,
    pub rng: Rng,
    pub trace: Trace,
    /// The dead letters that are kept, oldest first.
    pub kept: VecDeque<(Arc<Event>, Option<Uuid>)>,
    /// The dead letters that there were before this step.
    pub letters_before: u64,
    /// Somebody looks for expired events now and then: as in the server, only while there may be some.
    pub ticking: bool,
    /// The client that never reads.
    pub mute: Option<usize>,
    sequences: Sequences,
    connected: usize,
}

impl Run {
    pub fn new(seed: u64, profile: Profile, mute: Option<usize>, trace: Trace) -> Self {
        let settings = profile.settings.clone();
        trace.note(|| format!("{settings:?}"));
        let mut run = Self {
            router: Router::new(settings.clone()),
            model: Model::new(settings),
            profile,
            peers: Vec::new(),
            logs: Vec::new(),
            now: 1_000,
            step: 0,
            rng: Rng::of_step(seed, 0),
            trace,
            kept: VecDeque::new(),
            letters_before: 0,
            ticking: false,
            mute,
            sequences: Sequences::default(),
            connected: 0,
        };
        for _ in 0..run.profile.crowd {
            run.connect();
        }
        for step in 1..=run.profile.steps {
            run.step = step;
            run.rng = Rng::of_step(seed, step);
            let action = run.profile.action(&mut run.rng);
            run.act(action);
            run.check();
        }
        run.finale();
        run
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Connect => self.connect(),
            Action::Publish => self.publish(),
            Action::Flood => (0..1 + self.rng.below(self.profile.flood)).for_each(|_| self.publish()),
            Action::Dispatch => self.dispatch(),
            Action::Tick => self.tick(),
            Action::Expire => self.expire(),
            Action::Reconfigure => self.reconfigure(),
            Action::Disconnect
            | Action::Hello
            | Action::Subscribe
            | Action::Unsubscribe
            | Action::Take
            | Action::Finish
            | Action::ReadAll
            | Action::Stall
            | Action::Close => {
                if let Some(peer) = self.any_peer() {
                    self.act_for(action, peer);
                }
            }
        }
    }

    /// What one connection does, if it is in the phase for it.
    fn act_for(&mut self, action: Action, at: usize) {
        let peer = &mut self.peers[at];
        let reads = self.step >= peer.stalled_until && self.mute != Some(peer.name);
        match action {
            Action::Disconnect => self.disconnect(at),
            Action::Take | Action::Finish if matches!(peer.phase, Phase::Closing) => self.disconnect(at),
            Action::Stall => peer.stalled_until = self.step + 5 + self.rng.below(60) as u64,
            Action::Close => self.close(at),
            Action::Hello if peer.listens() => self.hello(at),
            Action::Subscribe if peer.listens() => self.subscribe(at),
            Action::Unsubscribe if peer.listens() => self.unsubscribe(at),
            Action::Take if reads && matches!(peer.phase, Phase::Ready) => self.take(at),
            Action::Take if matches!(peer.phase, Phase::MidEvent(_)) => self.take_notices(at),
            Action::Finish if reads => self.finish(at),
            Action::ReadAll if reads => self.read_all(at),
            _ => {}
        }
    }

    fn any_peer(&mut self) -> Option<usize> {
        (!self.peers.is_empty()).then(|| self.rng.below(self.peers.len()))
    }

    /// Wakes whom the engine's last call gave work.
    pub fn wake(&mut self) {
        let mut wakers = Vec::new();
        self.router.take_wakers(&mut wakers);
        wakers.into_iter().for_each(Waker::wake);
    }

    fn connect(&mut self) {
        let connected = self.router.connect();
        let most = self.model.settings.max_clients;
        if self.model.clients.len() >= most {
            assert_eq!(connected, Err(Refusal::MaxClients(most)));
            return;
        }
        let key = connected.unwrap_or_else(|refusal| panic!("no room for a client: {refusal:?}"));
        let name = self.connected;
        self.connected += 1;
        self.trace.note(|| format!("client {name} connects"));
        self.model.connect(key);
        self.peers.push(Peer::new(name, key));
        if self.rng.chance(self.profile.hello_percent) {
            self.hello(self.peers.len() - 1);
        }
    }

    fn hello(&mut self, at: usize) {
        let Peer { key, name, .. } = self.peers[at];
        self.trace.note(|| format!("client {name} says hello"));
        self.router.hello(key);
        self.model.client(key).into_iter().for_each(|client| client.hello = true);
    }

    fn subscribe(&mut self, at: usize) {
        let Peer { key, name, .. } = self.peers[at];
        let id = Uuid::from_u64_pair(self.rng.next(), self.rng.next());
        let wanted = messages::subscription(&mut self.rng, &self.profile);
        let topics: Vec<_> = wanted.topics.iter().map(|pattern| pattern.as_str().to_owned()).collect();
        let group = wanted.group.clone();
        self.trace.note(|| format!("client {name} subscribes to {topics:?}, group {group:?}, as {id}"));
        let subscribed = self.router.subscribe(key, id, wanted.clone());
        if self.model.client(key).is_some_and(|client| client.close.is_some()) {
            assert_eq!(subscribed, Err(Refusal::NotFound));
            return;
        }
        let most = self.model.settings.max_subscriptions;
        if self.model.subscriptions.iter().filter(|subscription| subscription.client == key).count() >= most {
            assert_eq!(subscribed, Err(Refusal::MaxSubscriptions(most)));
            return;
        }
        let number = self.model.subscribe(key, id, wanted);
        assert_eq!(subscribed.map(|subscribed| subscribed.number), Ok(number));
        self.peers[at].subscriptions.push(id);
    }

    /// Mostly one of its own; sometimes another's, or none that exists.
    fn unsubscribe(&mut self, at: usize) {
        let owner = if self.rng.chance(80) { at } else { self.rng.below(self.peers.len()) };
        let owned = &self.peers[owner].subscriptions;
        let id = if owned.is_empty() { Uuid::nil() } else { owned[self.rng.below(owned.len())] };
        let Peer { key, name, .. } = self.peers[at];
        self.trace.note(|| format!("client {name} unsubscribes {id}"));
        let known = self.model.subscriptions.iter().find(|subscription| subscription.id == id);
        let expected = match known {
            None => Err(Refusal::NotFound),
            Some(subscription) if subscription.client != key => Err(Refusal::NotOwner),
            Some(_) => Ok(()),
        };
        assert_eq!(self.router.unsubscribe(key, id, self.now), expected);
        if expected.is_ok() {
            self.model.unsubscribe(key, id, self.now);
            self.peers[at].subscriptions.retain(|own| *own != id);
        }
        self.wake();
    }

    fn close(&mut self, at: usize) {
        let Peer { key, name, .. } = self.peers[at];
        let close = self.rng.pick(&[Close::GoingAway, Close::SlowConsumer]);
        self.trace.note(|| format!("client {name} is to be closed: {close:?}"));
        self.router.close(key, close);
        self.model.close(key, close);
        self.wake();
    }

    fn publish(&mut self) {
        let (event, options) = messages::publish(&mut self.rng, &self.profile, &mut self.sequences);
        let token = self.rng.next();
        let asks = options.receipt == When::Dispatched;
        let publisher = self.any_peer().filter(|&at| asks && self.peers[at].listens());
        let receipt = publisher.map(|at| Receipt { client: self.peers[at].key, token });
        let published = self.router.publish(event.clone(), options.ttl_ms, receipt, self.now);
        let line = format!("{} on {}, {} bytes", event.id(), event.topic(), event.size());
        let to = publisher.map(|at| self.peers[at].name);
        self.trace.note(|| format!("publish {line}, {options:?}, receipt to client {to:?}: {published:?}"));
        let expected = self.model.publish(event, options.ttl_ms, receipt, self.now);
        assert_eq!(published, expected, "publish {line}");
        if let (Some(at), Published::Queued) = (publisher, published) {
            self.peers[at].receipts.insert(token);
        }
        self.wake();
    }

    /// Matches some of what is queued.
    fn dispatch(&mut self) {
        if self.profile.solo {
            let budget = self.rng.pick(&[0, 1, 3, 20, 4_096]);
            return self.dispatch_many(budget);
        }
        for _ in 0..self.rng.pick(&[1, 1, 4, 20]) {
            self.dispatch_many(1);
            if self.model.queue.is_empty() {
                break;
            }
        }
    }

    pub fn dispatch_many(&mut self, budget: usize) {
        let queued = self.model.queue.len();
        let next = self.model.queue.first().map(|queued| queued.event.clone());
        let more = self.router.dispatch(budget, self.now);
        let left: usize = self.router.queue_depth().iter().sum();
        assert_eq!(more, left > 0 && queued > 0, "dispatch tells whether there is more");
        assert!(left <= queued && queued - left <= budget, "{queued} queued, {left} left by {budget}");
        assert!(left < queued || queued == 0 || budget == 0, "dispatch did nothing");
        let reached = next.map(|event| self.reached(&event)).unwrap_or_default();
        self.trace
            .note(|| format!("dispatch {budget}: {queued} were queued, {left} are; reached {reached:?}"));
        (left..queued).for_each(|_| self.model.dispatch_one(&reached, self.now));
        self.wake();
    }

    /// The subscriptions that an event was given to or lost for.
    fn reached(&self, event: &Arc<Event>) -> Vec<Uuid> {
        if self.profile.solo {
            return Vec::new();
        }
        let mut reached = Vec::new();
        for peer in &self.peers {
            let waiting = self.router.waiting(peer.key).filter(|(other, _)| Arc::ptr_eq(other, event));
            reached.extend(waiting.map(|(_, id)| id));
        }
        let letters = self.new_letters().filter(|letter| Arc::ptr_eq(&letter.event, event));
        reached.extend(letters.filter_map(|letter| letter.subscription));
        reached
    }

    /// Those of this step that the engine still keeps.
    pub fn new_letters(&self) -> impl Iterator<Item = &DeadLetter> {
        let letters = self.router.dead_letters();
        let new = (letters.total() - self.letters_before) as usize;
        letters.iter().skip(letters.iter().len().saturating_sub(new))
    }
}
