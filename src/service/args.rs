//! The command line of the router. The manual page and the shell completions are made from this as well.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Parser;

use super::exit::Exit;
use crate::config::{self, STANDARD_FILE};

/// Routes events between agents by WebSocket, the important first.
#[derive(Parser, Clone, PartialEq, Eq, Default, Debug)]
#[command(name = "gadugi-router", version, after_help = AFTER_HELP, after_long_help = after_long_help())]
pub struct Args {
    /// Read the settings from this file: TOML, or the old router_config.json when its name ends in .json.
    ///
    /// Without it, /etc/gadugi-router/config.toml is read if that exists.
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Listen on this host name or IP address
    #[arg(long, value_name = "HOST")]
    pub host: Option<String>,

    /// Listen on this TCP port; 0 takes a free one and logs which
    #[arg(long, value_name = "PORT", allow_negative_numbers = true)]
    pub port: Option<String>,

    /// Run in the background, for systems without a service manager.
    ///
    /// It ends with 0 when clients can connect, and otherwise says why not. systemd and launchd want a program that
    /// stays in the foreground: there this is refused.
    #[arg(short, long)]
    pub daemon: bool,

    /// Write the process's number into this file and lock it, instead of gadugi-router.pid in the run-time directory
    #[arg(long, value_name = "FILE")]
    pub pid_file: Option<String>,

    /// Run as this user, by name or number, when started by root
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,

    /// Run as this group instead of the user's own, when started by root
    #[arg(long, value_name = "NAME")]
    pub group: Option<String>,

    /// Log this much: debug, info, warning, error, or a filter
    #[arg(long, value_name = "LEVEL")]
    pub log_level: Option<String>,

    /// Report every mistake in the settings, and end
    #[arg(long)]
    pub check_config: bool,

    /// Print the settings in effect as TOML, each with where it comes from, and end
    #[arg(long, conflicts_with = "check_config")]
    pub print_config: bool,
}

const AFTER_HELP: &str = "--help tells more: all settings and the exit codes.";

impl Args {
    /// The settings that flags override. Their values are checked with all the others.
    pub fn overrides(&self) -> Vec<(&'static str, String)> {
        let flags = [
            ("host", &self.host),
            ("port", &self.port),
            ("log_level", &self.log_level),
            ("process.pid_file", &self.pid_file),
            ("process.user", &self.user),
            ("process.group", &self.group),
        ];
        flags.into_iter().filter_map(|(key, value)| Some((key, value.clone()?))).collect()
    }
}

fn after_long_help() -> String {
    let mut text = String::from("Exit codes:\n");
    for (exit, meaning) in Exit::ALL {
        // Writing into a String cannot fail.
        writeln!(text, "  {:>2} {meaning}", *exit as u8).ok();
    }
    let variable = config::Setting::find("limits.ping_interval").map(config::Setting::env_name);
    write!(
        text,
        "\nSettings come from the defaults, the file, the environment and the flags; the later wins.\n\
         In the environment, ping_interval of [limits] is {};\nlists are separated by commas there.\n\n\
         All settings at their defaults, as in {STANDARD_FILE}:\n{}",
        variable.unwrap_or_default(),
        config::example().trim_end()
    )
    .ok();
    text
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
    fn every_override_is_a_setting() {
        let given = |text: &str| Some(text.to_owned());
        let args = Args {
            host: given("h"),
            port: given("1"),
            log_level: given("info"),
            pid_file: given("p"),
            user: given("u"),
            group: given("g"),
            ..Args::default()
        };
        let overrides = args.overrides();
        assert_eq!(overrides.len(), 6);
        assert!(overrides.iter().all(|(key, _)| config::Setting::find(key).is_some()));
    }
}
