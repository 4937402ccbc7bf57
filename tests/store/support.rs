//! Stores, events and answers.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gadugi_router::protocol::{Blank, Event, Pattern, Request, Subscription, Time, decode};
use gadugi_router::store::{Bounds, Limits, NO_LIMITS, OnCommit, Rule, Settings, Sqlite, Store, StoreError};

/// Longer than anything takes on a machine that is busy.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Events on `keep` stay; of those on `drop` the last 500.
fn rules() -> Vec<Rule> {
    let rule = |topic, limits| Rule { topics: vec![Pattern::parse(topic).expect("a pattern")], limits };
    vec![rule("keep", NO_LIMITS), rule("drop", Limits { max_events: Some(500), ..NO_LIMITS })]
}

pub fn open(path: &Path, on_commit: OnCommit) -> Result<Store, StoreError> {
    let now = || {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Time::from_micros(i64::try_from(since.as_micros()).unwrap_or_default())
    };
    let sqlite = Arc::new(Sqlite::new(path)?);
    Store::open(sqlite, rules(), NO_LIMITS, Settings::default(), (Box::new(now), on_commit))
}

pub fn event(id: &str, topic: &str, priority: u64, bytes: usize) -> Arc<Event> {
    let text = "x".repeat(bytes);
    let message = format!(
        r#"{{"type":"publish","event":{{"id":"{id}","topic":"{topic}","priority":{priority},"payload":{{"text":"{text}"}}}}}}"#
    );
    match decode(&message, &mut Blank).expect("a good message").request {
        Request::Publish(publish) => publish.event,
        _ => unreachable!("a publish"),
    }
}

pub fn ask<T: Send + 'static>(
    ask: impl FnOnce(Box<dyn FnOnce(Result<T, StoreError>) + Send>) -> Result<(), StoreError>,
) -> Result<T, StoreError> {
    let (sender, answer) = sync_channel(1);
    ask(Box::new(move |said| sender.send(said).unwrap_or_default()))?;
    answer.recv_timeout(PATIENCE).expect("an answer")
}

/// Number and id of every event of the store, in order.
pub fn all(store: &Store) -> Vec<(u64, String)> {
    let (mut from, mut found) = (1, Vec::new());
    let wanted = Arc::new(Subscription::default());
    loop {
        let page =
            ask(|then| store.events(from, Arc::clone(&wanted), Bounds::default(), then)).expect("a page");
        assert_eq!(page.unreadable, 0);
        found.extend(page.events.iter().map(|stored| (stored.sequence, stored.event.id().to_owned())));
        from = page.next;
        if page.is_end {
            return found;
        }
    }
}

pub fn problems(store: &Store) -> Vec<String> {
    ask(|then| store.check(false, then)).expect("a check").problems
}
