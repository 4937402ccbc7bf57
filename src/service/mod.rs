//! The program: command line, settings, logging, start and end. What it serves is in the rooms below.

#[forbid(unsafe_code)]
mod activation;
mod admins;
#[forbid(unsafe_code)]
pub mod args;
#[forbid(unsafe_code)]
mod daemon;
#[forbid(unsafe_code)]
mod drain;
#[forbid(unsafe_code)]
mod dump;
#[forbid(unsafe_code)]
pub mod exit;
#[forbid(unsafe_code)]
mod health;
mod hold;
#[forbid(unsafe_code)]
mod instance;
#[forbid(unsafe_code)]
mod limits;
#[forbid(unsafe_code)]
pub mod logging;
#[forbid(unsafe_code)]
mod office;
#[forbid(unsafe_code)]
mod orders;
mod os;
#[forbid(unsafe_code)]
mod pid_file;
#[forbid(unsafe_code)]
mod privileges;
#[forbid(unsafe_code)]
mod reload;
#[forbid(unsafe_code)]
mod run;
#[forbid(unsafe_code)]
mod run_dir;
#[cfg(target_os = "linux")]
#[forbid(unsafe_code)]
mod sandbox;
#[forbid(unsafe_code)]
mod settings;
#[forbid(unsafe_code)]
mod slow;
#[forbid(unsafe_code)]
mod source;
#[forbid(unsafe_code)]
mod spool;
#[forbid(unsafe_code)]
mod start;
#[forbid(unsafe_code)]
mod status;
mod storage;
#[forbid(unsafe_code)]
mod supervisor;
#[forbid(unsafe_code)]
mod watchdog;

use std::fmt::Display;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use crate::config::{self, Inputs, Loaded, Mistakes, STANDARD_FILE};
use args::Args;
pub use exit::{Exit, Failure};
use source::Source;

/// The router program, from its command line to its exit code.
pub fn main() -> ExitCode {
    let ended = match Args::try_parse() {
        Ok(args) => run(&args),
        Err(error) => not_run(&error),
    };
    let Err(Failure { code, message }) = ended else { return Exit::Fine.into() };
    complain(message);
    code.into()
}

fn run(args: &Args) -> Result<(), Failure> {
    let inputs = inputs(args);
    let mut loaded = config::load(&inputs).map_err(|mistakes| refused(&mistakes, args.check_config))?;
    if args.check_config || args.print_config {
        loaded.warnings.iter().for_each(|warning| complain(format_args!("warning: {warning}")));
        return print(&if args.check_config { checked(&loaded) } else { loaded.to_toml() });
    }
    // Not sooner: in messages, files have the names that they were given.
    let source = Source::new(inputs);
    source.settle(&mut loaded);
    start::start(loaded, source, args.daemon)
}

fn inputs(args: &Args) -> Inputs {
    Inputs {
        file: args.config.clone(),
        standard_file: Some(PathBuf::from(STANDARD_FILE)),
        environment: std::env::vars_os().collect(),
        flags: args.overrides(),
    }
}

fn refused(mistakes: &Mistakes, checking: bool) -> Failure {
    let code = if mistakes.only_flags() {
        Exit::Usage
    } else if mistakes.only_unavailable() && !checking {
        Exit::Unavailable
    } else {
        Exit::Config
    };
    Failure::new(code, mistakes.to_string())
}

fn checked(loaded: &Loaded) -> String {
    match &loaded.file {
        Some(file) => format!("{}: ok\n", file.display()),
        None => "no configuration file; defaults, environment and flags: ok\n".to_owned(),
    }
}

/// Help and version are answers; the rest is wrong usage, told in one line.
fn not_run(error: &clap::Error) -> Result<(), Failure> {
    let text = error.render();
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return print(&text.to_string());
    }
    let text = text.to_string();
    let reasons: Vec<_> = text
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"))
        .filter(|line| !line.is_empty())
        .map(|line| line.trim_start_matches("error: ").trim_start_matches("tip: "))
        .collect();
    Err(Failure::new(Exit::Usage, format!("{} (see gadugi-router --help)", reasons.join("; "))))
}

/// Prints an answer on stdout.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // A reader such as head has enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::new(Exit::System, format!("cannot write to stdout: {error}"))),
        Ok(()) => Ok(()),
    }
}

/// Says something on stderr, if that is there to hear it.
fn complain(message: impl Display) {
    writeln!(io::stderr(), "{message}").ok();
}
