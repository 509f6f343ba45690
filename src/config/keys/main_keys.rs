//! The keys of `main`.

use super::DefaultValue::{Behaviour, Required, Value};
use super::{Key, Kind, MAX_REPEAT, MAX_SAMPLES, key, planned};
use crate::config::export::EXPORTS;
use crate::shard::MAX_SAMPLES_OF_SHARD;

/// The keys of `main`, in the order of the reference.
pub const MAIN_KEYS: [Key; 50] = [
    key(
        "performance_results",
        Kind::Globs,
        Required,
        "/tmp/*.csv",
        "a glob or a list of globs on the instance: `*`, `?`, `[…]`, `**`, `{a,b}`; relative ones start in the login user's home; a directory stands for all files in it; one that matches nothing is a warning",
    ),
    key(
        "output",
        Kind::Text,
        Required,
        "~/performance_info/",
        "where results go on this machine; `~` is your home; a relative path begins where you call `collect`, not where the config is; created when it is missing",
    ),
    key(
        "ec2_instance_size",
        Kind::Text,
        Required,
        "c7i.large",
        "the instance type",
    )
    .ec2(),
    key(
        "ami",
        Kind::Image,
        Required,
        "resolve:ssm:/aws/service/debian/release/13/latest/amd64",
        "`ami-…`, or `resolve:ssm:` and the name of a parameter, which EC2 resolves",
    )
    .ec2(),
    key(
        "user",
        Kind::UserName,
        Value("collector"),
        "ubuntu",
        "the login user; cloud-init creates it where the image has none",
    )
    .ec2(),
    key(
        "security_group",
        Kind::Text,
        Behaviour("a temporary one"),
        "sg-0abc…",
        "id (`sg-…`) or name, used as it is; a name is looked up in the VPC of the `subnet`, else in the default VPC. Without it, or with a name that does not exist (a warning), a temporary group lets in this machine's public address on `ssh_port` only, and is deleted after the run",
    )
    .ec2(),
    key(
        "ssh_from",
        Kind::Networks,
        Behaviour("this machine's public address"),
        "203.0.113.7/32",
        "the networks that a temporary group lets in, such as `203.0.113.7/32`: one or a list",
    )
    .ec2(),
    key(
        "keypair",
        Kind::Text,
        Behaviour("none"),
        "collector",
        "an EC2 key pair whose owner can log in too; collector does not need it; if it does not exist, that is a warning",
    )
    .ec2(),
    key(
        "ssh_port",
        Kind::Port,
        Value("22"),
        "2222",
        "where the image's sshd listens; collector does not reconfigure sshd",
    )
    .ec2(),
    key(
        "address",
        Kind::Choice(&["auto", "public", "private"]),
        Value("auto"),
        "private",
        "the address to connect to: `public`, `private`, or `auto`: public where there is one, else private",
    )
    .ec2(),
    key(
        "provider",
        Kind::Choice(&["ec2", "local"]),
        Value("ec2"),
        "local",
        "`ec2`, or `local` for this machine; `--local` does the same",
    ),
    key(
        "region",
        Kind::Text,
        Behaviour("from the environment"),
        "eu-central-1",
        "the AWS region",
    )
    .ec2(),
    key(
        "subnet",
        Kind::Text,
        Behaviour("EC2's choice"),
        "subnet-0abc…",
        "the id of a subnet",
    )
    .ec2(),
    key(
        "max_lifetime",
        Kind::Duration(10),
        Value("6h"),
        "2h",
        "the instance ends itself after this, whatever it is doing; at least 10 s, at most 30 days. A step that still runs shortly before is ended, so that there is time to collect",
    ),
    key(
        "keep_on_failure",
        Kind::Duration(10),
        Behaviour("it is terminated"),
        "30m",
        "the instance of a run that failed stays for so long, and no longer than `max_lifetime`, before it ends itself: `collect ssh` and `collect fetch` lead to it; a signal terminates it all the same",
    ),
    key(
        "samples",
        Kind::Count(MAX_SAMPLES),
        Value("1"),
        "5",
        "the number of instances to measure on, side by side; more than 256 need `--shard`; a rehearsal measures one after the other",
    ),
    key(
        "parallel",
        Kind::Count(MAX_SAMPLES_OF_SHARD),
        Behaviour("all"),
        "5",
        "the number of instances that there are at once",
    ),
    key(
        "fail_fast",
        Kind::Boolean,
        Value("false"),
        "true",
        "the first sample that fails ends the others",
    ),
    key(
        "baseline",
        Kind::Revision,
        Behaviour("none"),
        "v1.2.2",
        "a revision to compare with, measured on the same instances in turn with the other; in a job, `auto` is what the event's commit came from",
    ),
    key(
        "repeat",
        Kind::Count(MAX_REPEAT),
        Behaviour("1, with a `baseline` 6, in a `duet` 8"),
        "10",
        "the number of turns of each revision on each instance: `run` and `before_collect` are carried out that often; on one instance a verdict needs at least 6",
    ),
    key(
        "duet",
        Kind::Boolean,
        Value("false"),
        "true",
        "with a `baseline`: both revisions have their turns at the same time, each on a half of the instance's cores; for work that is bound by the CPU",
    ),
    key(
        "confirm",
        Kind::Boolean,
        Value("true"),
        "false",
        "with a `baseline` and more than three `samples`: measure on three instances first, and on the others only where a figure of those looks different",
    ),
    key(
        "precision",
        Kind::Percent,
        Behaviour("what is planned"),
        "1%",
        "with a `baseline` and `figures`: after the planned turns, go on with further rounds, up to ten times as many, and up to `samples` with further instances, until half of the interval of every figure is at most this share of its ratio, or the time is over; `confirm` has no part in it",
    ),
    key(
        "fail_on",
        Kind::Limits,
        Behaviour("none"),
        "{slower: 5%}",
        "the exit status is 5 when a figure is surely worse than this: its verdict is slower, and the whole interval lies beyond the limit; without a `baseline` and `figures` it has no effect",
    ),
    key(
        "repository",
        Kind::Text,
        Behaviour("none"),
        ".",
        "where the revision is looked up before anything is rented: a URL, or a path in a clone on this machine, relative to the config file. A revision that it does not have is refused; the commit is recorded, and `COLLECTOR_COMMIT` for every step",
    ),
    key(
        "send",
        Kind::Boolean,
        Value("false"),
        "true",
        "send a checkout of the commit from the clone in `repository` to the instance, before its first step; it lies in `COLLECTOR_SOURCE`. The instance needs neither git nor a credential; what is not committed, submodules and files in Git LFS are not sent",
    ),
    key(
        "upload",
        Kind::Globs,
        Behaviour("the scripts only"),
        "[lib, 'data/*.json', '!*.tmp']",
        "files and directories that the scripts need: paths and globs relative to the config file, and behind a `!` what does not travel; the forms are in docs/config.md, \"Lines of `upload`\"",
    ),
    key(
        "bake",
        Kind::Choice(&["auto", "setup"]),
        Behaviour("every phase runs"),
        "auto",
        "launch from the image that `collect bake` made of these scripts and files, and leave out what it has: `after_aws_start`, and with `setup` also `setup` of this commit; where none fits, the phases run. docs/bake.md tells what is on an image",
    )
    .ec2(),
    key(
        "figures",
        Kind::Figures,
        Behaviour("none are read"),
        "[bench.json, sizes/*.csv: {value: bytes, unit: B, better: less}]",
        "the collected files that hold the figures: globs relative to the directory of the instance in the results, as in `upload`; the options are in docs/config.md, \"Options of an entry of `figures`\"",
    ),
    key(
        "exports",
        Kind::Choices(&EXPORTS),
        Behaviour("`figures.json` only"),
        "[bmf, csv]",
        "the formats of other tools that the `figures` are written in as well, beside `figures.json`: those of `collect export`",
    ),
    key(
        "metrics",
        Kind::Interval,
        Value("1s"),
        "5s",
        "the interval at which the load of the instance is sampled into `collector/metrics.csv`: CPU, memory, disks, network; `off` for never",
    ),
    key(
        "calibrate",
        Kind::Switch,
        Behaviour("`on`, and `off` in a rehearsal"),
        "off",
        "whether the speed of the instance (integers, memory, disk) and the evenness of its clock are measured before `setup` and after the last turn, two seconds each time, and entered in `host.json`: docs/metrics.md",
    ),
    key(
        "quiet",
        Kind::Boolean,
        Value("false"),
        "true",
        "quieten the instance before anything is measured, as far as that goes without a reboot: no turbo, SMT, deep C-states, timers or swap; `host.json` has what came of it: docs/metrics.md. A rehearsal leaves this machine as it is",
    ),
    key(
        "S3",
        Kind::Bucket,
        Behaviour("none"),
        "my-bucket/results",
        "a bucket of S3 that also gets the archive of each sample, and what its keys begin with: `bucket` or `bucket/prefix`; a rehearsal sends nothing there. docs/s3.md tells what it takes",
    ),
    key(
        "download",
        Kind::Boolean,
        Value("true"),
        "false",
        "with `S3`, `false` sends the results straight from the instance to the bucket, and downloads only the records and logs; `--no-download` does the same",
    ),
    key(
        "archive",
        Kind::Boolean,
        Value("true"),
        "false",
        "whether the results stay on this machine packed as well, as `<instance>.tar.gz` beside their directory; an artifact and a bucket get the archive in any case",
    ),
    planned("access", "the way to an instance without a public address"),
    planned("availability_zone", "the zone to launch in"),
    planned("cpu_options", "cores, and threads a core"),
    planned("host_key", "trust in an image without cloud-init"),
    planned("iam_instance_profile", "the role of the instance"),
    planned("jump", "a host to connect through"),
    planned("launch_template", "a launch template of EC2"),
    planned("max_cost", "the most that a run may cost"),
    planned("placement_group", "a placement group of EC2"),
    planned("root_volume", "size and type of the root volume"),
    planned("spot", "whether spot capacity is used"),
    planned("subnets", "several subnets, tried in turn"),
    planned("tags", "further tags of the instance"),
    planned("tenancy", "dedicated hardware"),
];
