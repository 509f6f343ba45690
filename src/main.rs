//! `collect`: see the library's documentation.

use std::env;
use std::path::Path;
use std::process::ExitCode;

use collector::{app, cli::Request};

/// The name under which the runner calls the same program after the job's last step.
const POST: &str = "collect-post";

fn main() -> ExitCode {
    let name = env::args_os().next().unwrap_or_default();
    if Path::new(&name).ends_with(POST) {
        return app::post().into();
    }
    match Request::read() {
        Ok(request) => app::main(request).into(),
        Err(error) => app::report_usage_error(&error).into(),
    }
}
