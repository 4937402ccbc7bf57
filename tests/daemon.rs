//! `--daemon`, the PID file and the rights of the process, through the program itself.
#![cfg(all(feature = "daemon", target_os = "linux"))]
#![allow(clippy::unwrap_used)]

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Pid, Uid, getsid};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_gadugi-router");
const PID_FILE: &str = "gadugi-router.pid";

/// A place for one router: a directory and an address that no other test uses.
struct Place {
    directory: TempDir,
    /// For the log, which has no other place where there is no journal.
    logs: TempDir,
    host: Ipv4Addr,
    port: u16,
}

impl Place {
    fn new() -> Self {
        // Daemons become ours when the process between us ends, so that their end can be waited for.
        nix::sys::prctl::set_child_subreaper(true).unwrap();
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("config.toml"), "").unwrap();
        static PLACES: AtomicU8 = AtomicU8::new(1);
        // A port that was free a moment ago stays free at an address of one's own, and all of 127.0.0.0/8 is loopback.
        let host = Ipv4Addr::new(127, 77, PLACES.fetch_add(1, Relaxed), 1);
        let port = TcpListener::bind((host, 0)).unwrap().local_addr().unwrap().port();
        Self { directory, logs: tempfile::tempdir().unwrap(), host, port }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn pid_file(&self) -> PathBuf {
        self.path(PID_FILE)
    }

    /// Relative paths are right here, and would be wrong in the daemon's `/`.
    fn command(&self, arguments: &[&str]) -> Command {
        let (host, port) = (self.host.to_string(), self.port.to_string());
        let mut command = Command::new(PROGRAM);
        command.env_clear().env("GADUGI_ROUTER_RUNTIME_DIR", ".").current_dir(&self.directory);
        command.env("LOGS_DIRECTORY", self.logs.path());
        command.args(["--daemon", "-c", "config.toml", "--host", &host, "--port", &port]).args(arguments);
        command.stdin(Stdio::null());
        command
    }

    fn start(&self, arguments: &[&str]) -> Daemon {
        assert_eq!(outcome(&mut self.command(arguments)), (0, String::new()));
        self.running()
    }

    fn running(&self) -> Daemon {
        let text = fs::read_to_string(self.pid_file()).unwrap();
        let pid = text.strip_suffix('\n').and_then(|number| number.parse().ok()).unwrap();
        Daemon(Pid::from_raw(pid))
    }

    /// What is there beside the configuration.
    fn left(&self) -> Vec<String> {
        let names = fs::read_dir(&self.directory).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name != "config.toml").collect()
    }

    fn answers(&self) -> bool {
        let Ok(mut socket) = TcpStream::connect((self.host, self.port)) else { return false };
        socket.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer.starts_with("HTTP/1.1 200 OK")
    }
}

/// A daemon's number. It is ended at the latest when the test is over.
struct Daemon(Pid);

impl Daemon {
    fn end(&self, signal: Signal) -> WaitStatus {
        kill(self.0, signal).unwrap();
        waitpid(self.0, None).unwrap()
    }

    fn stop(self) {
        assert_eq!(self.end(Signal::SIGTERM), WaitStatus::Exited(self.0, 0));
    }

    fn proc(&self, name: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{name}", self.0)).unwrap()
    }

    /// The words behind `name` in /proc/PID/status.
    fn status(&self, name: &str) -> Vec<String> {
        let status = self.proc("status");
        let line = status.lines().find_map(|line| line.strip_prefix(&format!("{name}:"))).unwrap();
        line.split_whitespace().map(str::to_owned).collect()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if std::thread::panicking() {
            kill(self.0, Signal::SIGKILL).ok();
        }
    }
}

/// Exit code and stderr of the process that was started. Nothing is ever said on stdout.
fn outcome(command: &mut Command) -> (i32, String) {
    let output = command.output().unwrap();
    assert_eq!(output.stdout, b"");
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn the_parent_ends_with_0_when_clients_can_connect_and_the_daemon_has_left_everything_behind() {
    let place = Place::new();
    let daemon = place.start(&[]);
    assert!(place.answers());
    assert_eq!(fs::read_link(format!("/proc/{}/cwd", daemon.0)).unwrap(), PathBuf::from("/"));
    assert_ne!(getsid(Some(daemon.0)).unwrap(), getsid(None).unwrap());
    // Not the session's leader, which could get a terminal again.
    assert_ne!(getsid(Some(daemon.0)).unwrap(), daemon.0);
    for number in 0..=2 {
        let stream = fs::read_link(format!("/proc/{}/fd/{number}", daemon.0)).unwrap();
        assert_eq!(stream, PathBuf::from("/dev/null"));
    }
    daemon.stop();
    assert!(!place.answers());
    assert_eq!(place.left(), Vec::<String>::new());
}

#[test]
fn the_pid_file_is_for_everybody_to_read_and_locked_whatever_the_umask() {
    let place = Place::new();
    let mut shell = Command::new("/bin/sh");
    let command = place.command(&[]);
    shell.args(["-c", "umask 0177; exec \"$0\" \"$@\"", PROGRAM]).args(command.get_args());
    shell.env_clear().env("GADUGI_ROUTER_RUNTIME_DIR", ".").current_dir(&place.directory);
    shell.env("LOGS_DIRECTORY", place.logs.path());
    assert_eq!(outcome(&mut shell), (0, String::new()));
    let daemon = place.running();
    assert_eq!(fs::metadata(place.pid_file()).unwrap().permissions().mode() & 0o7777, 0o644);
    let file = File::open(place.pid_file()).unwrap();
    let (_, errno) = Flock::lock(file, FlockArg::LockExclusiveNonblock).unwrap_err();
    assert_eq!(errno, Errno::EWOULDBLOCK);
    daemon.stop();
}

#[test]
fn a_second_one_is_refused_and_told_who_is_the_first() {
    let place = Place::new();
    let first = place.start(&[]);
    let (code, stderr) = outcome(&mut place.command(&[]));
    assert_eq!((code, stderr.lines().count()), (73, 1), "{stderr}");
    assert!(stderr.contains(&format!("(PID {})", first.0)), "{stderr}");
    assert!(place.answers());
    first.stop();
}

#[test]
fn a_symbolic_link_in_the_pid_file_s_place_is_not_followed() {
    let place = Place::new();
    symlink("precious", place.path("x.pid")).unwrap();
    fs::write(place.path("precious"), "precious").unwrap();
    let (code, stderr) = outcome(&mut place.command(&["--pid-file", "x.pid"]));
    assert_eq!((code, stderr.lines().count()), (73, 1), "{stderr}");
    assert_eq!(fs::read_to_string(place.path("precious")).unwrap(), "precious");
    assert!(!place.answers());
}

#[test]
fn a_number_that_is_left_over_blocks_nothing_even_if_such_a_process_runs() {
    let place = Place::new();
    fs::write(place.pid_file(), format!("{}\n", std::process::id())).unwrap();
    place.start(&[]).stop();
    let killed = place.start(&[]);
    let status = killed.end(Signal::SIGKILL);
    assert_eq!(status, WaitStatus::Signaled(killed.0, Signal::SIGKILL, false));
    let mut left = place.left();
    left.sort();
    assert_eq!(left, ["admin.sock", PID_FILE]);
    place.start(&[]).stop();
    assert_eq!(place.left(), Vec::<String>::new());
}

#[test]
fn what_keeps_the_daemon_from_starting_is_said_by_the_one_who_waits() {
    let place = Place::new();
    let taken = TcpListener::bind((place.host, place.port)).unwrap();
    let (code, stderr) = outcome(&mut place.command(&[]));
    assert_eq!((code, stderr.lines().count()), (69, 1), "{stderr}");
    assert!(stderr.contains(&format!("{}:{}", place.host, place.port)), "{stderr}");
    drop(taken);
    let (code, stderr) = outcome(&mut place.command(&["--pid-file", "absent/x.pid"]));
    assert_eq!((code, stderr.lines().count()), (73, 1), "{stderr}");
    // As it was meant, not below the daemon's `/`.
    assert!(stderr.contains(place.path("absent/x.pid").to_str().unwrap()), "{stderr}");
    fs::write(place.path("config.toml"), "prot = 1\n").unwrap();
    let (code, stderr) = outcome(&mut place.command(&[]));
    assert_eq!((code, stderr.lines().count()), (78, 1), "{stderr}");
    assert!(stderr.starts_with("config.toml:1:1: prot"), "{stderr}");
    assert_eq!(place.left(), Vec::<String>::new());
}

#[test]
fn under_a_service_manager_it_stays_in_the_foreground_or_not_at_all() {
    let place = Place::new();
    for name in ["NOTIFY_SOCKET", "INVOCATION_ID"] {
        let (code, stderr) = outcome(place.command(&[]).env(name, "x"));
        assert_eq!((code, stderr.lines().count()), (64, 1), "{stderr}");
        assert!(stderr.contains(name) && stderr.contains("without --daemon"), "{stderr}");
    }
    assert_eq!(place.left(), Vec::<String>::new());
}

#[test]
fn fifty_starts_and_stops_leave_nothing_behind() {
    let place = Place::new();
    for _ in 0..50 {
        place.start(&[]).stop();
        assert_eq!(place.left(), Vec::<String>::new());
    }
}

#[test]
fn a_run_time_directory_that_was_made_is_removed_again() {
    let place = Place::new();
    let made = place.path("made");
    assert_eq!(outcome(place.command(&[]).env("GADUGI_ROUTER_RUNTIME_DIR", "made")), (0, String::new()));
    assert_eq!(fs::metadata(&made).unwrap().permissions().mode() & 0o7777, 0o700);
    let pid = fs::read_to_string(made.join(PID_FILE)).unwrap().trim().parse().unwrap();
    Daemon(Pid::from_raw(pid)).stop();
    assert!(!made.exists());
}

#[test]
fn a_crash_leaves_no_core_dump_and_no_new_rights_can_be_had() {
    let place = Place::new();
    let daemon = place.start(&[]);
    let limits = daemon.proc("limits");
    let core = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().collect::<Vec<_>>(), ["0", "0", "bytes"]);
    assert_eq!(daemon.status("NoNewPrivs"), ["1"]);
    assert_eq!(daemon.status("Umask"), ["0027"]);
    daemon.stop();
}

#[test]
fn root_becomes_somebody_else_for_good_and_others_cannot() {
    let place = Place::new();
    let arguments = ["--user", "nobody", "--group", "4242"];
    if !Uid::effective().is_root() {
        let (code, stderr) = outcome(&mut place.command(&arguments));
        assert_eq!((code, stderr.lines().count()), (71, 1), "{stderr}");
        return;
    }
    let nobody = nix::unistd::User::from_name("nobody").unwrap().unwrap();
    let daemon = place.start(&arguments);
    assert_eq!(daemon.status("Uid"), vec![nobody.uid.to_string(); 4]);
    assert_eq!(daemon.status("Gid"), vec!["4242"; 4]);
    assert_eq!(daemon.status("Groups"), ["4242"]);
    assert_eq!(daemon.status("CapPrm"), ["0000000000000000"]);
    assert!(place.answers());
    daemon.stop();
    // The directory is root's, so that the file could not be removed; but it names nobody any more.
    assert_eq!(fs::read_to_string(place.pid_file()).unwrap(), "");
    place.start(&[]).stop();
    assert_eq!(place.left(), Vec::<String>::new());
}

#[test]
fn an_account_that_is_not_there_is_a_mistake_in_the_settings() {
    let place = Place::new();
    let (code, stderr) = outcome(&mut place.command(&["--user", "no-such-user"]));
    assert_eq!((code, stderr.lines().count()), (78, 1), "{stderr}");
    assert!(stderr.contains("no-such-user"), "{stderr}");
}
