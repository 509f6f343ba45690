//! The IAM policy allows what the provider calls, on what collector launched, and no more.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::documents::Document;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn aws() -> Document {
    Document::open("docs/aws.md")
}

/// The actions of every statement of the policy, with the statement that allows them.
fn policy() -> Vec<(String, Value)> {
    let text = fs::read_to_string(Path::new(ROOT).join("docs/iam-policy.json")).unwrap();
    let policy: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(policy["Version"], "2012-10-17");
    let mut actions = Vec::new();
    for statement in policy["Statement"].as_array().unwrap() {
        assert_eq!(statement["Effect"], "Allow");
        match &statement["Action"] {
            Value::Array(several) => {
                for action in several {
                    actions.push((action.as_str().unwrap().to_owned(), statement.clone()));
                }
            }
            one => actions.push((one.as_str().unwrap().to_owned(), statement.clone())),
        }
    }
    actions
}

#[test]
fn the_page_shows_the_policy_of_the_file_and_explains_each_action() {
    let section = aws().section("## IAM policy");
    let file = fs::read_to_string(Path::new(ROOT).join("docs/iam-policy.json")).unwrap();
    assert_eq!(section.blocks("json"), [file]);
    let explained: BTreeSet<String> = section.first_column().into_iter().collect();
    let allowed: BTreeSet<String> = policy().into_iter().map(|(action, _)| action).collect();
    assert_eq!(explained, allowed);
}

#[test]
fn the_policy_of_the_bucket_is_shown_and_explained_and_allows_nothing_but_to_write() {
    let section = Document::open("docs/s3.md").section("## IAM policy");
    let file = fs::read_to_string(Path::new(ROOT).join("docs/iam-policy-s3.json")).unwrap();
    assert_eq!(section.blocks("json"), std::slice::from_ref(&file));
    let policy: Value = serde_json::from_str(&file).unwrap();
    let statements = policy["Statement"].as_array().unwrap();
    let allowed: BTreeSet<String> = statements
        .iter()
        .flat_map(|statement| match &statement["Action"] {
            Value::Array(several) => several.clone(),
            one => vec![one.clone()],
        })
        .map(|action| action.as_str().unwrap().to_owned())
        .collect();
    // As S3's reference has it for HeadBucket, for every call of an upload but the last one, and for that.
    let needed = ["s3:AbortMultipartUpload", "s3:ListBucket", "s3:PutObject"];
    assert_eq!(allowed, needed.map(str::to_owned).into());
    let explained: BTreeSet<String> = section.first_column().into_iter().collect();
    assert_eq!(explained, allowed);
}

/// The SDK's operations that the provider calls, as IAM spells them.
fn called() -> BTreeSet<String> {
    const VERBS: [&str; 13] = [
        "allocate",
        "associate",
        "attach",
        "authorize",
        "create",
        "delete",
        "deregister",
        "describe",
        "modify",
        "request",
        "revoke",
        "run",
        "terminate",
    ];
    let provider = Path::new(ROOT).join("src/provider");
    let mut files = vec![provider.join("ec2.rs")];
    if let Ok(entries) = fs::read_dir(provider.join("ec2")) {
        let entries = entries.map(|entry| entry.unwrap().path());
        files.extend(entries.filter(|path| path.is_file()));
    }
    let mut called = BTreeSet::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for (start, _) in text.match_indices('.') {
            let rest = &text[start + 1..];
            let end = rest.find(|c: char| !c.is_ascii_lowercase() && c != '_');
            let name = &rest[..end.unwrap_or(rest.len())];
            let is_operation = name
                .split_once('_')
                .is_some_and(|(verb, _)| VERBS.contains(&verb))
                && rest[name.len()..].starts_with("()");
            if is_operation {
                let camel: String = name
                    .split('_')
                    .map(|word| word[..1].to_uppercase() + &word[1..])
                    .collect();
                called.insert(format!("ec2:{camel}"));
            }
        }
    }
    called
}

#[test]
fn the_policy_allows_what_is_called_and_no_more() {
    let allowed: BTreeSet<String> = policy().into_iter().map(|(action, _)| action).collect();
    let mut needed = called();
    assert!(needed.contains("ec2:RunInstances"), "{needed:?}");
    // Asked of whoever launches with tags, or from an image behind a parameter; no call of their own. The price list is asked
    // without its SDK.
    let others = ["ec2:CreateTags", "ssm:GetParameters", "pricing:GetProducts"];
    needed.extend(others.map(str::to_owned));
    assert_eq!(allowed, needed);
}

#[test]
fn the_policy_reaches_only_what_carries_the_tag() {
    for (action, statement) in policy() {
        let condition = &statement["Condition"];
        match action.as_str() {
            "ec2:TerminateInstances"
            | "ec2:AuthorizeSecurityGroupIngress"
            | "ec2:DeleteSecurityGroup"
            | "ec2:DeregisterImage"
            | "ec2:DeleteSnapshot" => assert_eq!(
                condition["Null"]["aws:ResourceTag/collector:lease"],
                "false"
            ),
            "ec2:CreateTags" => {
                assert_eq!(
                    condition["StringEquals"]["ec2:CreateAction"],
                    serde_json::json!(["RunInstances", "CreateSecurityGroup", "CreateImage"])
                );
            }
            "ec2:CreateImage" if statement["Sid"] == "BakeOwnOnly" => {
                let own = &condition["Null"]["aws:ResourceTag/collector:lease"];
                assert_eq!(own, "false");
            }
            "ec2:RunInstances" | "ec2:CreateSecurityGroup" | "ec2:CreateImage"
                if statement["Resource"] != "arn:aws:ec2:*:*:vpc/*"
                    && statement["Sid"] != "LaunchFrom" =>
            {
                assert_eq!(condition["Null"]["aws:RequestTag/collector:lease"], "false");
            }
            _ => assert!(condition.is_null(), "{action}"),
        }
    }
}
