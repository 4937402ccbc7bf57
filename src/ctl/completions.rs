//! `completions`: for the shells, made from the command line's definition.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use super::args::Args;
use super::failure::Failure;

pub(super) fn run(shell: Shell) -> Result<(), Failure> {
    let mut text = Vec::new();
    let mut command = Args::command();
    let name = command.get_name().to_owned();
    generate(shell, &mut command, name.clone(), &mut text);
    if shell == Shell::Bash {
        text = mended(&text, &name);
    }
    io::stdout().lock().write_all(&text).map_err(Failure::output)
}

/// Of a program with a hyphen in its name, clap_complete (4.6, clap-rs/clap#6421) writes the name in one way where it looks
/// for a command and in another where it says what follows that, so that nothing would.
fn mended(text: &[u8], name: &str) -> Vec<u8> {
    let (wrong, right) = (name.replace('-', "__subcmd__"), name.replace('-', "__"));
    String::from_utf8_lossy(text).replace(&wrong, &right).into_bytes()
}
