//! Where a router is.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream, UnixStream, lookup_host};
use tokio_tungstenite::tungstenite::http::Uri;

use super::{Error, Options};

/// What `ws://` and `wss://` mean without a port, as everywhere (RFC 6455).
const STANDARD_PORT: u16 = 80;
const STANDARD_TLS_PORT: u16 = 443;

/// Where a router is: `ws://host:port`, `wss://host:port` with the feature `client-tls`, or `unix:/path` (also written `ws+unix:/path`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Address {
    /// A host and a port.
    Tcp {
        /// A name or an IP address, without brackets.
        host: String,
        /// The port.
        port: u16,
        /// What to ask for there, from the `/` on. The router answers to any; a proxy in front of it may not.
        path: String,
        /// By TLS.
        tls: bool,
    },
    /// A Unix socket.
    Unix(PathBuf),
}

#[cfg(not(feature = "client-tls"))]
const NO_TLS: &str =
    "this program was built without TLS: wss:// needs the feature `client-tls` of gadugi-router";

/// A connection's bytes, behind a box: for a client, an indirection at each read costs nothing that can be measured.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Address {
    /// Connects, without a word yet.
    pub(super) async fn connect(&self, options: &Options) -> io::Result<Box<dyn Stream>> {
        Ok(match self {
            Self::Tcp { host, port, tls, .. } => {
                let stream = connect_tcp(host, *port, options.receive_buffer).await?;
                stream.set_nodelay(true)?;
                match tls {
                    #[cfg(feature = "client-tls")]
                    true => Box::new(options.tls.connect(host, stream).await?),
                    #[cfg(not(feature = "client-tls"))]
                    true => return Err(io::Error::new(io::ErrorKind::Unsupported, NO_TLS)),
                    false => Box::new(stream),
                }
            }
            Self::Unix(path) => Box::new(UnixStream::connect(path).await?),
        })
    }

    /// What the WebSocket handshake asks for.
    pub(super) fn request(&self) -> String {
        match self {
            Self::Tcp { .. } => self.to_string(),
            // The handshake has to name a host, and nobody reads it.
            Self::Unix(_) => "ws://localhost/".to_owned(),
        }
    }

    /// Whether whoever is there shares this machine.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp { host, .. } if host == "localhost" => true,
            Self::Tcp { host, .. } => host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback()),
            Self::Unix(_) => true,
        }
    }
}

/// The first of a name's addresses that answers. The buffer's size is told before, for it decides what is offered.
async fn connect_tcp(host: &str, port: u16, receive_buffer: Option<u32>) -> io::Result<TcpStream> {
    let Some(size) = receive_buffer else { return TcpStream::connect((host, port)).await };
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in lookup_host((host, port)).await? {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_recv_buffer_size(size)?;
        match socket.connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port, path, tls } => {
                let scheme = if *tls { "wss" } else { "ws" };
                let path = if path == "/" { "" } else { path };
                match host.contains(':') {
                    true => write!(f, "{scheme}://[{host}]:{port}{path}"),
                    false => write!(f, "{scheme}://{host}:{port}{path}"),
                }
            }
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl FromStr for Address {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = |why: &str| Error::Address { text: text.to_owned(), why: why.to_owned() };
        if let Some(path) = text.strip_prefix("ws+unix:").or_else(|| text.strip_prefix("unix:")) {
            // `unix:///run/x` is how others write it.
            let path = path.strip_prefix("//").unwrap_or(path);
            return match path.starts_with('/') {
                true => Ok(Self::Unix(path.into())),
                false => Err(wrong("a Unix socket is named by a whole path, as unix:/run/router.sock")),
            };
        }
        let uri = match text.contains("://") {
            true => text.parse::<Uri>(),
            false => format!("ws://{text}").parse::<Uri>(),
        };
        let uri = uri.map_err(|_| wrong("it is no URL; write ws://HOST:PORT"))?;
        let tls = match uri.scheme_str() {
            Some("ws") => false,
            #[cfg(feature = "client-tls")]
            Some("wss") => true,
            #[cfg(not(feature = "client-tls"))]
            Some("wss") => return Err(wrong(NO_TLS)),
            _ => return Err(wrong("only ws://, wss:// and unix: are known")),
        };
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        if authority.contains('@') {
            return Err(wrong("it names a user, and the router knows none"));
        }
        let host = uri.host().unwrap_or_default();
        let port = match authority.strip_prefix(host).and_then(|rest| rest.strip_prefix(':')) {
            Some(port) => port.parse().map_err(|_| wrong("its port is no port"))?,
            None if tls => STANDARD_TLS_PORT,
            None => STANDARD_PORT,
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() || port == 0 {
            return Err(wrong("it names no host and port; write ws://HOST:PORT"));
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Ok(Self::Tcp { host: host.to_owned(), port, path: path.to_owned(), tls })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_shown() {
        for (text, shown) in [
            ("ws://localhost:9090", "ws://localhost:9090"),
            ("ws://localhost:9090/", "ws://localhost:9090"),
            ("localhost:9090", "ws://localhost:9090"),
            ("ws://[::1]:7", "ws://[::1]:7"),
            ("ws://router.example", "ws://router.example:80"),
            ("ws://10.0.0.1:1/a?b=c", "ws://10.0.0.1:1/a?b=c"),
            #[cfg(feature = "client-tls")]
            ("wss://router.example", "wss://router.example:443"),
            ("unix:/run/x.sock", "unix:/run/x.sock"),
            ("ws+unix:/run/x.sock", "unix:/run/x.sock"),
            ("unix:///run/x.sock", "unix:/run/x.sock"),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), shown);
            assert_eq!(shown.parse::<Address>().unwrap(), address);
        }
    }

    #[test]
    fn what_is_no_address_is_told_why() {
        for (text, why) in [
            ("", "no URL"),
            #[cfg(not(feature = "client-tls"))]
            ("wss://localhost", "needs the feature `client-tls`"),
            ("http://localhost:1", "only ws://"),
            ("ws://localhost:99999", "no port"),
            ("ws://localhost:", "no port"),
            ("ws://a:b@localhost:1", "names a user"),
            ("unix:relative", "whole path"),
            ("ws://localhost:0", "no host and port"),
        ] {
            let error = text.parse::<Address>().unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn the_loopback_and_unix_sockets_are_here() {
        let is_local = |text: &str| text.parse::<Address>().unwrap().is_local();
        assert!(is_local("ws://localhost:1") && is_local("ws://127.0.0.1:1") && is_local("ws://[::1]:1"));
        assert!(is_local("unix:/x") && !is_local("ws://10.0.0.1:1") && !is_local("ws://example.org:1"));
    }
}
