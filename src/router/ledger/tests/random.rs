//! The life of tasks at random, beside a plain book of where each should be.

use std::collections::BTreeMap;

use fastrand::Rng;

use super::*;
use crate::router::levels::Waits;

/// Something that happens to a ledger. Numbers choose among what there is.
#[derive(Clone, Debug)]
enum Step {
    Offer { priority: u8, ttl: Option<Millis> },
    Assign(u8),
    Send(usize),
    Unsend(usize),
    Ack(usize),
    Nack(usize, Option<Millis>),
    Renew(usize),
    Stranger(u8, u64),
    Leave(u8),
    Pass(Millis),
}

impl Step {
    fn random(rng: &mut Rng) -> Self {
        let which = rng.usize(..8);
        match rng.u8(..22) {
            0..4 => {
                Self::Offer { priority: rng.u8(1..=10), ttl: (rng.u8(..5) == 0).then(|| rng.u64(1..20_000)) }
            }
            4..8 => Self::Assign(rng.u8(..3)),
            8..12 => Self::Send(which),
            12 => Self::Unsend(which),
            13..15 => Self::Ack(which),
            15..17 => Self::Nack(which, rng.bool().then(|| rng.u64(..5_000))),
            17 => Self::Renew(which),
            18 => Self::Stranger(rng.u8(..3), rng.u64(..40)),
            19 => Self::Leave(rng.u8(..3)),
            _ => Self::Pass(if rng.bool() { rng.u64(..2_000) } else { rng.u64(25_000..35_000) }),
        }
    }
}

/// Where a task is, as it should be.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Place {
    Waits,
    Flies { member: u8, id: u64, until: Option<Millis> },
    Rests,
    Gone,
}

struct World {
    ledger: Ledger<u8>,
    acks: Acks,
    settings: Settings,
    now: Millis,
    /// By name: where it is, its level, failures, and its end.
    tasks: BTreeMap<usize, (Place, u8, u32, Millis)>,
    gone: usize,
}

impl World {
    fn new(max_in_flight: u32, max_retries: u32, room: usize) -> Self {
        let acks = acks(max_in_flight, max_retries);
        let settings = Settings { outbox_events: room, ..PLENTY };
        Self { ledger: Ledger::new(acks), acks, settings, now: 0, tasks: BTreeMap::new(), gone: 0 }
    }

    /// The flights there are, in the order of their numbers; the one that is chosen.
    fn flight(&self, which: usize) -> Option<(usize, u8, u64, Option<Millis>)> {
        let mut flights: Vec<_> = self
            .tasks
            .iter()
            .filter_map(|(&name, task)| match task.0 {
                Place::Flies { member, id, until } => Some((name, member, id, until)),
                _ => None,
            })
            .collect();
        flights.sort_by_key(|&(_, _, id, _)| id);
        (!flights.is_empty()).then(|| flights[which % flights.len()])
    }

    /// What is gone was there, and goes once.
    fn bury(&mut self, dead: Vec<Dead>) {
        for Dead { task, reason } in dead {
            let name: usize = task.event.id().parse().unwrap();
            let known = self.tasks.get_mut(&name).unwrap();
            assert_ne!(known.0, Place::Gone, "{name} dies once");
            match reason {
                Reason::Retries => assert_eq!(task.failed.len() as u32, self.acks.max_retries + 1),
                Reason::Expired => assert!(known.3 <= self.now),
                Reason::Evicted => assert_eq!(known.0, Place::Waits),
                other => panic!("{other:?}"),
            }
            known.0 = Place::Gone;
            self.gone += 1;
        }
    }

    /// One attempt has failed: it goes back, rests, or is dead.
    fn failed(&mut self, name: usize, then: Place) {
        let task = self.tasks.get_mut(&name).unwrap();
        task.2 += 1;
        if task.0 != Place::Gone {
            assert!(task.2 <= self.acks.max_retries, "{name} has had all its attempts");
            task.0 = then;
        }
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Offer { priority, ttl } => self.offer(priority, ttl),
            Step::Assign(member) => self.assign(member),
            Step::Send(which) => {
                if let Some((name, member, id, None)) = self.flight(which) {
                    assert!(self.ledger.sent(member, id, self.now).is_some());
                    let until = Some(self.now + self.acks.timeout_ms);
                    self.tasks.get_mut(&name).unwrap().0 = Place::Flies { member, id, until };
                }
            }
            Step::Unsend(which) => {
                if let Some((name, member, id, _)) = self.flight(which) {
                    assert!(self.ledger.unsent(member, id));
                    self.tasks.get_mut(&name).unwrap().0 = Place::Flies { member, id, until: None };
                }
            }
            Step::Ack(which) => {
                if let Some((name, member, id, _)) = self.flight(which) {
                    assert_eq!(self.ledger.ack(member, id).unwrap().event.id(), name.to_string());
                    self.tasks.get_mut(&name).unwrap().0 = Place::Gone;
                    self.gone += 1;
                }
            }
            Step::Nack(which, delay) => {
                if let Some((name, member, id, _)) = self.flight(which) {
                    let dead = self.ledger.nack(member, id, delay, None, self.now).unwrap();
                    self.bury(dead.into_iter().collect());
                    self.failed(name, Place::Rests);
                }
            }
            Step::Renew(which) => {
                if let Some((name, member, id, until)) = self.flight(which) {
                    assert_eq!(self.ledger.renew(member, id, self.now), until.is_some());
                    let until = until.map(|_| self.now + self.acks.timeout_ms);
                    self.tasks.get_mut(&name).unwrap().0 = Place::Flies { member, id, until };
                }
            }
            Step::Stranger(member, id) => {
                let has = self.tasks.values().any(
                    |task| matches!(task.0, Place::Flies { member: its, id: known, .. } if its == member && known == id),
                );
                if !has {
                    assert!(self.ledger.ack(member, id).is_none());
                    assert!(self.ledger.nack(member, id, None, None, self.now).is_none());
                    assert!(!self.ledger.renew(member, id, self.now) && !self.ledger.unsent(member, id));
                    assert!(self.ledger.sent(member, id, self.now).is_none());
                }
            }
            Step::Leave(member) => self.leave(member),
            Step::Pass(time) => self.pass(time),
        }
    }

    fn offer(&mut self, priority: u8, ttl: Option<Millis>) {
        let (name, deadline) = (self.tasks.len(), ttl.map_or(Millis::MAX, |ttl| self.now + ttl));
        self.tasks.insert(name, (Place::Waits, priority, 0, deadline));
        let mut shed = Vec::new();
        let refused = self.ledger.offer(task(name, priority, deadline), &self.settings, |task| {
            shed.push(Dead { task, reason: Reason::Evicted });
        });
        let levels = |dead: &Dead| dead.task.priority().get();
        assert!(shed.iter().all(|dead| levels(dead) < priority), "only what ranks below goes");
        shed.extend(refused.err());
        self.bury(shed);
    }

    fn assign(&mut self, member: u8) {
        let has = |task: &&(Place, u8, u32, Millis)| matches!(task.0, Place::Flies { member: its, .. } if its == member);
        let room = self.tasks.values().filter(has).count() < self.acks.max_in_flight as usize;
        let best = self.tasks.values().filter(|task| task.0 == Place::Waits).map(|task| task.1).max();
        let assigned = self.ledger.assign(member);
        assert_eq!(assigned.is_some(), room && best.is_some());
        let Some((id, priority)) = assigned else { return };
        let name = name_of(&self.ledger.flying[&id].task);
        assert_eq!(Some(priority.get()), best);
        let known = self.tasks.get_mut(&name).unwrap();
        assert_eq!((known.0, Some(known.1)), (Place::Waits, best), "the most urgent of what waits");
        known.0 = Place::Flies { member, id, until: None };
    }

    fn leave(&mut self, member: u8) {
        let mut dead = Vec::new();
        self.ledger.leave(member, self.now, |gone| dead.push(gone));
        self.bury(dead);
        let its: Vec<_> = self
            .tasks
            .iter()
            .filter_map(|(&name, task)| match task.0 {
                Place::Flies { member: whose, until, .. } if whose == member => Some((name, until.is_some())),
                _ => None,
            })
            .collect();
        for (name, was_sent) in its {
            if was_sent {
                self.failed(name, Place::Waits);
            } else {
                self.tasks.get_mut(&name).unwrap().0 = Place::Waits;
            }
        }
    }

    fn pass(&mut self, time: Millis) {
        self.now += time;
        let dead = tick(&mut self.ledger, self.now);
        self.bury(dead);
        let due: Vec<_> = self
            .tasks
            .iter()
            .filter_map(|(&name, task)| match task.0 {
                Place::Flies { until: Some(until), .. } if until <= self.now => Some(name),
                _ => None,
            })
            .collect();
        for name in due {
            self.failed(name, Place::Rests);
        }
        // How long a task rests is the ledger's business.
        let resting: Vec<_> = self.ledger.resting.values().map(name_of).collect();
        for (name, task) in self.tasks.iter_mut().filter(|(_, task)| task.0 == Place::Rests) {
            task.0 = if resting.contains(name) { Place::Rests } else { Place::Waits };
        }
        assert!(self.ledger.soonest() > self.now);
    }

    /// Every task is in one place, and all sums are right.
    fn check(&self) {
        let ledger = &self.ledger;
        let names = |place: &dyn Fn(Place) -> bool| -> Vec<usize> {
            self.tasks.iter().filter(|(_, task)| place(task.0)).map(|(&name, _)| name).collect()
        };
        let sorted = |mut names: Vec<usize>| {
            names.sort_unstable();
            names
        };
        assert_eq!(
            sorted(ledger.waiting.iter().map(name_of).collect()),
            names(&|place| place == Place::Waits)
        );
        assert_eq!(
            sorted(ledger.resting.values().map(name_of).collect()),
            names(&|place| place == Place::Rests)
        );
        let mut due = 0;
        for (id, flight) in &ledger.flying {
            let place = Place::Flies { member: flight.member, id: *id, until: flight.until };
            assert_eq!(self.tasks[&name_of(&flight.task)].0, place);
            due += usize::from(flight.until.is_some());
        }
        assert_eq!(
            (ledger.flying.len(), ledger.due.len()),
            (names(&|place| matches!(place, Place::Flies { .. })).len(), due)
        );
        assert_eq!(ledger.len() + self.gone, self.tasks.len(), "nothing is lost");
        assert!(ledger.len() <= self.settings.outbox_events);
        let all = ledger
            .waiting
            .iter()
            .chain(ledger.resting.values())
            .chain(ledger.flying.values().map(|it| &it.task));
        assert_eq!(ledger.bytes(), all.map(Waits::bytes).sum::<usize>());
        assert_eq!(ledger.loads.values().sum::<u32>() as usize, ledger.flying.len());
        for (_, task) in self.tasks.iter().filter(|(_, task)| task.0 != Place::Gone) {
            assert!(task.2 <= self.acks.max_retries);
        }
    }

    /// With somebody who does what comes, everything ends.
    fn finish(&mut self) {
        while !self.ledger.waiting.is_empty()
            || !self.ledger.resting.is_empty()
            || !self.ledger.flying.is_empty()
        {
            while let Some((_, member, id, _)) = self.flight(0) {
                let name = name_of(&self.ledger.ack(member, id).unwrap());
                self.tasks.get_mut(&name).unwrap().0 = Place::Gone;
                self.gone += 1;
            }
            self.pass(1_000);
            self.assign(0);
        }
        assert_eq!((self.gone, self.ledger.soonest()), (self.tasks.len(), Millis::MAX));
    }
}

fn name_of(task: &Task) -> usize {
    task.event.id().parse().unwrap()
}

/// Schedules, each from its number alone.
const SCHEDULES: u64 = 100_000;

/// Says which schedule failed.
struct Schedule(u64);

impl Drop for Schedule {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("schedule {} of the ledger's failed", self.0);
        }
    }
}

fn run(number: u64) {
    let _schedule = Schedule(number);
    let mut rng = Rng::with_seed(number);
    let mut world = World::new(rng.u32(1..4), rng.u32(..3), rng.usize(1..12));
    for at in 0..rng.u32(1..40) {
        world.take(&Step::random(&mut rng));
        // Looking at everything after each third step finds as much, and lets three times as many schedules be run.
        if at % 3 == 0 {
            world.check();
        }
    }
    world.check();
    world.finish();
}

#[test]
fn no_task_is_without_an_owner_whatever_happens() {
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get() as u64);
    std::thread::scope(|scope| {
        for first in 0..threads {
            scope.spawn(move || (first..SCHEDULES).step_by(threads as usize).for_each(run));
        }
    });
}
