//! Requests as they come over a loopback socket, good, bad and in pieces.

use tokio::net::{TcpListener, TcpStream};

use super::*;

const GOOD: &str = "GET /any/path HTTP/1.1\r\nHost: localhost:9090\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

async fn sockets() -> (Socket, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (Socket::Tcp(listener.accept().await.unwrap().0), client)
}

/// What becomes of a request that comes in these pieces; and what its sender has received by then.
async fn shake(pieces: &[&[u8]], allowed: &[String]) -> (io::Result<Handshake>, String) {
    let (mut socket, mut client) = sockets().await;
    client.set_nodelay(true).unwrap();
    let sending = async {
        for piece in pieces {
            client.write_all(piece).await.unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        client.shutdown().await.unwrap();
    };
    let (shaken, ()) = tokio::join!(accept(&mut socket, allowed), sending);
    drop(socket);
    let mut received = Vec::new();
    // What was not read of the request makes this a reset.
    drop(client.read_to_end(&mut received).await);
    (shaken, String::from_utf8(received).unwrap())
}

/// The status line of the answer to something that is no handshake.
async fn status(request: &str) -> String {
    match shake(&[request.as_bytes()], &[]).await.0.unwrap() {
        Handshake::Answered { response, .. } => {
            let text = String::from_utf8(response).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(head.contains(&format!("Content-Length: {}", body.len())), "{text}");
            head.lines().next().unwrap().to_owned()
        }
        Handshake::Done { .. } => "done".to_owned(),
    }
}

fn with(headers: &str) -> String {
    format!("{GOOD}{headers}\r\n")
}

#[tokio::test]
async fn a_websocket_client_is_let_in_on_any_path() {
    let (shaken, received) = shake(&[with("").as_bytes()], &[]).await;
    assert!(matches!(shaken.unwrap(), Handshake::Done { early } if early.is_empty()));
    assert!(received.starts_with("HTTP/1.1 101 "), "{received}");
    // The example of RFC 6455, 1.3.
    let accept = "sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=";
    assert!(received.to_ascii_lowercase().contains(accept), "{received}");
}

#[tokio::test]
async fn a_request_in_pieces_is_put_together_and_what_follows_it_is_kept() {
    let request = with("") + "early";
    let pieces: Vec<_> = request.as_bytes().chunks(70).collect();
    let (shaken, received) = shake(&pieces, &[]).await;
    let Handshake::Done { early } = shaken.unwrap() else { panic!("{received}") };
    // Whatever of it came with the end of the head; the rest is still in the socket.
    assert!(b"early".starts_with(&early));
    let (shaken, _) = shake(&[request.as_bytes()], &[]).await;
    assert!(matches!(shaken.unwrap(), Handshake::Done { early } if early == b"early"));
}

#[tokio::test]
async fn whoever_comes_with_plain_http_gets_a_helpful_answer() {
    let get = |path| format!("GET {path} HTTP/1.1\r\nHost: localhost:9090\r\n\r\n");
    assert_eq!(status(&get("/")).await, "HTTP/1.1 426 Upgrade Required");
    assert_eq!(status(&get("/healthz")).await, "HTTP/1.1 200 OK");
    assert_eq!(status(&get("/healthz?verbose=1")).await, "HTTP/1.1 200 OK");
    assert_eq!(status(&get("/healthy")).await, "HTTP/1.1 426 Upgrade Required");
    assert_eq!(status("GET /healthz HTTP/1.0\r\n\r\n").await, "HTTP/1.1 200 OK");
    let Handshake::Answered { response, .. } = shake(&[get("/").as_bytes()], &[]).await.0.unwrap() else {
        panic!("let in");
    };
    let response = String::from_utf8(response).unwrap();
    assert!(response.contains("Upgrade: websocket") && response.contains("/healthz"), "{response}");
}

#[tokio::test]
async fn what_is_no_request_for_a_websocket_is_refused_with_the_fitting_status() {
    assert_eq!(status("POST / HTTP/1.1\r\nHost: x\r\n\r\n").await, "HTTP/1.1 405 Method Not Allowed");
    assert_eq!(status("\x16\x03\x01\x02 this might be TLS").await, "HTTP/1.1 400 Bad Request");
    assert_eq!(status("{\"type\":\"ping\"}\r\n\r\n").await, "HTTP/1.1 400 Bad Request");
    assert_eq!(status("GET / HTTP/1.1\r\nno colon\r\n\r\n").await, "HTTP/1.1 400 Bad Request");
    for missing in ["Connection: Upgrade\r\n", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"] {
        assert_eq!(status(&with("").replace(missing, "")).await, "HTTP/1.1 400 Bad Request", "{missing}");
    }
    assert_eq!(status(&with("").replace("websocket", "h2c")).await, "HTTP/1.1 400 Bad Request");
}

#[tokio::test]
async fn another_version_of_the_protocol_is_told_the_one_that_is_spoken() {
    for other in
        [with("").replace("Version: 13", "Version: 8"), with("").replace("Sec-WebSocket-Version: 13\r\n", "")]
    {
        let Handshake::Answered { response, .. } = shake(&[other.as_bytes()], &[]).await.0.unwrap() else {
            panic!("let in");
        };
        let response = String::from_utf8(response).unwrap();
        assert!(
            response.starts_with("HTTP/1.1 426 ") && response.contains("Sec-WebSocket-Version: 13"),
            "{response}"
        );
    }
}

#[tokio::test]
async fn a_head_without_end_is_refused_at_its_bound() {
    let endless = format!("GET / HTTP/1.1\r\nX-Padding: {}", "x".repeat(4 * MAX_HEAD));
    assert_eq!(status(&endless).await, "HTTP/1.1 431 Request Header Fields Too Large");
    let cookies = with(&format!("Cookie: {}\r\n", "x".repeat(8_000)));
    assert_eq!(status(&cookies).await, "done");
}

#[tokio::test]
async fn a_peer_that_leaves_before_the_end_of_its_request_is_no_client() {
    for part in ["", "G", "GET / HTTP/1.1\r\nHost"] {
        let (shaken, received) = shake(&[part.as_bytes()], &[]).await;
        assert_eq!(shaken.err().unwrap().kind(), io::ErrorKind::UnexpectedEof, "{part}");
        assert_eq!(received, "");
    }
}

#[tokio::test]
async fn a_page_of_another_origin_needs_to_be_allowed() {
    let from_elsewhere = with("Origin: https://app.example\r\n");
    assert_eq!(status(&from_elsewhere).await, "HTTP/1.1 403 Forbidden");
    assert_eq!(status(&with("Origin: http://localhost:9090\r\n")).await, "done");
    assert_eq!(status(&with("Origin: \u{fe}\r\n")).await, "HTTP/1.1 403 Forbidden");
    let allowed = ["https://app.example".to_owned()];
    let (shaken, _) = shake(&[from_elsewhere.as_bytes()], &allowed).await;
    assert!(matches!(shaken.unwrap(), Handshake::Done { .. }));
}
