//! Where the log goes: what the settings ask for, and what is there.

use std::ffi::OsStr;
use std::fmt::Display;
use std::io::{self, IsTerminal};
use std::path::Path;

use nix::sys::stat::fstat;

use super::output::Output;
use super::sink::{LogFile, SharedSink, Sink};
use crate::config::place::LOG_FILE;
use crate::config::{self, LogFormat, LogTarget};
use crate::service::exit::{Exit, Failure};

/// What systemd sets for a service whose stderr is connected to the journal.
const JOURNAL_STREAM: &str = "JOURNAL_STREAM";

/// What decides where the log goes.
pub struct Plan<'a> {
    /// The table of the settings.
    pub settings: &'a config::Log,
    /// The program leaves its terminal, and with it stderr.
    pub daemon: bool,
    /// Where the file is, if the settings do not say.
    pub default_directory: &'a Path,
    /// Who is to own what is created for the log: the user and group that the program is about to become.
    pub owner: Option<(u32, u32)>,
}

/// An output and where it is, in words.
pub(super) type Place = (Output, String);

impl Plan<'_> {
    /// Opens what it says.
    pub(super) fn open(&self) -> Result<Place, Failure> {
        match self.settings.target {
            LogTarget::Journald => journal().map_err(|error| {
                let message = format!(
                    "log.target is \"journald\", but the journal does not answer: {error} (set it to \"stderr\" or \"file\")"
                );
                Failure::new(Exit::Unavailable, message)
            }),
            LogTarget::Stderr if self.daemon => {
                let message = "log.target is \"stderr\", which a daemon has not (set it to \"auto\", \"journald\" or \"file\")";
                Err(Failure::new(Exit::Config, message))
            }
            LogTarget::Stderr => Ok(self.stderr()),
            LogTarget::File => self.file(),
            LogTarget::Auto if self.daemon => journal().or_else(|_| self.file()),
            LogTarget::Auto if stderr_is_journal() => Ok(journal().unwrap_or_else(|_| self.stderr())),
            LogTarget::Auto => Ok(self.stderr()),
        }
    }

    fn stderr(&self) -> Place {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let colours = colours(io::stderr().is_terminal(), refused);
        (self.lines(Sink::stderr(), colours), "stderr".to_owned())
    }

    fn file(&self) -> Result<Place, Failure> {
        let path = self.settings.file.clone().unwrap_or_else(|| self.default_directory.join(LOG_FILE));
        let shown = path.display().to_string();
        match Sink::file(LogFile { path, owner: self.owner }) {
            Ok(sink) => Ok((self.lines(sink, false), shown)),
            Err(error) => {
                let message =
                    format!("cannot open the log file {shown}: {error} (set log.file, or log.target)");
                Err(Failure::new(Exit::Unavailable, message))
            }
        }
    }

    fn lines(&self, sink: Sink, colours: bool) -> Output {
        let sink = SharedSink::new(sink);
        match self.settings.format {
            LogFormat::Text => Output::text(sink, colours),
            LogFormat::Json => Output::json(sink),
        }
    }
}

fn journal() -> io::Result<Place> {
    Ok((Output::journal()?, "journald".to_owned()))
}

/// Whether our stderr is the one that the service manager has connected to the journal, and not, say, a file that a
/// shell in between has put there.
fn stderr_is_journal() -> bool {
    let Some(stream) = std::env::var_os(JOURNAL_STREAM) else { return false };
    fstat(io::stderr()).is_ok_and(|stat| names(&stream, stat.st_dev, stat.st_ino))
}

/// The numbers have a type of their own on each system.
fn names(stream: &OsStr, device: impl Display, inode: impl Display) -> bool {
    stream.to_str() == Some(format!("{device}:{inode}").as_str())
}

/// Colours are for people at a terminal who have not said no (no-color.org).
fn colours(terminal: bool, refused: bool) -> bool {
    terminal && !refused
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the log goes with these settings, or why nowhere.
    fn place(settings: &config::Log, daemon: bool, default_directory: &Path) -> Result<String, Failure> {
        Plan { settings, daemon, default_directory, owner: None }.open().map(|(_, place)| place)
    }

    #[test]
    fn the_file_is_in_the_directory_for_logs_unless_the_settings_say_where() {
        let folder = tempfile::tempdir().unwrap();
        let (standard, own) = (folder.path().join("logs/router.log"), folder.path().join("own.log"));
        let mut settings = config::Log { target: LogTarget::File, ..config::Config::default().log };
        for daemon in [false, true] {
            let found = place(&settings, daemon, &folder.path().join("logs"));
            assert_eq!(found.as_deref(), Ok(standard.to_str().unwrap()));
        }
        settings.file = Some(own.clone());
        assert_eq!(place(&settings, true, folder.path()).as_deref(), Ok(own.to_str().unwrap()));
        assert!(standard.exists() && own.exists());
    }

    #[test]
    fn a_file_that_cannot_be_had_is_said_in_one_line_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let file = Some(folder.path().join("no/such/file"));
        let settings = config::Log { target: LogTarget::File, file, ..config::Config::default().log };
        let Failure { code, message } = place(&settings, false, folder.path()).unwrap_err();
        assert_eq!(code, Exit::Unavailable);
        assert!(message.contains("no/such/file") && message.contains("set log.file"), "{message}");
        assert!(!message.contains('\n'));
    }

    #[test]
    fn a_daemon_has_no_stderr() {
        let settings = config::Log { target: LogTarget::Stderr, ..config::Config::default().log };
        assert_eq!(place(&settings, false, Path::new("x")).as_deref(), Ok("stderr"));
        assert_eq!(place(&settings, true, Path::new("x")).unwrap_err().code, Exit::Config);
    }

    #[test]
    fn the_journals_stream_is_known_by_device_and_inode() {
        assert!(names(OsStr::new("9:1234"), 9, 1234));
        assert!(!names(OsStr::new("9:1234"), 9, 1235) && !names(OsStr::new(""), 9, 1234));
    }

    #[test]
    fn colours_need_a_terminal_and_no_refusal() {
        assert!(colours(true, false));
        assert!(!colours(true, true) && !colours(false, false));
    }
}
