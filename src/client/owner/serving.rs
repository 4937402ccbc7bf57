//! A connection, from its hello to its end.

use std::sync::Arc;

use tokio::time::Instant;

use super::super::message::{Draining, Gap, Refusal, Subscribed};
use super::super::session::Session;
use super::super::{Error, Message, Notice, State};
use super::{Ask, Closing, Owner, until};

/// What happened next.
enum Turn {
    Heard(Result<Message, Error>),
    Asked(Option<Ask>),
    /// There is something to send.
    Filled,
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
        self.restore(session).await?;
        loop {
            if session.complete_since.is_none() && !session.is_subscribing() {
                self.complete(session);
            }
            while let Some(text) = self.publisher.next_text(&session.features) {
                session.connection.feed_text(text).await?;
            }
            if self.closing.is_some() && self.publisher.is_idle() {
                return Ok(());
            }
            match self.turn(session).await {
                Turn::Heard(message) => self.heard(session, message?).await?,
                Turn::Asked(Some(ask)) => self.asked(session, ask).await?,
                Turn::Asked(None) | Turn::Over => return Ok(()),
                Turn::Filled => {}
                Turn::Changed => {
                    self.tell_shed();
                    for name in self.table.sweep() {
                        session.unsubscribe(name).await?;
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
        let queue = Arc::clone(self.publisher.queue());
        tokio::select! {
            message = session.receive(reading) => Turn::Heard(message),
            ask = self.asks.recv() => Turn::Asked(ask),
            () = queue.filled.notified() => Turn::Filled,
            () = self.intake.changed.notified() => Turn::Changed,
            () = until(late) => Turn::Late,
            () = until(over) => Turn::Over,
        }
    }

    /// Makes the subscriptions anew.
    async fn restore(&mut self, session: &mut Session) -> Result<(), Error> {
        for id in self.table.begin() {
            let Some(wanted) = self.table.wanted(id) else { continue };
            match session.features.suffice_for(wanted) {
                Ok(()) => session.subscribe(id, wanted, None).await?,
                Err(error) => {
                    self.notice(Notice::NotSubscribed { subscription: id, because: Arc::new(error) })
                }
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

    async fn asked(&mut self, session: &mut Session, ask: Ask) -> Result<(), Error> {
        match ask {
            Ask::Subscribe { id, wanted, taker, confirm } => {
                if let Err(error) = session.features.suffice_for(&wanted) {
                    drop(confirm.send(Err(error)));
                    return Ok(());
                }
                self.table.add(id, (*wanted).clone(), taker);
                session.subscribe(id, &wanted, Some(confirm)).await
            }
            Ask::Health(answer) => session.ask_health(answer).await,
            Ask::Close { by, done } => {
                self.closing = Some(Closing { by, done });
                Ok(())
            }
        }
    }

    async fn heard(&mut self, session: &mut Session, message: Message) -> Result<(), Error> {
        match message {
            Message::Event(delivery) => {
                self.table.deliver(*delivery);
                self.shed();
            }
            Message::Published(published) => self.publisher.published(published, &session.features),
            Message::PublishedBatch(batch) => self.publisher.published_batch(batch),
            Message::Subscribed(subscribed) => return self.subscribed(session, &subscribed).await,
            Message::Error(refusal) => self.refused(session, refusal),
            Message::Health(health) => session.health(health),
            Message::Gap(gap) => self.gap(&gap),
            Message::Draining(draining) => self.draining(&draining),
            Message::Other(_) => {}
        }
        Ok(())
    }

    async fn subscribed(&mut self, session: &mut Session, subscribed: &Subscribed) -> Result<(), Error> {
        let Some(subscribing) = session.subscribed(subscribed) else { return Ok(()) };
        if !self.table.named(subscribing.id, subscribed.subscription_id) {
            // Nobody wants it any more, and only now it is known what the router calls it.
            return session.unsubscribe(subscribed.subscription_id).await;
        }
        if let Some(confirm) = subscribing.confirm {
            // Who waited for it may have gone, and then the stream is gone too.
            drop(confirm.send(Ok(())));
        }
        Ok(())
    }

    fn refused(&mut self, session: &mut Session, refusal: Refusal) {
        if self.publisher.refused(&refusal, &session.features) {
            return;
        }
        let Some(subscribing) = session.refused(&refusal) else { return };
        let error = Error::Answered { code: refusal.code, text: refusal.error };
        match subscribing.confirm {
            Some(confirm) => {
                self.table.remove(subscribing.id);
                drop(confirm.send(Err(error)));
            }
            // It was taken once, and may be again.
            None => {
                self.notice(Notice::NotSubscribed { subscription: subscribing.id, because: Arc::new(error) })
            }
        }
    }

    fn gap(&self, gap: &Gap) {
        if let Some(subscription) = self.table.id_of(gap.subscription_id) {
            let Gap { evicted, expired, .. } = *gap;
            self.notice(Notice::Gap { subscription, evicted, expired, local: false });
        }
    }

    /// The router winds down: it takes no more events, and says when to come back.
    fn draining(&mut self, draining: &Draining) {
        self.publisher.hold();
        self.come_back_after = Some(std::time::Duration::from_millis(draining.reconnect_after_ms));
        self.states.send_replace(State::Draining);
    }

    /// While answers are awaited events are read that nobody has room for: the least urgent are shed.
    fn shed(&mut self) {
        while self.intake.waiting() > self.settings.local_events {
            let Some(inbox) = self.table.least_urgent() else { return };
            let Some(priority) = inbox.shed() else { return };
            self.shed.entry(inbox.id).or_default()[priority.index()] += 1;
        }
    }
}
