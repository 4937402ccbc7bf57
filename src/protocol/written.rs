//! A subscription as a client writes it, and the router for itself: what it does not narrow is left out.

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::{Acks, EventType, Priority, Start, Subscription};

impl Serialize for Subscription {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self { topics, types, min_priority, sources, targets, group, ack, durable, from } = self;
        let mut object = to.serialize_struct("Subscription", 13)?;
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
        if let Some(Acks { max_in_flight, timeout_ms, max_retries, backlog_ms }) = ack {
            object.serialize_field("ack", &true)?;
            object.serialize_field("max_in_flight", max_in_flight)?;
            object.serialize_field("ack_timeout_ms", timeout_ms)?;
            object.serialize_field("max_retries", max_retries)?;
            if let Some(interval) = backlog_ms {
                object.serialize_field("backlog_interval_ms", interval)?;
            }
        }
        if let Some(name) = durable {
            object.serialize_field("durable", name)?;
        }
        if let Some(from) = from {
            object.serialize_field("from", from)?;
        }
        object.end()
    }
}

impl Serialize for Start {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut object = to.serialize_struct("Start", 1)?;
        match self {
            Self::Sequence(sequence) => object.serialize_field("sequence", sequence)?,
            Self::Time(time) => object.serialize_field("time", time)?,
            Self::Last(count) => object.serialize_field("last", count)?,
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
            r#"{"topics":["t"],"ack":true,"max_in_flight":1,"ack_timeout_ms":5000,"max_retries":0}"#,
            r#"{"topics":["t"],"ack":true,"max_in_flight":1,"ack_timeout_ms":5000,"max_retries":0,"backlog_interval_ms":1000,"durable":"d","from":{"last":3}}"#,
            r#"{"topics":["t"],"from":{"sequence":7}}"#,
            r#"{"topics":["t"],"from":{"time":"2026-01-31T12:00:00.000001+00:00"}}"#,
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
