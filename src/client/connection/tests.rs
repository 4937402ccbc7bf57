//! What a connection does when bytes come slowly, or only one way.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::sleep;
use tokio_tungstenite::tungstenite::{self, Message as Frame};
use tokio_tungstenite::{WebSocketStream, accept_async};

use super::super::*;

const WELCOME: &str = r#"{"type":"welcome","client_id":"c","server_time":"x"}"#;
const HELLO: &str = r#"{"type":"hello","protocol":2,"server":"r/1","features":[]}"#;

async fn listener() -> (TcpListener, Address) {
    // Small buffers, so that a peer that does not read is felt.
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(16 << 10).unwrap();
    socket.set_send_buffer_size(16 << 10).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(8).unwrap();
    let address = listener.local_addr().unwrap().to_string().parse().unwrap();
    (listener, address)
}

async fn greeted(listener: TcpListener) -> WebSocketStream<TcpStream> {
    let mut peer = accept_async(listener.accept().await.unwrap().0).await.unwrap();
    peer.send(Frame::text(WELCOME)).await.unwrap();
    peer.next().await.unwrap().unwrap();
    peer.send(Frame::text(HELLO)).await.unwrap();
    peer
}

fn impatient() -> Options {
    Options {
        ping_after: Duration::from_millis(100),
        give_up_after: Duration::from_millis(400),
        receive_buffer: Some(16 << 10),
        ..Options::default()
    }
}

#[tokio::test]
async fn it_reads_while_it_writes_to_a_router_that_does_either() {
    let (listener, address) = listener().await;
    let large = "x".repeat(4 << 20);
    let text = format!(r#"{{"type":"large","x":"{large}"}}"#);
    let peer = tokio::spawn(async move {
        let mut peer = greeted(listener).await;
        // It does not read before all of this has gone out.
        peer.send(Frame::text(text)).await.unwrap();
        while !peer.next().await.unwrap().unwrap().is_text() {}
    });
    let mut connection =
        Connection::open(&address, &Options { give_up_after: Duration::from_secs(5), ..impatient() })
            .await
            .unwrap();
    connection.put(format!(r#"{{"type":"large","y":"{large}"}}"#));
    assert!(!connection.has_room() || connection.is_unflushed);
    assert!(matches!(connection.receive().await.unwrap(), Message::Other(kind) if kind == "large"));
    connection.flush().await.unwrap();
    peer.await.unwrap();
}

#[tokio::test]
async fn a_message_that_comes_slowly_is_a_sign_of_life() {
    let (listener, address) = listener().await;
    let peer = tokio::spawn(async move {
        let peer = greeted(listener).await;
        let (mut peer, text) = (peer.into_inner(), br#"{"type":"slow"}"#);
        peer.write_all(&[0x81, text.len() as u8]).await.unwrap();
        for byte in text {
            peer.write_all(&[*byte]).await.unwrap();
            sleep(Duration::from_millis(60)).await;
        }
        peer
    });
    let mut connection = Connection::open(&address, &impatient()).await.unwrap();
    // All of it takes longer than silence may last.
    assert!(matches!(connection.receive().await.unwrap(), Message::Other(kind) if kind == "slow"));
    drop(peer.await.unwrap());
}

#[tokio::test]
async fn a_message_that_is_taken_slowly_is_not_stuck() {
    let (listener, address) = listener().await;
    let size = 1 << 20;
    let peer = tokio::spawn(async move {
        let mut peer = greeted(listener).await.into_inner();
        let (mut bytes, mut came) = (vec![0; 32 << 10], 0);
        while came < size {
            came += peer.read(&mut bytes).await.unwrap();
            sleep(Duration::from_millis(20)).await;
        }
        came
    });
    let mut connection = Connection::open(&address, &impatient()).await.unwrap();
    connection.put("x".repeat(size));
    connection.flush().await.unwrap();
    assert!(peer.await.unwrap() >= size);
}

#[tokio::test]
async fn what_cannot_be_read_is_told_and_what_comes_after_it_is_read() {
    let (listener, address) = listener().await;
    tokio::spawn(async move {
        let mut peer = greeted(listener).await;
        for text in [
            r#"{"type":"event","event":{"id":"i","topic":"t","source":"s","timestamp":"x","priority":11}}"#,
            r#"{"type":"subscribed","subscription_id":"seven"}"#,
            "no JSON",
            r#"{"type":"pong"}"#,
        ] {
            peer.send(Frame::text(text)).await.unwrap();
        }
        peer.next().await
    });
    let mut connection = Connection::open(&address, &Options::default()).await.unwrap();
    for wrong in [r#""priority":11"#, "seven", "no JSON"] {
        let message = connection.receive().await.unwrap();
        assert!(matches!(&message, Message::Unreadable(what) if what.contains(wrong)), "{message:?}");
    }
    assert!(matches!(connection.receive().await.unwrap(), Message::Other(kind) if kind == "pong"));
    assert_eq!(connection.delivered().0, 1);
}

#[tokio::test]
async fn a_router_that_does_not_answer_to_hello_is_one_of_part_1() {
    let (listener, address) = listener().await;
    tokio::spawn(async move {
        let mut peer = accept_async(listener.accept().await.unwrap().0).await.unwrap();
        peer.send(Frame::text(WELCOME)).await.unwrap();
        while peer.next().await.is_some() {}
    });
    let options = Options { welcome_timeout: Duration::from_millis(50), ..Options::default() };
    let connection = Connection::open(&address, &options).await.unwrap();
    assert_eq!((connection.client_id(), connection.server()), ("c", None));
}

#[tokio::test]
async fn what_is_said_before_a_write_fails_is_still_heard() {
    let (listener, address) = listener().await;
    let peer = tokio::spawn(async move {
        let mut peer = greeted(listener).await;
        peer.send(Frame::text(r#"{"type":"last"}"#)).await.unwrap();
        peer.close(None).await.unwrap();
        peer
    });
    let mut connection = Connection::open(&address, &Options::default()).await.unwrap();
    let peer = peer.await.unwrap();
    connection.broke(tungstenite::Error::AlreadyClosed);
    assert!(matches!(connection.receive().await.unwrap(), Message::Other(kind) if kind == "last"));
    assert!(matches!(connection.receive().await.unwrap_err(), Error::Closed { .. }));
    drop(peer);
}
