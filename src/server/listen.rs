//! Listening sockets: which addresses a host name means, and what to make of an error of `accept`.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};

use socket2::{Domain, Protocol, Socket, Type};

use super::socket::Listener;

/// Connections that the kernel keeps while all hands are full. It cuts this to `net.core.somaxconn`.
const BACKLOG: i32 = 4_096;
/// With port 0 a second address must get the port that the first one happened to get; others may have it.
const PORT_TRIES: usize = 16;

/// An address that could not be had.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The name means no address.
    #[error("host {host:?} cannot be resolved: {error}")]
    Resolve {
        /// As it was set.
        host: String,
        /// What the resolver said.
        error: io::Error,
    },
    /// The address is taken, or not ours.
    #[error("cannot listen on {address}: {error}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
}

/// Binds every address that `host` means; `localhost` is both loopback addresses. With port 0 all of them get the
/// same free port. It needs no runtime, so that rights to low ports can be given up before there is one.
///
/// # Errors
/// [`BindError`] for the first address that cannot be had. A loopback address of a family that the machine does not
/// have is left out instead, as long as the other is there.
pub fn bind(host: &str, port: u16) -> Result<Vec<Listener>, BindError> {
    Ok(bind_tcp(host, port)?.into_iter().map(Listener::Tcp).collect())
}

/// The same, for other purposes than WebSocket.
///
/// # Errors
/// As [`bind`].
pub fn bind_tcp(host: &str, port: u16) -> Result<Vec<TcpListener>, BindError> {
    let addresses = resolve(host, port)?;
    let mut last = None;
    for _ in 0..PORT_TRIES {
        match bind_all(&addresses) {
            Err(BindError::Bind { error, address })
                if port == 0 && addresses.len() > 1 && error.kind() == io::ErrorKind::AddrInUse =>
            {
                last = Some(BindError::Bind { error, address });
            }
            done => return done,
        }
    }
    Err(last.unwrap_or_else(|| no_address(host)))
}

fn no_address(host: &str) -> BindError {
    BindError::Resolve { host: host.to_owned(), error: io::Error::other("it has no address") }
}

fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, BindError> {
    if host.eq_ignore_ascii_case("localhost") {
        let both = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        return Ok(both.map(|ip| SocketAddr::new(ip, port)).to_vec());
    }
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let found = (bare, port).to_socket_addrs();
    let mut addresses: Vec<_> =
        found.map_err(|error| BindError::Resolve { host: host.to_owned(), error })?.collect();
    addresses.sort();
    addresses.dedup();
    if addresses.is_empty() { Err(no_address(host)) } else { Ok(addresses) }
}

fn bind_all(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, BindError> {
    let mut listeners: Vec<TcpListener> = Vec::new();
    for &wanted in addresses {
        let mut address = wanted;
        if let (0, Some(first)) = (wanted.port(), listeners.first()) {
            address.set_port(first.local_addr().map_err(|error| BindError::Bind { address, error })?.port());
        }
        match bind_one(address) {
            Ok(listener) => listeners.push(listener),
            Err(error) if address.is_ipv6() && is_missing_family(&error) && !listeners.is_empty() => {
                tracing::warn!(%address, %error, "this machine has no IPv6: listening on IPv4 alone");
            }
            Err(error) => return Err(BindError::Bind { address, error }),
        }
    }
    Ok(listeners)
}

fn is_missing_family(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable
        || error.kind() == io::ErrorKind::Unsupported
        || error.raw_os_error() == Some(nix::errno::Errno::EAFNOSUPPORT as i32)
}

fn bind_one(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restart must not wait for the connections of the last run to be forgotten.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// What an error of `accept` means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AcceptError {
    /// That one connection is gone; the next may be fine.
    Aborted,
    /// No descriptors or memory: pointless to try again at once.
    Exhausted,
    /// The listener itself is broken.
    Fatal,
}

impl AcceptError {
    pub fn classify(error: &io::Error) -> Self {
        use nix::errno::Errno;
        // accept(2): a new socket's own pending network errors are reported here too, and mean only that one.
        match error.raw_os_error().map(Errno::from_raw) {
            Some(
                Errno::ECONNABORTED
                | Errno::EINTR
                | Errno::EAGAIN
                | Errno::EPROTO
                | Errno::EPERM
                | Errno::ENETDOWN
                | Errno::ENETUNREACH
                | Errno::EHOSTDOWN
                | Errno::EHOSTUNREACH
                | Errno::ENOPROTOOPT
                | Errno::EOPNOTSUPP
                | Errno::ETIMEDOUT
                | Errno::ECONNRESET,
            ) => Self::Aborted,
            Some(Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM) => Self::Exhausted,
            _ => Self::Fatal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localhost_is_both_loopback_addresses_on_one_port() {
        let listeners = bind_tcp("localhost", 0).unwrap();
        let addresses: Vec<_> = listeners.iter().map(|listener| listener.local_addr().unwrap()).collect();
        assert!(addresses.iter().all(|address| address.ip().is_loopback()));
        assert!(addresses.iter().all(|address| address.port() == addresses[0].port()));
        assert!(addresses.iter().any(SocketAddr::is_ipv4));
    }

    #[test]
    fn a_taken_port_is_named_in_the_error() {
        let held = bind_tcp("127.0.0.1", 0).unwrap();
        let port = held[0].local_addr().unwrap().port();
        let error = bind("127.0.0.1", port).unwrap_err().to_string();
        assert!(error.contains(&format!("127.0.0.1:{port}")), "{error}");
    }

    #[test]
    fn accept_errors_are_sorted() {
        use nix::errno::Errno;
        let sort = |errno: Errno| AcceptError::classify(&io::Error::from_raw_os_error(errno as i32));
        assert_eq!(sort(Errno::ECONNABORTED), AcceptError::Aborted);
        assert_eq!(sort(Errno::EMFILE), AcceptError::Exhausted);
        assert_eq!(sort(Errno::EBADF), AcceptError::Fatal);
    }
}
