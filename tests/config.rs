//! The settings and the command line, through the program itself.
#![cfg(feature = "daemon")]
#![allow(clippy::unwrap_used)]

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;

use assert_cmd::Command;
use clap::CommandFactory;
use gadugi_router::service::args::Args;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_gadugi-router");

/// The program, with an empty environment.
fn router(arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.env_clear().args(arguments);
    command
}

/// A file in a directory of its own, which lives as long as the first.
fn file(name: &str, text: &str) -> (TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(name);
    fs::write(&path, text).unwrap();
    (directory, path.to_str().unwrap().to_owned())
}

/// Exit code, stdout and stderr.
fn outcome(command: &mut Command) -> (i32, String, String) {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn check_config_tells_every_mistake_and_its_place() {
    let (_directory, path) = file(
        "bad.toml",
        "prot = 9090\nport = \"9090\"\nmax_clients = 0\nlog_level = 'inof'\nhost =\n\n[limits]\n\
         ping_interval = \"0s\"\nslow_consumer = \"drop\"\nallowed_origins = [\"*\", \"a.org\"]\n\
         max_message_size = \"10B\"\n\n[tls]\nkind = \"memory\"\n",
    );
    let mut command = router(&["--check-config", "-c", &path, "--host", "a b"]);
    let (code, stdout, stderr) = outcome(command.env("GADUGI_ROUTER_THREADS", "many"));
    assert_eq!((code, stdout.as_str()), (78, ""));
    let expected = [
        ("1:1: prot", "did you mean port?"),
        ("2:8: port", "a whole number from 0 to 65535, not \"9090\": without quotes"),
        ("3:15: max_clients", "from 1 to 1000000, not 0"),
        ("4:13: log_level", "did you mean \"info\"?"),
        ("5:7: broken TOML", ""),
        ("8:17: limits.ping_interval", "without pings a vanished client would never be noticed"),
        ("9:17: limits.slow_consumer", "must be \"evict\" or \"disconnect\", not \"drop\""),
        ("10:25: limits.allowed_origins", "the scheme is missing"),
        ("11:20: limits.max_message_size", "from 64B to 1GiB, such as 65536 or \"64KiB\", not \"10B\""),
        ("13:2: tls", "this version of the router does not have [tls] yet"),
    ];
    let mut lines = stderr.lines();
    for (place, text) in expected {
        let line = lines.next().unwrap();
        assert!(line.starts_with(&format!("{path}:{place}: ")) && line.ends_with(text), "{place}: {line}");
    }
    assert!(lines.next().unwrap().starts_with("GADUGI_ROUTER_THREADS: threads: must be a whole number"));
    assert!(lines.next().unwrap().starts_with("--host: host: must be a host name"));
    assert_eq!(lines.next(), None);
}

#[test]
fn check_config_names_the_file_that_is_fine() {
    let (_directory, path) = file("good.toml", "port = 1\n[limits]\nping_interval = \"5s\"\n");
    let outcome = outcome(&mut router(&["--check-config", "-c", &path]));
    assert_eq!(outcome, (0, format!("{path}: ok\n"), String::new()));
}

#[test]
fn the_old_json_file_is_read() {
    let (_directory, path) = file("router_config.json", "{\"port\": 9191, \"log_level\": \"WARNING\"}\n");
    let (code, stdout, _) = outcome(&mut router(&["--print-config", "-c", &path]));
    assert_eq!(code, 0);
    assert!(stdout.contains(&format!("port = 9191  # {path}:1:10\n")), "{stdout}");
    assert!(stdout.contains("log_level = \"warn\"  # "), "{stdout}");
    let (_directory, path) = file("router_config.json", "{\n  \"prot\": 9191\n}\n");
    let (code, _, stderr) = outcome(&mut router(&["-c", &path]));
    assert_eq!((code, stderr), (78, format!("{path}:2:3: prot: unknown setting; did you mean port?\n")));
}

#[test]
fn a_later_source_wins_and_is_named() {
    let (_directory, path) = file("c.toml", "port = 1\nthreads = 2\nhost = \"a\"\n");
    let mut command = router(&["--print-config", "--config", &path, "--port", "3", "--log-level", "debug"]);
    let command = command.env("GADUGI_ROUTER_PORT", "2").env("GADUGI_ROUTER_THREADS", "4");
    let (code, stdout, stderr) = outcome(command.env("GADUGI_ROUTER_PORTT", "5"));
    assert_eq!(code, 0);
    for line in [
        "port = 3  # --port",
        "threads = 4  # GADUGI_ROUTER_THREADS",
        "log_level = \"debug\"  # --log-level",
        &format!("host = \"a\"  # {path}:3:8"),
        "max_clients = 1000  # default",
    ] {
        assert!(stdout.contains(&format!("{line}\n")), "{line} in {stdout}");
    }
    assert!(
        stderr.contains("GADUGI_ROUTER_PORTT is ignored: no such setting; did you mean GADUGI_ROUTER_PORT?")
    );
}

#[test]
fn printed_settings_read_back_as_the_same() {
    let (_directory, path) = file(
        "c.toml",
        "host = \"::1\"\nlog_level = \"info,gadugi_router::server=debug\"\n[limits]\noutbox_size = 12345678\n\
         ping_timeout = \"90s\"\nallowed_origins = [\"HTTP://LOCALHOST:80\", \"*\"]\n",
    );
    let (_, first, _) = outcome(&mut router(&["--print-config", "-c", &path]));
    let (_other, again) = file("again.toml", &first);
    let (_, second, stderr) = outcome(&mut router(&["--print-config", "-c", &again]));
    let settings = |text: &str| {
        text.lines().map(|line| line.split("  # ").next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(settings(&first), settings(&second), "{stderr}");
    assert!(first.contains("allowed_origins = [\"http://localhost\", \"*\"]"));
}

#[test]
fn the_version_is_told() {
    for flag in ["-V", "--version"] {
        let expected = format!("gadugi-router {}\n", env!("CARGO_PKG_VERSION"));
        assert_eq!(outcome(&mut router(&[flag])), (0, expected, String::new()));
    }
}

#[test]
fn wrong_usage_is_told_in_one_line() {
    for arguments in [
        &["--prot", "1"][..],
        &["there"],
        &["--port"],
        &["--port", "99999"],
        &["--port", "-1"],
        &["--check-config", "--print-config"],
    ] {
        let (code, stdout, stderr) = outcome(&mut router(arguments));
        assert_eq!((code, stdout.as_str(), stderr.lines().count()), (64, "", 1), "{arguments:?}: {stderr}");
    }
    assert!(outcome(&mut router(&["--prot", "1"])).2.contains("'--port'"));
}

#[test]
fn help_names_every_flag_and_the_long_one_every_setting() {
    let (code, short, _) = outcome(&mut router(&["-h"]));
    assert_eq!(code, 0);
    let (_, long, _) = outcome(&mut router(&["--help"]));
    let mut command = Args::command();
    command.build();
    for flag in command.get_arguments() {
        let name = format!("--{}", flag.get_long().unwrap());
        assert!(short.contains(&name) && long.contains(&name), "{name}");
    }
    for setting in gadugi_router::config::SETTINGS {
        let name = setting.key.rsplit('.').next().unwrap();
        assert!(long.contains(&format!("\n{name} = ")), "{name}");
    }
}

#[test]
fn a_missing_file_is_unavailable_to_a_start_and_a_mistake_to_a_check() {
    let (directory, _) = file("unused", "");
    let absent: PathBuf = directory.path().join("absent.toml");
    let absent = absent.to_str().unwrap();
    for (arguments, expected) in [(&["-c", absent][..], 69), (&["-c", absent, "--check-config"], 78)] {
        let (code, stdout, stderr) = outcome(&mut router(arguments));
        assert_eq!((code, stdout.as_str(), stderr.lines().count()), (expected, "", 1));
        assert!(stderr.starts_with(&format!("{absent}: cannot read the configuration: ")), "{stderr}");
    }
}

#[test]
fn a_reader_that_leaves_early_ends_nothing_badly() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = std::process::Command::new(PROGRAM);
    let status = command.env_clear().arg("--help").stdout(writer).status().unwrap();
    assert_eq!(status.code(), Some(0));
}

#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_cannot_be_written_is_an_error() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = std::process::Command::new(PROGRAM);
    let output = command.env_clear().arg("--print-config").stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(71));
}

#[test]
fn a_broken_stderr_does_not_break_the_program() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    // The port is taken, so that a start ends soon, and the unknown variable is something to be logged.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let mut command = std::process::Command::new(PROGRAM);
    command.env_clear().env("GADUGI_ROUTER_UNKNOWN", "1").stderr(writer);
    let status = command.args(["--host", "127.0.0.1", "--port", &port]).status().unwrap();
    // 101 is a panic, none a signal.
    assert!(status.code().is_some_and(|code| code != 101), "{status}");
}
