//! Answers that the engine alone has.

use super::guests::Office;
use super::messages::{Answer, Code, Kicked, LONGEST_EVENT, Letters, Refused, Request, Requeued};
use super::rows;
use crate::router::{self, Close, Meant, Router};

impl Office {
    /// Answers what needs nobody else.
    pub(super) fn answer(&self, request: Request) -> Answer {
        let now = self.hub.now();
        match request {
            Request::Status => Answer::Status(Box::new(self.status())),
            Request::Top => Answer::Top(Box::new(self.top())),
            Request::Clients { from } => {
                let now = self.hub.moment();
                let page = self.hub.with(|router| router.client_page(from, now));
                Answer::Clients(rows::clients(page, now.millis))
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
            Request::Purge { id } => self.purge(id.as_deref()),
            Request::Requeue { id } => self.requeue(id.as_deref()),
            Request::Explain(question) => self.explain(&question),
            Request::Locate { id, from } => self.locate(&id, from),
            // Somebody else has answered them.
            Request::Reload | Request::Drain | Request::Settings | Request::Difference => {
                Answer::Error(Refused::new(Code::BadRequest, "this is not asked here"))
            }
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
        let found = self.hub.with(|router| Ok(router.dead_letters_of(&meant(router, id)?)));
        let found = match found {
            Ok(found) => found,
            Err(refused) => return Answer::Error(refused),
        };
        let Some(first) = found.first() else { return Answer::Error(no_letter(id)) };
        let text = first.event.full();
        let is_short = text.len() <= LONGEST_EVENT;
        let event = is_short.then(|| text.to_owned());
        let letters = found.iter().map(|letter| rows::letter(letter, now)).collect();
        Answer::DeadLetters(Letters { letters, next: None, event })
    }

    fn purge(&self, id: Option<&str>) -> Answer {
        let gone = self.hub.with(|router| {
            let id = id.map(|id| meant(router, id)).transpose()?;
            Ok(router.purge(id.as_deref()))
        });
        match gone {
            Ok(letters) => Answer::Purged { letters: letters.len() as u64 },
            Err(refused) => Answer::Error(refused),
        }
    }

    fn requeue(&self, id: Option<&str>) -> Answer {
        let now = self.hub.now();
        let done = self.hub.with(|router| {
            let id = id.map(|id| meant(router, id)).transpose()?;
            Ok(router.requeue(id.as_deref(), now))
        });
        self.hub.leave_backlog();
        match done {
            Ok(router::Requeued { events, letters, refused }) => {
                Answer::Requeued(Requeued { events, letters, refused })
            }
            Err(refused) => Answer::Error(refused),
        }
    }
}

/// The id of the event whose dead letters are meant.
fn meant(router: &Router, wanted: &str) -> Result<String, Refused> {
    match router.dead_event(wanted) {
        Meant::Event(id) => Ok(id),
        Meant::Nothing => Err(no_letter(wanted)),
        Meant::Several => Err(several_events(wanted)),
    }
}

/// It is not clear which event is meant.
pub(super) fn several_events(wanted: &str) -> Refused {
    let text = format!("several events have an id that begins with {wanted:?}: write more of it");
    Refused::new(Code::Ambiguous, text)
}

fn no_letter(id: &str) -> Refused {
    let text = format!("no dead letter of the event {id:?}: see gadugi-routerctl dead-letters list");
    Refused::new(Code::NotFound, text)
}
