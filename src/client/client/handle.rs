//! What all clones of a client share.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OnceCell, broadcast, mpsc, oneshot, watch};
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::super::acks::Acks;
use super::super::intake::Intake;
use super::super::outgoing::Shape;
use super::super::owner::{Ask, Owner};
use super::super::publisher::Publisher;
use super::super::queue::Queue;
use super::super::replies::Replies;
use super::super::settings::Settings;
use super::super::table::Table;
use super::super::{Address, Backoff, Error, Notice, State};

/// Questions that wait for the task; who has more waits.
const ASKS: usize = 64;
/// Notices that are kept for whoever looks at them late. Their room is taken whether there are any or not.
const NOTICES: usize = 128;
/// The ways to the task, which ends with it.
#[derive(Debug)]
pub(in super::super) struct Handle {
    pub asks: mpsc::Sender<Ask>,
    pub queue: Arc<Queue>,
    pub intake: Arc<Intake>,
    pub replies: Arc<Replies>,
    pub takes_replies: OnceCell<()>,
    pub states: watch::Receiver<State>,
    pub notices: broadcast::Sender<Notice>,
    pub shape: Shape,
    pub answer_timeout: Duration,
    pub task: AbortHandle,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Handle {
    /// The task begins, and with it the first attempt. Whoever waits for that takes its failure for the end.
    pub fn begin(
        address: Address,
        settings: Settings,
        first: Option<oneshot::Sender<Result<(), Error>>>,
    ) -> Arc<Self> {
        let (notices, _) = broadcast::channel(NOTICES);
        let (states, state) = watch::channel(State::Connecting);
        let (sender, asks) = mpsc::channel(ASKS);
        let queue = Arc::new(Queue::new(&settings, notices.clone()));
        let (intake, replies) = (Arc::new(Intake::new(&settings)), Arc::new(Replies::new()));
        let shape = Shape { source: settings.source.clone(), most_bytes: settings.message_size };
        let (acks, answer_timeout) = (Arc::new(Acks::default()), settings.answer_timeout);
        let owner = Owner {
            address,
            asks,
            states,
            notices: notices.clone(),
            intake: Arc::clone(&intake),
            acks: Arc::clone(&acks),
            replies: Arc::clone(&replies),
            publisher: Publisher::new(Arc::clone(&queue), settings.in_flight),
            table: Table::new(settings.dedupe, acks),
            backoff: Backoff::new(settings.first_wait, settings.longest_wait).growing(settings.decay),
            settings,
            first,
            failures: 0,
            come_back_after: None,
            shed: HashMap::new(),
            closing: None,
        };
        let task = tokio::spawn(owner.run()).abort_handle();
        let asks = sender;
        let takes_replies = OnceCell::new();
        let states = state;
        Arc::new(Self {
            asks,
            queue,
            intake,
            replies,
            takes_replies,
            states,
            notices,
            shape,
            answer_timeout,
            task,
        })
    }

    /// Asks the task, and waits for the answer.
    pub async fn ask<T>(&self, ask: Ask, answer: oneshot::Receiver<Result<T, Error>>) -> Result<T, Error> {
        let asked = async {
            self.asks.send(ask).await.map_err(|_| Error::Ended)?;
            answer.await.unwrap_or(Err(Error::Ended))
        };
        match timeout(self.answer_timeout, asked).await {
            Ok(answer) => answer,
            Err(_) => Err(Error::Late(self.answer_timeout)),
        }
    }
}
