//! Facts about hosts side by side, and the files of a sample.

use serde::Serialize;
use serde_json::Value;

use super::SampleResults;
use crate::comparison::hosts::differing;
use crate::records::FileState;
use crate::report::human_bytes;

/// The start of the names of boot times.
const BOOT: &str = "boot: ";

/// The facts of the rental that the report of the sample has, too.
const OF_REPORT: [&str; 3] = ["instance_type", "image", "zone"];

/// What a device is called, and the ids that no other has.
const IDENTIFIERS: [&str; 3] = ["name", "id", "volume"];

/// So many files of a sample are listed.
const MOST_FILES: usize = 2000;

/// A fact on each host.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Fact {
    pub(super) name: String,
    /// Its value on each sample's host; none where it is not known.
    pub(super) values: Vec<Option<String>>,
    /// Whether it is one that measurements depend on, and not the same on all.
    pub(super) differs: bool,
}

/// A file that came home, or did not.
#[derive(Debug, Serialize)]
pub(super) struct CollectedFile {
    path: String,
    size: u64,
    state: FileState,
    sha256: Option<String>,
}

/// The files of a sample, and how many more there are.
pub(super) fn files(sample: &SampleResults) -> (Vec<CollectedFile>, usize) {
    let files = sample
        .manifest
        .as_ref()
        .map_or(&[][..], |manifest| &manifest.files);
    let listed = files.iter().take(MOST_FILES).map(|file| CollectedFile {
        path: file.path.to_string(),
        size: file.size,
        state: file.state,
        sha256: file.sha256.map(|sum| sum.to_string()),
    });
    (listed.collect(), files.len().saturating_sub(MOST_FILES))
}

/// What the comparison finds to differ, in its words, and every fact of every host in the order in which they are first told.
pub(super) fn facts(samples: &[&SampleResults]) -> Vec<Fact> {
    let hosts: Vec<_> = samples.iter().map(|sample| sample.host()).collect();
    let differing = differing(&hosts).into_iter();
    let differing = differing.map(|(name, values)| Fact {
        name,
        values,
        differs: true,
    });
    let mut facts: Vec<Fact> = Vec::new();
    for (place, sample) in samples.iter().enumerate() {
        for (name, value) in of_host(sample) {
            let at = facts
                .iter()
                .position(|fact| fact.name == name)
                .unwrap_or(facts.len());
            if at == facts.len() {
                facts.push(Fact {
                    name,
                    values: vec![None; samples.len()],
                    differs: false,
                });
            }
            if let Some(cell) = facts
                .get_mut(at)
                .and_then(|fact| fact.values.get_mut(place))
            {
                *cell = Some(value);
            }
        }
    }
    let differing: Vec<Fact> = differing.collect();
    facts.retain(|fact| differing.iter().all(|other| other.name != fact.name));
    differing.into_iter().chain(facts).collect()
}

fn of_host(sample: &SampleResults) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    let mut add = |name: &str, value: Option<&str>| {
        facts.extend(value.map(|value| (name.to_owned(), value.to_owned())));
    };
    if let Some(instance) = &sample.report.instance {
        add("instance", Some(instance.id.as_str()));
        add("instance type", instance.instance_type.as_deref());
        add("zone", instance.zone.as_deref());
        add("image", instance.image.as_deref());
        add("address", Some(&instance.address));
    }
    if let Some(Value::Object(of_host)) = sample
        .facts
        .as_ref()
        .and_then(|facts| serde_json::to_value(facts).ok())
    {
        for (name, value) in &of_host {
            match name.as_str() {
                "format" | "boot" => {}
                "ec2" => {
                    let of_rental = value.as_object().into_iter().flatten();
                    for (name, value) in
                        of_rental.filter(|(name, _)| !OF_REPORT.contains(&name.as_str()))
                    {
                        flatten(&name.replace('_', " "), value, &mut facts);
                    }
                }
                name => flatten(&name.replace('_', " "), value, &mut facts),
            }
        }
    }
    let boot = sample
        .facts
        .as_ref()
        .map(|facts| facts.boot.since_request());
    let boot = boot.into_iter().flatten();
    facts.extend(boot.map(|(name, since)| (format!("{BOOT}{name}"), format!("{since:.1} s"))));
    facts
}

/// A value as lines of a table: a line for each that is in it.
fn flatten(name: &str, value: &Value, facts: &mut Vec<(String, String)>) {
    match value {
        Value::Null => {}
        Value::Object(inner) => {
            for (key, value) in inner {
                flatten(&format!("{name}: {}", key.replace('_', " ")), value, facts);
            }
        }
        Value::Array(items) if items.iter().all(Value::is_object) => {
            for item in items.iter().filter_map(Value::as_object) {
                let of_item = item.get("name").map(plain).unwrap_or_default();
                let mut parts = Vec::new();
                let known = item
                    .iter()
                    .filter(|(key, _)| !IDENTIFIERS.contains(&key.as_str()));
                for (key, value) in known {
                    flatten(&key.replace('_', " "), value, &mut parts);
                }
                let parts = parts
                    .into_iter()
                    .map(|(key, value)| format!("{key} {value}"));
                let parts: Vec<String> = parts.collect();
                facts.push((format!("{name}: {of_item}"), parts.join(", ")));
            }
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(plain).collect();
            facts.push((name.to_owned(), items.join(", ")));
        }
        value => match (name.strip_suffix(" bytes"), value.as_u64()) {
            (Some(name), Some(bytes)) => {
                facts.push((name.to_owned(), human_bytes(bytes)));
            }
            _ => facts.push((name.to_owned(), plain(value))),
        },
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn devices_that_are_alike_differ_in_no_id() {
        let lines = |volume: &str| {
            let mut lines = Vec::new();
            let volumes = json!([{"name": "/dev/sda1", "id": volume, "type": "gp3", "iops": 3000}]);
            flatten("volumes", &volumes, &mut lines);
            let disks = json!([{"name": "nvme0n1", "volume": volume, "scheduler": "none"}]);
            flatten("disks", &disks, &mut lines);
            lines
        };
        let told = lines("vol-1");
        assert_eq!(told, lines("vol-2"));
        let [(name, volume), (_, disk)] = told.as_slice() else {
            panic!("{told:?}")
        };
        assert_eq!(name, "volumes: /dev/sda1");
        assert!(volume.contains("iops 3000") && volume.contains("type gp3"));
        assert_eq!(disk, "scheduler none");
    }
}
