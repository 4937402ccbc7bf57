//! The event types.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! event_types {
    ($($(#[$mark:meta])? $name:ident = $text:literal,)*) => {
        /// What an event is about. A type the router does not know becomes `custom`.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
        #[repr(u8)]
        pub enum EventType {
            $(#[doc = concat!("`", $text, "`")] $(#[$mark])? $name,)*
        }

        impl EventType {
            /// All of them, in the order of the protocol's list.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The type of this name on the wire.
            pub fn from_wire(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// Its name on the wire.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

event_types! {
    AgentStarted = "agent.started",
    AgentStopped = "agent.stopped",
    AgentFailed = "agent.failed",
    AgentCompleted = "agent.completed",
    TaskCreated = "task.created",
    TaskAssigned = "task.assigned",
    TaskStarted = "task.started",
    TaskProgress = "task.progress",
    TaskCompleted = "task.completed",
    TaskFailed = "task.failed",
    WorkflowStarted = "workflow.started",
    WorkflowStepCompleted = "workflow.step_completed",
    WorkflowCompleted = "workflow.completed",
    WorkflowFailed = "workflow.failed",
    SystemAlert = "system.alert",
    SystemError = "system.error",
    SystemInfo = "system.info",
    #[default]
    Custom = "custom",
}

impl Serialize for EventType {
    fn serialize<S: Serializer>(&self, into: S) -> Result<S::Ok, S::Error> {
        into.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for EventType {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Self::from_wire(&Cow::<str>::deserialize(from)?).unwrap_or_default())
    }
}

/// A set of event types; empty means all.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct EventTypes(u32);

impl EventTypes {
    /// Adds one.
    pub fn insert(&mut self, kind: EventType) {
        self.0 |= 1 << kind as u8;
    }

    /// Whether an event of this type passes: it is in the set, or the set is empty.
    pub fn admits(self, kind: EventType) -> bool {
        self.0 == 0 || self.0 & (1 << kind as u8) != 0
    }

    /// No type was named.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_types_agree_both_ways() {
        assert_eq!(EventType::ALL.len(), 18);
        for &kind in EventType::ALL {
            assert_eq!(EventType::from_wire(kind.as_str()), Some(kind));
        }
        assert_eq!(EventType::from_wire("task"), None);
    }

    #[test]
    fn an_empty_set_admits_all_and_a_set_only_its_own() {
        let mut set = EventTypes::default();
        assert!(set.admits(EventType::Custom) && set.is_empty());
        set.insert(EventType::TaskFailed);
        assert!(set.admits(EventType::TaskFailed) && !set.admits(EventType::Custom));
    }
}
