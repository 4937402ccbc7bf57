//! A subscription as a client writes it, and the router for itself: what it does not narrow is left out.

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::{EventType, Priority, Subscription};

impl Serialize for Subscription {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self { topics, types, min_priority, sources, targets, group } = self;
        let mut object = to.serialize_struct("Subscription", 6)?;
        let topics: Vec<_> = topics.iter().map(|pattern| pattern.as_str()).collect();
        object.serialize_field("topics", &topics)?;
        if !types.is_empty() {
            let named: Vec<_> = EventType::ALL.iter().filter(|kind| types.admits(**kind)).collect();
            object.serialize_field("types", &named)?;
        }
        if *min_priority > Priority::LOWEST {
            object.serialize_field("priorities", &[min_priority])?;
        }
        if !sources.is_empty() {
            object.serialize_field("sources", sources)?;
        }
        if let Some(targets) = targets {
            object.serialize_field("targets", targets)?;
        }
        if let Some(group) = group {
            object.serialize_field("group", group)?;
        }
        object.end()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Blank, Request, decode};

    #[test]
    fn what_is_written_is_read_again_and_says_no_more_than_it_must() {
        for text in [
            r#"{"topics":["*"]}"#,
            r#"{"topics":["a.*","b.**"],"types":["task.failed"],"priorities":[7],"sources":["s"],"targets":["t"],"group":"g"}"#,
        ] {
            let message = format!(r#"{{"type":"subscribe","subscription":{text}}}"#);
            let Request::Subscribe(wanted) = decode(&message, &mut Blank).unwrap().request else {
                panic!("no subscription")
            };
            assert_eq!(serde_json::to_string(&wanted).unwrap(), text);
        }
    }
}
