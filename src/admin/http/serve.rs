//! Listens, and keeps each connection within its bounds.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::TcpListener as StdListener;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinSet};

use super::route::Desk;

/// Connections at a time, of each address that is listened on. A newcomer takes the place of the oldest one, so that
/// whoever fills all places keeps nobody out.
const MOST: usize = 32;
/// Bytes of a request's head, its first line included.
const LONGEST_HEAD: usize = 8 << 10;
/// Lines of a head. A browser sends about 20.
const MOST_HEADERS: usize = 64;
/// Bytes that are read ahead or wait to be written.
const BUFFER: usize = 16 << 10;
/// How long a head may take, and how long a connection may be idle between two of them.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// From one request to the next, or to the end: it bounds how long an answer may take on its way to a peer that does not
/// read it. Longer than a head may take, so that it concerns nobody else.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
/// Pause after `accept` found no descriptors or memory.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(200);

/// The HTTP side's service, until it is dropped.
pub struct Http {
    _accepting: JoinSet<()>,
}

impl Http {
    /// Begins to answer. To be called inside of a runtime.
    ///
    /// # Errors
    /// A listener cannot be used.
    pub fn open(listeners: Vec<StdListener>, desk: Desk) -> io::Result<Self> {
        let desk = Arc::new(desk);
        let mut accepting = JoinSet::new();
        for listener in listeners {
            listener.set_nonblocking(true)?;
            accepting.spawn(accept_all(TcpListener::from_std(listener)?, Arc::clone(&desk)));
        }
        Ok(Self { _accepting: accepting })
    }
}

async fn accept_all(listener: TcpListener, desk: Arc<Desk>) {
    let mut connections = JoinSet::new();
    let mut oldest_first: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::debug!(%error, "cannot accept an HTTP connection");
                tokio::time::sleep(EXHAUSTED_PAUSE).await;
                continue;
            }
        };
        while connections.try_join_next().is_some() {}
        oldest_first.retain(|connection| !connection.is_finished());
        if oldest_first.len() >= MOST
            && let Some(oldest) = oldest_first.pop_front()
        {
            oldest.abort();
        }
        oldest_first.push_back(connections.spawn(converse(stream, Arc::clone(&desk))));
    }
}

/// One connection, from its first request to its last.
async fn converse(stream: TcpStream, desk: Arc<Desk>) {
    let asked = Arc::new(Notify::new());
    let asks = Arc::clone(&asked);
    let service = service_fn(move |request| {
        asks.notify_one();
        let desk = Arc::clone(&desk);
        async move { Ok::<_, Infallible>(desk.answer(&request).await) }
    });
    let connection = Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_header_size(LONGEST_HEAD)
        .max_headers(MOST_HEADERS)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        ended = connection => if let Err(error) = ended {
            tracing::debug!(%error, "an HTTP connection ended");
        },
        () = silence(&asked) => tracing::debug!("an HTTP connection is closed: its peer does not take the answer"),
    }
}

/// Returns when nothing was asked for too long.
async fn silence(asked: &Notify) {
    while tokio::time::timeout(ANSWER_TIMEOUT, asked.notified()).await.is_ok() {}
}
