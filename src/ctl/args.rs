//! The command line of the control program. Completions are made from this as well.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use clap_complete::Shell;

use super::bench::BenchArgs;
use super::configure::ConfigureArgs;
use super::durables::DurablesCommand;
use super::events::EventsCommand;
use super::explain::ExplainArgs;
use super::failure::{EXITS, Failure, USAGE};
use super::logs::LogsArgs;
use super::patience::PatienceArgs;
use super::publish::PublishArgs;
use super::restart::RestartArgs;
use super::start::StartArgs;
use super::store::StoreCommand;
use super::top::TopArgs;
use super::watch::{MonitorArgs, ReplayArgs, SubscribeArgs};
use crate::client::Address;

/// Looks at a running gadugi-router and changes it.
#[derive(Parser, Debug)]
#[command(name = "gadugi-routerctl", version, after_help = after_help())]
pub(super) struct Args {
    /// The router's admin socket, instead of looking for it
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "FILE")]
    pub socket: Option<PathBuf>,

    /// The router's WebSocket, for the commands that publish and subscribe: ws://HOST:PORT or unix:/PATH. Left out =
    /// $GADUGI_ROUTER_URL, else what the router at the admin socket says, else ws://localhost:9090
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "WS-URL")]
    pub url: Option<Address>,

    /// Print JSON: one document, or a line each for what goes on
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub json: bool,

    /// Print no colours; so does a NO_COLOR in the environment
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub no_color: bool,

    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Tell how the router is
    Status,
    /// Show live how much goes through the router, and where it is slow
    Top(TopArgs),
    /// List the clients that are connected
    Clients {
        /// Only those that have something waiting or missed something, the slowest first
        #[arg(long)]
        slow: bool,
    },
    /// List the subscriptions of all clients
    Subscriptions,
    /// Close the connection of a client
    Kick {
        /// Its id or the beginning of that, or its address
        client: String,
    },
    /// Have the router read its settings again, and tell what changed
    Reload,
    /// Wind the router down and end it: subscribers get what is queued, as with SIGTERM
    Drain,
    /// Look at settings
    Config {
        #[command(subcommand)]
        what: ConfigCommand,
    },
    /// Look at events that could not be delivered, and at what to do with them
    DeadLetters {
        #[command(subcommand)]
        what: DeadLettersCommand,
    },
    /// Look at stored events one by one
    Events {
        #[command(subcommand)]
        what: EventsCommand,
    },
    /// Look at durable subscriptions, which stay when their clients go
    Durables {
        #[command(subcommand)]
        what: DurablesCommand,
    },
    /// Look after the event store
    Store {
        #[command(subcommand)]
        what: StoreCommand,
    },
    /// Tell why an event would reach a subscriber, or did not
    Explain(ExplainArgs),
    /// Publish events, and tell what became of each
    Publish(PublishArgs),
    /// Show events of some topics as they come
    Subscribe(SubscribeArgs),
    /// Show all events as they come
    Monitor(MonitorArgs),
    /// Show stored events, in the order in which they were stored
    Replay(ReplayArgs),
    /// Measure a running router under a small load
    Bench(BenchArgs),
    /// Change the configuration file: by questions on a terminal, else by --set
    Configure(ConfigureArgs),
    /// Start the router: through systemd or launchd where it is a service, else in the background
    Start(StartArgs),
    /// Wind the router down, show how far that is, and wait for its end
    Stop(PatienceArgs),
    /// Stop the router and start it anew
    Restart(RestartArgs),
    /// Print the router's log: from the journal when it logs there, else from its file
    Logs(LogsArgs),
    /// Print the completions for a shell
    Completions {
        /// Which one
        shell: Shell,
    },
}

/// What to do with settings.
#[derive(Subcommand, Debug)]
pub(super) enum ConfigCommand {
    /// Report every mistake in a file
    Check {
        /// The file, instead of the one that the running router has read, or the standard one
        file: Option<PathBuf>,
    },
    /// Print the settings of the running router, and where each is from
    Show,
    /// Tell what a reload would change
    Diff,
}

/// What to do with dead letters.
#[derive(Subcommand, Debug)]
pub(super) enum DeadLettersCommand {
    /// List them, the newest first
    List {
        /// How many at most
        #[arg(short = 'n', long, value_name = "N", default_value_t = 100)]
        limit: usize,
        #[command(flatten)]
        about: About,
    },
    /// Print an event with the reasons why it is there
    Show {
        /// The event's id, or the beginning of that
        id: String,
    },
    /// Have events routed once more, to everybody whom they match
    Requeue(Which),
    /// Forget them; the counters stay
    Purge(Which),
}

/// Which dead letters.
#[derive(clap::Args, Debug)]
pub(super) struct Which {
    /// The event's id, or the beginning of that
    #[arg(required_unless_present_any = ["all", "reason", "topic"], conflicts_with_all = ["all", "reason", "topic"])]
    pub id: Option<String>,
    /// All of them
    #[arg(long, conflicts_with_all = ["reason", "topic"])]
    pub all: bool,
    #[command(flatten)]
    pub about: About,
}

/// What dead letters have in common.
#[derive(clap::Args, Debug)]
pub(super) struct About {
    /// Those that are there for this reason
    #[arg(long)]
    pub reason: Option<String>,
    /// Those of events on topics that match this pattern
    #[arg(long, value_name = "PATTERN")]
    pub topic: Option<String>,
}

/// Where help lists what every command takes.
const GLOBAL: &str = "Global options";

fn after_help() -> String {
    let line = |(code, meaning): &(u8, &str)| format!("\n  {code:>2} {meaning}");
    format!("Exit codes:{}", EXITS.iter().map(line).collect::<String>())
}

/// Help and version are answers; the rest is wrong usage.
pub(super) fn answer(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // Whoever reads it may have enough.
        drop(error.print());
        return ExitCode::SUCCESS;
    }
    if std::env::args_os().any(|word| word == "--json") {
        Failure::new(USAGE, "usage", error.to_string().trim_end()).tell(true);
    } else {
        drop(write!(std::io::stderr(), "{}", error.render()));
    }
    ExitCode::from(USAGE)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn options_may_stand_before_or_after_the_command() {
        for line in ["x --json --socket s status", "x status --json --socket s", "x --json status --socket s"]
        {
            let args = Args::try_parse_from(line.split(' ')).unwrap();
            assert!(args.json && args.socket == Some("s".into()), "{line}");
        }
    }

    #[test]
    fn which_dead_letters_are_meant_has_to_be_said() {
        for (line, is_right) in [
            ("x dead-letters purge", false),
            ("x dead-letters purge --all", true),
            ("x dead-letters purge id", true),
            ("x dead-letters requeue id --all", false),
        ] {
            assert_eq!(Args::try_parse_from(line.split(' ')).is_ok(), is_right, "{line}");
        }
    }
}
