//! AWS does not do what it should, or is somewhere else: nothing is left, and what is said is true.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::command::{Running, Sandbox, run, wait_for};
use crate::lab::{Guest, Lab};
use crate::signals::{GONE, sandbox_that_waits_in};

fn quick_sandbox(lab: &Lab, more: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.config(
        &lab.main(&format!("performance_results: /etc/os-release\n{more}")),
        "",
    );
    sandbox
}

fn leases(sandbox: &Sandbox) -> Vec<PathBuf> {
    fs::read_dir(sandbox.path().join("state/leases")).map_or_else(
        |_| Vec::new(),
        |entries| entries.map(|entry| entry.unwrap().path()).collect(),
    )
}

fn go(lab: &Lab, sandbox: &Sandbox) -> Command {
    lab.collect(sandbox, &["config.yml", "v1"])
}

#[test]
fn two_seconds_of_trouble_cost_no_instance_that_is_paid_for() {
    let Some(lab) = Lab::start(Guest::Sshd) else {
        return;
    };
    let faults = [
        json!({"action": "RunInstances", "count": 2, "code": "Unavailable", "status": 503}),
        json!({"action": "RunInstances", "count": 2, "code": "RequestLimitExceeded", "status": 503}),
        json!({"action": "DescribeInstances", "count": 4, "code": "InternalError", "status": 500}),
        json!({"action": "DescribeInstances", "count": 4, "kill": "before"}),
        json!({"action": "TerminateInstances", "count": 4, "code": "RequestLimitExceeded", "status": 503}),
    ];
    for fault in &faults {
        lab.fault(fault);
    }
    run(go(&lab, &quick_sandbox(&lab, ""))).expect(0);
    assert_eq!(lab.instances().len(), 1);
    lab.expect_nothing_left();
}

#[test]
fn a_refusal_after_an_answer_that_was_lost_does_not_hide_the_instance() {
    for code in ["AuthFailure", "VcpuLimitExceeded"] {
        let Some(lab) = Lab::start(Guest::None) else {
            return;
        };
        lab.fault(&json!({"action": "RunInstances", "count": 1, "kill": "after"}));
        lab.fault(&json!({"action": "RunInstances", "count": 1, "code": code, "status": 403}));
        let finished = run(go(&lab, &quick_sandbox(&lab, ""))).expect(3);
        finished.says(code);
        assert!(!finished.stdout.contains("nothing was launched"));
        assert_eq!(lab.instances().len(), 1);
        lab.expect_nothing_left();
    }
}

#[test]
fn an_instance_is_not_gone_because_one_call_does_not_know_it() {
    let Some(lab) = Lab::start(Guest::None) else {
        return;
    };
    lab.fault(&json!({"action": "RunInstances", "count": 1, "kill": "after"}));
    lab.fault(&json!({"action": "RunInstances", "count": 1, "code": "AuthFailure", "status": 401}));
    let unknown = json!({
        "action": "TerminateInstances", "count": 3, "code": "InvalidInstanceID.NotFound",
    });
    lab.fault(&unknown);
    let sandbox = quick_sandbox(&lab, "");
    run(go(&lab, &sandbox)).expect(3);
    assert_eq!(lab.calls("TerminateInstances").len(), 4);
    lab.expect_nothing_left();
}

#[test]
fn when_nobody_answers_any_more_a_signal_still_ends_the_process_in_time() {
    let Some(lab) = Lab::start(Guest::None) else {
        return;
    };
    lab.fault(&json!({"action": "RunInstances", "count": -1, "delay": 20.0}));
    let sandbox = quick_sandbox(&lab, "");
    let running = Running::spawn(go(&lab, &sandbox));
    wait_for("the launch", || {
        (!lab.calls("RunInstances").is_empty()).then_some(())
    });
    lab.fault(&json!({"action": "*", "count": -1, "delay": 20.0}));
    let since = Instant::now();
    running.signal(Signal::TERM);
    let finished = running.finish().expect(4);
    assert!(since.elapsed() < GONE, "{:?}", since.elapsed());
    finished.says("--region us-east-1");
    assert_eq!(leases(&sandbox).len(), 1);
}

#[test]
fn a_termination_that_is_carried_out_but_never_answered_is_seen() {
    let Some(lab) = Lab::start(Guest::Sshd) else {
        return;
    };
    lab.fault(&json!({"action": "TerminateInstances", "count": -1, "kill": "after"}));
    run(go(&lab, &quick_sandbox(&lab, ""))).expect(0);
    lab.expect_nothing_left();
}

#[test]
fn one_that_is_protected_does_not_keep_the_others() {
    let Some(lab) = Lab::start(Guest::None) else {
        return;
    };
    let sandbox = quick_sandbox(&lab, "samples: 3");
    let mut running = Running::spawn(go(&lab, &sandbox));
    running.wait_for_output("is up at");
    running.signal(Signal::KILL);
    running.finish();
    let protected = json!({
        "action": "TerminateInstances", "count": 2, "code": "OperationNotPermitted",
        "message": "The instance may not be terminated.",
    });
    lab.fault(&protected);
    let reaped = run(lab.collect(&sandbox, &["reap", "--all"])).expect(0);
    assert_eq!(reaped.stdout.matches("terminated i-").count(), 3);
    // All, each alone, and the one that was refused among them once more.
    assert_eq!(lab.calls("TerminateInstances").len(), 5);
    lab.expect_nothing_left();
}

#[test]
fn an_instance_that_somebody_else_terminates_ends_the_run_with_its_reason() {
    let Some(lab) = Lab::start(Guest::Sshd) else {
        return;
    };
    let sandbox = sandbox_that_waits_in("run", &lab.main("performance_results: /etc/os-release"));
    let mut running = Running::spawn(go(&lab, &sandbox));
    running.wait_for_output("waiting\n");
    run(lab.collect(&Sandbox::new(), &["reap", "--all"])).expect(0);
    let since = Instant::now();
    let finished = running.finish().expect(3);
    assert!(since.elapsed().as_secs() < 60, "{:?}", since.elapsed());
    finished.says("went to `terminated`");
    assert!(leases(&sandbox).is_empty());
}

#[test]
fn an_instance_that_aws_does_not_take_back_is_told_to_power_itself_off() {
    let Some(lab) = Lab::start(Guest::Sshd) else {
        return;
    };
    lab.fault(&json!({
        "action": "TerminateInstances", "count": -1, "code": "UnauthorizedOperation", "status": 403,
    }));
    run(go(&lab, &quick_sandbox(&lab, ""))).expect(0);
    lab.wait_for_state("terminated");
}

#[test]
fn with_expired_credentials_the_instance_ends_and_the_remedy_is_told() {
    let Some(lab) = Lab::start(Guest::Sshd) else {
        return;
    };
    let sandbox = sandbox_that_waits_in("run", &lab.main("performance_results: /etc/os-release"));
    let mut running = Running::spawn(go(&lab, &sandbox));
    running.wait_for_output("waiting\n");
    lab.fault(&json!({"action": "*", "count": -1, "code": "ExpiredToken", "status": 400}));
    let since = Instant::now();
    running.signal(Signal::TERM);
    let finished = running.finish().expect(4);
    assert!(since.elapsed() < GONE, "{:?}", since.elapsed());
    finished.says("log in again");
    finished.says("told to power itself off");
    finished.says("--region us-east-1` tries again; the instance ends itself at 20");
    let last = finished.stderr.lines().last().unwrap();
    assert!(last.contains("until it ends itself at 20"), "{last}");
    assert_eq!(leases(&sandbox).len(), 1);
    lab.wait_for_state("terminated");
}

#[test]
fn a_signal_during_the_look_ups_ends_a_run_that_launched_nothing() {
    let Some(lab) = Lab::start(Guest::None) else {
        return;
    };
    for look_up in ["DescribeSecurityGroups", "DescribeImages"] {
        lab.fault(&json!({"action": look_up, "count": 1, "delay": 10.0}));
        let sandbox = quick_sandbox(&lab, "");
        // The run before has looked up some of it, too.
        let before = lab.calls(look_up).len();
        let running = Running::spawn(go(&lab, &sandbox));
        wait_for(look_up, || {
            (lab.calls(look_up).len() > before).then_some(())
        });
        let since = Instant::now();
        running.signal(Signal::TERM);
        let finished = running.finish().expect(143);
        assert!(since.elapsed() < GONE, "{:?}", since.elapsed());
        assert!(
            finished.stdout.contains("nothing was launched"),
            "{}",
            finished.stdout
        );
        assert!(leases(&sandbox).is_empty());
        lab.clear_faults();
    }
    assert!(lab.instances().is_empty());
}

#[test]
fn fewer_instances_than_asked_for_are_used_and_said() {
    let Some(lab) = Lab::start(Guest::Sshd) else {
        return;
    };
    lab.capacity(2);
    let sandbox = quick_sandbox(&lab, "samples: 3");
    let finished = run(go(&lab, &sandbox)).expect(3);
    finished.says("2 of 3 instances could be launched");
    let launch = &lab.calls("RunInstances")[0]["params"];
    assert_eq!(
        (&launch["MinCount"], &launch["MaxCount"]),
        (&json!("1"), &json!("3"))
    );
    assert_eq!(lab.instances().len(), 2);
    lab.expect_nothing_left();
    let index: Value =
        serde_json::from_slice(&fs::read(sandbox.output().join("v1/index.json")).unwrap()).unwrap();
    let samples = index["samples"].as_array().unwrap();
    assert_eq!(samples.len(), 2);
    assert!(leases(&sandbox).is_empty());
    lab.capacity(0);
    let none = run(go(&lab, &quick_sandbox(&lab, "samples: 3"))).expect(3);
    none.says("InsufficientInstanceCapacity");
}

/// A server that takes one request on each connection, and what it was asked.
struct Server {
    port: u16,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// One that answers every request with this.
    fn start(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = requests.clone();
        let answer = Arc::new(answer);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let (seen, answer) = (seen.clone(), answer.clone());
                // A client may connect and then think better of it.
                thread::spawn(move || {
                    let request = read_request(&stream);
                    if let Some(first) = request.lines().next() {
                        seen.lock().unwrap().push(first.to_owned());
                        let _ = stream.write_all(answer(&request).as_bytes());
                    }
                });
            }
        });
        Self { port, requests }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// Head and body of a request.
fn read_request(stream: &TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let mut request = String::new();
    let mut length = 0;
    loop {
        let start = request.len();
        if reader.read_line(&mut request).unwrap_or(0) == 0 {
            return request;
        }
        let line = request[start..].to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    let _ = reader.read_exact(&mut body);
    request + &String::from_utf8_lossy(&body)
}

fn http_answer(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// A proxy that forwards every request to the tests' EC2, whomever it is for.
fn forwarding_to(lab: &Lab) -> Server {
    let address = lab.address().to_owned();
    Server::start(move |request| {
        let mut stream = TcpStream::connect(&address).unwrap();
        let closing = request.replacen("\r\n", "\r\nConnection: close\r\n", 1);
        stream.write_all(closing.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    })
}

#[test]
fn a_temporary_group_lets_in_this_machine_on_one_port_and_nobody_else() {
    let Some(lab) = Lab::start(Guest::None) else {
        return;
    };
    let v4 = Server::start(|_| http_answer("203.0.113.9\n"));
    let v6 = Server::start(|_| http_answer("2001:db8::9"));
    let broken = Server::start(|_| http_answer("<html>no address</html>"));
    let urls = [&v4, &v6, &broken].map(Server::url).join(" ");
    let sandbox = Sandbox::new();
    let main = lab.main("performance_results: /etc/os-release\nssh_port: 2222");
    sandbox.config(
        &main.replace("security_group: collector\n", "security_group: absent\n"),
        "",
    );
    // AWS is behind a proxy, which has an address of its own.
    let proxy = forwarding_to(&lab);
    let mut command = go(&lab, &sandbox);
    command
        .env("COLLECTOR_PUBLIC_ADDRESS_URLS", urls)
        .env("AWS_ENDPOINT_URL", "http://ec2.invalid")
        .env("HTTP_PROXY", proxy.url());
    let running = Running::spawn(command);
    wait_for("the launch", || (!lab.instances().is_empty()).then_some(()));
    running.signal(Signal::TERM);
    let finished = running.finish().expect(143);
    finished.says("no security group is named `absent`");
    finished.says("a temporary one is used");
    let proxied = proxy.requests();
    assert!(
        proxied
            .iter()
            .all(|request| request.contains("http://ec2.invalid/")),
        "{proxied:?}"
    );
    lab.expect_nothing_left();
    let allowed = lab.calls("AuthorizeSecurityGroupIngress");
    assert_eq!(allowed.len(), 1);
    let rule = |key: &str| allowed[0]["params"][format!("IpPermissions.1.{key}")].clone();
    assert_eq!(rule("IpProtocol"), "tcp");
    assert_eq!(
        (rule("FromPort"), rule("ToPort")),
        (json!("2222"), json!("2222"))
    );
    assert_eq!(rule("IpRanges.1.CidrIp"), "203.0.113.9/32");
    assert_eq!(rule("Ipv6Ranges.1.CidrIpv6"), "2001:db8::9/128");
    let more = ["IpRanges.2.CidrIp", "Ipv6Ranges.2.CidrIpv6"].map(rule);
    assert_eq!(more, [Value::Null, Value::Null]);
    assert_eq!(
        allowed[0]["params"]["IpPermissions.2.IpProtocol"],
        Value::Null
    );
}

#[test]
fn a_group_that_its_instance_still_holds_is_listed_and_deleted_later() {
    let Some(lab) = Lab::shutting_down_for(Guest::None, "4") else {
        return;
    };
    let sandbox = Sandbox::new();
    let main = lab.main("performance_results: /etc/os-release\nssh_from: 192.0.2.7/32");
    sandbox.config(&main.replace("security_group: collector\n", ""), "");
    let mut running = Running::spawn(go(&lab, &sandbox));
    running.wait_for_output("is up at");
    let since = Instant::now();
    running.signal(Signal::TERM);
    let finished = running.finish().expect(143);
    assert!(since.elapsed() < GONE, "{:?}", since.elapsed());
    finished.says("can be deleted when its instances are gone");
    let kept = leases(&sandbox);
    assert_eq!(kept.len(), 1, "`reap` knows where to look");
    let record = fs::read_to_string(&kept[0]).unwrap();
    assert!(record.contains("\"123456789012\""), "{record}");
    let listed = || run(lab.collect(&sandbox, &["list"])).expect(0).stdout;
    assert!(listed().contains("security group"), "{}", listed());
    lab.wait_for_state("terminated");
    let instance = lab.instance();
    let run_id = instance["tags"]["collector:run"].as_str().unwrap();
    let reaped = run(lab.collect(&sandbox, &["reap", "--run", run_id])).expect(0);
    assert!(
        reaped.stdout.contains("deleted security group"),
        "{}",
        reaped.stdout
    );
    assert!(!listed().contains("security group"));
}

/// A config whose launch makes a temporary group.
fn sandbox_without_group(lab: &Lab) -> Sandbox {
    let sandbox = Sandbox::new();
    let main = lab.main("performance_results: /etc/os-release\nssh_from: 0.0.0.0/0");
    sandbox.config(&main.replace("security_group: collector\n", ""), "");
    sandbox
}

#[test]
fn a_group_that_ec2_does_not_show_yet_is_waited_for() {
    let Some(lab) = Lab::start(Guest::Sshd) else {
        return;
    };
    for action in ["AuthorizeSecurityGroupIngress", "RunInstances"] {
        lab.fault(
            &json!({"action": action, "count": 2, "code": "InvalidGroup.NotFound", "status": 400}),
        );
    }
    run(go(&lab, &sandbox_without_group(&lab))).expect(0);
    lab.expect_nothing_left();
    // One that the config names does not come by waiting.
    lab.fault(
        &json!({"action": "RunInstances", "count": -1, "code": "InvalidGroup.NotFound", "status": 400}),
    );
    let since = Instant::now();
    let refused = run(go(&lab, &quick_sandbox(&lab, ""))).expect(3);
    refused.says("check `security_group`");
    assert!(since.elapsed() < GONE, "{:?}", since.elapsed());
}

#[test]
fn a_group_whose_creation_a_signal_overtook_stays_on_record() {
    let Some(lab) = Lab::start(Guest::None) else {
        return;
    };
    lab.fault(&json!({"action": "CreateSecurityGroup", "count": 1, "delay": 8.0}));
    let sandbox = sandbox_without_group(&lab);
    let running = Running::spawn(go(&lab, &sandbox));
    wait_for("the group", || {
        (!lab.calls("CreateSecurityGroup").is_empty()).then_some(())
    });
    let since = Instant::now();
    running.signal(Signal::TERM);
    running.finish().expect(143);
    assert!(since.elapsed() < GONE, "{:?}", since.elapsed());
    assert_eq!(leases(&sandbox).len(), 1, "`reap` knows where to look");
}

#[test]
fn a_deletion_that_is_refused_is_a_failure_and_keeps_nothing_else() {
    let Some(lab) = Lab::start(Guest::None) else {
        return;
    };
    let sandboxes = [sandbox_without_group(&lab), sandbox_without_group(&lab)];
    for sandbox in &sandboxes {
        let mut running = Running::spawn(go(&lab, sandbox));
        running.wait_for_output("is up at");
        running.signal(Signal::KILL);
        running.finish();
    }
    let [sandbox, _] = &sandboxes;
    let refusal = json!({
        "action": "DeleteSecurityGroup", "count": 1, "code": "UnauthorizedOperation", "status": 403,
    });
    lab.fault(&refusal);
    let reap = || run(lab.collect(sandbox, &["reap", "--all"]));
    let refused = reap().expect(4);
    refused.says("DeleteSecurityGroup was refused");
    assert_eq!(refused.stdout.matches("deleted security group").count(), 1);
    let again = reap().expect(0);
    assert_eq!(again.stdout.matches("deleted security group").count(), 1);
}

#[test]
fn a_launch_that_waits_keeps_its_group_and_its_lease() {
    let Some(lab) = Lab::start(Guest::None) else {
        return;
    };
    lab.fault(
        &json!({"action": "RunInstances", "count": -1, "code": "RequestLimitExceeded", "status": 503}),
    );
    let sandbox = sandbox_without_group(&lab);
    let running = Running::spawn(go(&lab, &sandbox));
    wait_for("the launch", || {
        (!lab.calls("RunInstances").is_empty()).then_some(())
    });
    // It waits for longer than any lease that nobody works under is left alone.
    let lease = leases(&sandbox).remove(0);
    let mut record: Value = serde_json::from_slice(&fs::read(&lease).unwrap()).unwrap();
    record["saved_at"] = "2026-01-01T00:00:00Z".into();
    fs::write(&lease, record.to_string()).unwrap();
    run(lab.collect(&sandbox, &["reap", "--expired"]))
        .expect(0)
        .says("its run goes on");
    assert!(lease.exists());
    assert!(lab.calls("DeleteSecurityGroup").is_empty());
    running.signal(Signal::TERM);
    running.finish().expect(143);
    lab.expect_nothing_left();
}

#[test]
fn volumes_of_an_image_behind_a_parameter_end_with_the_instance() {
    let Some(lab) = Lab::start(Guest::Sshd) else {
        return;
    };
    let parameter =
        "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64";
    let main = lab.main("performance_results: /etc/os-release");
    let ami = main.lines().find(|line| line.starts_with("ami: ")).unwrap();
    let sandbox = Sandbox::new();
    sandbox.config(&main.replace(ami, &format!("ami: {parameter}")), "");
    run(go(&lab, &sandbox)).expect(0);
    let launch = &lab.calls("RunInstances")[0]["params"];
    let ends = &launch["BlockDeviceMapping.1.Ebs.DeleteOnTermination"];
    assert_eq!(ends, "true", "{launch}");
    lab.expect_nothing_left();
}

#[test]
fn a_region_that_is_mistyped_gets_the_nearest_name_and_leaves_nothing() {
    let Some(lab) = Lab::start(Guest::None) else {
        return;
    };
    // A port of this machine that nobody listens on.
    let nowhere = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", nowhere.local_addr().unwrap());
    drop(nowhere);
    let sandbox = quick_sandbox(&lab, "");
    let at = |args: &[&str]| {
        let mut command = lab.collect(&sandbox, args);
        command.env("AWS_ENDPOINT_URL", &address);
        command
    };
    let mistyped = run(at(&["config.yml", "v1", "--region", "eu-centrl-1"])).expect(3);
    mistyped.says("no AWS region is named `eu-centrl-1`; did you mean `eu-central-1`?");
    assert!(mistyped.stdout.contains("nothing was launched"));
    let down = run(at(&["config.yml", "v1"])).expect(3);
    down.says("did not get through");
    down.says("the network, the proxy");
    assert!(down.stdout.contains("nothing was launched"));
    assert!(leases(&sandbox).is_empty());
    run(lab.collect(&sandbox, &["list"])).expect(0);
}

/// A lease on disk that is old enough to be judged.
fn record(sandbox: &Sandbox, lease: &str, account: &str, region: &str) {
    let record = json!({
        "lease": lease, "provider": "ec2", "region": region, "account": account,
        "saved_at": "2026-01-01T00:00:00Z",
    });
    sandbox.file(&format!("state/leases/{lease}.json"), &record.to_string());
}

#[test]
fn a_lease_of_another_account_is_kept_until_a_person_forgets_it() {
    let Some(lab) = Lab::start(Guest::None) else {
        return;
    };
    let sandbox = Sandbox::new();
    record(&sandbox, "theirs-1", "999999999999", "us-east-1");
    record(&sandbox, "ours-1", "123456789012", "us-east-1");
    let reaped = run(lab.collect(&sandbox, &["reap", "--all"])).expect(0);
    reaped.says("lease theirs-1 in us-east-1 stays on record: it is of 999999999999");
    reaped.says("there is no instance to end in: local, us-east-1");
    let kept = leases(&sandbox);
    assert_eq!(kept, [sandbox.path().join("state/leases/theirs-1.json")]);
    let wrong = run(lab.collect(&sandbox, &["reap", "--forget", "thiers-1"])).expect(2);
    wrong.says("no lease `thiers-1` is on record; there are: theirs-1");
    run(lab.collect(&sandbox, &["reap", "--forget", "theirs-1"])).expect(0);
    assert!(leases(&sandbox).is_empty());
}

#[test]
fn a_lease_in_a_region_out_of_reach_is_named() {
    let Some(lab) = Lab::start(Guest::None) else {
        return;
    };
    let sandbox = Sandbox::new();
    record(&sandbox, "lost-1", "123456789012", "eu-central-1");
    lab.fault(
        &json!({"action": "DescribeInstances", "count": -1, "code": "AuthFailure", "status": 401}),
    );
    for command in [&["list"][..], &["reap", "--all"]] {
        let finished = run(lab.collect(&sandbox, command)).expect(3);
        finished.says("lease lost-1 in eu-central-1 cannot be looked for");
        finished.says("reap --forget");
    }
}

#[test]
fn a_run_that_is_mistyped_is_said() {
    let Some(lab) = Lab::start(Guest::None) else {
        return;
    };
    let sandbox = Sandbox::new();
    let reaped = run(lab.collect(&sandbox, &["reap", "--run", "typo"])).expect(0);
    reaped.says("run typo has no instance to end in: local, us-east-1");
    let wildcard = run(lab.collect(&sandbox, &["reap", "--run", "*"])).expect(2);
    wildcard.says("a run id is made of letters");
}

#[test]
fn a_state_directory_that_everybody_can_write_to_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let sandbox = Sandbox::new();
    let state = sandbox.path().join("state");
    fs::create_dir(&state).unwrap();
    fs::set_permissions(&state, fs::Permissions::from_mode(0o777)).unwrap();
    sandbox.config("performance_results: /etc/os-release", "");
    for args in [&["list", "--local"][..], &["config.yml", "v1", "--local"]] {
        let refused = run(sandbox.collect(args)).expect(3);
        refused.says("everybody can write to it");
        refused.says("COLLECTOR_STATE_DIR");
    }
}

#[test]
fn calls_to_aws_go_through_the_proxy_of_the_environment() {
    let Some(lab) = Lab::start(Guest::None) else {
        return;
    };
    let sandbox = Sandbox::new();
    // A tunnel that leads nowhere.
    let tunnel = Server::start(|_| "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n".into());
    let through = |no_proxy: &str| {
        let mut command = lab.collect(&sandbox, &["list"]);
        command
            .env("AWS_ENDPOINT_URL", "https://ec2.invalid")
            .env("HTTPS_PROXY", tunnel.url())
            .env("NO_PROXY", no_proxy);
        run(command).expect(3)
    };
    through("localhost");
    let seen = tunnel.requests();
    assert!(
        seen.iter()
            .all(|request| request.starts_with("CONNECT ec2.invalid:443 ")),
        "{seen:?}"
    );
    assert!(!seen.is_empty());
    through("ec2.invalid");
    assert_eq!(tunnel.requests(), seen, "NO_PROXY is heard");

    let forward = forwarding_to(&lab);
    let mut listing = lab.collect(&sandbox, &["list"]);
    listing
        .env("AWS_ENDPOINT_URL", "http://ec2.invalid")
        .env("HTTP_PROXY", forward.url());
    run(listing).expect(0);
    let seen = forward.requests();
    assert!(
        seen.iter()
            .any(|request| request.starts_with("POST http://ec2.invalid/")),
        "{seen:?}"
    );
}
