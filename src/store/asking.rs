//! What can be asked of a store, and that the answer has in it what was confirmed before.

use std::path::PathBuf;
use std::sync::Arc;

use super::backend::seek;
use super::handle::{Shared, Store};
use super::readers::Lane;
use super::{
    Bounds, CheckUp, Durable, DurablePage, LetterPage, Letters, Page, Reading, Sequence, Stats, StoreError,
    Stored,
};
use crate::protocol::{Priority, Start, Subscription};

impl Store {
    /// Asks for events from this one on, in the order in which they were stored. The page after a page whose `is_end` is
    /// set begins at its `next`, too: what comes in between is neither missed nor repeated.
    ///
    /// # Errors
    /// Too much is asked at once, or the store has ended. `then` is not called.
    pub fn events(
        &self,
        from: Sequence,
        wanted: Arc<Subscription>,
        bounds: Bounds,
        then: impl FnOnce(Result<Page, StoreError>) + Send + 'static,
    ) -> Result<(), StoreError> {
        self.page(move |store| store.events(from, &wanted, bounds), then)
    }

    /// Asks for events of one level from this one on: what a durable subscription gets next.
    ///
    /// # Errors
    /// As [`Self::events`].
    pub fn level(
        &self,
        (priority, from): (Priority, Sequence),
        wanted: Arc<Subscription>,
        bounds: Bounds,
        then: impl FnOnce(Result<Page, StoreError>) + Send + 'static,
    ) -> Result<(), StoreError> {
        self.page(move |store| store.level(priority, from, &wanted, bounds), then)
    }

    /// Asks where a replay begins.
    ///
    /// # Errors
    /// As [`Self::events`].
    pub fn seek(
        &self,
        start: Start,
        wanted: Arc<Subscription>,
        then: impl FnOnce(Result<Sequence, StoreError>) + Send + 'static,
    ) -> Result<(), StoreError> {
        let Shared { seeks, .. } = &*self.shared;
        self.settled(seeks, move |store| seek(store, start, &wanted, Bounds::default()), then)
    }

    /// Asks for one event.
    ///
    /// # Errors
    /// As [`Self::events`].
    pub fn event(
        &self,
        sequence: Sequence,
        then: impl FnOnce(Result<Stored, StoreError>) + Send + 'static,
    ) -> Result<(), StoreError> {
        self.settled(&self.shared.pages, move |store| store.event(sequence), then)
    }

    /// Asks for the wanted events before this one, the newest first.
    ///
    /// # Errors
    /// As [`Self::events`].
    pub fn back(
        &self,
        before: Sequence,
        wanted: Arc<Subscription>,
        bounds: Bounds,
        then: impl FnOnce(Result<Page, StoreError>) + Send + 'static,
    ) -> Result<(), StoreError> {
        self.settled(&self.shared.pages, move |store| store.back(before, &wanted, bounds), then)
    }

    /// Asks for durable subscriptions whose names come after this one.
    ///
    /// # Errors
    /// As [`Self::events`].
    pub fn durables(
        &self,
        after: Box<str>,
        most: usize,
        then: impl FnOnce(Result<DurablePage, StoreError>) + Send + 'static,
    ) -> Result<(), StoreError> {
        self.settled(&self.shared.pages, move |store| store.durables(&after, most), then)
    }

    /// Asks for the durable subscription of this name.
    ///
    /// # Errors
    /// As [`Self::events`].
    pub fn durable(
        &self,
        name: Box<str>,
        then: impl FnOnce(Result<Option<Durable>, StoreError>) + Send + 'static,
    ) -> Result<(), StoreError> {
        self.settled(&self.shared.pages, move |store| store.durable(&name), then)
    }

    /// Asks for dead letters, oldest first.
    ///
    /// # Errors
    /// As [`Self::events`].
    pub fn letters(
        &self,
        wanted: Letters,
        bounds: Bounds,
        then: impl FnOnce(Result<LetterPage, StoreError>) + Send + 'static,
    ) -> Result<(), StoreError> {
        self.shared.pages.ask(move |store| store.letters(&wanted, bounds), then)
    }

    /// Asks what is in the store.
    ///
    /// # Errors
    /// As [`Self::events`].
    pub fn stats(
        &self,
        then: impl FnOnce(Result<Stats, StoreError>) + Send + 'static,
    ) -> Result<(), StoreError> {
        self.as_it_is(&self.shared.pages, |store| store.stats(), then)
    }

    /// Has the store checked. That takes as long as reading the whole file; `quick` a good deal less.
    ///
    /// # Errors
    /// As [`Self::events`].
    pub fn check(
        &self,
        quick: bool,
        then: impl FnOnce(Result<CheckUp, StoreError>) + Send + 'static,
    ) -> Result<(), StoreError> {
        self.as_it_is(&self.shared.chores, move |store| store.check(quick), then)
    }

    /// Has the store copied as it is now. The copy has its name when it is whole.
    ///
    /// # Errors
    /// As [`Self::events`].
    pub fn backup(
        &self,
        to: PathBuf,
        overwrite: bool,
        then: impl FnOnce(Result<u64, StoreError>) + Send + 'static,
    ) -> Result<(), StoreError> {
        self.settled(&self.shared.chores, move |store| store.backup(&to, overwrite), then)
    }

    /// Has something read when all that was taken in can be found.
    fn settled<T: 'static>(
        &self,
        lane: &Lane,
        read: impl FnOnce(&mut dyn Reading) -> Result<T, StoreError> + Send + 'static,
        then: impl FnOnce(Result<T, StoreError>) + Send + 'static,
    ) -> Result<(), StoreError> {
        let queue = Arc::clone(&self.shared.queue);
        lane.ask(move |store| queue.settle().and_then(|()| read(store)), then)
    }

    /// As [`Self::settled`], but where the store has failed, what can be read has to do.
    fn as_it_is<T: 'static>(
        &self,
        lane: &Lane,
        read: impl FnOnce(&mut dyn Reading) -> Result<T, StoreError> + Send + 'static,
        then: impl FnOnce(Result<T, StoreError>) + Send + 'static,
    ) -> Result<(), StoreError> {
        let queue = Arc::clone(&self.shared.queue);
        let read = move |store: &mut dyn Reading| {
            queue.settle().ok();
            read(store)
        };
        lane.ask(read, then)
    }

    /// Has a page read. Only one that comes to the end makes the store settle, so that whoever is far behind disturbs nobody.
    fn page(
        &self,
        read: impl Fn(&mut dyn Reading) -> Result<Page, StoreError> + Send + 'static,
        then: impl FnOnce(Result<Page, StoreError>) + Send + 'static,
    ) -> Result<(), StoreError> {
        let queue = Arc::clone(&self.shared.queue);
        let read = move |store: &mut dyn Reading| {
            // Asked before it is read: later, the end may be another one.
            let is_settled = queue.is_settled();
            let page = read(store)?;
            if !page.is_end || is_settled {
                return Ok(page);
            }
            match queue.settle() {
                Ok(()) => read(store),
                Err(error) if page.events.is_empty() => Err(error),
                Err(_) => Ok(Page { is_end: false, ..page }),
            }
        };
        self.shared.pages.ask(read, then)
    }
}
