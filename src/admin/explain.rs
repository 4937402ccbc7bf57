//! Answers about the way of an event: would it be accepted, whom would it reach, where is it?

use std::sync::Arc;

use serde_json::json;
use uuid::Uuid;

use super::answer::several_events;
use super::guests::Office;
use super::messages::{
    Answer, Code, Explained, Explanation, Fate, Located, Outline, Question, Refused, Step,
};
use super::why;
use crate::protocol::{Blank, Event, Priority, Request, decode};
use crate::router::{self, Admission, Meant, Millis, Obstacle, Spot, Whom};

/// Characters of a source or target that are told. No subscription names a longer one, so that what is asked about the event
/// after it was found is answered alike.
const LONGEST_NAME: usize = 1_025;

/// Why nobody's subscriptions are meant.
enum Nobody {
    /// There is no such client.
    NotThere(Step),
    /// It could be several.
    Unclear(Refused),
}

impl Office {
    /// What would become of an event that was published now.
    pub(super) fn explain(&self, question: &Question) -> Answer {
        let event = match event(question) {
            Ok(event) => event,
            Err(refused) => return Answer::Error(refused),
        };
        let size = question.size.unwrap_or(0).max(event.size());
        let (mut steps, notes) = self.publishing(event.priority(), size);
        let whom = match self.whom(question) {
            Ok(whom) => Some(whom),
            Err(Nobody::NotThere(step)) => {
                steps.push(step);
                None
            }
            Err(Nobody::Unclear(refused)) => return Answer::Error(refused),
        };
        let page = whom.map(|whom| self.hub.with(|router| router.explain(&event, size, whom, question.from)));
        let (rows, next) = page.map_or((Vec::new(), None), |page| (page.rows, page.next));
        if let Some(whom) = whom
            && rows.is_empty()
            && question.from == 0
            && next.is_none()
        {
            steps.push(why::nobody(whom, question));
        }
        let has_source = question.source.is_some();
        let subscriptions = rows.into_iter().map(|row| explained(row, &event, size, has_source)).collect();
        Answer::Explained(Explanation { steps, notes, subscriptions, next })
    }

    /// Where an event is that came already.
    pub(super) fn locate(&self, id: &str, from: router::Place) -> Answer {
        let now = self.hub.now();
        let (found, next, dead, letters) = self.hub.with(|router| {
            let (found, next) = router.locate(id, from);
            let dead = if from == (0, 0) { router.dead_event(id) } else { Meant::Nothing };
            let letters = if let Meant::Event(id) = &dead { router.dead_letters_of(id) } else { Vec::new() };
            (found, next, dead, letters)
        });
        let mut ids =
            found.iter().map(|it| &it.event).chain(letters.iter().map(|it| &it.event)).map(|it| it.id());
        let first = ids.next();
        if dead == Meant::Several || ids.any(|id| first != Some(id)) {
            return Answer::Error(several_events(id));
        }
        let event = found.first().map(|it| &it.event).or(letters.first().map(|it| &it.event));
        let event = event.map(|event| outline(event));
        let gone = letters.iter().map(|letter| Fate {
            place: "dead_letter".to_owned(),
            subscription: letter.subscription.map(|id| id.to_string()),
            step: Some(why::lost(letter.reason, letter.subscription.is_some())),
            age: Some(super::rows::ago(letter.at, now)),
            expires_in: None,
        });
        let waits = found.iter().map(|located| {
            let (place, subscription) = match located.spot {
                Spot::Queue => ("queue", None),
                Spot::Left => ("left", None),
                Spot::Outbox(id) => ("outbox", Some(id.to_string())),
            };
            let expires = located.deadline < Millis::MAX;
            let expires_in = expires.then(|| seconds(now, located.deadline));
            Fate { place: place.to_owned(), subscription, step: None, age: None, expires_in }
        });
        Answer::Located(Located { event, fates: gone.chain(waits).collect(), next })
    }

    /// What a publisher would be told.
    fn publishing(&self, priority: Priority, size: usize) -> (Vec<Step>, Vec<String>) {
        let settings = self.hub.settings();
        let (admission, queued, most) = self.hub.with(|router| {
            let queued: usize = router.queue_depth().iter().sum();
            (router.admission(priority), queued, router.settings().max_queue_size)
        });
        let (mut steps, mut notes) = (Vec::new(), Vec::new());
        if size > settings.max_message_size {
            steps.push(why::too_large(size, settings.max_message_size));
        }
        match admission {
            Admission::Free => {}
            Admission::InPlaceOf(lowest) => notes.push(format!(
                "the ingress queue is full: an event of priority {} would go to the dead letters for it",
                lowest.get()
            )),
            Admission::QueueFull => steps.push(why::queue_full(queued, most)),
            Admission::Draining => steps.push(why::draining()),
        }
        if settings.publish_rate > 0 {
            notes.push(format!(
                "a client may publish {} events a second (limits.publish_rate); what is more is refused as rate_limited, \
                 which only its publisher is told",
                settings.publish_rate
            ));
        }
        (steps, notes)
    }

    /// Whose subscriptions are meant.
    fn whom(&self, question: &Question) -> Result<Whom, Nobody> {
        if let Some(id) = &question.subscription {
            return Ok(Whom::Subscription(Uuid::try_parse(id).unwrap_or_default()));
        }
        let Some(wanted) = &question.client else { return Ok(Whom::All) };
        // Everybody's id begins with nothing.
        let found =
            if wanted.is_empty() { Vec::new() } else { self.hub.with(|router| router.find_clients(wanted)) };
        match &found[..] {
            [(key, _)] => Ok(Whom::Client(*key)),
            [] => Err(Nobody::NotThere(why::not_connected(wanted))),
            _ => {
                let text =
                    format!("several clients have an id that begins with {wanted:?}: write more of it");
                Err(Nobody::Unclear(Refused::new(Code::Ambiguous, text)))
            }
        }
    }
}

/// The event that is asked about, made as any other.
fn event(question: &Question) -> Result<Arc<Event>, Refused> {
    let mut event = json!({"topic": question.topic});
    let optional = [("type", &question.kind), ("source", &question.source), ("target", &question.target)];
    for (name, value) in optional {
        if let Some(value) = value {
            event[name] = json!(value);
        }
    }
    if let Some(priority) = question.priority {
        event["priority"] = json!(priority);
    }
    let message = json!({"type": "publish", "event": event}).to_string();
    match decode(&message, &mut Blank) {
        Ok(incoming) => match incoming.request {
            Request::Publish(publish) => Ok(publish.event),
            _ => Err(Refused::new(Code::BadRequest, "this is no event")),
        },
        Err(refused) => Err(Refused::new(Code::BadRequest, refused.error.text)),
    }
}

fn explained(row: router::Explained, event: &Event, size: usize, has_source: bool) -> Explained {
    let steps =
        row.obstacles.iter().map(|obstacle| why::not(obstacle, &row, event, size, has_source)).collect();
    let mut notes = Vec::new();
    if row.sheds {
        notes.push("its outbox is full: something that ranks lower would be shed for it".to_owned());
    }
    let is_for_it = !row.obstacles.iter().any(Obstacle::is_a_filter);
    if row.shed > 0 && is_for_it {
        notes.push(format!(
            "its client has missed {} deliveries because it is slow; {} events ({} bytes) wait for it",
            row.shed, row.outbox_events, row.outbox_bytes
        ));
    }
    let (client, remote) = row.client.map(|name| (name.id.to_string(), name.remote.into())).unzip();
    Explained {
        subscription: row.subscription.to_string(),
        client,
        remote,
        more_topics: row.more_topics,
        topics: row.wanted.topics.iter().map(|pattern| pattern.as_str().to_owned()).collect(),
        steps,
        notes,
    }
}

fn outline(event: &Event) -> Outline {
    let cut = |text: &str| text.chars().take(LONGEST_NAME).collect::<String>();
    Outline {
        id: event.id().to_owned(),
        topic: event.topic().to_owned(),
        priority: event.priority().get(),
        kind: event.kind().as_str().to_owned(),
        source: cut(event.source()),
        target: event.target().map(cut),
        size: event.size(),
    }
}

fn seconds(from: Millis, to: Millis) -> f64 {
    to.saturating_sub(from) as f64 / 1_000.0
}
