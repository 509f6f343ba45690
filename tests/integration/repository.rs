//! The revision is looked up before anything is rented, and the commit sent where that is asked for.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::command::{Finished, Sandbox, run};
use crate::fake_github::{FakeGitHub, Job, SHA};

/// git with nobody's settings.
fn git(directory: &Path, words: &[&str]) -> String {
    let output = Command::new("git")
        .args([
            "-c",
            "user.name=Mona",
            "-c",
            "user.email=mona@example.org",
            "-c",
            "init.defaultBranch=main",
        ])
        .args(words)
        .current_dir(directory)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {words:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn commit(clone: &Path, file: &str, content: &str) -> String {
    fs::write(clone.join(file), content).unwrap();
    git(clone, &["add", "--all"]);
    git(clone, &["commit", "--quiet", "--message", content]);
    git(clone, &["rev-parse", "HEAD"])
}

/// A clone beside the config, with an annotated tag `v1.0` on its first commit and one more on `main`.
struct Software {
    clone: PathBuf,
    first: String,
    second: String,
}

fn software(sandbox: &Sandbox) -> Software {
    let clone = sandbox.path().join("software");
    fs::create_dir(&clone).unwrap();
    git(&clone, &["init", "--quiet"]);
    let first = commit(&clone, "speed", "slow");
    git(&clone, &["tag", "--message", "one", "v1.0"]);
    let second = commit(&clone, "speed", "fast");
    Software {
        clone,
        first,
        second,
    }
}

/// A rehearsal that writes down what its step sees.
fn sandbox(main: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox
        .config(
            &format!("performance_results: seen\nprovider: local\n{main}"),
            "run:\n  - see.sh\n",
        )
        .script("see.sh", "echo \"$VERSION $COLLECTOR_COMMIT\" > seen");
    sandbox
}

fn collect(sandbox: &Sandbox, revision: &str) -> Finished {
    let mut command = sandbox.collect(&["config.yml", revision]);
    command.env("GIT_CONFIG_GLOBAL", "/dev/null");
    run(command)
}

fn record(sample: &Path) -> Value {
    let json = fs::read(sample.join("collector/run.json")).unwrap();
    serde_json::from_slice(&json).unwrap()
}

fn seen(sandbox: &Sandbox, revision: &str) -> String {
    fs::read_to_string(sandbox.sample(revision).join("seen")).unwrap()
}

#[test]
fn the_commit_is_recorded_and_the_version_stays_as_it_was_given() {
    for url in [false, true] {
        let sandbox = sandbox("repository: PLACE");
        let software = software(&sandbox);
        let place = if url {
            format!("file://{}", software.clone.display())
        } else {
            "software".into()
        };
        let config = fs::read_to_string(sandbox.path().join("config.yml")).unwrap();
        sandbox.file("config.yml", &config.replace("PLACE", &place));
        for (revision, hash) in [
            ("v1.0", &software.first),
            ("main", &software.second),
            ("HEAD", &software.second),
            (&software.second[..8], &software.second),
            (&software.first, &software.first),
        ] {
            collect(&sandbox, revision).expect(0);
            assert_eq!(seen(&sandbox, revision), format!("{revision} {hash}\n"));
            assert_eq!(record(&sandbox.sample(revision))["commit"], **hash);
        }
        assert_eq!(
            fs::read_dir(sandbox.path().join("state/checkouts")).map_or(0, Iterator::count),
            0
        );
    }
}

#[test]
fn without_a_repository_nothing_is_looked_up() {
    let sandbox = sandbox("");
    collect(&sandbox, "v1").expect(0);
    assert_eq!(seen(&sandbox, "v1"), "v1 \n");
    assert!(record(&sandbox.sample("v1")).get("commit").is_none());
}

#[test]
fn a_typing_error_is_refused_before_anything_is_done() {
    let sandbox = sandbox("repository: software");
    let software = software(&sandbox);
    let refused = collect(&sandbox, "mian").expect(2);
    refused.says("/software has no revision `mian`; did you mean `main`?");
    refused.says("fetch it into the clone");
    collect(&sandbox, "v1.o")
        .expect(2)
        .says("did you mean `v1.0`?");
    let absent = "0".repeat(40);
    collect(&sandbox, &absent).expect(2).says("has no revision");

    let url = format!("file://{}", software.clone.display());
    sandbox.config(
        &format!("performance_results: seen\nprovider: local\nrepository: {url}"),
        "run:\n  - see.sh\n",
    );
    let refused = collect(&sandbox, "mian").expect(2);
    refused.says(&format!(
        "{url} has no revision `mian`; did you mean `main`?"
    ));
    refused.says("push it");
    collect(&sandbox, &absent).expect(2).says("push it");
    let part = &software.first[..10];
    collect(&sandbox, part)
        .expect(2)
        .says("give the whole hash");
    assert!(!sandbox.output().exists());
}

#[test]
fn a_repository_that_cannot_be_used_is_told_with_its_place() {
    let sandbox = sandbox("repository: elsewhere");
    let refused = collect(&sandbox, "v1").expect(2);
    refused.says("/elsewhere cannot be used as a clone");
    let check = || run(sandbox.collect(&["check", "config.yml"])).expect(2);
    let checked = check();
    checked.says("/elsewhere cannot be used as a clone");
    checked.says("give the path of a clone");
    let path = sandbox.path().join("elsewhere");
    fs::create_dir(&path).unwrap();
    collect(&sandbox, "v1")
        .expect(2)
        .says("not a git repository");
    check().says("not a git repository");
    fs::remove_dir(&path).unwrap();
    let mut command = sandbox.collect(&["config.yml", "v1"]);
    fs::create_dir(sandbox.path().join("bin")).unwrap();
    std::os::unix::fs::symlink("/bin/sh", sandbox.path().join("bin/sh")).unwrap();
    command.env("PATH", sandbox.path().join("bin"));
    run(command).expect(2).says("git is not installed");
}

#[test]
fn a_plan_names_the_commit_that_the_clone_has() {
    let sandbox = sandbox("repository: software\nsend: true");
    let Software { first, second, .. } = software(&sandbox);
    let plan =
        |words: &[&str]| run(sandbox.collect(&[&["plan", "config.yml"], words].concat())).expect(0);
    let shown = plan(&["v1.0"]);
    assert!(!sandbox.path().join("state/checkouts").exists());
    let shown = shown.stdout;
    for line in [
        format!("revision             v1.0 (commit {first})\n"),
        format!("COLLECTOR_COMMIT            {first}\n"),
        "(copy the scripts and the checkout into it)\n".to_owned(),
    ] {
        assert!(shown.contains(&line), "{line} in {shown}");
    }
    let compared = plan(&["main", "--baseline", "v1.0"]).stdout;
    assert!(compared.contains(&second), "{compared}");
    assert!(
        compared.contains("COLLECTOR_COMMIT            (that of the revision whose turn it is)\n"),
        "{compared}"
    );
    run(sandbox.collect(&["plan", "config.yml", "v1.O"]))
        .expect(2)
        .says("did you mean `v1.0`?");
}

#[test]
fn nobody_is_asked_for_a_password() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in server.incoming() {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                if stream.read(&mut byte).unwrap() == 0 {
                    break;
                }
                request.push(byte[0]);
            }
            let answer = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"r\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    let private = sandbox(&format!("repository: http://{address}/private"));
    let refused = collect(&private, "v1").expect(3);
    refused.says("/private cannot be read");
    refused.says("terminal prompts disabled");
    refused.says("without asking for a password");

    let by_ssh = sandbox("repository: git@host.invalid:o/r.git");
    by_ssh.script("ssh", "echo \"$@\" > \"$HOME/asked\"; exit 255");
    let mut command = by_ssh.collect(&["config.yml", "v1"]);
    let ssh = by_ssh.path().join("ssh");
    command
        .env("GIT_SSH_COMMAND", ssh)
        .env("GIT_CONFIG_GLOBAL", "/dev/null");
    run(command).expect(3);
    let asked = fs::read_to_string(by_ssh.path().join("home/asked")).unwrap();
    assert!(asked.contains("BatchMode=yes"), "{asked}");
}

/// Steps that look at the checkout, one here and one there.
fn sandbox_that_sends() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox
        .config(
            "performance_results: seen*\nprovider: local\nrepository: software\nsend: true",
            "before_aws_start:\n  - here.sh\nafter_aws_start:\n  - there.sh\n",
        )
        .script(
            "here.sh",
            "cp \"$COLLECTOR_SOURCE/speed\" \"$COLLECTOR_OUTPUT/here\"; echo \"$COLLECTOR_SOURCE\"",
        )
        .script(
            "there.sh",
            "set -e\nunset GIT_DIR\ncase $COLLECTOR_SOURCE in \"$HOME\"/*) ;; *) exit 1 ;; esac\n\
         cp \"$COLLECTOR_SOURCE/speed\" seen\n\
         cd \"$COLLECTOR_SOURCE\"\n\
         [ -x run.sh ] && [ -z \"$(git status --porcelain)\" ] && git describe > ../seen-version\n\
         [ \"$(git rev-parse HEAD)\" = \"$COLLECTOR_COMMIT\" ]\n\
         find . -name '*.sh' -o -name secret > ../seen-files",
        );
    sandbox
}

#[test]
fn code_that_nobody_has_pushed_is_measured() {
    let sandbox = sandbox_that_sends();
    let Software { clone, .. } = software(&sandbox);
    git(&clone, &["checkout", "--quiet", "-b", "other"]);
    commit(&clone, "secret", "of another branch");
    git(&clone, &["checkout", "--quiet", "main"]);
    fs::write(clone.join("run.sh"), "#!/bin/sh\n").unwrap();
    let executable = <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o755);
    fs::set_permissions(clone.join("run.sh"), executable).unwrap();
    let hash = commit(&clone, "speed", "faster");
    fs::write(clone.join("speed"), "not committed").unwrap();

    // A hook of git's gives its own repository to every git that it starts.
    let mut command = sandbox.collect(&["config.yml", "main"]);
    command
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_DIR", "/nonexistent");
    let finished = run(command).expect(0);
    finished.says("changes to 1 file in");
    let sample = sandbox.sample("main");
    let read = |name: &str| fs::read_to_string(sample.join(name)).unwrap();
    assert_eq!(read("seen"), "faster");
    assert_eq!(read("here"), "faster");
    assert_eq!(read("seen-version"), format!("v1.0-2-g{}\n", &hash[..7]));
    assert_eq!(read("seen-files"), "./run.sh\n");
    let warnings = record(&sample)["warnings"].to_string();
    assert!(warnings.contains("not committed"), "{warnings}");
    assert_eq!(git(&clone, &["status", "--porcelain"]), "M speed");
    let left = sandbox.path().join("state/checkouts");
    assert_eq!(fs::read_dir(left).unwrap().count(), 0);
}

#[test]
fn every_sample_gets_the_commit_of_a_shallow_clone() {
    let sandbox = sandbox_that_sends();
    let Software { clone, second, .. } = software(&sandbox);
    let shallow = sandbox.path().join("shallow");
    let url = format!("file://{}", clone.display());
    let words = ["clone", "--quiet", "--depth=1", &url, "shallow"];
    git(sandbox.path(), &words);
    sandbox.config(
        "performance_results: seen*\nprovider: local\nrepository: shallow\nsend: true\nsamples: 2",
        "run:\n  - there.sh\n",
    )
    .script("there.sh", "cp \"$COLLECTOR_SOURCE/speed\" seen");
    collect(&sandbox, "main").expect(0);
    let found = sandbox.samples("main");
    let measured = found.iter().filter(|sample| sample.join("seen").exists());
    assert_eq!(measured.count(), 2, "{found:?}");
    assert_eq!(git(&shallow, &["rev-parse", "HEAD"]), second);
    let refused = collect(&sandbox, "v1.0").expect(2);
    refused.says("which is a shallow one");
}

#[test]
fn submodules_are_missed_aloud() {
    let sandbox = sandbox_that_sends();
    let Software { clone, .. } = software(&sandbox);
    commit(&clone, ".gitmodules", "[submodule \"x\"]\n");
    sandbox
        .config(
            "performance_results: seen\nprovider: local\nrepository: software\nsend: true",
            "run:\n  - there.sh\n",
        )
        .script("there.sh", "cp \"$COLLECTOR_SOURCE/speed\" seen");
    collect(&sandbox, "main")
        .expect(0)
        .says("the submodules of");
}

#[test]
fn what_cannot_be_sent_is_a_fault_of_the_config() {
    for (main, fault) in [
        ("send: true", "`send` without `repository`"),
        (
            "repository: https://example.org/r\nsend: true",
            "`send` needs a clone on this machine",
        ),
        (
            "repository: https://me:hush@example.org/r",
            "holds a password",
        ),
        ("repository: --upload-pack=x", "neither a URL nor a path"),
    ] {
        let sandbox = sandbox(main);
        let refused = run(sandbox.collect(&["check", "config.yml"])).expect(2);
        refused.says(fault);
        refused.says("config.yml:");
    }
}

/// A rehearsal in a job whose event is this one.
fn in_job(sandbox: &Sandbox, job: &mut Job, revision: &str) -> Finished {
    job.set("GITHUB_WORKSPACE", sandbox.path().to_str().unwrap());
    let mut command = sandbox.collect(&[]);
    command
        .envs(job.variables())
        .env("INPUT_CONFIG", "config.yml")
        .env("INPUT_REVISION", revision)
        .env("INPUT_COMMENT", "never");
    run(command)
}

#[test]
fn in_a_job_head_is_the_head_of_the_pull_request() {
    let Some(github) = FakeGitHub::with_prism() else {
        return;
    };
    let head = "a".repeat(40);
    github.add_pull(&json!({ "number": 7, "sha": head }));
    let pull = json!({ "pull_request": { "number": 7, "head": { "sha": head } } });
    let comment = json!({ "issue": { "number": 7, "pull_request": {} } });
    let after = json!({ "workflow_run": { "head_sha": head, "pull_requests": [] } });
    for (event, payload) in [
        ("pull_request", &pull),
        ("issue_comment", &comment),
        ("workflow_run", &after),
    ] {
        let sandbox = sandbox("");
        let mut job = github.job();
        job.event(event, payload);
        let finished = in_job(&sandbox, &mut job, "head").expect(0);
        assert!(!finished.stdout.contains("::notice"), "{}", finished.stdout);
        assert_eq!(seen(&sandbox, &head), format!("{head} \n"), "{event}");
    }
    let sandbox = sandbox("");
    let refused = in_job(&sandbox, &mut github.job(), "head").expect(2);
    refused.logs("`revision: head`: `push` is about no pull request");
}

/// What the step saw as the revision and the baseline of each arm.
fn compared(sandbox: &Sandbox, revision: &str) -> [String; 2] {
    let seen = |arm: &str| {
        let path = sandbox.sample(revision).join(arm).join("turn-01/seen");
        fs::read_to_string(path).unwrap().trim().to_owned()
    };
    ["baseline", "candidate"].map(seen)
}

#[test]
fn in_a_job_the_baseline_is_what_the_commit_came_from() {
    let Some(github) = FakeGitHub::with_prism() else {
        return;
    };
    let [base, newer, head, merge] = ["a", "b", "c", "d"].map(|letter| letter.repeat(40));
    github.add_commit(&newer, &[&base]);
    github.add_commit(&head, &[&base]);
    github.add_commit(&merge, &[&newer, &head]);
    let pull = json!({ "pull_request": { "number": 7, "head": { "sha": head }, "base": { "sha": newer } } });
    let push = json!({ "before": base });
    for (event, payload, revision, baseline) in [
        ("pull_request", &pull, &merge, &newer),
        ("pull_request", &pull, &head, &base),
        ("push", &push, &newer, &base),
    ] {
        let sandbox = sandbox("baseline: auto\nrepeat: 1");
        let mut job = github.job();
        job.event(event, payload);
        in_job(&sandbox, &mut job, revision).expect(0);
        assert_eq!(
            compared(&sandbox, revision),
            [baseline, revision].map(String::as_str),
            "{event}"
        );
    }
    let sandbox = sandbox("baseline: auto");
    let mut job = github.job();
    job.event("schedule", &json!({}));
    let refused = in_job(&sandbox, &mut job, &head).expect(2);
    refused.logs("nothing tells what");
    refused.logs("name a revision as the `baseline`");
}

#[test]
fn both_revisions_are_looked_up_and_sent() {
    let sandbox = Sandbox::new();
    sandbox.config(
        "performance_results: seen\nprovider: local\nrepository: software\nsend: true\nbaseline: v1.0\nrepeat: 2",
        "setup: [build.sh]\nrun: [see.sh]\n",
    )
    .script("build.sh", "cp \"$COLLECTOR_SOURCE/speed\" built")
    .script("see.sh", "echo \"$VERSION $COLLECTOR_COMMIT $(cat built)\" > seen");
    let Software { first, second, .. } = software(&sandbox);
    collect(&sandbox, "main").expect(0);
    assert_eq!(
        compared(&sandbox, "main"),
        [format!("v1.0 {first} slow"), format!("main {second} fast")]
    );
    let typo = self::sandbox("repository: software\nbaseline: v1.O");
    software(&typo);
    collect(&typo, "main").expect(2).says("v1.0");
}

#[test]
fn a_commit_that_the_event_is_not_about_is_noticed() {
    let Some(github) = FakeGitHub::start() else {
        return;
    };
    for (event, noticed) in [
        ("push", false),
        ("pull_request", false),
        ("pull_request_target", true),
        ("issue_comment", true),
        ("workflow_run", true),
    ] {
        let sandbox = sandbox("");
        let mut job = github.job();
        job.event(event, &Value::Null);
        let finished = in_job(&sandbox, &mut job, SHA).expect(0);
        let notice = finished.stdout.contains("::notice title=collector::");
        assert_eq!(notice, noticed, "{event}: {}", finished.stdout);
        if noticed {
            finished.logs(&format!("{SHA}, a commit of refs/heads/main, is measured"));
        }
    }
}
