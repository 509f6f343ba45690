//! The settings of a run, each with its resolved value.

use serde_json::Value;

use super::{Setting, Surroundings};
use crate::config::{
    AddressKind, Bake, Baseline, Config, Ec2Spec, FigureFiles, Pattern, Percent, ProviderSpec,
    Repository, S3Destination, human_duration,
};
use crate::shard::Share;

pub(super) fn setting(key: &'static str, value: impl Into<Value>) -> Setting {
    Setting {
        key,
        value: value.into(),
        note: None,
    }
}

impl Setting {
    fn with_note(self, note: impl Into<String>) -> Self {
        Self {
            note: Some(note.into()),
            ..self
        }
    }
}

pub(super) fn settings(config: &Config, surroundings: &Surroundings) -> Vec<Setting> {
    // Spelt out, so that no setting is forgotten here.
    let Config {
        performance_results,
        output: _,
        provider,
        max_lifetime,
        samples: _,
        parallel,
        keep_on_failure,
        fail_fast,
        baseline,
        repeat: _,
        duet,
        confirm: _,
        precision,
        fail_on,
        repository,
        bake,
        upload,
        figures,
        exports,
        metrics,
        calibrate,
        quiet,
        s3,
        download,
        archive,
        phases: _,
    } = config;
    let patterns: Vec<&str> = performance_results.iter().map(Pattern::as_str).collect();
    let results = surroundings
        .output
        .join(surroundings.revision.directory())
        .join("<instance>");
    let share = surroundings.share;
    let at_once = parallel.map_or(share.count(), |parallel| parallel.get().min(share.count()));
    let limit = fail_on.map(|limit| format!("slower: {}", limit.slower));
    let mut settings = vec![
        setting("config", surroundings.config.to_string_lossy()),
        setting("performance_results", patterns),
        setting("output", results.to_string_lossy()),
    ];
    match provider {
        ProviderSpec::Local => settings.push(
            setting("provider", "local").with_note("the instance is a directory on this machine"),
        ),
        ProviderSpec::Ec2(spec) => {
            settings.push(setting("provider", "ec2"));
            settings.extend(ec2(spec, surroundings));
        }
    }
    settings.extend([
        samples_setting(share),
        setting("parallel", at_once),
        setting("fail_fast", *fail_fast),
        baseline_setting(baseline.as_ref(), config),
        Setting {
            note: config.too_few_turns(),
            ..setting("repeat", config.turns())
        },
        setting("duet", *duet),
        setting("confirm", config.has_stages() && precision.is_none()),
        precision_setting(*precision, config),
        Setting {
            note: config.idle_limit().map(String::from),
            ..setting("fail_on", limit)
        },
        repository_setting(repository.as_ref()),
        bake_setting(*bake, config),
        setting(
            "upload",
            upload
                .iter()
                .map(|line| line.text.as_str())
                .collect::<Vec<_>>(),
        ),
        figures_setting(figures),
        setting("metrics", metrics.to_string()),
        setting("calibrate", if *calibrate { "on" } else { "off" }),
        quiet_setting(*quiet, provider),
        setting(
            "exports",
            exports.iter().map(|one| one.name()).collect::<Vec<_>>(),
        ),
        s3_setting(s3.as_ref(), provider),
        setting("download", *download),
        setting("archive", *archive),
        setting(
            "keep_on_failure",
            keep_on_failure.map_or(Value::Null, |time| human_duration(time).into()),
        ),
        setting("max_lifetime", human_duration(*max_lifetime)).with_note(format!(
            "a sample takes at most {}",
            human_duration(config.max_duration())
        )),
    ]);
    settings
}

fn precision_setting(precision: Option<Percent>, config: &Config) -> Setting {
    let effect = config.describe_precision();
    Setting {
        note: effect.or_else(|| config.idle_precision().map(String::from)),
        ..setting("precision", precision.map(|width| width.to_string()))
    }
}

fn baseline_setting(baseline: Option<&Baseline>, config: &Config) -> Setting {
    Setting {
        note: config.uncompared_baseline().map(String::from),
        ..setting("baseline", baseline.map(ToString::to_string))
    }
}

fn samples_setting(share: Share) -> Setting {
    let samples = setting("samples", share.samples.get());
    if !share.shard.has_others() {
        return samples;
    }
    samples.with_note(format!(
        "shard {}: {} to {}",
        share.shard,
        share.first(),
        share.end() - 1
    ))
}

fn repository_setting(repository: Option<&Repository>) -> Setting {
    match repository {
        None => setting("repository", Value::Null)
            .with_note("the revision is not looked up; the scripts get it as it is"),
        Some(Repository::Url(url)) => setting("repository", url.as_str()),
        Some(Repository::Clone { path, send: false }) => setting("repository", path.as_str()),
        Some(Repository::Clone { path, send: true }) => setting("repository", path.as_str())
            .with_note("a checkout of the commit is sent to the instance"),
    }
}

fn figures_setting(figures: &[FigureFiles]) -> Setting {
    let files = figures.iter().map(|files| match files.options.format() {
        Some(format) => format!("{} ({format})", files.text),
        None => files.text.clone(),
    });
    setting("figures", files.collect::<Vec<_>>())
}

fn quiet_setting(quiet: bool, provider: &ProviderSpec) -> Setting {
    let setting = setting("quiet", quiet);
    match provider {
        ProviderSpec::Local if quiet => {
            setting.with_note("a rehearsal leaves this machine as it is")
        }
        _ => setting,
    }
}

fn bake_setting(bake: Option<Bake>, config: &Config) -> Setting {
    let word = match bake {
        None => return setting("bake", Value::Null),
        Some(Bake::Auto) => "auto",
        Some(Bake::Setup) => "setup",
    };
    let note = match &config.provider {
        ProviderSpec::Local => "a rehearsal has no images".to_owned(),
        ProviderSpec::Ec2(_) => {
            let phases = config.baked_phases();
            let phases: Vec<_> = phases.iter().map(|phase| phase.key()).collect();
            format!(
                "with an image that fits, which AWS looks up, {} is left out",
                phases.join(" and ")
            )
        }
    };
    setting("bake", word).with_note(note)
}

fn s3_setting(destination: Option<&S3Destination>, provider: &ProviderSpec) -> Setting {
    let Some(destination) = destination else {
        return setting("S3", Value::Null);
    };
    let setting = setting("S3", destination.to_string());
    match provider {
        ProviderSpec::Local => setting.with_note("a rehearsal sends nothing there"),
        ProviderSpec::Ec2(_) => setting.with_note("AWS looks the bucket up before the launch"),
    }
}

fn ec2(spec: &Ec2Spec, surroundings: &Surroundings) -> Vec<Setting> {
    let Ec2Spec {
        instance_type,
        image,
        user,
        security_group,
        ssh_from,
        keypair,
        ssh_port,
        address,
        region,
        subnet,
    } = spec;
    let networks: Vec<String> = ssh_from.iter().map(ToString::to_string).collect();
    let image = setting("ami", image.as_str());
    let image = if spec.image.starts_with("resolve:") {
        image.with_note("looked up before the launch")
    } else {
        image
    };
    let group = match security_group {
        None => setting("security_group", Value::Null)
            .with_note("a temporary one is made and deleted after the run"),
        Some(id) if id.starts_with("sg-") => setting("security_group", id.as_str()),
        Some(name) => setting("security_group", name.as_str())
            .with_note("AWS looks up its id; if there is none, a temporary one is made"),
    };
    let sources = if networks.is_empty() {
        setting("ssh_from", Value::Null).with_note(match security_group {
            Some(id) if id.starts_with("sg-") => "what the security group lets in",
            Some(_) => {
                "if a temporary group is made: this machine's public address, which is looked up"
            }
            None => "this machine's public address, which is looked up",
        })
    } else {
        setting("ssh_from", networks)
    };
    let keypair = match keypair {
        None => setting("keypair", Value::Null).with_note("none; keys are made for the run"),
        Some(name) => setting("keypair", name.as_str()).with_note("AWS looks it up"),
    };
    let region = match (region, &surroundings.region) {
        (Some(region), _) => setting("region", region.as_str()),
        (None, Some((region, variable))) => {
            setting("region", region.as_str()).with_note(format!("from {variable}"))
        }
        (None, None) => setting("region", Value::Null).with_note(
            "that of the AWS profile, which the run looks up; none is in the environment",
        ),
    };
    let subnet = match subnet {
        Some(subnet) => setting("subnet", subnet.as_str()),
        None => setting("subnet", Value::Null).with_note("EC2's choice"),
    };
    vec![
        setting("ec2_instance_size", instance_type.as_str()),
        image,
        region,
        subnet,
        setting("user", user.as_str()),
        group,
        sources,
        keypair,
        setting("ssh_port", *ssh_port),
        match address {
            AddressKind::Auto => setting("address", "auto").with_note("public, else private"),
            AddressKind::Public => setting("address", "public"),
            AddressKind::Private => setting("address", "private"),
        },
    ]
}
