//! From a stream connection to a WebSocket: reads the HTTP request and answers it.
//!
//! tungstenite parses the request and makes the answer; here is what surrounds that: bounds, the Origin check, and
//! a helpful answer for whoever comes with plain HTTP.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::handshake::machine::TryParse;
use tokio_tungstenite::tungstenite::handshake::server::{Request, create_response, write_response};
use tokio_tungstenite::tungstenite::http::header;

use super::origin;
use super::socket::Socket;

/// The longest request head. Browsers send up to about 2 KiB, with large cookies 8.
const MAX_HEAD: usize = 16 * 1024;

/// How a handshake ended.
pub(super) enum Handshake {
    /// The peer is a WebSocket client. It may have sent something already.
    Done { early: Vec<u8> },
    /// It was something else, and has been answered with these bytes, to be sent before closing.
    Answered { response: Vec<u8>, why: &'static str },
}

/// Reads a request and, if it is a good one, accepts it.
pub(super) async fn accept(socket: &mut Socket, allowed_origins: &[String]) -> io::Result<Handshake> {
    let mut head = Vec::with_capacity(1024);
    let (length, request) = loop {
        if socket.read_buf(&mut head).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match Request::try_parse(&head) {
            Ok(Some(parsed)) => break parsed,
            Ok(None) if head.len() < MAX_HEAD => {}
            Ok(None) => {
                return Ok(refuse("431 Request Header Fields Too Large", "the request head is too long"));
            }
            Err(_) => return Ok(not_understood(&head)),
        }
    };
    if !request.headers().contains_key(header::UPGRADE) {
        return Ok(plain_http(request.uri().path()));
    }
    let text = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    if request.headers().contains_key(header::ORIGIN) {
        let allowed = text(header::ORIGIN)
            .is_some_and(|origin| origin::is_allowed(origin, text(header::HOST), allowed_origins));
        if !allowed {
            let why =
                "pages of this origin may not connect: name it in limits.allowed_origins if they should";
            return Ok(refuse("403 Forbidden", why));
        }
    }
    if text(header::SEC_WEBSOCKET_VERSION) != Some("13") {
        let body = "gadugi-router: only version 13 of the WebSocket protocol is spoken here (RFC 6455)\n";
        let response =
            response("426 Upgrade Required", "Sec-WebSocket-Version: 13\r\nUpgrade: websocket\r\n", body);
        return Ok(Handshake::Answered { response, why: "a WebSocket version that is not spoken" });
    }
    let Ok(response) = create_response(&request) else {
        return Ok(refuse("400 Bad Request", "the WebSocket handshake is incomplete (RFC 6455, 4.2.1)"));
    };
    let mut bytes = Vec::new();
    write_response(&mut bytes, &response).map_err(io::Error::other)?;
    socket.write_all(&bytes).await?;
    Ok(Handshake::Done { early: head.split_off(length) })
}

/// tungstenite wants GET and HTTP/1.1. Health checks of old may speak 1.0.
fn not_understood(head: &[u8]) -> Handshake {
    let line = head.split(|&byte| byte == b'\r' || byte == b'\n').next().unwrap_or_default();
    let mut words = line.split(|&byte| byte == b' ');
    match (words.next(), words.next(), words.next()) {
        (Some(b"GET"), Some(path), Some(b"HTTP/1.0")) => plain_http(&String::from_utf8_lossy(path)),
        (Some(method), Some(_), Some(version)) if method != b"GET" && version.starts_with(b"HTTP/1") => {
            Handshake::Answered {
                response: response(
                    "405 Method Not Allowed",
                    "Allow: GET\r\n",
                    "gadugi-router: only GET is understood here\n",
                ),
                why: "only GET is understood",
            }
        }
        _ => refuse("400 Bad Request", "this is not an HTTP/1.1 request"),
    }
}

/// Somebody came with a browser or curl.
fn plain_http(path: &str) -> Handshake {
    if path == "/healthz" {
        return Handshake::Answered { response: response("200 OK", "", "ok\n"), why: "health check" };
    }
    let text = "This is a gadugi-router: it speaks WebSocket, JSON in text frames. \
                Connect with a WebSocket client; GET /healthz tells whether the router runs.\n";
    let extra = "Upgrade: websocket\r\n";
    Handshake::Answered { response: response("426 Upgrade Required", extra, text), why: "plain HTTP" }
}

fn refuse(status: &str, why: &'static str) -> Handshake {
    Handshake::Answered { response: response(status, "", &format!("gadugi-router: {why}\n")), why }
}

fn response(status: &str, extra: &str, body: &str) -> Vec<u8> {
    let upgrade = if extra.contains("Upgrade: ") { "Upgrade, " } else { "" };
    format!(
        "HTTP/1.1 {status}\r\n{extra}Connection: {upgrade}close\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Length: {}\r\nCache-Control: no-store\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

#[cfg(test)]
mod tests;
