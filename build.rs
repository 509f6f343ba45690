//! Records the commit that is built, for `config/collector.revision` of every result.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=COLLECTOR_REVISION");
    println!("cargo::rerun-if-changed=.git/HEAD");
    println!("cargo::rerun-if-changed=.git/refs/heads");
    let given = std::env::var("COLLECTOR_REVISION").ok();
    let commit = || {
        let output = Command::new("git")
            .args(["rev-parse", "HEAD"])
            .output()
            .ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        (output.status.success() && !text.trim().is_empty()).then(|| text.trim().to_owned())
    };
    let revision = given
        .or_else(commit)
        .unwrap_or_else(|| format!("v{}", env!("CARGO_PKG_VERSION")));
    println!("cargo::rustc-env=COLLECTOR_REVISION={revision}");
}
