//! Signed requests to those services of AWS whose SDK is left out.

use std::error::Error;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableRequest, SigningInstructions, SigningSettings};
use aws_sigv4::sign::v4;

/// The deadline of a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A client for such requests.
pub(super) fn client() -> Result<reqwest::Client, reqwest::Error> {
    // Another part of the program may have chosen ring already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .user_agent(concat!("collector/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        // A signature is good for one place only.
        .redirect(reqwest::redirect::Policy::none())
        .build()
}

/// The signature of a request: headers, or a part of its address, as the settings have it.
pub(super) fn sign(
    request: SignableRequest<'_>,
    credentials: &Credentials,
    region: &str,
    service: &str,
    settings: SigningSettings,
) -> Result<SigningInstructions, Box<dyn Error>> {
    let identity = credentials.clone().into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(SystemTime::now())
        .settings(settings)
        .build()?
        .into();
    let signed = aws_sigv4::http_request::sign(request, &params)?;
    Ok(signed.into_parts().0)
}
