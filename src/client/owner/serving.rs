//! A connection, from its hello to its end.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::super::connection::HELLO;
use super::super::message::{Backlog, Draining, Gap, Refusal, Replayed, Subscribed};
use super::super::session::Session;
use super::super::{Error, Message, Notice, State};
use super::{Ask, Closing, Owner, until};

/// What happened next.
enum Turn {
    /// A message, or room to send more.
    Heard(Result<Option<Message>, Error>),
    Asked(Option<Ask>),
    /// There is something to send.
    Filled,
    /// Something was said of deliveries, or is to be.
    Said,
    /// Reading may go on, or a stream is gone.
    Changed,
    /// The router did not answer to the subscriptions in time.
    Late,
    /// The time for closing is over.
    Over,
}

impl Owner {
    /// Serves a connection until it is to end, or ends by itself.
    pub(super) async fn serve(&mut self, session: &mut Session) -> Result<(), Error> {
        self.shrink(session)?;
        self.restore(session)?;
        loop {
            if session.complete_since.is_none() && !session.is_subscribing() {
                self.complete(session);
            }
            if let Some(credit) = self.intake.grant(self.replies.are_awaited()) {
                session.grant(credit)?;
            }
            self.speak(session);
            // What the socket does not take now may be overtaken by more urgent events.
            while session.connection.has_room()
                && let Some(text) = self.publisher.next_text(&session.features)
            {
                session.connection.put(text);
            }
            if self.closing.is_some() && self.publisher.is_idle() {
                return Ok(());
            }
            let turn = self.turn(session).await;
            self.intake.spent(session.spent());
            match turn {
                Turn::Heard(heard) => {
                    if let Some(message) = heard? {
                        self.heard(session, message)?;
                    }
                }
                Turn::Asked(Some(ask)) => self.asked(session, ask)?,
                Turn::Asked(None) | Turn::Over => return Ok(()),
                Turn::Filled | Turn::Said => {}
                Turn::Changed => {
                    self.tell_shed();
                    for name in self.sweep() {
                        session.unsubscribe(name)?;
                    }
                }
                Turn::Late => {
                    let (address, after) = (self.address.clone(), self.settings.answer_timeout);
                    return Err(Error::TimedOut { address, what: "answer to the subscriptions", after });
                }
            }
        }
    }

    async fn turn(&mut self, session: &mut Session) -> Turn {
        let awaits = session.awaits_answers() || self.publisher.flying() > 0 || self.replies.are_awaited();
        let reading = awaits || !self.intake.is_full();
        let late = session.complete_since.is_none().then_some(session.complete_by);
        let over = self.closing.as_ref().map(|closing| closing.by);
        let beat = self.acks.next_beat();
        tokio::select! {
            heard = session.connection.next(reading) => Turn::Heard(heard),
            ask = self.asks.recv() => Turn::Asked(ask),
            () = self.publisher.queue().filled.notified() => Turn::Filled,
            () = self.intake.changed.notified() => Turn::Changed,
            () = self.acks.said.notified() => Turn::Said,
            () = until(beat) => Turn::Said,
            () = until(late) => Turn::Late,
            () = until(over) => Turn::Over,
        }
    }

    /// Passes on what was said of deliveries.
    pub(super) fn speak(&self, session: &mut Session) {
        for text in self.acks.take() {
            session.connection.put(text);
        }
    }

    /// Since the last `hello` somebody else in a group could have what this client was granted.
    fn shrink(&mut self, session: &mut Session) -> Result<(), Error> {
        match self.intake.shrink() {
            Some(credit) => session.begin_anew(&self.settings.options, credit),
            None => Ok(()),
        }
    }

    /// Makes the subscriptions anew.
    fn restore(&mut self, session: &mut Session) -> Result<(), Error> {
        for id in self.table.begin() {
            let Some(wanted) = self.table.wish(id) else { continue };
            match session.features.suffice_for(&wanted) {
                Ok(()) => session.subscribe(id, &wanted, None)?,
                Err(error) => self.not_subscribed(id, error),
            }
        }
        Ok(())
    }

    /// Everything is restored; what has waited may go out.
    fn complete(&mut self, session: &mut Session) {
        session.complete_since = Some(Instant::now());
        if let Some(first) = self.first.take() {
            // Who waited for it may have gone; then the handle is gone, and this ends by itself.
            drop(first.send(Ok(())));
        }
        if self.come_back_after.is_some() {
            // The router drains already.
            return;
        }
        self.publisher.begin();
        self.states.send_replace(State::Connected {
            client_id: session.connection.client_id().into(),
            server: session.connection.server().map(Into::into),
        });
    }

    fn asked(&mut self, session: &mut Session, ask: Ask) -> Result<(), Error> {
        match ask {
            Ask::Subscribe { id, wanted, taker, confirm } => {
                if let Err(error) = session.features.suffice_for(&wanted.subscription) {
                    drop(confirm.send(Err(error)));
                    return Ok(());
                }
                if self.table.has(id) {
                    // Asked for before, by somebody who stopped waiting.
                    drop(confirm.send(Ok(())));
                    return Ok(());
                }
                let subscription = wanted.subscription.clone();
                self.subscribe(id, *wanted, taker);
                self.shrink(session)?;
                session.subscribe(id, &subscription, Some(confirm))
            }
            Ask::Forget { id, answer } => match self.table.name_of(id) {
                Some(name) => session.forget(name, answer),
                None => {
                    drop(answer.send(Err(Error::NotConnected)));
                    Ok(())
                }
            },
            Ask::Health(answer) => session.ask_health(answer),
            Ask::Close { by, done } => {
                self.closing = Some(Closing { by, done });
                Ok(())
            }
        }
    }

    fn heard(&mut self, session: &mut Session, message: Message) -> Result<(), Error> {
        match message {
            Message::Event(delivery) => {
                let has_no_room = self.intake.has_no_room();
                self.table.deliver(delivery);
                if has_no_room {
                    self.shed();
                }
            }
            Message::Published(published) => self.publisher.published(published, &session.features),
            Message::PublishedBatch(batch) => self.publisher.published_batch(batch),
            Message::Subscribed(subscribed) => return self.subscribed(session, &subscribed),
            Message::Error(refusal) if refusal.is_about_who_asks() && session.is_beginning_anew() => {
                return Err(Error::Unauthorized { address: self.address.clone(), text: refusal.error });
            }
            Message::Error(refusal) => self.refused(session, refusal),
            Message::Health(health) => session.health(health),
            Message::Gap(gap) => self.gap(gap),
            Message::Draining(draining) => self.draining(&draining),
            Message::Unreadable(what) => self.notice(Notice::Unreadable { what }),
            Message::Other(kind) if kind == HELLO => {
                if let Some(credit) = session.begun_anew() {
                    self.intake.begin(Some(credit));
                }
            }
            Message::Backlog(backlog) => self.backlog(&backlog),
            Message::Replayed(replayed) => {
                if let Some(subscription) = self.table.replayed(&replayed) {
                    let Replayed { sequence, events, .. } = replayed;
                    self.notice(Notice::Replayed { subscription, sequence, events });
                }
            }
            Message::Unsubscribed(unsubscribed) => session.unsubscribed(&unsubscribed),
            Message::Other(_) => {}
        }
        Ok(())
    }

    fn subscribed(&mut self, session: &mut Session, subscribed: &Subscribed) -> Result<(), Error> {
        let Some(subscribing) = session.subscribed(subscribed) else { return Ok(()) };
        if !self.table.named(subscribing.id, subscribed.subscription_id) {
            // Nobody wants it any more, and only now it is known what the router calls it.
            return session.unsubscribe(subscribed.subscription_id);
        }
        if let Some(confirm) = subscribing.confirm {
            // Who waited for it may have gone, and then the stream is gone too.
            drop(confirm.send(Ok(())));
        }
        Ok(())
    }

    fn refused(&mut self, session: &mut Session, refusal: Refusal) {
        if self.publisher.refused(&refusal, &session.features) || session.not_forgotten(&refusal) {
            return;
        }
        let Some(subscribing) = session.refused(&refusal) else {
            return self.notice(Notice::Answered { code: refusal.code, text: refusal.error });
        };
        let error = Error::Answered { code: refusal.code, text: refusal.error };
        match subscribing.confirm {
            Some(confirm) => {
                self.table.remove(subscribing.id);
                self.intake.share_work(self.table.shares_work());
                drop(confirm.send(Err(error)));
            }
            // It was taken once, and may be again.
            None => self.not_subscribed(subscribing.id, error),
        }
    }

    fn not_subscribed(&mut self, subscription: Uuid, error: Error) {
        self.table.refused(subscription);
        self.notice(Notice::NotSubscribed { subscription, because: Arc::new(error) });
    }

    fn gap(&self, mut gap: Box<Gap>) {
        if let Some(subscription) = self.table.id_of(gap.subscription_id) {
            gap.subscription_id = subscription;
            self.notice(Notice::Gap { gap, local: false });
        }
    }

    fn backlog(&self, backlog: &Backlog) {
        if let Some(subscription) = self.table.id_of(backlog.subscription_id) {
            let Backlog { waiting, more, oldest_age_ms, highest_priority: highest, .. } = *backlog;
            let oldest = Duration::from_millis(oldest_age_ms);
            self.notice(Notice::Backlog { subscription, waiting, more, oldest, highest });
        }
    }

    /// The router winds down: it takes no more events, and says when to come back.
    fn draining(&mut self, draining: &Draining) {
        self.publisher.hold();
        self.come_back_after = Some(Duration::from_millis(draining.reconnect_after_ms));
        self.states.send_replace(State::Draining);
    }

    /// While answers are awaited events are read that nobody has room for: the least urgent are shed.
    fn shed(&mut self) {
        while self.intake.is_over() {
            let Some(inbox) = self.table.least_urgent() else { return };
            let Some(priority) = inbox.shed() else { return };
            self.shed.entry(inbox.id).or_default()[priority.index()] += 1;
        }
    }
}
