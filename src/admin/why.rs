//! Why an event does not reach somebody: the names and words of each step.

use super::messages::{Question, Step};
use crate::protocol::{Event, EventType, Pattern};
use crate::router::{Advantage, Explained, Obstacle, Reason, Whom};

/// Characters of what clients have written that are repeated.
const QUOTED: usize = 80;

fn step(step: &str, reason: &str, message: impl Into<String>) -> Step {
    Step { step: step.to_owned(), reason: reason.to_owned(), message: message.into() }
}

pub(super) fn draining() -> Step {
    step("limit", "draining", "the router winds down and accepts nothing more")
}

pub(super) fn queue_full(queued: usize, most: usize) -> Step {
    let text = format!(
        "the ingress queue is full ({queued} events; max_queue_size is {most}) and it outranks nothing in it: its \
         publisher would be told queue_full"
    );
    step("limit", "queue_full", text)
}

pub(super) fn too_large(size: usize, most: usize) -> Step {
    let text = format!("a message of {size} bytes or more is refused: limits.max_message_size is {most}");
    step("limit", "too_large", text)
}

pub(super) fn not_connected(wanted: &str) -> Step {
    let text = format!(
        "no client that is connected has the id or address {}: see gadugi-routerctl clients",
        quoted(wanted)
    );
    step("client", "not_connected", text)
}

/// There is no subscription to ask about.
pub(super) fn nobody(whom: Whom, question: &Question) -> Step {
    let named = |name: &Option<String>| quoted(name.as_deref().unwrap_or_default());
    match whom {
        Whom::All => step("subscription", "none", "nobody has a subscription"),
        Whom::Client(_) => {
            let text = format!("the client {} has no subscription", named(&question.client));
            step("subscription", "none", text)
        }
        Whom::Subscription(_) => {
            let text = format!(
                "there is no subscription {}: it has ended, or its client has; see gadugi-routerctl subscriptions",
                named(&question.subscription)
            );
            step("subscription", "not_found", text)
        }
    }
}

/// Why an event became a dead letter.
pub(super) fn lost(reason: Reason, was_matched: bool) -> Step {
    let (place, text) = match (reason, was_matched) {
        (Reason::Evicted, false) => {
            ("limit", "it was pushed out of the full ingress queue by one that outranks it")
        }
        (Reason::Evicted, true) => {
            ("outbox", "the subscriber was slow: its outbox was full, and this was the lowest, newest in it")
        }
        (Reason::Expired, false) => ("ttl", "its ttl_ms was over before it was matched"),
        (Reason::Expired, true) => ("ttl", "its ttl_ms was over before the subscriber took it"),
        (Reason::Oversized, _) => {
            ("outbox", "it is larger than the subscriber's whole outbox (limits.outbox_size)")
        }
        (Reason::SlowConsumer, _) => (
            "outbox",
            "the subscriber was disconnected because it was slow (limits.slow_consumer is disconnect)",
        ),
        (Reason::Disconnected, _) => ("client", "the subscriber disconnected before it had taken it"),
        (Reason::Unsubscribed, _) => {
            ("subscription", "the subscriber ended the subscription before it had taken it")
        }
        (Reason::Drain, _) => ("limit", "the router ended, or was restarted, before it could be delivered"),
        (Reason::NoSubscriber, _) => {
            ("subscription", "nobody subscribed to it, and its publisher wanted it to be mandatory")
        }
        (Reason::Retries, _) => {
            ("client", "it was delivered as often as the subscription asks for, and never acknowledged")
        }
    };
    step(place, reason.as_str(), text)
}

/// Why an event would not reach a subscription.
pub(super) fn not(
    obstacle: &Obstacle,
    row: &Explained,
    event: &Event,
    size: usize,
    has_source: bool,
) -> Step {
    let wanted = &row.wanted;
    match obstacle {
        Obstacle::Pattern(patterns) => {
            let more = (wanted.topics.len() + row.more_topics).saturating_sub(patterns.len());
            pattern(patterns, more, event.topic())
        }
        Obstacle::Priority(least) => {
            let text =
                format!("priority {} is below {}, the least it wants", event.priority().get(), least.get());
            step("priority", "too_low", text)
        }
        Obstacle::Type => {
            let types = EventType::ALL.iter().filter(|&&kind| wanted.types.admits(kind));
            let types: Vec<_> = types.map(|kind| kind.as_str()).collect();
            let text = format!("type {} is none that it wants: {}", event.kind().as_str(), types.join(", "));
            step("type", "not_wanted", text)
        }
        Obstacle::Source if !has_source => {
            let text =
                format!("it wants events only from {}, and no source was named", listed(&wanted.sources));
            step("source", "not_wanted", text)
        }
        Obstacle::Source => {
            let text = format!(
                "source {} is none that it wants: {}",
                quoted(event.source()),
                listed(&wanted.sources)
            );
            step("source", "not_wanted", text)
        }
        Obstacle::Target => {
            let targets = wanted.targets.as_deref().map(listed).unwrap_or_default();
            match event.target() {
                Some(target) => {
                    let text = format!("target {} is none that it wants: {targets}", quoted(target));
                    step("target", "not_wanted", text)
                }
                None => step(
                    "target",
                    "none",
                    format!("it wants only the targets {targets}, and the event has none"),
                ),
            }
        }
        Obstacle::Group { name, member, client, advantage } => {
            let client = client.map_or("a client".to_owned(), |client| format!("client {client}"));
            let (reason, because) = match advantage {
                Advantage::Room => ("no_room", "has room in its outbox".to_owned()),
                Advantage::Load { fitter, other } => {
                    ("more_waiting", format!("has less waiting: {fitter} events, this one {other}"))
                }
                Advantage::Turn => ("not_its_turn", "has its turn".to_owned()),
            };
            let text =
                format!("in the group {} the subscription {member} of {client} {because}", quoted(name));
            step("group", reason, text)
        }
        Obstacle::Outbox(reason) => outbox(*reason, row, size),
        Obstacle::Expelled => {
            let text = "its client would be disconnected as slow by another delivery of the same event";
            step("outbox", Reason::SlowConsumer.as_str(), text)
        }
    }
}

fn outbox(reason: Reason, row: &Explained, size: usize) -> Step {
    let (events, bytes) = (row.outbox_events, row.outbox_bytes);
    let text = match reason {
        Reason::Oversized => {
            format!("its {size} bytes are more than the whole outbox holds (limits.outbox_size)")
        }
        Reason::SlowConsumer => format!(
            "its outbox is full ({events} events, {bytes} bytes): its client would be disconnected (limits.slow_consumer)"
        ),
        _ => format!(
            "its outbox is full ({events} events, {bytes} bytes) with nothing that ranks lower: the event would be evicted"
        ),
    };
    step("outbox", reason.as_str(), text)
}

fn pattern(patterns: &[Pattern], more: usize, topic: &str) -> Step {
    let told: Vec<_> = patterns.iter().filter_map(|pattern| leaves(pattern, topic)).collect();
    let reason = told.first().map_or("none", |&(reason, _)| reason);
    let mut told: Vec<_> = told.into_iter().map(|(_, text)| text).collect();
    if more > 0 {
        told.push(format!("and +{more} more that are further from it"));
    }
    step("pattern", reason, format!("topic {}: {}", quoted(topic), told.join("; ")))
}

/// Where a topic leaves a pattern.
fn leaves(pattern: &Pattern, topic: &str) -> Option<(&'static str, String)> {
    let miss = pattern.mismatch(topic)?;
    let name = quoted(pattern.as_str());
    let parts = topic.split('.').count();
    Some(match (miss.wanted, miss.given) {
        (Some(wanted), Some(given)) => {
            let hint = if wanted.contains('*') { " (a * inside of a part stands for itself)" } else { "" };
            let (at, wanted, given) = (miss.at, quoted(wanted), quoted(given));
            ("another_part", format!("{name} has {wanted} as part {at}, the topic {given}{hint}"))
        }
        (None, _) => {
            let text = format!(
                "{name} has {} parts, the topic {parts} (** at its end would stand for several)",
                miss.at - 1
            );
            ("too_many_parts", text)
        }
        (Some(_), None) => {
            let wanted = pattern.parts().count();
            ("too_few_parts", format!("{name} has {wanted} parts, the topic only {parts}"))
        }
    })
}

fn listed(names: &[Box<str>]) -> String {
    names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ")
}

/// As it was written, shortened.
fn quoted(text: &str) -> String {
    let mut shown: String = text.chars().take(QUOTED).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("\"{shown}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_be_lost_names_its_step_and_the_reason_of_the_dead_letter() {
        for reason in Reason::ALL {
            let steps = [false, true].map(|was_matched| lost(reason, was_matched));
            assert!(steps.iter().all(|step| step.reason == reason.as_str() && !step.message.is_empty()));
        }
        let place = |reason, was_matched| lost(reason, was_matched).step;
        assert_eq!([false, true].map(|matched| place(Reason::Evicted, matched)), ["limit", "outbox"]);
        assert_eq!(
            (place(Reason::Expired, true), place(Reason::Disconnected, true)),
            ("ttl".into(), "client".into())
        );
    }

    #[test]
    fn a_full_queue_is_named_with_its_setting() {
        let Step { step, reason, message } = queue_full(10, 10);
        assert_eq!((&*step, &*reason), ("limit", "queue_full"));
        assert!(message.contains("max_queue_size is 10"), "{message}");
    }

    #[test]
    fn what_clients_have_written_is_cut_short() {
        assert_eq!(quoted("ä"), "\"ä\"");
        assert_eq!(quoted(&"ä".repeat(500)).chars().count(), QUOTED + 3);
    }
}
