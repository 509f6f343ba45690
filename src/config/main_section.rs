//! The section `main` of a config file.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use ipnet::IpNet;

use super::keys::{KEYS, PLANNED, example};
use super::node::{At, Node};
use super::pattern::Pattern;
use super::reader::{Entries, Problems};
use super::{AddressKind, Config, Ec2Spec, MAX_LIFETIME, ProviderSpec};

/// A shorter life would end the instance before it has booted.
const MIN_LIFETIME: Duration = Duration::from_secs(10);

/// The login user unless the config names one; cloud-init makes it where the image has none.
const USER: &str = "collector";

/// The most samples that one process measures on.
const MAX_SAMPLES: u32 = 256;

/// A text and its position, where the key is given.
type Text = Option<(At, Option<String>)>;

fn given(text: Text) -> Option<String> {
    text.and_then(|(_, text)| text)
}

/// Reads the section; every problem in it is entered.
pub(super) fn read(node: &Node, local: bool, problems: &mut Problems) -> Option<Config> {
    let mut main = Entries::of(node, "`main`", problems)?;
    let provider = text(&mut main, "provider", problems);
    if let Some((at, Some(name))) = &provider
        && !["ec2", "local"].contains(&name.as_str())
    {
        problems.add(
            *at,
            format!("unknown provider `{name}`"),
            "`ec2` or `local`",
        );
    }
    let is_local = local || matches!(&provider, Some((_, Some(name))) if name == "local");
    let output = text(&mut main, "output", problems);
    if output.is_none() {
        missing(node, "output", problems);
    }
    let results = main.take("performance_results");
    if results.is_none() {
        missing(node, "performance_results", problems);
    }
    let performance_results = results.map(|node| read_patterns(node, problems));
    let ec2 = read_ec2(&mut main, node, is_local, problems);
    let samples = main
        .take("samples")
        .and_then(|node| problems.count(node, "samples", MAX_SAMPLES))
        .unwrap_or(NonZeroU32::MIN);
    let parallel = main
        .take("parallel")
        .and_then(|node| problems.count(node, "parallel", MAX_SAMPLES));
    let fail_fast = main
        .take("fail_fast")
        .and_then(|node| problems.boolean(node, "fail_fast"))
        .unwrap_or_default();
    let max_lifetime = main
        .take("max_lifetime")
        .map_or(Some(MAX_LIFETIME), |node| read_lifetime(node, problems));
    for key in PLANNED {
        if let Some(node) = main.take(key) {
            problems.add(
                node.at,
                format!("`main.{key}` is not supported by this version of collector"),
                "remove the key; it is refused rather than ignored so that no run differs from what the file says",
            );
        }
    }
    main.finish(&KEYS.map(|key| key.name), "`main`", problems);
    Some(Config {
        performance_results: performance_results?,
        output: given(output)?,
        provider: if is_local {
            ProviderSpec::Local
        } else {
            ProviderSpec::Ec2(ec2?)
        },
        max_lifetime: max_lifetime?,
        samples,
        parallel,
        fail_fast,
        phases: BTreeMap::new(),
    })
}

fn text(main: &mut Entries<'_>, key: &str, problems: &mut Problems) -> Text {
    main.take(key)
        .map(|node| (node.at, problems.text(node, key, example(key))))
}

fn missing(main: &Node, key: &str, problems: &mut Problems) {
    problems.add(
        main.at,
        format!("`main.{key}` is missing"),
        format!("add for example `{key}: {}`", example(key)),
    );
}

/// Reads what only EC2 needs; a rehearsal may leave all of it out.
fn read_ec2(
    main: &mut Entries<'_>,
    node: &Node,
    is_local: bool,
    problems: &mut Problems,
) -> Option<Ec2Spec> {
    let instance_type = text(main, "ec2_instance_size", problems);
    if !is_local && instance_type.is_none() {
        missing(node, "ec2_instance_size", problems);
    }
    let image = text(main, "ami", problems);
    if let Some((at, Some(image))) = &image {
        check_image(*at, image, problems);
    } else if !is_local && image.is_none() {
        missing(node, "ami", problems);
    }
    let user = text(main, "user", problems);
    if let Some((at, Some(user))) = &user
        && !is_user_name(user)
    {
        problems.add(
            *at,
            format!("{user:?} is not a user name"),
            "give the login user of the image, for example `ubuntu`",
        );
    }
    let security_group = text(main, "security_group", problems);
    let keypair = text(main, "keypair", problems);
    let region = text(main, "region", problems);
    let subnet = text(main, "subnet", problems);
    let address = text(main, "address", problems);
    let address = read_address(address.as_ref(), problems);
    let ssh_port = main
        .take("ssh_port")
        .map_or(Some(22), |node| problems.port(node, "ssh_port"));
    let ssh_from = main
        .take("ssh_from")
        .map(|node| read_networks(node, problems))
        .unwrap_or_default();
    Some(Ec2Spec {
        instance_type: given(instance_type)?,
        image: given(image)?,
        user: given(user).unwrap_or_else(|| USER.into()),
        security_group: given(security_group),
        ssh_from,
        keypair: given(keypair),
        ssh_port: ssh_port?,
        address,
        region: given(region),
        subnet: given(subnet),
    })
}

fn read_lifetime(node: &Node, problems: &mut Problems) -> Option<Duration> {
    let lifetime = problems.duration(node, "max_lifetime")?;
    if lifetime < MIN_LIFETIME {
        problems.add(
            node.at,
            "`max_lifetime` is shorter than 10 s",
            "an instance needs time to boot: give it minutes or hours",
        );
    }
    Some(lifetime)
}

fn read_address(address: Option<&(At, Option<String>)>, problems: &mut Problems) -> AddressKind {
    let Some((at, Some(word))) = address else {
        return AddressKind::Auto;
    };
    match word.as_str() {
        "public" => AddressKind::Public,
        "private" => AddressKind::Private,
        "auto" => AddressKind::Auto,
        other => {
            problems.add(
                *at,
                format!("unknown address `{other}`"),
                "`auto`, `public` or `private`",
            );
            AddressKind::Auto
        }
    }
}

/// Networks in CIDR notation; a lone address is a network of one.
fn read_networks(node: &Node, problems: &mut Problems) -> Vec<IpNet> {
    let mut networks = Vec::new();
    for (at, text) in problems.texts(node, "ssh_from", example("ssh_from")) {
        let network = text
            .parse::<IpNet>()
            .or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        match network {
            Ok(network) => networks.push(network),
            Err(_) => problems.add(
                at,
                format!("`{text}` is not a network"),
                "give an address or a network such as `203.0.113.7/32` or `2001:db8::/64`",
            ),
        }
    }
    networks
}

fn read_patterns(node: &Node, problems: &mut Problems) -> Vec<Pattern> {
    let mut patterns = Vec::new();
    for (at, text) in problems.texts(node, "performance_results", example("performance_results")) {
        match Pattern::parse(&text) {
            Ok(expanded) => patterns.extend(expanded),
            Err(why) => problems.add(
                at,
                format!("the pattern {why}"),
                "give a glob such as `/tmp/*.csv`",
            ),
        }
    }
    patterns
}

fn check_image(at: At, image: &str, problems: &mut Problems) {
    let id = image
        .strip_prefix("ami-")
        .is_some_and(|id| !id.is_empty() && id.chars().all(|c| c.is_ascii_hexdigit()));
    let parameter = image
        .strip_prefix("resolve:ssm:")
        .is_some_and(|name| !name.is_empty() && !name.contains(char::is_whitespace));
    if !id && !parameter {
        problems.add(
            at,
            format!("{image:?} is not an image"),
            "give `ami-` and hexadecimal digits, or `resolve:ssm:` and the name of a parameter",
        );
    }
}

/// What `useradd` takes.
fn is_user_name(name: &str) -> bool {
    name.len() <= 32
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
}
