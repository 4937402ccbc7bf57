//! How deliveries lie on the wire, whatever part of them the socket takes.

use futures_util::StreamExt;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;
use uuid::Uuid;

use super::*;
use crate::router::Router;
use crate::server::scratch;
use crate::testing::{numbered, padded, wanted};

/// Deliveries of these events, as a connection takes them.
fn turn(events: impl IntoIterator<Item = std::sync::Arc<crate::protocol::Event>>) -> Turn {
    let mut router = Router::new(crate::router::Settings::default());
    let key = router.connect().unwrap();
    router.subscribe(key, Uuid::from_u128(0xabc), wanted("{}")).unwrap();
    for event in events {
        router.publish(event, None, None, 0);
    }
    router.dispatch(usize::MAX, 0);
    let mut turn = Turn::default();
    let all = Budget::new(usize::MAX, usize::MAX);
    router.take(key, all, &mut turn, std::task::Waker::noop(), 0);
    turn
}

fn delivery(payload: usize) -> Delivery {
    turn([padded("one", 5, payload)]).deliveries.remove(0)
}

/// The whole frame, put together the plain way.
fn plain(delivery: &Delivery, lean: bool) -> Vec<u8> {
    let event = text(delivery, lean);
    let tail = if lean {
        r#","sub":1}"#.to_owned()
    } else {
        format!(r#","subscription_id":"{}"}}"#, delivery.subscription)
    };
    let payload = format!(r#"{{"type":"event","event":{event}{tail}"#);
    let mut frame = Vec::new();
    write_header(OpCode::Data(Data::Text), payload.len(), &mut frame);
    frame.extend_from_slice(payload.as_bytes());
    frame
}

#[test]
fn the_bytes_of_a_frame_are_the_same_from_every_offset() {
    // Below and above 65,535 bytes the frame's header has another length.
    for payload in [0, 64_400, 65_000, 66_000] {
        let delivery = delivery(payload);
        for lean in [false, true] {
            let (frame, expected) = (EventFrame::new(&delivery, lean), plain(&delivery, lean));
            assert_eq!(frame.len(), expected.len());
            let middle = expected.len() / 2;
            for from in (0..100).chain(middle..middle + 10).chain(expected.len() - 100..expected.len()) {
                let mut out = Vec::new();
                frame.append(&delivery, from, &mut out);
                assert!(out == expected[from..], "{payload} {lean} from {from}");
            }
        }
    }
}

#[test]
fn an_event_larger_than_the_write_buffer_goes_in_pieces() {
    let delivery = delivery(3 * WRITE_BUFFER);
    let (frame, expected) = (EventFrame::new(&delivery, false), plain(&delivery, false));
    let (mut sent, mut pieces) = (Vec::new(), 0);
    while sent.len() < expected.len() {
        let mut out = Vec::new();
        frame.append(&delivery, sent.len(), &mut out);
        assert!(!out.is_empty() && out.len() <= WRITE_BUFFER);
        // The socket takes most of it.
        sent.extend_from_slice(&out[..out.len().min(200_001)]);
        pieces += 1;
    }
    assert!(sent == expected);
    assert_eq!(pieces, expected.len().div_ceil(200_001));
}

#[test]
fn a_large_event_behind_others_fills_the_write_buffer_and_no_more() {
    let delivery = delivery(3 * WRITE_BUFFER);
    let mut out = vec![0; WRITE_BUFFER - 10];
    EventFrame::new(&delivery, false).append(&delivery, 0, &mut out);
    assert_eq!(out.len(), WRITE_BUFFER);
    assert!(out[WRITE_BUFFER - 10..] == plain(&delivery, false)[..10]);
}

#[test]
fn a_write_cut_anywhere_keeps_the_event_that_was_begun_and_gives_the_others_back() {
    let mut turn = turn((0..3).map(|number| numbered(number, 5)));
    let length = plain(&turn.deliveries[0], false).len();
    for written in 0..=3 * length {
        let mut outgoing = Outgoing::new();
        let kept = outgoing.cut(&mut turn, written);
        assert_eq!(kept, written.div_ceil(length), "{written}");
        assert_eq!(outgoing.is_mid_event(), written % length != 0);
        if let Some(partial) = &outgoing.partial {
            assert_eq!(partial.written, written % length);
            assert_eq!(partial.delivery.event.id(), (kept - 1).to_string());
        }
    }
}

#[test]
fn the_reply_lane_gives_its_memory_back() {
    let mut outgoing = Outgoing::new();
    outgoing.control().resize(CONGESTED + 1, 7);
    assert!(outgoing.is_congested());
    outgoing.consume_control(2);
    assert!(!outgoing.is_congested());
    outgoing.consume_control(CONGESTED - 1);
    assert!(outgoing.control.is_empty() && outgoing.control.capacity() <= KEPT_CONTROL);
}

#[tokio::test]
async fn whatever_the_socket_takes_at_a_time_the_client_gets_every_message_in_order() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let peer = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let mut socket = Socket::Tcp(listener.accept().await.unwrap().0);
    socket2::SockRef::from(&socket).set_send_buffer_size(4_096).unwrap();
    let sizes = [10, 70_000, 300_000, 5, 1_000_000, 0, 2_000];
    let mut waiting = turn(sizes.iter().enumerate().map(|(number, &size)| padded(number, 5, size)));
    let writing = tokio::spawn(async move {
        let mut outgoing = Outgoing::new();
        while !waiting.deliveries.is_empty() || outgoing.is_mid_event() {
            if outgoing.is_mid_event() {
                let mut write = Vec::new();
                std::future::poll_fn(|cx| outgoing.poll_begun(&mut socket, cx, &mut write)).await.unwrap();
                continue;
            }
            let kept = std::future::poll_fn(|cx| {
                scratch::with(|scratch| {
                    scratch.turn.deliveries.clone_from(&waiting.deliveries);
                    outgoing.poll_batch(&mut socket, cx, scratch)
                })
            });
            let (_, kept) = kept.await.unwrap();
            waiting.deliveries.drain(..kept);
        }
    });
    let mut client = WebSocketStream::from_raw_socket(peer, Role::Client, None).await;
    for (number, size) in sizes.into_iter().enumerate() {
        let message = client.next().await.unwrap().unwrap().into_text().unwrap();
        let message: serde_json::Value = serde_json::from_str(&message).unwrap();
        assert_eq!(message["event"]["id"], number.to_string());
        assert_eq!(message["event"]["payload"]["text"].as_str().unwrap().len(), size);
    }
    writing.await.unwrap();
}

#[tokio::test]
async fn replies_go_before_events_and_behind_the_event_that_was_begun() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut peer = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let mut socket = Socket::Tcp(listener.accept().await.unwrap().0);
    let delivery = delivery(50);
    let expected = plain(&delivery, false);
    let mut outgoing = Outgoing::new();
    let frame = EventFrame::new(&delivery, false);
    outgoing.partial = Some(Partial { frame, written: 30, delivery: delivery.clone() });
    outgoing.control().extend_from_slice(b"first reply");
    let mut write = Vec::new();
    let begun = std::future::poll_fn(|cx| outgoing.poll_begun(&mut socket, cx, &mut write)).await.unwrap();
    assert_eq!(begun, Written::All);
    outgoing.control().extend_from_slice(b"second reply");
    let batch = std::future::poll_fn(|cx| {
        scratch::with(|scratch| {
            scratch.turn.deliveries = vec![delivery.clone()];
            outgoing.poll_batch(&mut socket, cx, scratch)
        })
    });
    assert_eq!(batch.await.unwrap(), (Written::All, 1));
    drop(socket);
    let mut got = Vec::new();
    peer.read_to_end(&mut got).await.unwrap();
    assert!(got == [&expected[30..], b"first reply", b"second reply", &expected].concat());
}
