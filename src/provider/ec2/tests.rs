use super::*;

use crate::instance::{LeaseToken, RunId};

#[test]
fn every_kind_of_resource_carries_every_tag() {
    let request = LaunchRequest {
        lease: LeaseToken::new("run-1"),
        run: RunId::new("run"),
        revision: "feature/x".parse().unwrap(),
        max_lifetime: Duration::from_hours(1),
        expires_at: "2026-11-22T12:00:00.5Z".parse().unwrap(),
        count: std::num::NonZeroU32::MIN,
        image: None,
    };
    let specifications = tags(
        &request,
        [ResourceType::Instance, ResourceType::SecurityGroup],
    );
    assert_eq!(specifications.len(), 2);
    for specification in specifications {
        let pairs: Vec<_> = specification
            .tags()
            .iter()
            .map(|tag| (tag.key().unwrap(), tag.value().unwrap()))
            .collect();
        assert_eq!(
            pairs,
            [
                ("Name", "collector"),
                ("collector:lease", "run-1"),
                ("collector:run", "run"),
                ("collector:revision", "feature/x"),
                ("collector:expires-at", "2026-11-22T12:00:00Z"),
            ]
        );
    }
}

#[test]
fn private_keys_are_in_no_debug_output() {
    let keys = Keys::generate().unwrap();
    let private = keys.host_private().unwrap();
    let first_boot = FirstBoot {
        user: "ubuntu",
        client_public: &keys.client_public().unwrap(),
        host_private: &private,
        host_public: &keys.host_public().unwrap(),
        max_lifetime: Duration::from_hours(6),
    };
    let secret = private.lines().nth(2).unwrap();
    for shown in [format!("{first_boot:?}"), format!("{keys:?}")] {
        assert!(
            !shown.contains("PRIVATE KEY") && !shown.contains(secret),
            "{shown}"
        );
    }
}

#[test]
fn user_data_is_cloud_config_within_the_limit_of_ec2() {
    let keys = Keys::generate().unwrap();
    let text = FirstBoot {
        user: "ubuntu",
        client_public: &keys.client_public().unwrap(),
        host_private: &keys.host_private().unwrap(),
        host_public: &keys.host_public().unwrap(),
        max_lifetime: Duration::from_hours(6),
    }
    .cloud_config();
    assert!(text.starts_with("#cloud-config\n") && text.len() < 16 * 1024);
    let config: serde_json::Value =
        serde_json::from_str(text.strip_prefix("#cloud-config\n").unwrap()).unwrap();
    assert_eq!(config["users"][1]["name"], "ubuntu");
    assert!(
        config["bootcmd"][0][2]
            .as_str()
            .unwrap()
            .contains("--on-active=21600 systemctl poweroff")
    );
}
