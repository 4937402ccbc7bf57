//! What the router at the other end has.

use super::{Connection, Error};
use crate::protocol::{Pattern, PublishOptions, Receipt, Subscription, is_of_dead_letters};

/// Extensions of the protocol that make a difference here; a router of part 1 has none.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Features {
    pub request_id: bool,
    pub batch: bool,
    pub expiry: bool,
    pub receipt: bool,
    pub credit: bool,
    pub mandatory: bool,
    groups: bool,
    targets: bool,
    several_levels: bool,
    ack: bool,
    backlog: bool,
    durable: bool,
    replay: bool,
    dead_letters: bool,
}

impl Features {
    pub fn of(connection: &Connection) -> Self {
        Self {
            request_id: connection.has("request_id"),
            batch: connection.has("batch"),
            expiry: connection.has("expiry"),
            receipt: connection.has("receipt"),
            credit: connection.has("credit"),
            mandatory: connection.has("mandatory"),
            groups: connection.has("groups"),
            targets: connection.has("targets"),
            several_levels: connection.has("several_levels"),
            ack: connection.has("ack"),
            backlog: connection.has("backlog"),
            durable: connection.has("durable"),
            replay: connection.has("replay"),
            dead_letters: connection.has("dead_letters"),
        }
    }

    /// What the wishes about an event need and the router does not have.
    pub fn missing_for(&self, options: PublishOptions) -> Option<&'static str> {
        if options.ttl_ms.is_some() && !self.expiry {
            Some("expiry")
        } else if options.receipt == Receipt::Dispatched && !self.receipt {
            Some("receipt")
        } else if options.mandatory && !self.mandatory {
            Some("mandatory")
        } else {
            None
        }
    }

    /// Whether the router would do what a subscription asks for, and nothing else.
    pub fn suffice_for(&self, wanted: &Subscription) -> Result<(), Error> {
        let is_about_dead_letters = |topic: &Pattern| is_of_dead_letters(topic.as_str());
        let needs = [
            ("groups", self.groups, wanted.group.is_some()),
            ("targets", self.targets, wanted.targets.is_some()),
            ("several_levels", self.several_levels, wanted.topics.iter().any(Pattern::has_tail)),
            ("ack", self.ack, wanted.ack.is_some()),
            ("backlog", self.backlog, wanted.ack.is_some_and(|ack| ack.backlog_ms.is_some())),
            ("durable", self.durable, wanted.durable.is_some()),
            ("replay", self.replay, wanted.from.is_some()),
            ("dead_letters", self.dead_letters, wanted.topics.iter().any(is_about_dead_letters)),
        ];
        match needs.into_iter().find(|(_, has, needs)| *needs && !has) {
            Some((feature, _, _)) => Err(Error::Unsupported(feature)),
            None => Ok(()),
        }
    }
}
