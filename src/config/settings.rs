//! The table of all settings: name, type, default, what it may be, and what it is for.
//!
//! A setting is added here and nowhere else; the structs, the file's keys, the names in the environment, the printed
//! and the example configuration all follow from this table.

use std::path::PathBuf;
use std::time::Duration;

use super::rules::{
    Account, Accounts, Auto, Choice, Endpoint, FilePath, Host, HostNames, Level, ListenOn, Octal, Origins,
    StoreRule, StoreRules, Switch, duration, size, whole,
};
use super::schema::settings;

/// What happens to a subscriber whose outbox is full.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SlowConsumer {
    /// Its least important, newest events become dead letters.
    Evict,
    /// Its connection is closed with code 1008 and the reason.
    Disconnect,
}

const SLOW_CONSUMER: Choice<SlowConsumer> =
    Choice(&[("evict", SlowConsumer::Evict), ("disconnect", SlowConsumer::Disconnect)]);

/// Where the log goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogTarget {
    /// The journal when the service manager has connected us to it, otherwise stderr; a daemon without either, a file.
    Auto,
    /// systemd's journal, with its fields.
    Journald,
    /// Standard error.
    Stderr,
    /// A file that SIGUSR1 opens anew.
    File,
}

const LOG_TARGET: Choice<LogTarget> = Choice(&[
    ("auto", LogTarget::Auto),
    ("journald", LogTarget::Journald),
    ("stderr", LogTarget::Stderr),
    ("file", LogTarget::File),
]);

/// How a record looks on stderr or in a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogFormat {
    /// A line for people.
    Text,
    /// A JSON object in a line.
    Json,
}

const LOG_FORMAT: Choice<LogFormat> = Choice(&[("text", LogFormat::Text), ("json", LogFormat::Json)]);

/// Where events are stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StoreKind {
    /// Nowhere.
    None,
    /// In memory, until the process ends.
    Memory,
    /// In one file.
    Sqlite,
}

const STORE_KIND: Choice<StoreKind> =
    Choice(&[("none", StoreKind::None), ("memory", StoreKind::Memory), ("sqlite", StoreKind::Sqlite)]);

/// Room for the shortest messages there are. Sizes this small serve only tests.
const SMALLEST: u64 = 64;
const GIB: u64 = 1024 * 1024 * 1024;
const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_secs(3600);

settings! {
    /// All settings of the router, checked.
    pub struct Config {
        /// Where to listen: a host name or an IP address. "localhost" is both loopback addresses, "0.0.0.0" and "::"
        /// are all addresses of this machine.
        host: String = "localhost".to_owned(), Host;
        /// The TCP port; 0 takes a free one and logs which.
        port: u16 = 9090, whole(0, 65_535);
        /// How many events may wait to be routed. When full, the lowest priority goes first.
        max_queue_size: usize = 10_000, whole(1, 10_000_000);
        /// How many clients may be connected at once.
        max_clients: usize = 1_000, whole(1, 1_000_000);
        /// Four queues by priority band, each with a bound of its own, in place of one.
        use_multi_queue: bool = false, Switch;
        /// What is logged: debug, info, warning or error, or a filter of the tracing library.
        log_level: String = "info".to_owned(), Level;
        /// How many threads serve the connections. One is the cheapest for each event.
        threads: usize = 1, whole(1, 64);
    }

    /// Bounds that keep one client from harming the others.
    [limits] pub struct Limits {
        /// The largest message taken from a client, in bytes, all its fragments together.
        max_message_size: usize = 10_000_000, size(SMALLEST, GIB);
        /// How long a client may take for the WebSocket handshake.
        handshake_timeout: Duration = Duration::from_secs(10), duration(SHORTEST, LONGEST);
        /// How often each client gets a ping.
        ping_interval: Duration = Duration::from_secs(30),
            duration(SHORTEST, LONGEST).not_zero("without pings a vanished client would never be noticed");
        /// How long a ping may stay unanswered before the client counts as gone.
        ping_timeout: Duration = Duration::from_secs(60),
            duration(SHORTEST, LONGEST).not_zero("every client would count as gone at once");
        /// How many events may wait for one subscriber.
        outbox_events: usize = 10_000, whole(1, 10_000_000);
        /// How many bytes of events may wait for one subscriber.
        outbox_size: usize = 16 * 1024 * 1024, size(SMALLEST, GIB);
        /// What happens when those two do not suffice: "evict" drops the subscriber's least important, newest
        /// events, "disconnect" closes its connection.
        slow_consumer: SlowConsumer = SlowConsumer::Evict, SLOW_CONSUMER;
        /// How many events a second one client may publish; 0 sets no limit.
        publish_rate: u64 = 0, whole(0, 10_000_000);
        /// How many events one client may publish at once before `publish_rate` holds it.
        publish_burst: u64 = 1_000, whole(1, 10_000_000);
        /// How many subscriptions one client may have.
        max_subscriptions: usize = 1_000, whole(1, 1_000_000);
        /// How many events that could not be delivered are kept, the latest: in the store, or else in memory.
        dead_letters: usize = 1_000, whole(1, 1_000_000);
        /// Which web pages may connect, by the Origin that their browser sends; "*" lets all in. Programs send none
        /// and are not concerned.
        allowed_origins: Vec<String> = Vec::new(), Origins;
    }

    /// How the router ends.
    [drain] pub struct Drain {
        /// How long subscribers may take for what is queued when the router ends. It ends earlier when all is delivered.
        timeout: Duration = Duration::from_secs(20), duration(Duration::ZERO, LONGEST);
        /// A file for what is left after that; the next start takes it back in. Without one it goes to the dead letters.
        spool: Option<PathBuf> = None, FilePath;
        /// How long events from that file wait after a start for their subscribers to come back.
        spool_wait: Duration = Duration::from_secs(30), duration(Duration::ZERO, LONGEST);
        /// Over how long the closing of connections is spread, so that clients do not all come back in one instant;
        /// "auto" is 10ms for each client, 2s at most.
        close_spread: Option<Duration> = None, Auto(duration(Duration::ZERO, LONGEST));
    }

    /// Where events are stored, so that they can be replayed and wait for durable subscriptions.
    [store] pub struct Store {
        /// "sqlite" is a file, "memory" is gone when the router ends, "none" stores nothing.
        kind: StoreKind = StoreKind::None, STORE_KIND;
        /// The file; "" is events.db in the directory for state (`$STATE_DIRECTORY`, /var/lib/gadugi-router, or
        /// ~/.local/state/gadugi-router).
        path: Option<PathBuf> = None, FilePath;
        /// Which events are stored, and for how long: the first rule with a matching topic counts, and what is beyond one
        /// of its limits is deleted, the oldest first. In a file each may be a table of its own, [[store.rule]].
        rule: Vec<StoreRule> = Vec::new(), StoreRules;
    }

    /// Where the log goes and how it looks.
    [log] pub struct Log {
        /// "journald", "stderr" or "file"; "auto" is the journal under systemd, and otherwise stderr, or a file with
        /// `--daemon`.
        target: LogTarget = LogTarget::Auto, LOG_TARGET;
        /// Lines for people or JSON objects, on stderr and in a file.
        format: LogFormat = LogFormat::Text, LOG_FORMAT;
        /// The file; "" is router.log in the directory for logs (`$LOGS_DIRECTORY`, /var/log/gadugi-router, or
        /// ~/.local/state/gadugi-router). SIGUSR1 opens it anew.
        file: Option<PathBuf> = None, FilePath;
    }

    /// The process, where no service manager takes care of it.
    [process] pub struct Process {
        /// The PID file; "" is gadugi-router.pid in the run-time directory.
        pid_file: Option<PathBuf> = None, FilePath;
        /// The account to run as when started by root.
        user: Option<String> = None, Account;
        /// The group to run as when started by root; "" is the user's own.
        group: Option<String> = None, Account;
        /// The permissions that files of the router do not get.
        umask: u32 = 0o027, Octal;
        /// Whether a crash may leave a core dump, which would hold events.
        core_dumps: bool = false, Switch;
        /// Whether to give up, by Landlock, the files that the router does not need, where the kernel has it.
        landlock: bool = true, Switch;
    }

    /// How gadugi-routerctl, a monitoring system and a browser reach the router.
    [admin] pub struct Admin {
        /// The Unix socket that it connects to; "" is admin.sock in the run-time directory.
        socket: Option<PathBuf> = None, FilePath;
        /// Who may connect: the permissions of the socket's file. Those who may, but are neither root nor the router's
        /// own user nor one of `admins`, can only look.
        socket_mode: u32 = 0o660, Octal;
        /// The group of the socket's file; "" is the router's own.
        socket_group: Option<String> = None, Account;
        /// Users, and groups with a @ before them, who may change something besides root and the router's own user, if
        /// they may connect. They are looked up at the start.
        admins: Vec<String> = Vec::new(), Accounts;
        /// Where health, readiness, metrics and the status are told over HTTP: "127.0.0.1:9091", or a port alone for
        /// loopback; "" is nowhere. Nobody is asked who he is there.
        http: Option<Endpoint> = None, ListenOn;
        /// Names by which that may be addressed, beside IP addresses and "localhost": what stands in the Host header of
        /// a request. Others are refused, so that no web page can reach it by a name of its own (DNS rebinding).
        http_hosts: Vec<String> = Vec::new(), HostNames;
    }
}

/// Tables and settings that later versions will have, so that their names get a better answer than "unknown key".
pub(super) const NOT_YET: &[&str] = &["auth", "tls"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_old_deployments() {
        let config = Config::default();
        assert_eq!((config.host.as_str(), config.port), ("localhost", 9090));
        assert_eq!((config.max_queue_size, config.max_clients), (10_000, 1_000));
        assert!(!config.use_multi_queue);
        assert_eq!(config.log_level, "info");
        assert_eq!(config.limits.max_message_size, 10_000_000);
    }

    #[test]
    fn every_setting_says_what_it_is_for_and_what_it_may_be() {
        for setting in SETTINGS {
            assert!(setting.doc().ends_with('.'), "{}", setting.key);
            assert!(!setting.expected().is_empty(), "{}", setting.key);
        }
    }

    #[test]
    fn nothing_is_both_here_and_to_come() {
        for setting in SETTINGS {
            let table = setting.key.split('.').next().unwrap();
            assert!(!NOT_YET.contains(&table) && !NOT_YET.contains(&setting.key), "{}", setting.key);
        }
    }
}
