//! The keys of `main`: one table for reading, hints, and the reference in the README.

/// A key of `main`.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// The key.
    pub name: &'static str,
    /// Its default, as the reference names it.
    pub default: &'static str,
    /// A value that a hint gives as an example.
    pub example: &'static str,
    /// Its meaning, in Markdown.
    pub meaning: &'static str,
}

const fn key(
    name: &'static str,
    default: &'static str,
    example: &'static str,
    meaning: &'static str,
) -> Key {
    Key {
        name,
        default,
        example,
        meaning,
    }
}

/// Every key that is read, in the order of the reference.
pub const KEYS: [Key; 17] = [
    key(
        "performance_results",
        "required",
        "/tmp/*.csv",
        "a glob or a list of globs on the instance: `*`, `?`, `[…]`, `**`, `{a,b}`; relative ones start in the login user's home; a directory stands for all files in it; one that matches nothing is a warning",
    ),
    key(
        "output",
        "required",
        "~/performance_info/",
        "where results go on this machine; `~` is your home; relative to where you call `collect`; created when it is missing",
    ),
    key(
        "ec2_instance_size",
        "required on EC2",
        "c7i.large",
        "the instance type",
    ),
    key(
        "ami",
        "required on EC2",
        "resolve:ssm:/aws/service/debian/release/13/latest/amd64",
        "`ami-…`, or `resolve:ssm:` and the name of a parameter, which EC2 resolves",
    ),
    key(
        "user",
        "`collector`",
        "ubuntu",
        "the login user; cloud-init creates it where the image has none",
    ),
    key(
        "security_group",
        "a temporary one",
        "sg-0abc…",
        "id (`sg-…`) or name, used as it is; a name is looked up in the VPC of the `subnet`, else in the default VPC. Without it, or with a name that does not exist (a warning), a temporary group lets in this machine's public address on `ssh_port` only, and is deleted after the run",
    ),
    key(
        "ssh_from",
        "this machine's public address",
        "203.0.113.7/32",
        "the networks that a temporary group lets in, such as `203.0.113.7/32`: one or a list",
    ),
    key(
        "keypair",
        "none",
        "collector",
        "an EC2 key pair whose owner can log in too; collector does not need it; if it does not exist, that is a warning",
    ),
    key(
        "ssh_port",
        "`22`",
        "22",
        "where the image's sshd listens; collector does not reconfigure sshd",
    ),
    key(
        "address",
        "`auto`",
        "auto",
        "the address to connect to: `public`, `private`, or `auto`: public where there is one, else private",
    ),
    key(
        "provider",
        "`ec2`",
        "ec2",
        "`ec2`, or `local` for this machine; `--local` does the same",
    ),
    key(
        "region",
        "from the environment",
        "eu-central-1",
        "the AWS region",
    ),
    key(
        "subnet",
        "EC2's choice",
        "subnet-0abc…",
        "the id of a subnet",
    ),
    key(
        "max_lifetime",
        "`6h`",
        "6h",
        "the instance ends itself after this, whatever it is doing; at least 10 s, at most 30 days. A step that still runs shortly before is ended, so that there is time to collect",
    ),
    key(
        "samples",
        "`1`",
        "5",
        "the number of instances to measure on, side by side, 256 at most; a rehearsal measures one after the other",
    ),
    key(
        "parallel",
        "all",
        "5",
        "the number of instances that there are at once",
    ),
    key(
        "fail_fast",
        "`false`",
        "true",
        "the first sample that fails ends the others",
    ),
];

/// Keys whose feature does not exist yet; they are refused by name.
pub const PLANNED: [&str; 22] = [
    "S3",
    "access",
    "availability_zone",
    "baseline",
    "cpu_options",
    "fail_on",
    "figures",
    "host_key",
    "iam_instance_profile",
    "jump",
    "launch_template",
    "max_cost",
    "metrics",
    "placement_group",
    "repeat",
    "repository",
    "root_volume",
    "spot",
    "subnets",
    "tags",
    "tenancy",
    "upload",
];

/// The example that hints give for a key.
pub(super) fn example(name: &str) -> &'static str {
    KEYS.iter()
        .find(|key| key.name == name)
        .map_or("…", |key| key.example)
}
