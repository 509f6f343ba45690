//! Records the commit that is built, for `config/collector.revision` of every result, and keeps the program small.

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
    link_small();
}

/// Has GNU's linker link the release build where there is one: LLVM's keeps the unwinding tables of functions that it
/// leaves out, a fifth of this program.
fn link_small() {
    let set = |name: &str| std::env::var(name).unwrap_or_default();
    let gnu = set("CARGO_CFG_TARGET_OS") == "linux" && set("CARGO_CFG_TARGET_ENV") == "gnu";
    let native = set("HOST") == set("TARGET");
    let release = set("PROFILE") == "release";
    let found = || Command::new("ld.bfd").arg("--version").output().is_ok();
    if gnu && native && release && found() {
        println!("cargo::rustc-link-arg-bins=-fuse-ld=bfd");
    }
}
