//! What is between a client and its router, and may fail.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::router::Router;

/// Goes on for connections made later.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    /// Bytes go through.
    Fine,
    /// What the router says does not arrive.
    Deaf,
    /// Nothing arrives anywhere, and nobody is told.
    Dead,
    /// It ends.
    Cut,
}

/// Passes bytes on.
pub struct Proxy {
    pub url: String,
    fates: Arc<watch::Sender<Fate>>,
    task: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proxy {
    pub async fn before(router: &Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        let fates = Arc::new(watch::Sender::new(Fate::Fine));
        let (sender, address) = (Arc::clone(&fates), router.address());
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let router = match TcpStream::connect(address).await {
                    Ok(router) => router,
                    Err(error) => {
                        eprintln!("proxy before {address:?}: {error}");
                        continue;
                    }
                };
                let (from_client, to_client) = client.into_split();
                let (from_router, to_router) = router.into_split();
                tokio::spawn(pump(from_client, to_router, sender.subscribe(), false));
                tokio::spawn(pump(from_router, to_client, sender.subscribe(), true));
            }
        });
        Self { url, fates, task }
    }

    /// From now on, nothing goes through the connections that are there.
    pub fn stall(&self) {
        self.befall(Fate::Dead);
    }

    /// From now on, the clients that are there hear nothing, and are heard.
    pub fn silence(&self) {
        self.befall(Fate::Deaf);
    }

    /// Ends the connections that are there.
    pub fn cut(&self) {
        self.befall(Fate::Cut);
    }

    fn befall(&self, fate: Fate) {
        self.fates.send_replace(fate);
    }
}

/// Each pump hears of what happens after it was made.
async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut fates: watch::Receiver<Fate>,
    is_answers: bool,
) {
    let mut fate = Fate::Fine;
    let mut bytes = vec![0; 64 << 10];
    loop {
        let count = tokio::select! {
            read = from.read(&mut bytes) => read.unwrap_or(0),
            Ok(()) = fates.changed() => {
                fate = *fates.borrow_and_update();
                if fate == Fate::Cut {
                    return;
                }
                continue;
            }
        };
        if count == 0 {
            return;
        }
        let passes = fate == Fate::Fine || fate == Fate::Deaf && !is_answers;
        if passes && to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}
