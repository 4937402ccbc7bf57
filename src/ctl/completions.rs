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
    generate(shell, &mut command, name, &mut text);
    io::stdout().lock().write_all(&text).map_err(Failure::output)
}
