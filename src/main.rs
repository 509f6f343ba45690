//! `collect`: see the library's documentation.

use std::process::ExitCode;

use clap::Parser as _;
use collector::{app, cli::Cli};

fn main() -> ExitCode {
    app::main(Cli::parse()).into()
}
