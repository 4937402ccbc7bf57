//! `gadugi-routerctl`: looks at a running router and changes it, a file for each command.
//!
//! It asks over the admin socket (docs/admin-protocol.md), one question after the other, and needs no runtime for that. What
//! publishes and subscribes does so over the WebSocket (`wire`), as any client would.

mod args;
mod bench;
mod clients;
mod completions;
mod config_command;
mod configure;
mod connection;
mod current_file;
mod dead_letters;
mod drain;
mod durables;
mod ending;
mod events;
mod explain;
mod failure;
mod find;
mod interrupted;
mod keeper;
mod kick;
mod launchd;
mod logs;
mod output;
mod pace;
mod patience;
mod progress;
mod publish;
mod reload;
mod restart;
mod start;
mod status;
mod stop;
mod store;
mod subscriptions;
mod systemd;
mod table;
mod top;
mod watch;
mod wire;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use args::{Args, Command};
use connection::Connection;
use failure::Failure;
use output::Output;
use wire::Place;

/// Its command line, for the manual pages.
pub fn command() -> clap::Command {
    Args::command()
}

/// Its exit codes, and what they mean.
pub fn exit_codes() -> &'static [(u8, &'static str)] {
    failure::EXITS
}

/// The control program, from its command line to its exit code.
pub fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return args::answer(&error),
    };
    let json = args.json;
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.tell(json);
            failure.code()
        }
    }
}

fn run(args: Args) -> Result<(), Failure> {
    let colour = !args.no_color
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && io::stdout().is_terminal();
    let mut out = Output { json: args.json, colour };
    let place = Place { url: args.url, socket: args.socket.clone() };
    let socket = args.socket;
    let connect = || find::socket(socket.clone()).and_then(Connection::open);
    let done = match args.command {
        Command::Status => status::run(&mut connect()?, &mut out),
        Command::Top(args) => top::run(place.socket, &mut out, args),
        Command::Clients { slow } => clients::run(&mut connect()?, &mut out, slow),
        Command::Subscriptions => subscriptions::run(&mut connect()?, &mut out),
        Command::Kick { client } => kick::run(&mut connect()?, &mut out, client),
        Command::Reload => reload::run(&mut connect()?, &mut out),
        Command::Drain => drain::run(connect()?, &mut out),
        Command::Config { what } => config_command::run(what, connect, &mut out),
        Command::DeadLetters { what } => dead_letters::run(&mut connect()?, &mut out, what),
        Command::Events { what } => events::run(&mut connect()?, &mut out, what),
        Command::Durables { what } => durables::run(&mut connect()?, &mut out, what),
        Command::Store { what } => store::run(&mut connect()?, &mut out, what),
        Command::Explain(args) => explain::run(&mut connect()?, &mut out, args),
        Command::Publish(args) => publish::run(args, &place, &mut out),
        Command::Subscribe(args) => watch::subscribe(args, &place, &mut out),
        Command::Monitor(args) => watch::monitor(args, &place, &mut out),
        Command::Replay(args) => watch::replay(args, &place, &mut out),
        Command::Bench(args) => bench::run(args, &place, &mut out),
        Command::Configure(what) => configure::run(&what, connect, socket.as_deref(), &mut out),
        Command::Start(what) => start::run(&what, socket.as_deref(), &mut out),
        Command::Stop(what) => stop::run(&what, socket.as_deref(), &mut out),
        Command::Restart(what) => restart::run(&what, socket.as_deref(), &mut out),
        Command::Logs(what) => logs::run(&what, socket.as_deref(), &mut out),
        Command::Completions { shell } => completions::run(shell),
    };
    done.and_then(|()| io::stdout().flush().map_err(Failure::output))
}
