//! What the router at the other end has.

use super::{Connection, Error};
use crate::protocol::{PublishOptions, Receipt, Subscription};

/// Extensions of the protocol that make a difference here; a router of part 1 has none.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Features {
    pub request_id: bool,
    pub batch: bool,
    pub expiry: bool,
    pub receipt: bool,
    groups: bool,
    targets: bool,
    several_levels: bool,
}

impl Features {
    pub fn of(connection: &Connection) -> Self {
        Self {
            request_id: connection.has("request_id"),
            batch: connection.has("batch"),
            expiry: connection.has("expiry"),
            receipt: connection.has("receipt"),
            groups: connection.has("groups"),
            targets: connection.has("targets"),
            several_levels: connection.has("several_levels"),
        }
    }

    /// What the wishes about an event need and the router does not have.
    pub fn missing_for(&self, options: PublishOptions) -> Option<&'static str> {
        if options.ttl_ms.is_some() && !self.expiry {
            Some("expiry")
        } else if options.receipt == Receipt::Dispatched && !self.receipt {
            Some("receipt")
        } else {
            None
        }
    }

    /// Whether the router would do what a subscription asks for, and nothing else.
    pub fn suffice_for(&self, wanted: &Subscription) -> Result<(), Error> {
        if wanted.group.is_some() && !self.groups {
            Err(Error::Unsupported("groups"))
        } else if wanted.targets.is_some() && !self.targets {
            Err(Error::Unsupported("targets"))
        } else if !self.several_levels && wanted.topics.iter().any(|topic| topic.has_tail()) {
            Err(Error::Unsupported("several_levels"))
        } else {
            Ok(())
        }
    }
}
