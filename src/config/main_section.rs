//! The section `main` of a config file.

use std::collections::BTreeMap;
use std::time::Duration;

use super::keys::MAIN_KEYS;
use super::node::Node;
use super::reader::Problems;
use super::section::Section;
use super::{AddressKind, Bake, Config, Ec2Spec, ProviderSpec, Upload, repository, s3};

/// The section, as far as it can be used.
#[derive(Debug)]
pub(super) struct Main {
    /// A config without steps, where no problem was found.
    pub(super) config: Option<Config>,
    pub(super) max_lifetime: Option<Duration>,
    pub(super) upload: Vec<Upload>,
    pub(super) has_figures: bool,
}

/// Reads the section; every problem in it is entered.
pub(super) fn read(node: &Node, local: bool, problems: &mut Problems<'_>) -> Option<Main> {
    let mut main = Section::open(node, "`main`", &MAIN_KEYS, problems)?;
    let provider = main.read("provider", Problems::text);
    let local = local || provider.as_deref() == Some("local");
    main.require_keys(local);
    let performance_results = main.read("performance_results", Problems::globs);
    let output = main.read("output", Problems::text);
    let ec2 = read_ec2(&mut main);
    let max_lifetime = main.read("max_lifetime", Problems::duration);
    let keep_on_failure = main.read("keep_on_failure", Problems::duration);
    let upload = main.read("upload", Problems::uploads).unwrap_or_default();
    let samples = main.read("samples", Problems::count);
    let parallel = main.read("parallel", Problems::count);
    let fail_fast = main.read("fail_fast", Problems::boolean);
    let baseline = main.read("baseline", Problems::baseline);
    let repeat = main.read("repeat", Problems::count);
    let duet = main.read("duet", Problems::boolean);
    let confirm = main.read("confirm", Problems::boolean);
    let precision = main.read("precision", Problems::precision);
    let fail_on = main.read("fail_on", Problems::fail_on);
    let repository = repository::read(&mut main);
    let bake = main
        .read("bake", Problems::text)
        .map(|word| match word.as_str() {
            "setup" => Bake::Setup,
            _ => Bake::Auto,
        });
    let (s3, download) = s3::read(&mut main);
    let archive = main.read("archive", Problems::boolean);
    let figures = main.read("figures", Problems::figures).unwrap_or_default();
    let exports = main.read("exports", Problems::exports).unwrap_or_default();
    if let Some(node) = main.node("exports")
        && figures.is_empty()
    {
        main.add_problem(
            node.at,
            "`exports` without `figures`: there is nothing to export",
            "name the files that hold the figures, for example `figures: bench.json`",
        );
    }
    let metrics = main.read("metrics", Problems::interval);
    let calibrate = main.read("calibrate", Problems::switch);
    let quiet = main.read("quiet", Problems::boolean);
    let has_figures = !figures.is_empty();
    let config = || {
        Some(Config {
            performance_results: performance_results?,
            output: output?,
            provider: if local {
                ProviderSpec::Local
            } else {
                ProviderSpec::Ec2(ec2?)
            },
            max_lifetime: max_lifetime?,
            bake,
            upload: upload.clone(),
            samples: samples?,
            parallel,
            keep_on_failure,
            fail_fast: fail_fast?,
            baseline,
            repeat,
            duet: duet?,
            confirm: confirm?,
            precision,
            fail_on,
            repository,
            figures,
            exports,
            metrics: metrics?,
            calibrate: calibrate.unwrap_or(!local),
            quiet: quiet?,
            s3,
            download,
            archive: archive?,
            phases: BTreeMap::new(),
        })
    };
    Some(Main {
        config: config(),
        max_lifetime,
        upload,
        has_figures,
    })
}

/// Reads what only EC2 needs.
fn read_ec2(main: &mut Section<'_, '_, '_>) -> Option<Ec2Spec> {
    let instance_type = main.read("ec2_instance_size", Problems::text);
    let image = main.read("ami", Problems::text);
    let user = main.read("user", Problems::text);
    let security_group = main.read("security_group", Problems::text);
    let ssh_from = main.read("ssh_from", Problems::networks);
    let keypair = main.read("keypair", Problems::text);
    let ssh_port = main.read("ssh_port", Problems::port);
    let address = main.read("address", Problems::text);
    let region = main.read("region", Problems::text);
    let subnet = main.read("subnet", Problems::text);
    Some(Ec2Spec {
        instance_type: instance_type?,
        image: image?,
        user: user?,
        security_group,
        ssh_from: ssh_from.unwrap_or_default(),
        keypair,
        ssh_port: ssh_port?,
        address: match address?.as_str() {
            "public" => AddressKind::Public,
            "private" => AddressKind::Private,
            _ => AddressKind::Auto,
        },
        region,
        subnet,
    })
}
