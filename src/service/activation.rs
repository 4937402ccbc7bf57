//! Socket activation: listening sockets that the service manager holds and hands over at the start, so that clients
//! who knock during a restart wait instead of being refused.

use std::io;
use std::net::TcpListener;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixListener;

use nix::sys::socket::{SockType, getsockopt, sockopt};
use socket2::{SockRef, Socket};

use super::exit::{Exit, Failure};
use crate::server::Listener;

/// How a descriptor for the WebSocket clients is called, one for the control program, and one for health and metrics.
const WS: &str = "ws";
const ADMIN: &str = "admin";
const HTTP: &str = "http";

/// What was handed over.
#[derive(Debug)]
pub(super) struct Inherited {
    /// For WebSocket clients.
    pub listeners: Vec<Listener>,
    /// For the control program.
    pub admin: Vec<UnixListener>,
    /// For health and metrics.
    pub http: Vec<TcpListener>,
}

/// Looks at what [`super::os::inherited`] has taken.
///
/// # Errors
/// A descriptor that is not a listening stream socket, or has a name that is not known; or the service manager's
/// variables could not be understood. Better no start than one that leaves a socket deaf.
pub(super) fn examine(taken: io::Result<Vec<(OwnedFd, String)>>) -> Result<Inherited, Failure> {
    let taken = taken.map_err(|error| {
        let advice = "look at LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES, or start without them";
        Failure::new(Exit::Unavailable, format!("the sockets handed over cannot be used: {error} ({advice})"))
    })?;
    let mut inherited = Inherited { listeners: Vec::new(), admin: Vec::new(), http: Vec::new() };
    for (descriptor, name) in taken {
        match name.as_str() {
            ADMIN => match listener(descriptor, &name)? {
                Listener::Unix(listener) => inherited.admin.push(listener),
                Listener::Tcp(_) => {
                    let text = "a socket was handed over as \"admin\" that is not a Unix socket (ListenStream=/run/…)";
                    return Err(Failure::new(Exit::Unavailable, text));
                }
            },
            HTTP => match listener(descriptor, &name)? {
                Listener::Tcp(listener) => inherited.http.push(listener),
                Listener::Unix(_) => {
                    let text = "a socket was handed over as \"http\" that is not a TCP socket (ListenStream=127.0.0.1:9091)";
                    return Err(Failure::new(Exit::Unavailable, text));
                }
            },
            // systemd's name for a socket unit without FileDescriptorName= is the unit's own.
            WS | "" | "unknown" => inherited.listeners.push(listener(descriptor, &name)?),
            unit if unit.ends_with(".socket") => inherited.listeners.push(listener(descriptor, &name)?),
            _ => {
                let number = descriptor.as_raw_fd();
                let advice = format!("set FileDescriptorName= to {WS}, {ADMIN} or {HTTP}");
                let message =
                    format!("descriptor {number} was handed over as {name:?}, which is unknown here");
                return Err(Failure::new(Exit::Unavailable, format!("{message} ({advice})")));
            }
        }
    }
    Ok(inherited)
}

fn listener(descriptor: OwnedFd, name: &str) -> Result<Listener, Failure> {
    let number = descriptor.as_raw_fd();
    let failure = |what: String, advice: &str| {
        let message = format!("descriptor {number} ({name:?}) was handed over, but {what} ({advice})");
        Failure::new(Exit::Unavailable, message)
    };
    let stream = "a stream socket is needed: ListenStream= in the socket unit";
    let kind = getsockopt(&descriptor, sockopt::SockType);
    let kind = kind.map_err(|error| failure(format!("is no socket: {}", error.desc()), stream))?;
    if kind != SockType::Stream {
        return Err(failure(format!("is a socket of kind {kind:?}"), stream));
    }
    let listens = getsockopt(&descriptor, sockopt::AcceptConn);
    if !listens.map_err(|error| failure(format!("cannot be asked: {}", error.desc()), stream))? {
        return Err(failure("does not listen".to_owned(), "Accept=no in the socket unit"));
    }
    prepare(&descriptor).map_err(|error| failure(format!("cannot be used: {error}"), stream))?;
    let socket = Socket::from(descriptor);
    let address = socket.local_addr().map_err(|error| failure(format!("has no address: {error}"), stream))?;
    if address.is_ipv4() || address.is_ipv6() {
        Ok(Listener::Tcp(socket.into()))
    } else if address.is_unix() {
        Ok(Listener::Unix(OwnedFd::from(socket).into()))
    } else {
        let family = address.family();
        Err(failure(format!("is of address family {family}"), "IPv4, IPv6 or a Unix socket is needed"))
    }
}

fn prepare(descriptor: &OwnedFd) -> io::Result<()> {
    let socket = SockRef::from(descriptor);
    socket.set_cloexec(true)?;
    socket.set_nonblocking(true)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::net::UdpSocket;

    use nix::fcntl::{FcntlArg, OFlag, fcntl};

    use super::*;

    fn examine_one(descriptor: impl Into<OwnedFd>, name: &str) -> Result<Inherited, Failure> {
        examine(Ok(vec![(descriptor.into(), name.to_owned())]))
    }

    fn refused(descriptor: impl Into<OwnedFd>, name: &str) -> String {
        let failure = examine_one(descriptor, name).unwrap_err();
        assert_eq!(failure.code, Exit::Unavailable);
        failure.message
    }

    #[test]
    fn listening_sockets_of_each_family_are_taken_under_each_name_of_ours() {
        let directory = tempfile::tempdir().unwrap();
        let tcp = || TcpListener::bind("127.0.0.1:0").unwrap();
        for name in ["ws", "", "unknown", "gadugi-router.socket"] {
            assert!(matches!(examine_one(tcp(), name).unwrap().listeners[..], [Listener::Tcp(_)]), "{name}");
        }
        let unix = UnixListener::bind(directory.path().join("s")).unwrap();
        assert!(matches!(examine_one(unix, "ws").unwrap().listeners[..], [Listener::Unix(_)]));
    }

    #[test]
    fn a_socket_that_is_taken_does_not_block() {
        let inherited = examine_one(TcpListener::bind("127.0.0.1:0").unwrap(), "ws").unwrap();
        let Listener::Tcp(listener) = &inherited.listeners[0] else { panic!("not TCP") };
        let flags = OFlag::from_bits_truncate(fcntl(listener, FcntlArg::F_GETFL).unwrap());
        assert!(flags.contains(OFlag::O_NONBLOCK));
    }

    #[test]
    fn one_for_the_administration_is_a_unix_socket() {
        let directory = tempfile::tempdir().unwrap();
        let unix = UnixListener::bind(directory.path().join("s")).unwrap();
        let inherited = examine_one(unix, "admin").unwrap();
        assert_eq!((inherited.listeners.len(), inherited.admin.len()), (0, 1));
        let tcp = refused(TcpListener::bind("127.0.0.1:0").unwrap(), "admin");
        assert!(tcp.contains("not a Unix socket"), "{tcp}");
    }

    #[test]
    fn one_for_health_and_metrics_is_a_tcp_socket() {
        let inherited = examine_one(TcpListener::bind("127.0.0.1:0").unwrap(), "http").unwrap();
        assert_eq!((inherited.listeners.len(), inherited.http.len()), (0, 1));
        let directory = tempfile::tempdir().unwrap();
        let unix = refused(UnixListener::bind(directory.path().join("s")).unwrap(), "http");
        assert!(unix.contains("not a TCP socket"), "{unix}");
    }

    #[test]
    fn what_is_of_no_use_is_named_with_what_would_be() {
        let no_socket = refused(File::open("/dev/null").unwrap(), "ws");
        assert!(no_socket.contains("is no socket") && no_socket.contains("ListenStream="), "{no_socket}");
        let datagrams = refused(UdpSocket::bind("127.0.0.1:0").unwrap(), "ws");
        assert!(datagrams.contains("Datagram") && datagrams.contains("ListenStream="), "{datagrams}");
        let silent = Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        let silent = refused(silent, "ws");
        assert!(silent.contains("does not listen"), "{silent}");
        let stranger = refused(TcpListener::bind("127.0.0.1:0").unwrap(), "metrics");
        assert!(stranger.contains("\"metrics\"") && stranger.contains("ws, admin or http"), "{stranger}");
    }
}
