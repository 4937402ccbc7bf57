//! What kind of run a seed is: its bounds, its crowd, and what happens how often.
//!
//! Each seed leaves some things out and does others all the time (swarm testing): a mix of everything in each run would
//! seldom fill a queue, and never keep one full.

use gadugi_router::router::{Settings, SlowConsumer};

use super::rng::Rng;

/// What a step does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    Connect,
    Disconnect,
    Hello,
    Subscribe,
    Unsubscribe,
    Publish,
    Flood,
    Dispatch,
    /// A connection takes; what it could write of it shows in a later step.
    Take,
    /// The socket took some of what the connection had taken.
    Finish,
    /// Take and write until nothing is left.
    ReadAll,
    Stall,
    Tick,
    Expire,
    Reconfigure,
    Close,
}

use Action::*;

const USUAL: [(Action, usize); 16] = [
    (Connect, 4),
    (Disconnect, 2),
    (Hello, 2),
    (Subscribe, 8),
    (Unsubscribe, 3),
    (Publish, 30),
    (Flood, 4),
    (Dispatch, 20),
    (Take, 14),
    (Finish, 14),
    (ReadAll, 4),
    (Stall, 1),
    (Tick, 6),
    (Expire, 3),
    (Reconfigure, 2),
    (Close, 1),
];

pub struct Profile {
    pub settings: Settings,
    pub steps: u64,
    /// Clients that are there from the beginning.
    pub crowd: usize,
    /// One subscription for each client and no groups: then it does not matter in which order the engine looks at
    /// subscriptions, and it may match many events at once.
    pub solo: bool,
    pub ttl_percent: usize,
    pub receipt_percent: usize,
    pub hello_percent: usize,
    pub group_percent: usize,
    /// Bytes of padding in a payload, at most.
    pub padding: usize,
    pub flood: usize,
    /// The end does not wait for everybody.
    pub abandon: bool,
    /// The priorities that are published; some more often than others.
    pub priorities: Vec<u8>,
    weights: Vec<(Action, usize)>,
}

impl Profile {
    pub fn new(seed: u64) -> Self {
        let rng = &mut Rng::new(seed);
        let solo = rng.chance(30);
        let weights = USUAL.map(|(action, weight)| (action, weight * rng.pick(&[0, 1, 1, 1, 4])));
        let mut profile = Self {
            settings: Settings::default(),
            steps: 60 + rng.below(140) as u64,
            crowd: rng.below(4),
            solo,
            ttl_percent: rng.pick(&[0, 10, 60]),
            receipt_percent: rng.pick(&[0, 20, 100]),
            hello_percent: rng.pick(&[0, 50, 100]),
            group_percent: if solo { 0 } else { rng.pick(&[0, 30, 80]) },
            padding: rng.pick(&[0, 50, 2_000]),
            flood: rng.pick(&[5, 30]),
            abandon: rng.chance(30),
            priorities: some_priorities(rng),
            weights: weights.to_vec(),
        };
        profile.settings = profile.settings(rng);
        // Without these a run is over before it has begun.
        for needed in [Connect, Subscribe, Publish, Dispatch] {
            profile.at_least(needed, 3);
        }
        if rng.below(60) == 0 {
            profile.crowd_one_queue(rng);
        } else if !solo && rng.chance(12) {
            profile.expel(rng);
        }
        profile
    }

    /// A run in which whether one client reads makes no difference to the others: nobody comes or goes, and no groups.
    pub fn twin(seed: u64) -> Self {
        let mut profile = Self::new(seed);
        let rng = &mut Rng::new(!seed);
        profile.solo = true;
        profile.crowd = 4;
        profile.abandon = false;
        profile.group_percent = 0;
        profile.flood = profile.flood.min(30);
        profile.settings = profile.settings(rng);
        profile.settings.max_clients = 4;
        profile.settings.slow_consumer = SlowConsumer::Evict;
        for (action, weight) in &mut profile.weights {
            if matches!(action, Connect | Disconnect | Close | Reconfigure) {
                *weight = 0;
            }
        }
        profile.at_least(ReadAll, 10);
        profile
    }

    /// Floods large enough for the fixed capacities of the four queues: mostly of the smallest, for the others take long.
    fn crowd_one_queue(&mut self, rng: &mut Rng) {
        self.settings.use_multi_queue = true;
        self.padding = 0;
        self.steps = 20;
        (self.flood, self.priorities) =
            if rng.chance(85) { (1_100, vec![10, 10, 10, 10, 10, 9]) } else { (4_000, vec![7, 7, 7, 8, 9]) };
        for (action, weight) in &mut self.weights {
            *weight = match action {
                Flood => 30,
                Dispatch => 5,
                Reconfigure => 0,
                _ => *weight,
            };
        }
    }

    /// Clients with several subscriptions, some of them in groups, that are thrown out and come back.
    fn expel(&mut self, rng: &mut Rng) {
        self.settings.slow_consumer = SlowConsumer::Disconnect;
        self.settings.max_clients = rng.pick(&[2, 3, 4]);
        self.settings.max_subscriptions = rng.pick(&[3, 5]);
        self.settings.outbox_events = rng.pick(&[1, 2, 3]);
        self.settings.outbox_size = 1 << 20;
        self.settings.max_queue_size = 200;
        self.group_percent = rng.pick(&[40, 70]);
        for (action, weight) in &mut self.weights {
            *weight = match action {
                Connect | Subscribe => 20,
                Take => 10,
                Disconnect | Reconfigure => 0,
                _ => *weight,
            };
        }
    }

    /// Bounds, most of them small enough to be met often.
    pub fn settings(&self, rng: &mut Rng) -> Settings {
        Settings {
            max_queue_size: rng.pick(&[0, 1, 2, 5, 20, 200, 10_000]),
            use_multi_queue: rng.chance(25),
            max_clients: rng.pick(&[2, 4, 6]),
            max_subscriptions: if self.solo { 1 } else { rng.pick(&[1, 2, 5]) },
            outbox_events: rng.pick(&[1, 2, 3, 8, 30, 10_000]),
            outbox_size: rng.pick(&[800, 2_500, 10_000, 1 << 20]),
            slow_consumer: if rng.chance(25) { SlowConsumer::Disconnect } else { SlowConsumer::Evict },
            // Which of a client's subscriptions lost is told by the dead letters, so only a solo run may forget them.
            dead_letters: if self.solo { rng.pick(&[0, 1, 7, 1_000]) } else { rng.pick(&[500, 1_000]) },
        }
    }

    pub fn action(&self, rng: &mut Rng) -> Action {
        let mut left = rng.below(self.weights.iter().map(|(_, weight)| weight).sum());
        for &(action, weight) in &self.weights {
            if left < weight {
                return action;
            }
            left -= weight;
        }
        Publish
    }

    fn at_least(&mut self, needed: Action, least: usize) {
        for (action, weight) in &mut self.weights {
            if *action == needed {
                *weight = (*weight).max(least);
            }
        }
    }
}

fn some_priorities(rng: &mut Rng) -> Vec<u8> {
    match rng.below(4) {
        0 => vec![1 + rng.below(10) as u8],
        1 => vec![1, 1, 1, 3, 5, 5, 10],
        2 => vec![3, 4, 5, 6, 7, 9, 10],
        _ => (1..=10).collect(),
    }
}
