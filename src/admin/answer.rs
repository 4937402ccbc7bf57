//! Answers that the engine alone has.

use std::process;

use super::guests::Office;
use super::messages::{
    Answer, Code, Health, Kicked, LONGEST_EVENT, Letters, Reason, Refused, Request, Requeued, Status, Totals,
    VERSION,
};
use super::rows;
use crate::protocol;
use crate::router::{self, Close};
use crate::server::wall_clock;

impl Office {
    /// Answers what needs nobody else.
    pub(super) fn answer(&self, request: Request) -> Answer {
        let now = self.hub.now();
        match request {
            Request::Status => Answer::Status(Box::new(self.status())),
            Request::Clients { from } => {
                let page = self.hub.with(|router| router.client_page(from));
                Answer::Clients(rows::clients(page, now))
            }
            Request::Subscriptions { from } => Answer::Subscriptions(rows::subscriptions(
                self.hub.with(|router| router.subscription_page(from)),
            )),
            Request::Kick { client } => self.kick(&client),
            Request::DeadLetters { from } => {
                let page = self.hub.with(|router| router.dead_letter_page(from));
                let letters = page.rows.iter().map(|letter| rows::letter(letter, now)).collect();
                Answer::DeadLetters(Letters { letters, next: page.next, event: None })
            }
            Request::DeadLetter { id } => self.dead_letter(&id),
            Request::Purge { id } => {
                let gone = self.hub.with(|router| router.purge(id.as_deref()));
                match (&id, gone.len()) {
                    (Some(id), 0) => Answer::Error(no_letter(id)),
                    (_, letters) => Answer::Purged { letters: letters as u64 },
                }
            }
            Request::Requeue { id } => self.requeue(id.as_deref()),
            // Somebody else has answered them.
            Request::Reload | Request::Drain | Request::Settings | Request::Difference => {
                Answer::Error(Refused::new(Code::BadRequest, "this is not asked here"))
            }
        }
    }

    fn status(&self) -> Status {
        let (now, wall) = (self.hub.now(), wall_clock());
        let life = self.life.borrow().clone();
        let (health, queue_depth, waiting_deliveries, stats, counts, dead_letters_kept) =
            self.hub.with(|router| {
                let dead = router.dead_letters();
                (
                    router.health(now, wall),
                    router.queue_depth(),
                    router.waiting_deliveries(),
                    router.stats().clone(),
                    router::Reason::ALL.map(|reason| dead.count(reason).iter().sum::<u64>()),
                    dead.iter().len(),
                )
            });
        let reasons = router::Reason::ALL.iter().zip(counts);
        Status {
            pid: process::id(),
            version: VERSION.to_owned(),
            url: self.url.clone(),
            listeners: self.listeners.clone(),
            phase: life.doing.to_owned(),
            health: told(health),
            queue_depth,
            waiting_deliveries,
            totals: Totals {
                accepted: stats.accepted.iter().sum(),
                refused: stats.refused,
                matched: stats.matched,
                delivered: stats.delivered,
            },
            dead_letters: reasons
                .map(|(reason, count)| Reason { reason: reason.as_str().to_owned(), count })
                .collect(),
            dead_letters_kept,
            config_file: self.config_file.clone(),
            log: Some(self.log.clone()),
        }
    }

    fn kick(&self, wanted: &str) -> Answer {
        // Everybody's id begins with nothing.
        let found = if wanted.is_empty() {
            Vec::new()
        } else {
            self.hub.with(|router| {
                let found = router.find_clients(wanted);
                if let [(key, _)] = found[..] {
                    router.close(key, Close::Kicked);
                }
                found
            })
        };
        match &found[..] {
            [(_, name)] => {
                tracing::info!(client_id = %name.id, remote = &*name.remote, "a client is disconnected");
                Answer::Kicked(Kicked { id: name.id.to_string(), remote: name.remote.to_string() })
            }
            [] => {
                let text =
                    format!("no client has the id or address {wanted:?}: see gadugi-routerctl clients");
                Answer::Error(Refused::new(Code::NotFound, text))
            }
            _ => {
                let text =
                    format!("several clients have an id that begins with {wanted:?}: write more of it");
                Answer::Error(Refused::new(Code::Ambiguous, text))
            }
        }
    }

    fn dead_letter(&self, id: &str) -> Answer {
        let now = self.hub.now();
        let found = self.hub.with(|router| router.dead_letters_of(id));
        let Some(first) = found.first() else { return Answer::Error(no_letter(id)) };
        let text = first.event.full();
        let is_short = text.len() <= LONGEST_EVENT;
        let event = is_short.then(|| text.to_owned());
        let letters = found.iter().map(|letter| rows::letter(letter, now)).collect();
        Answer::DeadLetters(Letters { letters, next: None, event })
    }

    fn requeue(&self, id: Option<&str>) -> Answer {
        let now = self.hub.now();
        let router::Requeued { events, letters, refused } = self.hub.with(|router| router.requeue(id, now));
        self.hub.leave_backlog();
        match id {
            Some(id) if letters + refused == 0 => Answer::Error(no_letter(id)),
            _ => Answer::Requeued(Requeued { events, letters, refused }),
        }
    }
}

fn no_letter(id: &str) -> Refused {
    let text = format!("no dead letter of the event {id:?}: see gadugi-routerctl dead-letters list");
    Refused::new(Code::NotFound, text)
}

fn told(health: protocol::Health) -> Health {
    Health {
        status: health.status.as_str().to_owned(),
        uptime: health.uptime,
        events_processed: health.events_processed,
        events_failed: health.events_failed,
        events_in_queue: health.events_in_queue,
        active_subscriptions: health.active_subscriptions,
        connected_clients: health.connected_clients,
        errors: health.errors,
    }
}
