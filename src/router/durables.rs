//! Durable subscriptions in the engine: who comes, what is read for them, what becomes of it.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use uuid::Uuid;

use super::consumers::{Consumer, ConsumerKey};
use super::durable::{Arrival, Durable, Histories, Standing};
use super::ledger::{Dead, Task};
use super::subscription::{Gap, SubscriptionKey};
use super::{ClientKey, Errand, Fed, Millis, Moment, Notice, Reason, Refusal, Refusals, Router, Subscribed};
use crate::protocol::{Priority, Subscription as Wanted};

/// When fewer wait, more are read: two turns of what a quick subscriber takes.
const ENOUGH: usize = 1_024;
/// The store could not be read: when it is tried again.
const RETRY: Millis = 1_000;
/// Durable subscriptions that nobody is there of, and whose vain attempts are remembered all the same: an event that kills
/// its subscriber must not do so for ever.
const MOST_ABSENT: usize = 1_024;

/// What was tried in vain, by the name of durable subscriptions that nobody is there of.
#[derive(Default)]
pub(super) struct Absent(HashMap<Box<str>, Histories, RandomState>);

impl Absent {
    fn keep(&mut self, name: Box<str>, histories: Histories) {
        if !histories.is_empty() && (self.0.len() < MOST_ABSENT || self.0.contains_key(&name)) {
            self.0.insert(name, histories);
        }
    }
}

impl Router {
    /// Whether clients are there that ask for something else by this durable name.
    pub fn is_taken(&self, wanted: &Wanted) -> bool {
        let consumer = wanted.durable.as_deref().and_then(|name| self.durable(name));
        consumer.is_some_and(|key| {
            let its = self.consumers.get(key.0 as usize).and_then(|it| it.durable.as_ref());
            its.is_some_and(|its| *its.wanted != bare(wanted.clone()))
        })
    }

    /// A client asks for a durable subscription, of which the store has said where it stands. Of one that others are there
    /// of the engine knows it better.
    ///
    /// # Errors
    /// [`Refusal::DurableTaken`], and those of [`Router::subscribe`].
    pub fn resume(
        &mut self,
        key: ClientKey,
        id: Uuid,
        wanted: Wanted,
        standing: &Standing,
    ) -> Result<Subscribed, Refusal> {
        if self.is_taken(&wanted) {
            return Err(Refusal::DurableTaken);
        }
        let (Some(name), Some(acks)) = (wanted.durable.clone(), wanted.ack) else {
            return Err(Refusal::NotFound);
        };
        let subscribed = self.subscribe(key, id, wanted.clone())?;
        let Some(&place) = self.by_id.get(&id) else { return Err(Refusal::NotFound) };
        let consumer = self.durable(&name).unwrap_or_else(|| {
            let wanted = bare(wanted);
            let mut consumer = Consumer::new(wanted.clone(), acks, None);
            // What this run of the router knows is the newer.
            let mut histories: Histories = standing.tried.iter().cloned().collect();
            histories.extend(self.absent.0.remove(&name).unwrap_or_default());
            consumer.ledger.tried = Some(Vec::new());
            consumer.durable =
                Some(Box::new(Durable::new(name.clone(), Arc::new(wanted), standing, histories)));
            ConsumerKey(self.consumers.insert(consumer) as u32)
        });
        self.tell_lost(key, id, name, standing.lost);
        self.join(place, consumer);
        Ok(subscribed)
    }

    /// Does that for a client who waits for the answer; `Err` has why the store could not say where it stands.
    pub fn answer_resume(
        &mut self,
        (key, token): (ClientKey, u64),
        id: Uuid,
        wanted: Wanted,
        standing: Result<Standing, Arc<str>>,
    ) {
        let outcome = standing.and_then(|standing| {
            let resumed = self.resume(key, id, wanted, &standing);
            resumed.map(|made| (id, made.number)).map_err(|refusal| refusal.to_string().into())
        });
        self.notify(key, Notice::Resumed { token, outcome });
    }

    /// The store could not say where it stands.
    pub fn refuse_resume(&mut self, key: ClientKey, token: u64, why: Arc<str>) {
        self.notify(key, Notice::Resumed { token, outcome: Err(why) });
    }

    fn tell_lost(
        &mut self,
        key: ClientKey,
        subscription: Uuid,
        name: Box<str>,
        lost: [u64; Priority::LEVELS],
    ) {
        if lost.iter().all(|&count| count == 0) || !self.client(key).is_some_and(|client| client.hello) {
            return;
        }
        let gap = Box::new(Gap { lost, ..Gap::default() });
        self.notify(key, Notice::Gap { subscription, gap });
        self.send(Errand::Told { name, lost });
    }

    /// How many clients are there by this durable name.
    pub fn members_of(&self, name: &str) -> usize {
        let consumer = self.durable(name).and_then(|key| self.consumers.get(key.0 as usize));
        consumer.map_or(0, |consumer| consumer.members.len())
    }

    /// Ends a durable subscription that no client is there of. False: there is one.
    pub fn forget_durable(&mut self, name: &str) -> bool {
        if self.members_of(name) > 0 {
            return false;
        }
        self.absent.0.remove(name);
        self.send(Errand::Forget { name: name.into() });
        true
    }

    fn durable(&self, name: &str) -> Option<ConsumerKey> {
        let is_it = |it: &Consumer| it.durable.as_ref().is_some_and(|durable| *durable.name == *name);
        self.consumers.iter().find(|(_, it)| is_it(it)).map(|(at, _)| ConsumerKey(at as u32))
    }

    pub(super) fn is_durable(&self, key: ConsumerKey) -> bool {
        self.consumers.get(key.0 as usize).is_some_and(|it| it.durable.is_some())
    }

    /// A stored event matched a member of a durable subscription.
    pub(super) fn entrust_stored(
        &mut self,
        key: ConsumerKey,
        place: SubscriptionKey,
        task: Task,
        now: Millis,
        matched: &mut u32,
        refused: &mut Refusals,
    ) {
        let Some(consumer) = self.consumers.get_mut(key.0 as usize) else { return };
        let Some(durable) = &mut consumer.durable else { return };
        let (priority, sequence) = (task.event.priority(), task.event.sequence());
        match durable.arrive(priority, sequence) {
            Arrival::Known => return,
            Arrival::Stays => *matched += 1,
            Arrival::Next => {
                let mut dead = Vec::new();
                self.new_deadline |= task.deadline < Millis::MAX;
                self.stats.matched += 1;
                match consumer.take_in(task, &self.settings, &mut dead) {
                    true => *matched += 1,
                    false => refused.oversized += 1,
                }
                self.bury_tasks(key, place, dead, now);
            }
        }
        self.supply(key);
    }

    /// A stored event was lost before it was matched: those durable subscriptions that want it read it from the store.
    pub(super) fn leave_stored(&mut self, priority: Priority, sequence: u64) {
        if sequence == 0 {
            return;
        }
        for at in 0..self.consumers.capacity() {
            let durable = self.consumers.get_mut(at).and_then(|it| it.durable.as_mut());
            let Some(durable) = durable else { continue };
            if durable.arrive(priority, sequence) != Arrival::Known {
                durable.leave(priority, sequence);
                self.feed(ConsumerKey(at as u32));
            }
        }
    }

    /// Has the store note what was tried in vain with a durable subscription's events, for a later run of the router. When the
    /// router itself ends, that its clients go is no failure of theirs.
    pub(super) fn note_tried(&mut self, key: ConsumerKey) {
        let is_ending = self.draining || self.ended;
        let Self { consumers, errands, .. } = self;
        let Some(Consumer { ledger, durable: Some(durable), .. }) = consumers.get_mut(key.0 as usize) else {
            return;
        };
        let tried = ledger.tried.as_mut().map(std::mem::take).unwrap_or_default();
        let tried = tried.into_iter().filter(|_| !is_ending);
        errands.extend(tried.map(|tried| Errand::Tried { name: durable.name.clone(), tried }));
    }

    /// Has more read, if there may be more and not enough waits.
    pub(super) fn feed(&mut self, key: ConsumerKey) {
        let Some(consumer) = self.consumers.get_mut(key.0 as usize) else { return };
        let Consumer { ledger, members, durable: Some(durable), .. } = consumer else { return };
        if self.draining || members.is_empty() {
            return;
        }
        let (events, bytes) =
            (ENOUGH.min(self.settings.outbox_events / 2).max(1), self.settings.outbox_size / 2);
        let is_enough =
            |priority| ledger.waiting_from(priority) >= events || ledger.bytes_from(priority) >= bytes;
        let Some((priority, from)) = durable.ask(ledger.len(), is_enough) else { return };
        let (name, wanted) = (durable.name.clone(), Arc::clone(&durable.wanted));
        self.errands.push(Errand::Level { name, priority, from, wanted });
    }

    /// What [`Errand::Level`] brought; `None`: the store could not be read.
    pub fn fed(
        &mut self,
        name: &str,
        priority: Priority,
        from: u64,
        fed: Option<Fed>,
        now: impl Into<Moment>,
    ) {
        let Moment { millis: now, stamp: accepted } = now.into();
        let Some(key) = self.durable(name) else { return };
        let Some(consumer) = self.consumers.get_mut(key.0 as usize) else { return };
        let Some(durable) = &mut consumer.durable else { return };
        let Some(fed) = fed else {
            durable.resumes = now + RETRY;
            self.new_deadline = true;
            return;
        };
        let mut dead = Vec::new();
        if durable.answered(priority, from) {
            let all = fed.events.into_iter().all(|(event, deadline)| {
                self.new_deadline |= deadline < Millis::MAX;
                // What was left in the store when it was matched counts now.
                self.stats.matched += 1;
                let task = Task { event, accepted, deadline, failed: Vec::new() };
                consumer.take_read(task, &self.settings, now, &mut dead)
            });
            let held = consumer.ledger.len();
            match &mut consumer.durable {
                Some(durable) if all => durable.looked(priority, fed.next, fed.is_end),
                Some(durable) => durable.stall(held),
                None => {}
            }
        }
        if let Some(&place) = consumer.members.first() {
            self.bury_tasks(key, place, dead, now);
        }
        self.supply(key);
    }

    /// Those whose store could not be read try again.
    pub(super) fn retry_feeds(&mut self, now: Millis) {
        for at in 0..self.consumers.capacity() {
            let durable = self.consumers.get_mut(at).and_then(|it| it.durable.as_mut());
            if durable.is_some_and(|durable| durable.retry(now)) {
                self.feed(ConsumerKey(at as u32));
            }
        }
    }

    /// Nobody is there any more: what is stored stays in the store. What is left in `tasks` is not.
    pub(super) fn depart(&mut self, mut durable: Box<Durable>, tasks: &mut Vec<Task>) {
        let (stored, others) =
            std::mem::take(tasks).into_iter().partition::<Vec<_>, _>(|task| task.event.sequence() > 0);
        *tasks = others;
        stored.into_iter().for_each(|task| durable.take_back(task));
        let name = durable.name.clone();
        self.send(Errand::Seen { name: name.clone() });
        self.absent.keep(name, durable.into_histories());
    }

    /// A durable subscription is to be forgotten with the last client that is there of it. Returns its name.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::NotOwner`]; [`Refusal::DurableTaken`] while others are there.
    pub fn forget(&mut self, key: ClientKey, id: Uuid, now: Millis) -> Result<(), Refusal> {
        let place = *self.by_id.get(&id).ok_or(Refusal::NotFound)?;
        let subscription = self.subscriptions.get(place.0 as usize).ok_or(Refusal::NotFound)?;
        let consumer = subscription.consumer.and_then(|key| self.consumers.get(key.0 as usize));
        let name = consumer.and_then(|it| it.durable.as_ref()).map(|durable| durable.name.clone());
        if subscription.client == key && name.is_some() && consumer.is_some_and(|it| it.members.len() > 1) {
            return Err(Refusal::DurableTaken);
        }
        self.unsubscribe(key, id, now)?;
        if let Some(name) = name {
            self.absent.0.remove(&name);
            self.send(Errand::Forget { name });
        }
        Ok(())
    }
}

impl Consumer {
    /// Takes a stored event in that is next: for it what ranks below may go back to the store. Where there is no room, it
    /// stays in the store itself. False: it is larger than what may wait at all.
    fn take_in(&mut self, task: Task, settings: &super::Settings, dead: &mut Vec<Dead>) -> bool {
        let Self { ledger, durable: Some(durable), .. } = self else { return false };
        let (priority, sequence) = (task.event.priority(), task.event.sequence());
        let room = ledger.prospect(task.event.size(), priority, settings);
        if room == Err(Reason::Evicted) {
            durable.leave(priority, sequence);
            return true;
        }
        durable.take_in(priority, sequence);
        let refused = ledger.offer(task, settings, |task| match task.event.sequence() {
            0 => dead.push(Dead { task, reason: Reason::Evicted }),
            _ => durable.take_back(task),
        });
        let fits = refused.is_ok();
        dead.extend(refused.err());
        fits
    }

    /// Takes in what was read. False: there is no room for it, nor for what follows.
    fn take_read(
        &mut self,
        mut task: Task,
        settings: &super::Settings,
        now: Millis,
        dead: &mut Vec<Dead>,
    ) -> bool {
        let Self { ledger, durable: Some(durable), .. } = self else { return false };
        let (priority, sequence) = (task.event.priority(), task.event.sequence());
        if !durable.wants(priority, sequence) {
            return true;
        }
        task.failed = durable.history(sequence);
        match ledger.judge(task, now) {
            Ok(task) => {
                self.take_in(task, settings, dead);
            }
            Err(gone) => {
                durable.take_in(priority, sequence);
                dead.push(gone);
            }
        }
        self.durable.as_ref().is_some_and(|durable| durable.has_taken(priority, sequence))
    }
}

/// What a durable subscription asks for, apart from its name and where it began.
fn bare(mut wanted: Wanted) -> Wanted {
    (wanted.durable, wanted.from) = (None, None);
    super::leftovers::ordered(wanted)
}
