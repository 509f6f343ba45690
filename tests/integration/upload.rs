//! What scripts need besides themselves: it travels with them, and what cannot is told before anything is rented.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use collector::records::{FilePath, UploadedContent, Uploads};
use collector::results::SampleDirectory;

use crate::command::{Sandbox, run, say};

const MIB: u64 = 1 << 20;

fn rehearsal(upload: &str, phases: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.config(
        &format!("performance_results: result\nprovider: local\nupload: {upload}"),
        phases,
    );
    sandbox
}

fn uploads(sandbox: &Sandbox, revision: &str) -> Uploads {
    SampleDirectory::new(sandbox.sample(revision))
        .read()
        .unwrap()
}

fn paths(uploads: &Uploads) -> Vec<String> {
    let files = uploads.files.iter();
    files.map(|file| file.path.to_string()).collect()
}

#[test]
fn a_rehearsal_has_its_own_copy_of_what_the_scripts_need() {
    let sandbox = rehearsal("[lib, '../*.x', '!*.tmp']", "run: [measure.sh]\n");
    let refused = run(sandbox.collect(&["check", "."])).expect(2);
    refused.says("`../*.x` leads out of the config file's directory");

    let sandbox = rehearsal(
        "[lib, \"odd (name's).txt\", '!*.tmp']",
        "run: [measure.sh]\n",
    );
    sandbox
        .file("lib/common.sh", "value() { cat lib/current; }")
        .file("lib/deep/1.txt", "42")
        .file("lib/scratch.tmp", "")
        .file("odd (name's).txt", "odd")
        .script("lib/tool", "echo tool")
        .script(
            "measure.sh",
            "set -e; . lib/common.sh; [ \"$PWD\" = \"$HOME\" ]; [ ! -e lib/scratch.tmp ]\n\
             { value; lib/tool; cat odd*; } > result; echo changed > lib/deep/1.txt",
        );
    symlink("deep/1.txt", sandbox.path().join("lib/current")).unwrap();
    let _socket = UnixListener::bind(sandbox.path().join("lib/agent")).unwrap();
    let finished = run(sandbox.collect(&[".", "v1"])).expect(0);
    finished.says("`lib/agent` is a socket and does not travel");
    let result = fs::read_to_string(sandbox.sample("v1").join("result")).unwrap();
    assert_eq!(result, "42tool\nodd");
    assert_eq!(
        fs::read_to_string(sandbox.path().join("lib/deep/1.txt")).unwrap(),
        "42"
    );
    let uploads = uploads(&sandbox, "v1");
    assert_eq!(
        paths(&uploads),
        [
            "config.yml",
            "lib/common.sh",
            "lib/current",
            "lib/deep/1.txt",
            "lib/tool",
            "measure.sh",
            "odd (name's).txt"
        ]
    );
    let content = |path: &str| {
        let path = FilePath::new(path.as_bytes());
        let file = uploads.files.iter().find(|file| file.path == path);
        file.unwrap().content.clone()
    };
    let UploadedContent::File { size, sha256, .. } = content("lib/deep/1.txt") else {
        panic!("it is a file");
    };
    assert_eq!(
        (size, sha256.to_string().as_str()),
        (
            2,
            "73475cb40a568e8da8a045ced110137e159f890ac4da883b6b17dc651b3a8049"
        )
    );
    assert!(matches!(
        content("lib/current"),
        UploadedContent::Link { .. }
    ));
    assert!(matches!(
        content("lib/tool"),
        UploadedContent::File { mode: 0o755, .. }
    ));
}

#[test]
fn what_before_aws_start_makes_travels_and_what_it_does_not_make_ends_the_run() {
    let phases = "before_aws_start: [build.sh]\nrun: [made.sh]\n";
    let sandbox = rehearsal("[dist/app, 'dist/*.json']", phases);
    sandbox.script(
        "build.sh",
        "mkdir -p dist; echo 42 > dist/app; echo 1 > dist/a.json\n\
         printf '#!/bin/sh\\ncp dist/app result\\n' > made.sh; chmod +x made.sh",
    );
    let checked = run(sandbox.collect(&["check", "."])).expect(0);
    checked.says("`dist/app` does not exist: a step of `before_aws_start` has to make it");
    checked.says("the script `made.sh` does not exist");
    run(sandbox.collect(&[".", "v1"])).expect(0);
    let sample = sandbox.sample("v1");
    assert_eq!(fs::read_to_string(sample.join("result")).unwrap(), "42\n");
    let script = fs::read_to_string(sample.join("config/made.sh")).unwrap();
    assert_eq!(script, "#!/bin/sh\ncp dist/app result\n");

    fs::remove_dir_all(sandbox.path().join("dist")).unwrap();
    sandbox.script("build.sh", ":");
    let finished = run(sandbox.collect(&[".", "v2"])).expect(1);
    finished.says("`dist/app` does not exist");
    finished.says("`dist/*.json` matches nothing");
    assert!(!finished.stderr.contains("launch"), "{}", finished.stderr);

    let sandbox = rehearsal("dist/app", "");
    let refused = run(sandbox.collect(&[".", "v1"])).expect(2);
    refused.says("config.yml:5:11: `dist/app` does not exist");
}

#[test]
fn check_shows_what_travels_and_what_scripts_seem_to_miss() {
    let sandbox = rehearsal("data", "run: [measure.sh]\n");
    sandbox
        .file("data/large.bin", &"x".repeat(2 << 20))
        .file("data/small", "x")
        .file("common.sh", ":")
        .file("tools/plot.py", "")
        .file("lib", "")
        .script(
            "measure.sh",
            "source common.sh\npython3 tools/plot.py data/small\n\"$(dirname \"$0\")/lib\" \"$(dirname \"$0\")/absent\"",
        );
    let finished = run(sandbox.collect(&["check", "."])).expect(0);
    assert!(
        finished
            .stdout
            .contains("to the instance: 4 files, 2.00 MiB\n  2.00 MiB  data/large.bin\n"),
        "{}",
        finished.stdout
    );
    finished.says("measure.sh seems to need `common.sh`, which is not uploaded");
    finished.says("measure.sh seems to need `tools/plot.py`");
    finished.says("measure.sh seems to need `lib`");
    assert!(!finished.stderr.contains("absent"), "{}", finished.stderr);
    assert!(
        !finished.stderr.contains("data/small"),
        "{}",
        finished.stderr
    );
}

#[test]
fn a_link_that_leads_out_is_named() {
    let sandbox = rehearsal("lib", "");
    sandbox.file("lib/a", "");
    symlink("/etc/passwd", sandbox.path().join("lib/users")).unwrap();
    let refused = run(sandbox.collect(&["check", "."])).expect(2);
    refused.says("the link `lib/users` leads to /etc/passwd");
    refused.says("!lib/users");
}

#[test]
fn a_gibibyte_and_ten_thousand_files_take_no_memory() {
    let sandbox = rehearsal("[model.bin, many]", "run: [measure.sh]\n");
    File::create(sandbox.path().join("model.bin"))
        .unwrap()
        .set_len(1024 * MIB)
        .unwrap();
    fs::create_dir(sandbox.path().join("many")).unwrap();
    for number in 0..10_000 {
        fs::write(sandbox.path().join(format!("many/{number}")), "x").unwrap();
    }
    sandbox.script(
        "measure.sh",
        "ls many | wc -l > result; wc -c < model.bin >> result",
    );
    let finished = run(sandbox.collect(&[".", "v1", "--quiet"])).expect(0);
    let result = fs::read_to_string(sandbox.sample("v1").join("result")).unwrap();
    assert_eq!(result, format!("10000\n{}\n", 1024 * MIB));
    say(&format!(
        "peak memory for 1 GiB and 10,000 files uploaded: {} MiB",
        finished.peak_memory / MIB
    ));
    assert!(finished.peak_memory < 96 * MIB, "{}", finished.peak_memory);
}
