//! What changes for all at once: the time and the settings.

use gadugi_router::router::Millis;

use super::run::Run;

impl Run {
    pub fn tick(&mut self) {
        self.now += 1 + self.rng.below(20) as u64;
        let now = self.now;
        self.trace.note(|| format!("it is {now}"));
    }

    pub fn expire(&mut self) {
        self.trace.note(|| "expire".into());
        self.router.expire(self.now);
        self.model.expire(self.now);
        self.ticking = self.router.has_deadlines();
        self.wake();
    }

    pub fn reconfigure(&mut self) {
        let settings = self.profile.settings(&mut self.rng);
        self.trace.note(|| format!("reconfigure: {settings:?}"));
        self.router.reconfigure(settings.clone(), self.now);
        self.model.reconfigure(settings, self.now);
        self.wake();
    }

    /// Whoever looks for expired events knows that something may expire.
    pub fn check_deadlines(&mut self) {
        self.ticking |= self.router.take_new_deadline();
        let queue = self.model.queue.iter().map(|queued| queued.deadline);
        let outboxes =
            self.model.clients.iter().flat_map(|client| &client.waiting).map(|waiting| waiting.deadline);
        if queue.chain(outboxes).any(|deadline| deadline < Millis::MAX) {
            assert!(self.router.has_deadlines(), "something may expire, and the engine knows of nothing");
            assert!(self.ticking, "something may expire, and nobody was told to look");
        }
    }
}
