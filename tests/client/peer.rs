//! A peer that says what a test wants it to say.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::{WebSocketStream, accept_async};

use super::soon;

pub type Peer = WebSocketStream<TcpStream>;

pub async fn say(peer: &mut Peer, message: Value) {
    peer.send(Frame::text(message.to_string())).await.unwrap();
}

pub async fn hear(peer: &mut Peer) -> Value {
    serde_json::from_str(soon(peer.next()).await.unwrap().unwrap().to_text().unwrap()).unwrap()
}

/// Somebody who has been connected to, and has heard hello.
pub async fn greeted(listener: &TcpListener) -> (Peer, Value) {
    let mut peer = accept_async(soon(listener.accept()).await.unwrap().0).await.unwrap();
    say(&mut peer, json!({"type": "welcome", "client_id": "c", "server_time": "x"})).await;
    let hello = hear(&mut peer).await;
    (peer, hello)
}

pub async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    (listener, url)
}

pub fn hello() -> Value {
    json!({"type": "hello", "protocol": 2, "server": "r/1", "features": ["request_id", "draining"]})
}
