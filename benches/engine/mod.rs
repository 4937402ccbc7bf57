//! What the benchmarks of the engine share: events made as clients make them, and clients that read.

use std::sync::Arc;
use std::task::Waker;

use gadugi_router::protocol::{Event, Fill, Request, Subscription, Time, decode};
use gadugi_router::router::{Budget, ClientKey, Router, Turn};
use uuid::Uuid;

struct Still;

impl Fill for Still {
    fn client_id(&self) -> &str {
        "bench"
    }

    fn now(&mut self) -> Time {
        Time::from_micros(0)
    }

    fn new_id(&mut self) -> Uuid {
        Uuid::nil()
    }
}

fn request(message: &str) -> Request<'_> {
    decode(message, &mut Still).expect("a good message").request
}

/// An event with 256 bytes of payload.
pub fn event(topic: &str, priority: u8) -> Arc<Event> {
    let text = "x".repeat(256);
    let message = format!(
        r#"{{"type":"publish","event":{{"topic":"{topic}","priority":{priority},"payload":{{"text":"{text}"}}}}}}"#
    );
    let Request::Publish(publish) = request(&message) else { unreachable!("a publish") };
    publish.event
}

/// Subscribes a client to a pattern.
pub fn subscribe(router: &mut Router, client: ClientKey, number: u128, pattern: &str) {
    let message = format!(r#"{{"type":"subscribe","subscription":{{"topics":["{pattern}"]}}}}"#);
    let Request::Subscribe(wanted) = request(&message) else { unreachable!("a subscribe") };
    let wanted: Subscription = wanted;
    router.subscribe(client, Uuid::from_u128(number), wanted).expect("room for a subscription");
}

/// Takes so many deliveries, which also settles those of the last turn.
pub fn take(router: &mut Router, client: ClientKey, events: usize, turn: &mut Turn) -> usize {
    turn.notices.clear();
    router.take(client, Budget::new(events, usize::MAX), turn, Waker::noop(), 0);
    turn.written.clear();
    turn.deliveries.len()
}
