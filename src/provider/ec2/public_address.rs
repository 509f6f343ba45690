//! The public address of this machine, as others see it.

use std::env;
use std::net::IpAddr;
use std::time::Duration;

use futures_util::future::join_all;

use super::refusal::chain;
use crate::provider::ProviderError;

/// The services that answer with the address of whoever asks, as plain text; the last one answers over IPv6 only.
const SERVICES: [&str; 3] = [
    "https://checkip.amazonaws.com",
    "https://api.ipify.org",
    "https://api6.ipify.org",
];

/// The variable that names other services, separated by spaces.
const SERVICES_VARIABLE: &str = "COLLECTOR_PUBLIC_ADDRESS_URLS";

/// The deadline of a look-up.
const LOOK_UP_DEADLINE: Duration = Duration::from_secs(10);

/// The longest answer that is an address, in bytes.
const MAX_ANSWER: usize = 64;

/// Asks all services at once. An address that any of them has seen is one of this machine's. SSH takes no proxy, nor
/// does the question, unless it gets through no other way.
///
/// # Errors
/// When none of them answers with an address.
pub(super) async fn public_addresses() -> Result<Vec<IpAddr>, ProviderError> {
    let services = match env::var(SERVICES_VARIABLE) {
        Ok(urls) if !urls.trim().is_empty() => urls.split_whitespace().map(str::to_owned).collect(),
        _ => SERVICES.map(str::to_owned).to_vec(),
    };
    let failed = |reason: String| ProviderError::NoPublicAddress { reason };
    // Another part of the program may have chosen ring already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = || reqwest::Client::builder().timeout(LOOK_UP_DEADLINE);
    if let Ok(addresses) = ask_all(client().no_proxy(), &services).await {
        return Ok(addresses);
    }
    ask_all(client(), &services).await.map_err(failed)
}

async fn ask_all(
    client: reqwest::ClientBuilder,
    services: &[String],
) -> Result<Vec<IpAddr>, String> {
    let client = client.build().map_err(|error| chain(&error))?;
    let answers = join_all(services.iter().map(|url| ask(&client, url))).await;
    let mut addresses = Vec::new();
    let mut reason = "no service is named".to_owned();
    for answer in answers {
        match answer {
            Ok(address) if !addresses.contains(&address) => addresses.push(address),
            Ok(_) => {}
            Err(error) => reason = error,
        }
    }
    if addresses.is_empty() {
        return Err(reason);
    }
    Ok(addresses)
}

async fn ask(client: &reqwest::Client, url: &str) -> Result<IpAddr, String> {
    let answer = async {
        let response = client.get(url).send().await?.error_for_status()?;
        response.bytes().await
    };
    let answer = answer.await.map_err(|error| chain(&error))?;
    let text = String::from_utf8_lossy(answer.get(..answer.len().min(MAX_ANSWER)).unwrap_or(&[]));
    text.trim()
        .parse()
        .map_err(|_| format!("{url} does not answer with an address"))
}
