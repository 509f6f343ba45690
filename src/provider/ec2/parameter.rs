//! A parameter of Systems Manager, which is asked for its value only where an image has to be named: EC2 resolves it in a
//! launch. SSM's own SDK would cost more than this one call.

use std::time::{Duration, SystemTime};

use aws_credential_types::provider::ProvideCredentials as _;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use serde_json::{Value, json};

use super::account::Account;
use super::refusal::{chain, from_code};
use crate::provider::ProviderError;

const ACTION: &str = "GetParameters";

/// The deadline of the request.
const TIMEOUT: Duration = Duration::from_secs(20);

const HEADERS: [(&str, &str); 2] = [
    ("content-type", "application/x-amz-json-1.1"),
    ("x-amz-target", "AmazonSSM.GetParameters"),
];

/// The value of a parameter.
pub(super) async fn value(account: &Account, name: &str) -> Result<String, ProviderError> {
    let region = &account.region;
    let suffix = if region.starts_with("cn-") {
        "amazonaws.com.cn"
    } else {
        "amazonaws.com"
    };
    let own = || format!("https://ssm.{region}.{suffix}");
    let url = account.endpoint.clone().unwrap_or_else(own);
    let url = format!("{}/", url.trim_end_matches('/'));
    let body = json!({ "Names": [name] }).to_string();
    let unreachable = |message: String| ProviderError::Unreachable {
        action: ACTION,
        message,
    };
    let failed = |error: &dyn std::error::Error| unreachable(chain(error));
    let credentials = account.credentials.provide_credentials().await;
    let credentials = credentials.map_err(|error| failed(&error))?;
    let identity = credentials.into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("ssm")
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| failed(&error))?
        .into();
    let content = SignableBody::Bytes(body.as_bytes());
    let signable = SignableRequest::new("POST", &url, HEADERS.into_iter(), content);
    let signed = signable.and_then(|signable| sign(signable, &params));
    let (instructions, _) = signed.map_err(|error| failed(&error))?.into_parts();
    let (signature, _) = instructions.into_parts();
    // Another part of the program may have chosen ring already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut sending = reqwest::Client::new().post(&url).timeout(TIMEOUT);
    for (name, value) in HEADERS {
        sending = sending.header(name, value);
    }
    for header in signature {
        sending = sending.header(header.name(), header.value());
    }
    let answer = async {
        let response = sending.body(body.clone()).send().await?;
        let status = response.status();
        Ok::<_, reqwest::Error>((status, response.bytes().await?))
    };
    let (status, answer) = answer.await.map_err(|error| failed(&error))?;
    let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
    let text = |pointer: &str| answer.pointer(pointer).and_then(Value::as_str);
    if status.is_success() {
        return text("/Parameters/0/Value")
            .map(str::to_owned)
            .ok_or_else(|| {
                let message = format!("there is no parameter `{name}` in {region}");
                from_code(ACTION, "InvalidParameterValue", &message)
            });
    }
    match text("/__type") {
        Some(code) if status.is_client_error() => {
            let code = code.rsplit('#').next().unwrap_or(code);
            let message = text("/message").or(text("/Message"));
            Err(from_code(
                ACTION,
                code,
                message.unwrap_or("no reason given"),
            ))
        }
        _ => Err(unreachable(format!("status {status}"))),
    }
}
