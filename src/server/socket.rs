//! Sockets of either family: TCP, and Unix sockets that a service manager hands over.
//!
//! Enums rather than boxes: which one it is costs a comparison at each read and write, and no indirection.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net as unix;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

/// What the kernel may hold of unsent bytes for a connection: what is there can no longer be overtaken. Twice the
/// smallest batch keeps a fast reader's pipe filled.
#[cfg(target_os = "linux")]
const NOTSENT_LOWAT: u32 = 32 * 1024;
/// The whole send buffer, where nothing tells the unsent bytes from those under way. It serves the same end.
const SEND_BUFFER: usize = 64 * 1024;

/// A socket that listens, before any runtime knows it.
#[derive(Debug)]
pub enum Listener {
    /// On an IP address.
    Tcp(std::net::TcpListener),
    /// On a path, or a name without one.
    Unix(unix::UnixListener),
}

impl Listener {
    /// Where it listens, for the log: `ws://127.0.0.1:9090` or `unix:/run/x.sock`.
    pub fn name(&self) -> String {
        match self {
            Self::Tcp(listener) => match listener.local_addr() {
                Ok(address) => format!("ws://{address}"),
                Err(error) => format!("an unknown address ({error})"),
            },
            Self::Unix(listener) => match listener.local_addr() {
                Ok(address) => match address.as_pathname() {
                    Some(path) => format!("unix:{}", path.display()),
                    None => "unix: without a path".to_owned(),
                },
                Err(error) => format!("an unknown address ({error})"),
            },
        }
    }
}

/// A listener in a runtime.
pub(super) enum Listening {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listening {
    pub fn new(listener: Listener) -> io::Result<Self> {
        match listener {
            Listener::Tcp(listener) => {
                listener.set_nonblocking(true)?;
                TcpListener::from_std(listener).map(Self::Tcp)
            }
            Listener::Unix(listener) => {
                listener.set_nonblocking(true)?;
                UnixListener::from_std(listener).map(Self::Unix)
            }
        }
    }

    pub async fn accept(&self) -> io::Result<(Socket, Peer)> {
        match self {
            Self::Tcp(listener) => {
                listener.accept().await.map(|(socket, peer)| (Socket::Tcp(socket), Peer::Tcp(peer)))
            }
            Self::Unix(listener) => {
                listener.accept().await.map(|(socket, _)| (Socket::Unix(socket), Peer::Unix))
            }
        }
    }
}

/// Who is at the other end, for the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Peer {
    Tcp(SocketAddr),
    /// Its end has no name.
    Unix,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix => f.write_str("unix"),
        }
    }
}

/// A connection's socket.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// A connection's socket between two runtimes.
pub(super) enum Detached {
    Tcp(std::net::TcpStream),
    Unix(unix::UnixStream),
}

impl Socket {
    /// Takes it out of this thread's runtime.
    pub fn detach(self) -> io::Result<Detached> {
        match self {
            Self::Tcp(socket) => socket.into_std().map(Detached::Tcp),
            Self::Unix(socket) => socket.into_std().map(Detached::Unix),
        }
    }

    /// Puts it into this thread's runtime.
    pub fn attach(detached: Detached) -> io::Result<Self> {
        match detached {
            Detached::Tcp(socket) => TcpStream::from_std(socket).map(Self::Tcp),
            Detached::Unix(socket) => UnixStream::from_std(socket).map(Self::Unix),
        }
    }

    /// No delay for small messages, and little in the kernel where it cannot be overtaken.
    pub fn tune(&self) -> io::Result<()> {
        let options = socket2::SockRef::from(self);
        match self {
            Self::Tcp(socket) => {
                socket.set_nodelay(true)?;
                #[cfg(target_os = "linux")]
                return options.set_tcp_notsent_lowat(NOTSENT_LOWAT);
                #[cfg(not(target_os = "linux"))]
                options.set_send_buffer_size(SEND_BUFFER)
            }
            Self::Unix(_) => options.set_send_buffer_size(SEND_BUFFER),
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(socket) => socket.as_fd(),
            Self::Unix(socket) => socket.as_fd(),
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context, buffer: &mut ReadBuf) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(socket) => Pin::new(socket).poll_read(cx, buffer),
            Self::Unix(socket) => Pin::new(socket).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(socket) => Pin::new(socket).poll_write(cx, bytes),
            Self::Unix(socket) => Pin::new(socket).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(socket) => Pin::new(socket).poll_flush(cx),
            Self::Unix(socket) => Pin::new(socket).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(socket) => Pin::new(socket).poll_shutdown(cx),
            Self::Unix(socket) => Pin::new(socket).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[test]
    fn a_listener_says_where_it_listens() {
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = tcp.local_addr().unwrap();
        assert_eq!(Listener::Tcp(tcp).name(), format!("ws://{address}"));
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let unix = unix::UnixListener::bind(&path).unwrap();
        assert_eq!(Listener::Unix(unix).name(), format!("unix:{}", path.display()));
    }

    #[tokio::test]
    async fn a_unix_socket_is_accepted_tuned_moved_and_used() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let listening = Listening::new(Listener::Unix(unix::UnixListener::bind(&path).unwrap())).unwrap();
        let mut client = UnixStream::connect(&path).await.unwrap();
        let (socket, peer) = listening.accept().await.unwrap();
        assert_eq!(peer.to_string(), "unix");
        socket.tune().unwrap();
        // The kernel doubles what is asked for, for its own books.
        assert!(socket2::SockRef::from(&socket).send_buffer_size().unwrap() <= 2 * SEND_BUFFER);
        let mut socket = Socket::attach(socket.detach().unwrap()).unwrap();
        client.write_all(b"ask").await.unwrap();
        let mut heard = [0; 3];
        socket.read_exact(&mut heard).await.unwrap();
        socket.write_all(b"answer").await.unwrap();
        socket.shutdown().await.unwrap();
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.unwrap();
        assert_eq!((&heard, answer.as_slice()), (b"ask", b"answer".as_slice()));
    }
}
