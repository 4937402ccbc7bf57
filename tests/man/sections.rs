//! What the pages say beside the command lines.

use gadugi_router::config::{STANDARD_FILE, Setting};
use gadugi_router::ctl;
use gadugi_router::service::Exit;

use super::page::{Body, Section};

pub fn of_the_router() -> Vec<Section> {
    let exits = Exit::ALL.iter().map(|(exit, meaning)| ((*exit as u8).to_string(), (*meaning).to_owned()));
    vec![
        terms("EXIT STATUS", exits.collect()),
        terms("SIGNALS", words(SIGNALS)),
        terms("ENVIRONMENT", environment()),
        terms("FILES", files()),
        terms("EXAMPLES", words(ROUTER_EXAMPLES)),
        text(
            "SEE ALSO",
            &[
                "gadugi-routerctl(1), gadugi-router.toml(5), gadugi-router-protocol(7), gadugi-router-metrics(7), systemd.service(5), systemd.socket(5)",
            ],
        ),
    ]
}

pub fn of_the_control_program() -> Vec<Section> {
    let exits = ctl::exit_codes().iter().map(|(code, meaning)| (code.to_string(), (*meaning).to_owned()));
    let own = [
        "It looks for the admin socket where a router of this user, and then one of the machine, would have it; --socket names another.",
        "Errors are told in one line on stderr, with --json as JSON; stdout stays empty then.",
    ];
    vec![
        terms("EXIT STATUS", exits.collect()),
        text("NOTES", &own),
        terms("ENVIRONMENT", words(CONTROL_ENVIRONMENT)),
        terms("EXAMPLES", words(CONTROL_EXAMPLES)),
        text("SEE ALSO", &["gadugi-router(8)"]),
    ]
}

const SIGNALS: &[(&str, &str)] = &[
    (
        "SIGTERM, SIGINT",
        "Winds down: nothing more is accepted, subscribers get what is queued, highest priority first, until drain.timeout. A second one ends it at once, still recording what is left.",
    ),
    ("SIGHUP", "Reads the settings again. A file with a mistake changes nothing."),
    ("SIGUSR1", "Opens the log file anew, after it was moved away."),
    ("SIGUSR2", "Writes the state into the log."),
];

const ROUTER_EXAMPLES: &[(&str, &str)] = &[
    ("gadugi-router", "Serves ws://localhost:9090 until Ctrl-C."),
    (
        "gadugi-router --daemon --config /etc/gadugi-router/config.toml",
        "Goes into the background when clients can connect.",
    ),
    ("gadugi-router --check-config", "Reports every mistake in the settings."),
];

const CONTROL_ENVIRONMENT: &[(&str, &str)] = &[
    (
        "GADUGI_ROUTER_RUNTIME_DIR",
        "The run-time directory of the router that is meant; start and stop ask no service manager then.",
    ),
    (
        "GADUGI_ROUTER_URL",
        "The router's WebSocket, for the commands that publish and subscribe; --url is stronger.",
    ),
    ("NO_COLOR", "No colours, if it is not empty."),
];

const CONTROL_EXAMPLES: &[(&str, &str)] = &[
    ("gadugi-routerctl status", "How the router is; 0 when it runs, 3 when it does not."),
    ("gadugi-routerctl clients --slow --json", "Who is behind, for programs."),
    ("gadugi-routerctl configure --set port=9191 --reload", "Changes the file and has it read."),
    ("gadugi-routerctl logs -f", "What the router writes into its log from now on."),
];

fn environment() -> Vec<(String, String)> {
    let setting = Setting::find("limits.ping_interval").unwrap();
    let mut all = vec![(
        "GADUGI_ROUTER_…".to_owned(),
        format!(
            "Any setting, in upper case, with __ between table and name: {} is {}. Stronger than the file, weaker than flags.",
            setting.env_name(),
            setting.key
        ),
    )];
    all.extend(words(&[
        ("GADUGI_ROUTER_RUNTIME_DIR", "The run-time directory, with the PID file and the admin socket."),
        ("RUNTIME_DIRECTORY, XDG_RUNTIME_DIR", "Where it is otherwise, the first of them."),
        ("LOGS_DIRECTORY, XDG_STATE_HOME", "Where a log file is, unless log.file says."),
        ("NOTIFY_SOCKET, WATCHDOG_USEC, LISTEN_FDS", "What systemd sets for its services."),
        ("NO_COLOR", "No colours in the log on a terminal, if it is not empty."),
    ]));
    all
}

fn files() -> Vec<(String, String)> {
    let mut all = vec![(
        STANDARD_FILE.to_owned(),
        "The settings, if no other file is named; gadugi-router.toml(5) explains each.".to_owned(),
    )];
    all.extend(words(&[
        (
            "/run/gadugi-router",
            "The run-time directory of root's router; others have $XDG_RUNTIME_DIR/gadugi-router or /tmp/gadugi-router-UID.",
        ),
        ("admin.sock", "In it: the socket that gadugi-routerctl(1) connects to."),
        ("gadugi-router.pid", "In it: the PID file, locked while the router runs."),
        (
            "/var/log/gadugi-router/router.log",
            "The log, where it goes to a file; others have it in ~/.local/state/gadugi-router.",
        ),
    ]));
    all
}

fn words(terms: &[(&str, &str)]) -> Vec<(String, String)> {
    terms.iter().map(|(term, meaning)| ((*term).to_owned(), (*meaning).to_owned())).collect()
}

fn terms(heading: &'static str, terms: Vec<(String, String)>) -> Section {
    Section { heading, body: Body::Terms(terms) }
}

fn text(heading: &'static str, paragraphs: &[&str]) -> Section {
    Section { heading, body: Body::Text(paragraphs.iter().map(|text| (*text).to_owned()).collect()) }
}
