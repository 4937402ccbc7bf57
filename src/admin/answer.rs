//! Answers that the engine alone has.

use super::guests::Office;
use super::messages::{Answer, Code, Kicked, LONGEST_EVENT, Letters, Refused, Request, Requeued, Which};
use super::rows;
use crate::protocol::Pattern;
use crate::router::{self, Close, DeadLetter, Meant, Reason, Router};

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
            Request::DeadLetters { from, which } => {
                let page = self.hub.with(|router| {
                    let wanted = chosen(router, &which)?;
                    Ok((router.dead_letter_page(from), wanted))
                });
                let (page, wanted) = match page {
                    Ok(found) => found,
                    Err(refused) => return Answer::Error(refused),
                };
                let found = page.rows.iter().filter(|letter| wanted(letter));
                let letters = found.map(|letter| rows::letter(letter, now)).collect();
                Answer::DeadLetters(Letters { letters, next: page.next, event: None })
            }
            Request::DeadLetter { id } => self.dead_letter(&id),
            Request::Purge(which) => self.purge(&which),
            Request::Requeue(which) => self.requeue(&which),
            Request::Explain(question) => self.explain(&question),
            Request::Locate { id, from } => self.locate(&id, from),
            // Somebody else has answered them.
            Request::Reload
            | Request::Drain
            | Request::Settings
            | Request::Difference
            | Request::Store(_) => Answer::Error(Refused::new(Code::BadRequest, "this is not asked here")),
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

    fn purge(&self, which: &Which) -> Answer {
        let gone = self.hub.with(|router| {
            let wanted = chosen(router, which)?;
            Ok(router.purge(wanted))
        });
        match gone {
            Ok(letters) => Answer::Purged { letters: letters.len() as u64 },
            Err(refused) => Answer::Error(refused),
        }
    }

    fn requeue(&self, which: &Which) -> Answer {
        let now = self.hub.now();
        let done = self.hub.with(|router| {
            let wanted = chosen(router, which)?;
            Ok(router.requeue(wanted, now))
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

/// Whether a dead letter is one of those.
fn chosen(router: &Router, which: &Which) -> Result<impl Fn(&DeadLetter) -> bool + use<>, Refused> {
    let bad = |what: String| Refused::new(Code::InvalidValue, what);
    let id = which.id.as_deref().map(|id| meant(router, id)).transpose()?;
    let named = |name: &String| {
        let found = Reason::ALL.into_iter().find(|reason| reason.as_str() == name);
        let all = || Reason::ALL.map(Reason::as_str).join(", ");
        found.ok_or_else(|| bad(format!("there is no reason {name:?}: it is one of {}", all())))
    };
    let reason = which.reason.as_ref().map(named).transpose()?;
    let pattern = |text: &String| Pattern::parse(text).map_err(|problem| bad(format!("{text:?}: {problem}")));
    let topic = which.topic.as_ref().map(pattern).transpose()?;
    Ok(move |letter: &DeadLetter| {
        id.as_ref().is_none_or(|id| letter.event.id() == id)
            && reason.is_none_or(|reason| letter.reason == reason)
            && topic.as_ref().is_none_or(|topic| topic.matches(letter.event.topic()))
    })
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
