//! What the event store is asked. It answers on threads of its own; here that is waited for.

use std::path::PathBuf;

use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::guests::Office;
use super::line;
use super::messages::{
    Answer, Code, DurableView, LONGEST_EVENT, Refused, StoreAnswer, StoreFigures, StoreHealth, StoreRequest,
    StoreRule, StoredEvent, StoredEvents,
};
use crate::protocol::{Pattern, Subscription};
use crate::store::{Bounds, Durable, Health, Kind, Sequence, State, Stats, Store, StoreError, Stored};

/// Durable subscriptions in a page.
const DURABLES: usize = 200;
/// Bytes of a copy that are sent at once.
const CHUNK: usize = 256 << 10;

/// Asks the store and waits.
async fn ask<T: Send + 'static>(
    ask: impl FnOnce(Box<dyn FnOnce(Result<T, StoreError>) + Send>) -> Result<(), StoreError>,
) -> Result<T, Refused> {
    let (answer, answered) = oneshot::channel();
    // Whoever asked may have gone.
    ask(Box::new(move |found| drop(answer.send(found)))).map_err(|error| refused(&error))?;
    let found = answered.await.map_err(|_| Refused::new(Code::Stopping, "the event store has ended"))?;
    found.map_err(|error| refused(&error))
}

fn refused(error: &StoreError) -> Refused {
    let code = match error.kind {
        Kind::NotFound | Kind::Unsupported => Code::NotFound,
        _ => Code::Busy,
    };
    Refused::new(code, error.to_string())
}

impl Office {
    /// Answers a question to the store.
    pub(super) async fn store(&self, request: StoreRequest) -> Answer {
        match self.asked(request).await {
            Ok(answer) => Answer::Store(answer),
            Err(refused) => Answer::Error(refused),
        }
    }

    fn its_store(&self) -> Result<&Store, Refused> {
        let none =
            || Refused::new(Code::NotFound, "this router has no event store: set store.kind ([store])");
        self.hub.store().ok_or_else(none)
    }

    async fn asked(&self, request: StoreRequest) -> Result<StoreAnswer, Refused> {
        let store = self.its_store()?;
        match request {
            StoreRequest::Stats => {
                let stats = ask(|then| store.stats(then)).await?;
                Ok(StoreAnswer::Stats(Box::new(figures(store, stats))))
            }
            StoreRequest::Check { quick } => {
                let found = ask(|then| store.check(quick, then)).await?;
                Ok(StoreAnswer::Checked { problems: found.problems })
            }
            StoreRequest::Events { before, topics } => self.events(store, before, &topics).await,
            StoreRequest::Event { sequence } => Ok(whole(&ask(|then| store.event(sequence, then)).await?)),
            StoreRequest::Find { id, before } => find(store, &id, before).await,
            StoreRequest::Durables { after } => self.durables(store, after).await,
            StoreRequest::Forget { name } => {
                let asked = name.clone().into();
                let none =
                    || Refused::new(Code::NotFound, format!("there is no durable subscription {name:?}"));
                ask(|then| store.durable(asked, then)).await?.ok_or_else(none)?;
                if !self.hub.with(|router| router.forget_durable(&name)) {
                    let text =
                        format!("clients of the durable subscription {name:?} are there: end these first");
                    return Err(Refused::new(Code::NotFound, text));
                }
                tracing::info!(name: "gadugi.admin", durable = name, "durable subscription {name:?} is forgotten");
                Ok(StoreAnswer::Forgotten { name })
            }
            StoreRequest::Backup => Err(Refused::new(Code::BadRequest, "this is not asked here")),
        }
    }

    async fn events(
        &self,
        store: &Store,
        before: Option<Sequence>,
        topics: &[String],
    ) -> Result<StoreAnswer, Refused> {
        let bad = |text: &str, problem| Refused::new(Code::InvalidValue, format!("{text:?}: {problem}"));
        let patterns = topics.iter().map(|text| Pattern::parse(text).map_err(|problem| bad(text, problem)));
        let wanted = Subscription { topics: patterns.collect::<Result<_, _>>()?, ..Subscription::default() };
        let before = before.unwrap_or(LATEST);
        let page = ask(|then| store.back(before, wanted.into(), Bounds::default(), then)).await?;
        let next = (!page.is_end).then_some(page.next);
        Ok(StoreAnswer::Events(StoredEvents { events: page.events.iter().map(row).collect(), next }))
    }

    async fn durables(&self, store: &Store, after: String) -> Result<StoreAnswer, Refused> {
        let found = ask(|then| store.durables(after.into(), DURABLES, then)).await?;
        let next = found.last().filter(|_| found.len() == DURABLES).map(|last| last.name.to_string());
        let clients = |name: &str| self.hub.with(|router| router.members_of(name));
        let durables = found.iter().map(|durable| view(durable, clients(&durable.name))).collect();
        Ok(StoreAnswer::Durables { durables, next })
    }

    /// Sends a copy of the store: a line that says how long it is, and then the copy.
    pub(super) async fn backup(&self, to: &mut (impl AsyncWrite + Unpin)) -> std::io::Result<()> {
        let mut copied = match self.copied().await {
            Ok(copied) => copied,
            Err(refused) => return line::answer(to, &Answer::Error(refused)).await,
        };
        line::answer(to, &Answer::Store(StoreAnswer::Copy { bytes: copied.1 })).await?;
        let mut chunk = vec![0; CHUNK];
        loop {
            let count = copied.0.read(&mut chunk).await?;
            let Some(bytes) = chunk.get(..count).filter(|bytes| !bytes.is_empty()) else { return Ok(()) };
            timeout(line::PATIENCE, to.write_all(bytes)).await??;
        }
    }

    /// A copy beside the store, which has no name any more: where else the router may write is not known.
    async fn copied(&self) -> Result<(File, u64), Refused> {
        let store = self.its_store()?;
        let stats = ask(|then| store.stats(then)).await?;
        let none = || Refused::new(Code::NotFound, "the event store is in memory: there is no file to copy");
        let mut name = stats.path.ok_or_else(none)?.into_os_string();
        name.push(".backup");
        let name = PathBuf::from(name);
        let to = name.clone();
        let bytes = ask(|then| store.backup(to, true, then)).await?;
        let failed = |error: std::io::Error| Refused::new(Code::Busy, format!("{}: {error}", name.display()));
        let file = File::open(&name).await.map_err(failed)?;
        tokio::fs::remove_file(&name).await.map_err(failed)?;
        Ok((file, bytes))
    }
}

/// Past every event.
const LATEST: Sequence = i64::MAX as Sequence;

/// Looks for an event among the next older ones.
async fn find(store: &Store, id: &str, before: Option<Sequence>) -> Result<StoreAnswer, Refused> {
    let (before, wanted) = (before.unwrap_or(LATEST), Subscription::default());
    let page = ask(|then| store.back(before, wanted.into(), Bounds::default(), then)).await?;
    match page.events.iter().find(|stored| stored.event.id() == id) {
        Some(stored) => Ok(whole(stored)),
        None if page.is_end => {
            let text = format!("no stored event has the id {id:?}");
            Err(Refused::new(Code::NotFound, text))
        }
        None => Ok(StoreAnswer::Events(StoredEvents { events: Vec::new(), next: Some(page.next) })),
    }
}

fn row(stored: &Stored) -> StoredEvent {
    let event = &stored.event;
    StoredEvent {
        sequence: stored.sequence,
        stored: stored.at.to_string(),
        id: event.id().to_owned(),
        topic: event.topic().to_owned(),
        kind: event.kind().as_str().to_owned(),
        priority: event.priority().get(),
        source: event.source().to_owned(),
        size: event.size(),
    }
}

fn whole(stored: &Stored) -> StoreAnswer {
    let text = stored.event.full();
    StoreAnswer::Event { row: row(stored), event: (text.len() <= LONGEST_EVENT).then(|| text.to_owned()) }
}

fn view(durable: &Durable, clients: usize) -> DurableView {
    DurableView {
        name: durable.name.to_string(),
        wanted: durable.wanted.to_string(),
        created: durable.created.to_string(),
        last_seen: durable.last_seen.to_string(),
        clients,
        done_to: durable.levels.map(|level| level.floor),
        lost: durable.levels.iter().map(|level| level.lost).sum(),
    }
}

/// How it is, in the words of the messages.
pub(super) fn health(health: &Health) -> StoreHealth {
    let failed = match &health.state {
        State::Working => health.untidy.as_ref().map(ToString::to_string),
        State::Failed(error) => Some(error.to_string()),
        State::Ended => Some("it has ended".to_owned()),
    };
    StoreHealth {
        failed,
        waiting: health.waiting as u64,
        written: health.written,
        commits: health.commits,
        refused: health.failed,
        deleted: health.trimmed,
        lost: health.lost,
    }
}

fn figures(store: &Store, stats: Stats) -> StoreFigures {
    let (health, rules) = (store.health(), store.rules());
    let StoreHealth { failed, waiting, written, commits, refused, deleted, lost } = self::health(&health);
    let in_force: Vec<_> = rules.iter().map(|(id, _)| *id).collect();
    StoreFigures {
        kind: stats.kind.to_owned(),
        path: stats.path.as_ref().map(|path| path.display().to_string()),
        schema: stats.schema,
        failed,
        events: stats.events(),
        bytes: stats.bytes(),
        last: stats.last,
        oldest: stats.oldest.map(|(sequence, at)| (sequence, at.to_string())),
        newest: stats.newest.map(|(sequence, at)| (sequence, at.to_string())),
        dead_letters: stats.dead.map_or(0, |dead| dead.events),
        durables: stats.durables,
        file_bytes: stats.file_bytes,
        log_bytes: stats.log_bytes,
        free_bytes: stats.free_bytes,
        waiting,
        commits,
        written,
        refused,
        deleted,
        lost,
        rules: stats
            .rules
            .into_iter()
            .map(|rule| StoreRule {
                in_force: in_force.contains(&rule.id),
                topics: rule.name,
                events: rule.events,
                bytes: rule.bytes,
                max_age: rule.limits.max_age.map(|age| age.as_secs_f64()),
                max_events: rule.limits.max_events,
                max_size: rule.limits.max_bytes,
            })
            .collect(),
    }
}
