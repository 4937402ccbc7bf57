//! The event store as the settings want it: where it is, what it keeps, how it is opened and ended.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};

use super::exit::{Exit, Failure};
use super::source::Source;
use crate::config::place::{STORE_FILE, state_directory};
use crate::config::{Config, Loaded, StoreKind};
use crate::router::KEPT_BYTES;
use crate::server::{Hub, wall_clock};
use crate::store::{
    Backend, Bounds, Kind, Letter, Letters, Limits, Memory, Rule, Settings, Sqlite, Store, StoreError,
};

/// The store keeps as many dead letters as the router has at hand.
pub(super) fn dead_letters(config: &Config) -> Limits {
    let most = config.limits.dead_letters as u64;
    Limits { max_age: None, max_events: Some(most), max_bytes: Some(KEPT_BYTES as u64) }
}

/// The permissions of a directory that is made for it: events may hold secrets.
const PRIVATE: u32 = 0o700;

/// Where the store is, if it is a file.
pub(super) fn place(config: &Config, source: &Source, uid: u32) -> Option<PathBuf> {
    let standard = || state_directory(&source.inputs.environment, uid).map(|state| state.join(STORE_FILE));
    (config.store.kind == StoreKind::Sqlite).then(|| config.store.path.clone().or_else(standard)).flatten()
}

/// Makes the directory of a store whose place nobody has chosen. What is wrong is told by whoever opens it.
pub(super) fn prepare(config: &Config, path: &Path) {
    if let (None, Some(directory)) = (&config.store.path, path.parent()) {
        std::fs::DirBuilder::new().recursive(true).mode(PRIVATE).create(directory).ok();
    }
}

/// The rules as the store knows them.
pub(super) fn rules(config: &Config) -> Vec<Rule> {
    let rules = config.store.rule.iter().map(|rule| Rule {
        topics: rule.topics.clone(),
        limits: Limits { max_age: rule.max_age, max_events: rule.max_events, max_bytes: rule.max_size },
    });
    rules.collect()
}

/// Opens the store, if there is to be one, and tells the hub of it. Beside the event loop: an older schema is brought
/// forward by this.
///
/// # Errors
/// The store cannot be had.
pub(super) async fn open(loaded: &Loaded, place: Option<PathBuf>, hub: &Arc<Hub>) -> Result<(), Failure> {
    let kind = loaded.config.store.kind;
    if kind == StoreKind::None {
        return Ok(());
    }
    let (rules, on_commit) = (rules(&loaded.config), hub.on_commit());
    let dead = dead_letters(&loaded.config);
    let opening = tokio::task::spawn_blocking(move || -> Result<(Store, Vec<Letter>), StoreError> {
        let backend: Arc<dyn Backend> = match (kind, place) {
            (StoreKind::Sqlite, Some(path)) => Arc::new(Sqlite::new(&path)?),
            (StoreKind::Sqlite, None) => {
                let text = "there is no directory for state; set store.path";
                return Err(StoreError::new(Kind::NotFound, text));
            }
            _ => Arc::new(Memory::new()),
        };
        let clock = Box::new(wall_clock);
        let store = Store::open(backend, rules, dead, Settings::default(), (clock, on_commit))?;
        let letters = letters(&store)?;
        Ok((store, letters))
    });
    let opened = opening.await.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()));
    let (store, letters) = opened
        .map_err(|error| Failure::new(code(error.kind), format!("cannot open the event store: {error}")))?;
    tracing::info!(rules = loaded.config.store.rule.len(), "event store: {}", name(kind));
    hub.attach_store(store);
    hub.recall(&letters);
    Ok(())
}

/// The dead letters of earlier runs, oldest first.
fn letters(store: &Store) -> Result<Vec<Letter>, StoreError> {
    let (mut found, mut after) = (Vec::new(), 0);
    loop {
        let (sender, receiver) = mpsc::sync_channel(1);
        let wanted = Letters { after, ..Letters::default() };
        store.letters(wanted, Bounds::default(), move |page| drop(sender.send(page)))?;
        // The store always answers; should its thread be gone, there is nothing to be had.
        let Ok(page) = receiver.recv() else { return Ok(found) };
        let page = page?;
        found.extend(page.letters);
        after = page.after;
        if page.is_end {
            return Ok(found);
        }
    }
}

fn name(kind: StoreKind) -> &'static str {
    match kind {
        StoreKind::None => "none",
        StoreKind::Memory => "memory",
        StoreKind::Sqlite => "sqlite",
    }
}

/// What is somebody else's, or of another version, no restart mends.
fn code(kind: Kind) -> Exit {
    match kind {
        Kind::Newer | Kind::Foreign => Exit::Config,
        _ => Exit::Unavailable,
    }
}

/// Writes what waits, and ends.
pub(super) fn end(hub: &Hub) {
    if let Some(store) = hub.store() {
        store.end();
    }
}
