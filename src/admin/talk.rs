//! One connection of the admin socket, from its greeting to its end.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use tokio::io::{AsyncWrite, BufReader};
use tokio::net::UnixStream;
use tokio::sync::oneshot;

use super::guests::Office;
use super::line;
use super::messages::{
    Answer, Code, Ended, Greeting, PROTOCOL, Progress, Refused, Reloaded, Request, StoreRequest, VERSION,
};
use super::orders::{Order, OrderRefused};

/// How often whoever waits for the end hears how far it is.
const PROGRESS: Duration = Duration::from_millis(250);
/// Bytes that are read at once: requests are short.
const READ: usize = 1 << 10;

/// Tells whoever is one too many, if that can be done at once.
pub(super) async fn turn_away(mut stream: UnixStream) {
    let refused = Refused::new(Code::Busy, "too many connections are waiting for the router; try again");
    // It is no longer of interest whether it was heard.
    drop(line::write(&mut stream, &Greeting::ours(false)).await);
    drop(line::answer(&mut stream, &Answer::Error(refused)).await);
}

/// One connection.
pub(super) struct Talk {
    pub office: Arc<Office>,
    /// The router does something for it that may take a while.
    pub is_served: Arc<AtomicBool>,
}

impl Talk {
    /// Answers until the peer has had enough, takes too long, or the router is at its end.
    pub async fn with(self, mut stream: UnixStream) -> io::Result<()> {
        let (user, may_change) = self.office.trusts(&stream)?;
        let (from, mut to) = stream.split();
        let mut from = BufReader::with_capacity(READ, from);
        let Some(first) = line::read(&mut from).await? else { return Ok(()) };
        let Ok(theirs) = serde_json::from_slice::<Greeting>(&first) else {
            let text = "the first line has to be a greeting: {\"protocol\":1,\"version\":\"…\"}";
            line::write(&mut to, &Greeting::ours(may_change)).await?;
            return line::answer(&mut to, &Answer::Error(Refused::new(Code::BadRequest, text))).await;
        };
        line::write(&mut to, &Greeting::ours(may_change)).await?;
        let mut life = self.office.life.clone();
        loop {
            let text = tokio::select! {
                text = line::read(&mut from) => text?,
                _ = life.wait_for(|life| life.over) => None,
            };
            let Some(text) = text else { return Ok(()) };
            let request = match understand(&text, &theirs) {
                Ok(request) if request.changes() && !may_change => {
                    let text = format!(
                        "user {user} may only look: root, the router's own user ({}) and those in its setting \
                         admin.admins may change something",
                        self.office.user
                    );
                    line::answer(&mut to, &Answer::Error(Refused::new(Code::NotPermitted, text))).await?;
                    continue;
                }
                Ok(request) => request,
                Err(refused) => {
                    line::answer(&mut to, &Answer::Error(refused)).await?;
                    continue;
                }
            };
            self.serve(request, user, &mut to).await?;
        }
    }

    async fn serve(&self, request: Request, user: u32, to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        if request.changes() {
            tracing::info!(name: "gadugi.admin", user, "asked by user {user}: {}", named(&request));
        }
        self.is_served.store(true, Relaxed);
        let answer = match request {
            Request::Drain => return self.drain(to).await,
            Request::Reload => settings_order(&self.office, Order::Reload).await,
            Request::Difference => settings_order(&self.office, Order::Difference).await,
            Request::Settings => match ordered(&self.office, Order::Settings).await {
                Ok(settings) => Answer::Settings { settings },
                Err(refused) => Answer::Error(refused),
            },
            Request::Store(StoreRequest::Backup) => {
                self.office.backup(to).await?;
                self.is_served.store(false, Relaxed);
                return Ok(());
            }
            Request::Store(request) => self.office.store(request).await,
            other => self.office.answer(other),
        };
        self.is_served.store(false, Relaxed);
        line::answer(to, &answer).await
    }

    /// Asks for the end, and tells how far it is until it is over.
    async fn drain(&self, to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        // Refused: the end has begun already.
        drop(self.office.orders.send(Order::Drain).await);
        let mut life = self.office.life.clone();
        loop {
            let now = life.borrow_and_update().clone();
            if now.over {
                let (left, kept) = now.left.unwrap_or_default();
                let kept = kept.map(str::to_owned);
                return line::answer(to, &Answer::Ended(Ended { left, kept })).await;
            }
            let (queued, waiting) = self.office.hub.with(|router| {
                (router.queue_depth().iter().sum::<usize>() as u64, router.waiting_deliveries())
            });
            let clients = self.office.hub.connections() as u64;
            let progress = Progress { phase: now.doing.as_str().to_owned(), queued, waiting, clients };
            line::answer(to, &Answer::Progress(progress)).await?;
            // Either is a reason to look again.
            drop(tokio::time::timeout(PROGRESS, life.changed()).await);
        }
    }
}

/// Passes an order on and waits for how it went.
async fn ordered<T>(office: &Office, order: impl FnOnce(oneshot::Sender<T>) -> Order) -> Result<T, Refused> {
    let stopping =
        || Refused::new(Code::Stopping, "the router is stopping: its settings do not matter any more");
    let (answer, answered) = oneshot::channel();
    office.orders.send(order(answer)).await.map_err(|_| stopping())?;
    answered.await.map_err(|_| stopping())
}

async fn settings_order(
    office: &Office,
    order: impl FnOnce(oneshot::Sender<Result<Reloaded, OrderRefused>>) -> Order,
) -> Answer {
    match ordered(office, order).await {
        Ok(Ok(reloaded)) => Answer::Reloaded(reloaded),
        Ok(Err(OrderRefused(mistakes))) => {
            let message = "the settings have mistakes: everything stays as it was".to_owned();
            Answer::Error(Refused { code: Code::BadSettings, message, mistakes })
        }
        Err(refused) => Answer::Error(refused),
    }
}

/// The request, or what to say when it is none that is known here.
fn understand(text: &[u8], theirs: &Greeting) -> Result<Request, Refused> {
    serde_json::from_slice(text).map_err(|error| {
        let value: serde_json::Value = serde_json::from_slice(text).unwrap_or_default();
        match value.get("request").and_then(|name| name.as_str()) {
            Some(name) if error.to_string().starts_with("unknown variant") => {
                let name: String = name.chars().take(40).flat_map(char::escape_default).collect();
                let text = format!(
                    "this router (version {VERSION}, protocol {PROTOCOL}) does not know the request \"{name}\" of \
                     gadugi-routerctl {} (protocol {})",
                    theirs.version, theirs.protocol
                );
                Refused::new(Code::UnknownRequest, text)
            }
            _ => Refused::new(Code::BadRequest, format!("this is no request: {error}")),
        }
    })
}

/// What is asked, for the log.
fn named(request: &Request) -> String {
    match request {
        Request::Kick { client } => {
            format!("kick {}", client.chars().take(80).flat_map(char::escape_default).collect::<String>())
        }
        Request::Reload => "reload".to_owned(),
        Request::Drain => "drain".to_owned(),
        Request::Purge(_) => "purge dead letters".to_owned(),
        Request::Store(StoreRequest::Backup) => "copy the event store".to_owned(),
        Request::Store(StoreRequest::Forget { name }) => format!("forget the durable subscription {name:?}"),
        Request::Requeue(_) => "requeue dead letters".to_owned(),
        _ => "look".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> Refused {
        let theirs = Greeting { protocol: 7, version: "9.9.9".to_owned(), may_change: false };
        understand(text.as_bytes(), &theirs).unwrap_err()
    }

    #[test]
    fn a_request_of_a_later_version_is_refused_with_both_versions() {
        let refused = refused(r#"{"request":"divine","depth":3}"#);
        assert_eq!(refused.code, Code::UnknownRequest);
        for part in ["divine", VERSION, "9.9.9", "protocol 1", "protocol 7"] {
            assert!(refused.message.contains(part), "{}", refused.message);
        }
    }

    #[test]
    fn what_is_no_request_is_said_to_be_none() {
        for text in ["", "{", "[]", "{\"request\":7}", "{\"request\":\"kick\"}", "\u{7f}"] {
            assert_eq!(refused(text).code, Code::BadRequest, "{text}");
        }
    }

    #[test]
    fn a_field_that_is_not_known_is_passed_over() {
        let theirs = Greeting::ours(false);
        let request = understand(br#"{"request":"status","in":"colour"}"#, &theirs);
        assert_eq!(request, Ok(Request::Status));
    }
}
