//! The connection to a router: a question, an answer, and what to say when there is none.

use std::fs::Metadata;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::unistd::{Gid, Group};
use serde::Serialize;
use serde::de::DeserializeOwned;
use socket2::{Domain, SockAddr, Socket, Type};

use super::failure::{DENIED, Failure, NO_ANSWER, PROTOCOL, SYSTEM, USAGE};
use super::find;
use super::output::plain;
use crate::admin::messages::{self, Answer, Code, Greeting, LONGEST_ANSWER, Request, Status};

/// How long the router may take for what it has at hand.
const PATIENCE: Duration = Duration::from_secs(5);
/// And for what takes a while: reading its settings, telling how far its end is.
const MORE_PATIENCE: Duration = Duration::from_secs(60);

/// The system takes 0 for no time-out.
const SHORTEST: Duration = Duration::from_millis(1);

/// A router that has greeted.
pub(super) struct Connection {
    path: PathBuf,
    stream: BufReader<UnixStream>,
    router: Greeting,
}

impl Connection {
    /// Connects and greets.
    pub fn open(path: PathBuf) -> Result<Self, Failure> {
        Self::open_within(path, PATIENCE)
    }

    /// Connects and greets. No answer to what the router has at hand may take longer, nor longer than usual.
    pub fn open_within(path: PathBuf, patience: Duration) -> Result<Self, Failure> {
        let patience = patience.clamp(SHORTEST, PATIENCE);
        let stream = connect(&path, patience).map_err(|error| no_connection(&path, &error))?;
        let limits = stream.set_read_timeout(Some(patience)).and(stream.set_write_timeout(Some(patience)));
        limits.map_err(|error| Failure::new(SYSTEM, "system", format!("cannot set a time-out: {error}")))?;
        let router = Greeting::ours(false);
        let mut connection = Self { path, stream: BufReader::new(stream), router };
        connection.say(&Greeting::ours(false))?;
        connection.router = connection.hear()?;
        Ok(connection)
    }

    /// Where the router is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The router's version.
    pub fn version(&self) -> &str {
        &self.router.version
    }

    /// Asks for something that the router has at hand.
    pub fn ask(&mut self, request: &Request) -> Result<Answer, Failure> {
        self.say(request)?;
        self.next()
    }

    /// Asks for something that takes a while.
    pub fn ask_patiently(&mut self, request: &Request) -> Result<Answer, Failure> {
        self.ask_within(request, MORE_PATIENCE)
    }

    /// Asks for something that may take this long; so may each answer that follows.
    pub fn ask_within(&mut self, request: &Request, patience: Duration) -> Result<Answer, Failure> {
        // Without it the shorter time is all there is. None at all would be for ever.
        drop(self.stream.get_ref().set_read_timeout(Some(patience.max(SHORTEST))));
        self.ask(request)
    }

    /// Writes so many bytes that follow an answer and are no line. `failed` tells what went wrong where they go.
    pub fn copy(
        &mut self,
        bytes: u64,
        to: &mut impl Write,
        failed: impl Fn(io::Error) -> Failure,
    ) -> Result<(), Failure> {
        let mut left = bytes;
        while left > 0 {
            let chunk = match self.stream.fill_buf() {
                Ok([]) => return Err(self.broken(&io::ErrorKind::UnexpectedEof.into())),
                Ok(chunk) => chunk.get(..left as usize).unwrap_or(chunk),
                Err(error) => return Err(self.broken(&error)),
            };
            to.write_all(chunk).map_err(&failed)?;
            let count = chunk.len();
            self.stream.consume(count);
            left -= count as u64;
        }
        Ok(())
    }

    /// How the router is.
    pub fn status(&mut self) -> Result<Box<Status>, Failure> {
        match self.ask(&Request::Status)? {
            Answer::Status(status) => Ok(status),
            _ => Err(self.not_understood("it is no status")),
        }
    }

    /// The next answer to what was asked.
    pub fn next(&mut self) -> Result<Answer, Failure> {
        match self.hear()? {
            Answer::Error(refused) if refused.code == Code::UnknownRequest => Err(self.unknown()),
            Answer::Error(refused) => Err(Failure::refused(refused)),
            answer => Ok(answer),
        }
    }

    /// An answer that belongs to another question, or that this version does not know.
    pub fn not_understood(&self, why: &str) -> Failure {
        let text = format!(
            "gadugi-routerctl {} (protocol {}) does not understand the answer of the router, which is version {} \
             (protocol {}): {}",
            messages::VERSION,
            messages::PROTOCOL,
            plain(&self.router.version),
            self.router.protocol,
            plain(why)
        );
        Failure::new(PROTOCOL, "not_understood", text)
    }

    /// One of both is older.
    fn unknown(&self) -> Failure {
        let Greeting { version, protocol, .. } = &self.router;
        let number =
            |version: &str| version.split('.').map(|part| part.parse().unwrap_or(0)).collect::<Vec<u64>>();
        let advice = match (*protocol, number(version)) > (messages::PROTOCOL, number(messages::VERSION)) {
            true => "take a newer gadugi-routerctl",
            false => "restart the router to have the newer one",
        };
        let text = format!(
            "the router is version {} (protocol {protocol}) and does not know this request of gadugi-routerctl {} \
             (protocol {}); {advice}",
            plain(version),
            messages::VERSION,
            messages::PROTOCOL,
        );
        Failure::new(PROTOCOL, "unknown_request", text)
    }

    fn say(&mut self, message: &impl Serialize) -> Result<(), Failure> {
        let mut text =
            serde_json::to_vec(message).map_err(|error| self.not_understood(&error.to_string()))?;
        text.push(b'\n');
        self.stream.get_mut().write_all(&text).map_err(|error| self.broken(&error))
    }

    fn hear<T: DeserializeOwned>(&mut self) -> Result<T, Failure> {
        let mut line = Vec::new();
        let mut limited = (&mut self.stream).take(LONGEST_ANSWER as u64);
        match limited.read_until(b'\n', &mut line) {
            Err(error) => Err(self.broken(&error)),
            Ok(_) if line.last() != Some(&b'\n') => Err(self.broken(&io::ErrorKind::UnexpectedEof.into())),
            Ok(_) => serde_json::from_slice(&line).map_err(|error| self.not_understood(&error.to_string())),
        }
    }

    fn broken(&self, error: &io::Error) -> Failure {
        let text = match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => "in time".to_owned(),
            io::ErrorKind::UnexpectedEof => "and closed the connection: it may be ending".to_owned(),
            _ => format!("({error})"),
        };
        no_answer(&self.path, &text)
    }
}

fn no_answer(path: &Path, how: &str) -> Failure {
    let text = format!("the router at {} did not answer {how}; look at its log", path.display());
    Failure::new(NO_ANSWER, "no_answer", text)
}

/// Does not wait for a router that takes nobody in.
fn connect(path: &Path, patience: Duration) -> io::Result<UnixStream> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.connect_timeout(&SockAddr::unix(path)?, patience)?;
    Ok(OwnedFd::from(socket).into())
}

fn no_connection(path: &Path, error: &io::Error) -> Failure {
    let shown = path.display();
    let is_other = |found: Metadata| !found.file_type().is_socket();
    if path.metadata().is_ok_and(is_other) {
        return Failure::new(
            USAGE,
            "no_socket",
            format!("{shown} is no socket: name a router's admin socket"),
        );
    }
    match error.kind() {
        io::ErrorKind::NotFound => find::not_running(&format!("there is no {shown}")),
        io::ErrorKind::ConnectionRefused => find::not_running(&format!("nobody answers at {shown}")),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => no_answer(path, "in time"),
        io::ErrorKind::PermissionDenied => {
            let text = format!("no permission to connect to {shown}: {}", permitted(path));
            Failure::new(DENIED, "not_permitted", text)
        }
        _ => Failure::new(SYSTEM, "system", format!("cannot connect to {shown}: {error}")),
    }
}

/// Who may.
fn permitted(path: &Path) -> String {
    const WRITES: u32 = 0o020;
    let found = path.symlink_metadata().ok().filter(|found| found.mode() & WRITES != 0);
    let group = found.filter(|found| found.gid() != 0).map(|found| {
        let named = Group::from_gid(Gid::from_raw(found.gid())).ok().flatten();
        named.map_or_else(|| found.gid().to_string(), |group| group.name)
    });
    match group {
        Some(group) => format!("become a member of the group {group}, or use sudo"),
        None => "use sudo".to_owned(),
    }
}
