//! What the router does, in one line, for `systemctl status`.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::logging::grouped;
use super::supervisor::{Say, Supervisor};
use crate::admin::{Life, Phase};
use crate::server::Hub;

/// How often the line is looked at; it is sent when it has changed.
const INTERVAL: Duration = Duration::from_secs(2);

/// The line.
pub(super) struct Status {
    hub: Arc<Hub>,
    supervisor: Supervisor,
    line: Mutex<Line>,
    /// For the control program.
    life: watch::Sender<Life>,
}

struct Line {
    doing: Phase,
    /// What somebody should know besides.
    problem: Option<String>,
    said: String,
}

impl Status {
    /// A router that does this.
    pub fn new(hub: Arc<Hub>, supervisor: Supervisor, doing: Phase) -> Arc<Self> {
        let line = Mutex::new(Line { doing, problem: None, said: String::new() });
        Arc::new(Self { hub, supervisor, line, life: watch::Sender::new(Life::new(doing)) })
    }

    /// Where the router is in its life, from now on.
    pub fn life(&self) -> watch::Receiver<Life> {
        self.life.subscribe()
    }

    /// What was left at the end, by priority, and what keeps it.
    pub fn left(&self, by_priority: [u64; 10], kept: Option<&'static str>) {
        self.life.send_modify(|life| life.left = Some((by_priority, kept)));
    }

    /// All is done.
    pub fn over(&self) {
        self.life.send_modify(|life| life.over = true);
    }

    /// It does something else now.
    pub fn doing(&self, doing: Phase) {
        self.life.send_modify(|life| life.doing = doing);
        self.change(|line| line.doing = doing);
    }

    /// There is a problem, or there is none any more.
    pub fn problem(&self, problem: Option<String>) {
        self.change(|line| line.problem = problem);
    }

    /// Looks at the line again and again.
    pub async fn refresh(self: Arc<Self>) {
        loop {
            tokio::time::sleep(INTERVAL).await;
            self.look();
        }
    }

    /// Says the line if it is another one now.
    pub fn look(&self) {
        self.change(|_| {});
    }

    fn change(&self, change: impl FnOnce(&mut Line)) {
        if !self.supervisor.is_there() {
            return;
        }
        let counts = self.counts();
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut line);
        let problem = line.problem.as_ref().map(|problem| format!("; {problem}")).unwrap_or_default();
        let text = format!("{}: {counts}{problem}", line.doing.as_str());
        if text != line.said {
            line.said.clone_from(&text);
            self.supervisor.say(Say::Status(text));
        }
    }

    fn counts(&self) -> String {
        let (clients, subscriptions, depth, waiting) = self.hub.with(|router| {
            let depth: usize = router.queue_depth().iter().sum();
            (router.connected_clients(), router.subscriptions(), depth, router.waiting_deliveries())
        });
        let plural = |count: usize, one: &str| {
            format!("{} {one}{}", grouped(count as u64), if count == 1 { "" } else { "s" })
        };
        format!(
            "{}, {}, queue depth {}, {} waiting for subscribers",
            plural(clients, "client"),
            plural(subscriptions, "subscription"),
            grouped(depth as u64),
            grouped(waiting)
        )
    }
}
