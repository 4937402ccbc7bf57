//! The socket's file: made without a moment in which the wrong people may connect, never taken from a router that
//! lives, and taken away at the end if it is still ours.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use socket2::{Domain, SockAddr, Socket, Type};

/// Connections that wait in the kernel. They are accepted at once, so few do.
const BACKLOG: i32 = 64;
/// How often, and how long apart, it is tried to be the only one who looks at the place.
const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(10);

/// Whose the socket's file is, and who may connect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rights {
    /// The owner's number; as who makes it when there is none.
    pub owner: Option<u32>,
    /// The group's number.
    pub group: Option<u32>,
    /// Its permissions.
    pub mode: u32,
}

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Somebody answers there.
    #[error("another router answers at {}: stop that one, or set another admin.socket", .0.display())]
    Live(PathBuf),
    /// Something else has its name.
    #[error("{} is there and no socket: remove it, or set another admin.socket", .0.display())]
    Occupied(PathBuf),
    /// The system refuses.
    #[error("no admin socket {}: {error}; set another admin.socket", .path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Its group cannot be set.
    #[error("cannot give {} to group {group}: {error} (the router's user has to be in it: set another admin.socket_group)", .path.display())]
    Group {
        /// Where.
        path: PathBuf,
        /// The group.
        group: u32,
        /// What the system says.
        error: io::Error,
    },
}

/// The socket's file, removed at the end if it is still the one that was made.
#[derive(Debug)]
pub struct Placed {
    path: PathBuf,
    identity: (u64, u64),
    /// As long as it is open, no other file gets its number.
    _held: Option<File>,
}

impl Placed {
    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Placed {
    fn drop(&mut self) {
        let found = fs::symlink_metadata(&self.path);
        if found.is_ok_and(|found| (found.dev(), found.ino()) == self.identity) {
            // It may be in a directory that we may not write to since we gave up being root: a socket that refuses.
            fs::remove_file(&self.path).ok();
        }
    }
}

/// Makes the socket and listens, in place of one that nobody answers at any more. To be called while this process has
/// all its rights.
///
/// # Errors
/// A router answers there, something else has the name, or the system refuses.
pub fn place(path: &Path, rights: Rights) -> Result<(UnixListener, Placed), SocketError> {
    let io = |error| SocketError::Io { path: path.to_owned(), error };
    // Two routers that start at once: the second one looks when the first one listens.
    let _alone = alone_in(path).map_err(io)?;
    clear(path)?;
    let address = SockAddr::unix(path).map_err(io)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None).map_err(io)?;
    narrow(&socket).map_err(io)?;
    socket.bind(&address).map_err(io)?;
    let found = fs::symlink_metadata(path).map_err(io)?;
    let _held = hold(path).map_err(io)?;
    let placed = Placed { path: path.to_owned(), identity: (found.dev(), found.ino()), _held };
    if rights.owner.is_some() || rights.group.is_some() {
        chown(path, rights.owner, rights.group).map_err(|error| match rights.group {
            Some(group) => SocketError::Group { path: path.to_owned(), group, error },
            None => io(error),
        })?;
    }
    // Last: until now nobody but the owner could connect.
    fs::set_permissions(path, Permissions::from_mode(rights.mode)).map_err(io)?;
    socket.listen(BACKLOG).and_then(|()| socket.set_nonblocking(true)).map_err(io)?;
    Ok((OwnedFd::from(socket).into(), placed))
}

/// The file gets no more permissions than the socket has when it is bound. Where that is not so (outside of Linux),
/// connecting takes the right to write, which umasks leave to the owner.
#[cfg(target_os = "linux")]
fn narrow(socket: &Socket) -> io::Result<()> {
    use nix::sys::stat::{Mode, fchmod};
    Ok(fchmod(socket, Mode::S_IRUSR | Mode::S_IWUSR)?)
}

#[cfg(not(target_os = "linux"))]
fn narrow(_: &Socket) -> io::Result<()> {
    Ok(())
}

/// A handle of the file itself. Elsewhere the numbers of files are not used again so soon. Not by the standard library, which
/// takes `O_PATH` for an access mode where the libc is musl, and leaves it out.
#[cfg(target_os = "linux")]
fn hold(path: &Path) -> io::Result<Option<File>> {
    use nix::fcntl::{OFlag, open};
    use nix::sys::stat::Mode;
    let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    Ok(Some(open(path, flags, Mode::empty())?.into()))
}

#[cfg(not(target_os = "linux"))]
fn hold(_: &Path) -> io::Result<Option<File>> {
    Ok(None)
}

/// A lock on the directory, which leaves no file behind.
fn alone_in(path: &Path) -> io::Result<Flock<File>> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut directory = File::open(directory)?;
    for _ in 0..TRIES {
        match Flock::lock(directory, FlockArg::LockExclusiveNonblock) {
            Ok(locked) => return Ok(locked),
            Err((unlocked, nix::errno::Errno::EWOULDBLOCK)) => directory = unlocked,
            Err((_, errno)) => return Err(errno.into()),
        }
        thread::sleep(PAUSE);
    }
    Err(io::Error::other("somebody keeps its directory locked"))
}

/// Removes a socket that nobody listens at.
fn clear(path: &Path) -> Result<(), SocketError> {
    let io = |error| SocketError::Io { path: path.to_owned(), error };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io(error)),
        Ok(found) if !found.file_type().is_socket() => return Err(SocketError::Occupied(path.to_owned())),
        Ok(_) => {}
    }
    let knocking = Socket::new(Domain::UNIX, Type::STREAM, None).and_then(|socket| {
        // A router that is stopped, and whose backlog is full, would keep us waiting.
        socket.set_nonblocking(true)?;
        socket.connect(&SockAddr::unix(path)?)
    });
    match knocking {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path).map_err(io),
        // A full backlog and a lack of rights are signs of life, too.
        _ => Err(SocketError::Live(path.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    const RIGHTS: Rights = Rights { owner: None, group: None, mode: 0o660 };

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn it_has_the_mode_that_was_wanted_and_goes_with_us() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let (listener, placed) = place(&path, RIGHTS).unwrap();
        assert_eq!(mode(placed.path()), 0o660);
        UnixStream::connect(&path).unwrap();
        listener.accept().unwrap();
        drop(placed);
        assert!(!path.exists());
    }

    #[test]
    fn one_that_lives_is_left_alone_and_one_that_is_dead_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let (listener, placed) = place(&path, RIGHTS).unwrap();
        assert!(matches!(place(&path, RIGHTS), Err(SocketError::Live(_))));
        drop(listener);
        let (_listener, next) = place(&path, Rights { mode: 0o600, ..RIGHTS }).unwrap();
        assert_eq!(mode(&path), 0o600);
        drop(placed);
        assert!(path.exists(), "the next one's is not the first one's to remove");
        drop(next);
        assert!(!path.exists());
    }

    #[test]
    fn what_is_no_socket_stays_and_a_place_that_is_not_there_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        fs::write(&path, "precious").unwrap();
        assert!(matches!(place(&path, RIGHTS), Err(SocketError::Occupied(_))));
        assert_eq!(fs::read(&path).unwrap(), b"precious");
        let absent = place(&directory.path().join("a/b"), RIGHTS).unwrap_err().to_string();
        assert!(absent.contains("a/b") && absent.contains("admin.socket"), "{absent}");
        let long = directory.path().join("x".repeat(120));
        assert!(matches!(place(&long, RIGHTS), Err(SocketError::Io { .. })));
    }

    #[test]
    fn of_many_that_come_at_once_one_gets_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        drop(UnixListener::bind(&path).unwrap());
        let placed: Vec<_> = thread::scope(|scope| {
            let starting: Vec<_> = (0..8).map(|_| scope.spawn(|| place(&path, RIGHTS).ok())).collect();
            starting.into_iter().filter_map(|one| one.join().unwrap()).collect()
        });
        assert_eq!(placed.len(), 1);
        UnixStream::connect(&path).unwrap();
    }
}
