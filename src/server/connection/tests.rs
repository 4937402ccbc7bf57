//! Connections over loopback sockets, most of them polled by hand.

use futures_util::{SinkExt, StreamExt};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Sent;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::protocol::frame::coding::Data;
use uuid::Uuid;

use super::super::Settings;
use super::super::frame::tests::masked;
use super::super::rate::Rate;
use super::*;
use crate::router::{ClientKey, Router};
use crate::testing::{event, wanted};

type Client = WebSocketStream<TcpStream>;

/// Both ends of a TCP connection, the router's first.
async fn sockets() -> (Socket, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (Socket::Tcp(listener.accept().await.unwrap().0), client)
}

fn hub(settings: Settings) -> Arc<Hub> {
    Arc::new(Hub::new(Router::new(crate::router::Settings::default()), settings, || {}))
}

fn connection(hub: &Arc<Hub>, socket: Socket, early: Vec<u8>) -> Connection {
    let key = hub.with(Router::connect).unwrap();
    let dialogue = Dialogue::new(key, Uuid::from_u128(7), Rate::new(0, 0, 0));
    Connection::new(Arc::clone(hub), socket, dialogue, early)
}

async fn client(socket: TcpStream) -> Client {
    WebSocketStream::from_raw_socket(socket, Role::Client, None).await
}

/// A served connection whose client has been welcomed.
async fn served(hub: &Arc<Hub>) -> Client {
    let (socket, peer) = sockets().await;
    tokio::spawn(connection(hub, socket, Vec::new()).serve());
    let mut client = client(peer).await;
    assert_eq!(kind(&mut client).await, "welcome");
    client
}

async fn receive(client: &mut Client) -> serde_json::Value {
    let received = tokio::time::timeout(Duration::from_secs(10), client.next()).await;
    match received.expect("an answer in time") {
        Some(Ok(Sent::Text(text))) => serde_json::from_str(&text).unwrap(),
        other => panic!("{other:?}"),
    }
}

async fn kind(client: &mut Client) -> String {
    receive(client).await["type"].as_str().unwrap().to_owned()
}

async fn close_code(client: &mut Client) -> CloseCode {
    match client.next().await {
        Some(Ok(Sent::Close(Some(frame)))) => frame.code,
        other => panic!("{other:?}"),
    }
}

/// Polls once. True: the connection ended.
async fn poll_once(connection: &mut Connection) -> bool {
    // A look at the sockets first: without a wait the driver has none.
    tokio::time::sleep(Duration::from_millis(1)).await;
    std::future::poll_fn(|cx| {
        Poll::Ready(super::super::scratch::with(|scratch| connection.poll(cx, scratch)).is_ready())
    })
    .await
}

fn text(message: &str) -> Vec<u8> {
    masked(OpCode::Data(Data::Text), true, message.as_bytes())
}

fn subscribe(hub: &Hub, key: ClientKey, id: u128, json: &str) {
    hub.with(|router| router.subscribe(key, Uuid::from_u128(id), wanted(json))).unwrap();
}

fn publish(hub: &Hub, json: &str, ttl: Option<u64>) {
    hub.with(|router| {
        router.publish(event(json), ttl, None, 0);
        router.dispatch(usize::MAX, 0);
    });
}

#[tokio::test]
async fn the_start_of_a_frame_that_came_with_the_handshake_is_completed_by_what_follows() {
    let hub = hub(Settings::default());
    let (socket, mut peer) = sockets().await;
    let mut early = text(r#"{"type":"ping"}"#);
    let late = early.split_off(9);
    tokio::spawn(connection(&hub, socket, early).serve());
    peer.write_all(&late).await.unwrap();
    let mut client = client(peer).await;
    assert_eq!(kind(&mut client).await, "welcome");
    assert_eq!(kind(&mut client).await, "pong");
}

#[tokio::test]
async fn a_violation_is_answered_with_its_code_after_what_came_before() {
    let hub = hub(Settings { max_message_size: 2_000, ..Settings::default() });
    let ping = text(r#"{"type":"ping"}"#);
    let violations = [
        (text(&"x".repeat(2_001)), CloseCode::Size),
        (masked(OpCode::Data(Data::Text), true, b"\xff"), CloseCode::Invalid),
        (masked(OpCode::Data(Data::Continue), true, b""), CloseCode::Protocol),
    ];
    for (bytes, code) in violations {
        let mut client = served(&hub).await;
        client.get_mut().write_all(&[&ping[..], &bytes, &ping].concat()).await.unwrap();
        assert_eq!(kind(&mut client).await, "pong");
        assert_eq!(close_code(&mut client).await, code);
    }
}

#[tokio::test]
async fn a_close_is_answered_with_its_own_code_and_the_client_is_gone() {
    let hub = hub(Settings::default());
    let mut client = served(&hub).await;
    client.get_mut().write_all(&masked(OpCode::Control(Control::Close), true, &[0x0f, 0xa0])).await.unwrap();
    assert_eq!(close_code(&mut client).await, CloseCode::Library(4_000));
    drop(client);
    while hub.with(|router| router.connected_clients()) > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn a_message_of_many_pieces_and_reads_arrives_whole() {
    let hub = hub(Settings::default());
    let mut client = served(&hub).await;
    let echo = "0123456789".repeat(100_000);
    let message = text(&format!(r#"{{"type":"ping","echo":"{echo}"}}"#));
    for piece in message.chunks(70_001) {
        client.get_mut().write_all(piece).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(receive(&mut client).await["echo"], echo);
    client.send(Sent::Ping("still here".into())).await.unwrap();
    assert!(matches!(client.next().await, Some(Ok(Sent::Pong(payload))) if payload == "still here"));
}

#[tokio::test]
async fn an_event_cut_off_by_the_end_is_a_dead_letter_and_those_before_it_are_delivered() {
    let hub = hub(Settings::default());
    let (socket, peer) = sockets().await;
    let mut connection = connection(&hub, socket, Vec::new());
    let key = connection.dialogue.key;
    subscribe(&hub, key, 1, "{}");
    publish(&hub, r#"{"topic":"small"}"#, None);
    publish(&hub, &format!(r#"{{"topic":"large","payload":"{}"}}"#, "x".repeat(12 << 20)), None);
    poll_once(&mut connection).await;
    assert!(connection.outgoing.is_mid_event());
    drop(peer);
    drop(connection.serve().await);
    hub.with(|router| {
        let stats = router.stats();
        assert_eq!((stats.matched, stats.delivered, router.dead_letters().total()), (2, 1, 1));
        assert_eq!(router.connected_clients(), 0);
    });
}

#[tokio::test]
async fn what_came_with_the_handshake_is_answered_without_waiting_for_more() {
    let hub = hub(Settings::default());
    let (socket, peer) = sockets().await;
    let early = [text(r#"{"type":"ping"}"#), text(r#"{"type":"get_health"}"#)].concat();
    tokio::spawn(connection(&hub, socket, early).serve());
    let mut client = client(peer).await;
    for expected in ["welcome", "pong", "health"] {
        assert_eq!(kind(&mut client).await, expected);
    }
}

#[tokio::test]
async fn replies_come_in_the_order_of_the_requests() {
    let hub = hub(Settings::default());
    let mut client = served(&hub).await;
    let (ping, binary) = (text(r#"{"type":"ping"}"#), masked(OpCode::Data(Data::Binary), true, b"x"));
    let halves = [
        masked(OpCode::Data(Data::Text), false, br#"{"type":"#),
        masked(OpCode::Data(Data::Continue), true, br#""get_health"}"#),
    ];
    let all = [&ping[..], &binary, &halves.concat(), &ping, &text("?")].concat();
    client.get_mut().write_all(&all).await.unwrap();
    for expected in ["pong", "error", "health", "pong", "error"] {
        assert_eq!(kind(&mut client).await, expected);
    }
}

#[tokio::test]
async fn a_stalled_client_is_told_of_gaps_only_as_fast_as_it_reads() {
    let hub = hub(Settings::default());
    let (socket, _peer) = sockets().await;
    let mut connection = connection(&hub, socket, Vec::new());
    let key = connection.dialogue.key;
    hub.with(|router| router.hello(key));
    (0..100).for_each(|id| subscribe(&hub, key, id, "{}"));
    // More than the sockets take.
    connection.outgoing.control().resize(32 << 20, 0);
    assert!(!poll_once(&mut connection).await);
    let before = connection.outgoing.control().len();
    assert!(connection.outgoing.is_congested());
    for now in 1..50 {
        publish(&hub, r#"{"topic":"t"}"#, Some(now));
        hub.with(|router| router.expire(now));
        assert!(!poll_once(&mut connection).await);
    }
    assert!(connection.outgoing.control().len() <= before);
}

#[tokio::test]
async fn a_client_that_takes_no_receipts_is_not_read_from() {
    let hub = hub(Settings::default());
    let (socket, peer) = sockets().await;
    let mut connection = connection(&hub, socket, Vec::new());
    subscribe(&hub, connection.dialogue.key, 1, r#"{"topics":["large"]}"#);
    let large = format!(r#"{{"topic":"large","payload":"{}"}}"#, "x".repeat(12 << 20));
    publish(&hub, &large, None);
    let message = text(r#"{"type":"publish","event":{"topic":"t"},"receipt":"dispatched"}"#).repeat(1_000);
    let mut rest = &message[..];
    for _ in 0..400 {
        match peer.try_write(rest) {
            Ok(written) => rest = &rest[written..],
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
        }
        rest = if rest.is_empty() { &message } else { rest };
        assert!(!poll_once(&mut connection).await);
    }
    assert!(connection.outgoing.is_mid_event());
    assert!(connection.outgoing.is_congested());
    let accepted: u64 = hub.with(|router| router.stats().accepted.iter().sum());
    assert!(accepted < 5_000, "{accepted} publishes were read");
}

#[tokio::test]
async fn a_panic_ends_one_connection_with_1011_and_no_other() {
    let hub = hub(Settings::default());
    let (mut unlucky, mut other) = (served(&hub).await, served(&hub).await);
    unlucky.send(Sent::text(r#"{"type":"ping"}"#)).await.unwrap();
    assert_eq!(kind(&mut unlucky).await, "pong");
    unlucky.send(Sent::text("panic")).await.unwrap();
    assert_eq!(close_code(&mut unlucky).await, CloseCode::Error);
    other.send(Sent::text(r#"{"type":"ping"}"#)).await.unwrap();
    assert_eq!(kind(&mut other).await, "pong");
    assert_eq!(hub.with(|router| router.connected_clients()), 1);
}

#[tokio::test]
async fn open_connections_adopt_changed_settings() {
    let hub = hub(Settings::default());
    let mut client = served(&hub).await;
    hub.change(Settings { max_message_size: 100, publish_rate: 1, publish_burst: 1, ..Settings::default() });
    for expected in ["queued", "dropped"] {
        let message = r#"{"type":"publish","event":{"topic":"t"}}"#;
        client.send(Sent::text(message)).await.unwrap();
        assert_eq!(receive(&mut client).await["status"], expected);
    }
    client.send(Sent::text("x".repeat(101))).await.unwrap();
    assert_eq!(close_code(&mut client).await, CloseCode::Size);
}

#[tokio::test]
async fn an_idle_connection_is_pinged_by_a_shorter_interval() {
    let hub = hub(Settings::default());
    let mut client = served(&hub).await;
    hub.change(Settings { ping_interval: Duration::from_millis(1), ..Settings::default() });
    let pinged = tokio::time::timeout(Duration::from_secs(10), client.next()).await;
    assert!(matches!(pinged, Ok(Some(Ok(Sent::Ping(_))))), "{pinged:?}");
}
