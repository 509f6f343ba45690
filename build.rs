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
/// leaves out, a fifth of this program. And packs the relocations, where the C library can read that; with
/// `COLLECTOR_PORTABLE` it does not, so that the program runs where an older one is.
fn link_small() {
    let set = |name: &str| std::env::var(name).unwrap_or_default();
    let gnu = set("CARGO_CFG_TARGET_OS") == "linux" && set("CARGO_CFG_TARGET_ENV") == "gnu";
    let native = set("HOST") == set("TARGET");
    let release = set("PROFILE") == "release";
    if !(gnu && native && release) {
        return;
    }
    let Some(options) = said_by("ld.bfd", "--help") else {
        return;
    };
    println!("cargo::rustc-link-arg-bins=-fuse-ld=bfd");
    println!("cargo::rerun-if-env-changed=COLLECTOR_PORTABLE");
    if std::env::var_os("COLLECTOR_PORTABLE").is_some() {
        return;
    }
    let library = said_by("getconf", "GNU_LIBC_VERSION");
    let reads_packed = library.is_some_and(|library| minor_of_glibc(&library) >= Some(36));
    if reads_packed && options.contains("pack-relative-relocs") {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

fn said_by(program: &str, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The 36 of `glibc 2.36`.
fn minor_of_glibc(version: &str) -> Option<u32> {
    version.trim().strip_prefix("glibc 2.")?.parse().ok()
}
