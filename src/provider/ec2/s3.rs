//! A bucket of S3 as a store of archives.
//!
//! Every request is signed in its address, those that are sent from this machine like those that others send: there is one
//! way to sign, and no credentials leave this process. S3's SDK would double the size of the program for six calls.

mod answer;

use std::env;
use std::fmt::{self, Write as _};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sigv4::http_request::{
    PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings,
    UriPathNormalizationMode,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use reqwest::{Method, Url};
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::account::Account;
use super::refusal::chain;
use super::signature::{client, sign};
use crate::backoff::Backoff;
use crate::config::S3Destination;
use crate::object_store::{ObjectStore, ObjectUpload, Part, SignedPut, StoreError, StoredPart};
use answer::{Answer, checksum_of_checksums, from_code, text_of};

/// The life of a signed address: as long as a part may take, with all that goes wrong.
const ADDRESS_LIFETIME: Duration = Duration::from_hours(1);

/// The deadlines of a look before anything is rented, of a request, and of one that carries a part.
const LOOK_UP_TIMEOUT: Duration = Duration::from_secs(5);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
const PART_TIMEOUT: Duration = Duration::from_mins(5);

/// The deadline for S3 to put the parts of an object together: it may take minutes.
const COMPLETE_TIMEOUT: Duration = Duration::from_mins(10);

/// The header that S3 holds the content of a part against.
const CHECKSUM: &str = "x-amz-checksum-sha256";

/// A variable of every AWS tool, for one service or for all.
const ENDPOINT_VARIABLE: &str = "AWS_ENDPOINT_URL_S3";

const HEAD_BUCKET: &str = "HeadBucket";
const CREATE: &str = "CreateMultipartUpload";
const UPLOAD_PART: &str = "UploadPart";
const COMPLETE: &str = "CompleteMultipartUpload";
const ABORT: &str = "AbortMultipartUpload";
const SIGN: &str = "signing a request to S3";

/// A bucket, and where in it.
pub struct Bucket {
    destination: S3Destination,
    credentials: SharedCredentialsProvider,
    /// The address in the place of AWS's own.
    endpoint: Option<String>,
    /// The account's region, where the bucket is looked for first.
    home: String,
    /// The bucket's region, once it was looked up.
    region: OnceCell<String>,
    client: reqwest::Client,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bucket")
            .field("destination", &self.destination)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

/// A request before it is signed.
struct Request<'a> {
    action: &'static str,
    method: Method,
    key: &'a str,
    query: &'a [(&'a str, &'a str)],
    headers: &'a [(&'a str, &'a str)],
    body: Bytes,
    timeout: Duration,
}

impl<'a> Request<'a> {
    const fn new(action: &'static str, method: Method, key: &'a str) -> Self {
        Self {
            action,
            method,
            key,
            query: &[],
            headers: &[],
            body: Bytes::new(),
            timeout: REQUEST_TIMEOUT,
        }
    }
}

impl Bucket {
    /// The bucket with the account's credentials; nothing is asked yet.
    ///
    /// # Errors
    /// When this machine has no certificates to trust.
    pub(super) fn new(account: &Account, destination: S3Destination) -> Result<Self, StoreError> {
        let client = client().map_err(|error| unanswered(HEAD_BUCKET, error))?;
        let endpoint = env::var(ENDPOINT_VARIABLE).ok();
        Ok(Self {
            destination,
            credentials: account.credentials.clone(),
            endpoint: endpoint
                .filter(|endpoint| !endpoint.is_empty())
                .or_else(|| account.endpoint.clone()),
            home: account.region.clone(),
            region: OnceCell::new(),
            client,
        })
    }

    /// Looks the bucket up, once: that it is there, that these credentials may see it, and its region.
    pub(super) async fn look_up(&self) -> Result<(), StoreError> {
        self.region
            .get_or_try_init(|| async {
                let (region, answer) = self.head(&self.home).await?;
                match region {
                    Some(region) if region != self.home => {
                        let (_, answer) = self.head(&region).await?;
                        self.judge(&answer)?;
                        Ok(region)
                    }
                    _ => {
                        self.judge(&answer)?;
                        Ok(self.home.clone())
                    }
                }
            })
            .await
            .map(drop)
    }

    /// The answer to the question for the bucket in a region, and the region that the answer names.
    async fn head(&self, region: &str) -> Result<(Option<String>, Answer), StoreError> {
        let request = Request {
            timeout: LOOK_UP_TIMEOUT,
            ..Request::new(HEAD_BUCKET, Method::HEAD, "")
        };
        let answer = self.ask(&request, region).await?;
        Ok((answer.header("x-amz-bucket-region"), answer))
    }

    fn judge(&self, answer: &Answer) -> Result<(), StoreError> {
        if answer.is_success() {
            return Ok(());
        }
        // The answer to a HEAD has no words.
        let bucket = &self.destination.bucket;
        let (code, message) = match answer.status {
            404 => ("NoSuchBucket", format!("there is no bucket `{bucket}`")),
            403 => (
                "AccessDenied",
                format!("these credentials may not see the bucket `{bucket}`"),
            ),
            status => {
                return Err(StoreError::Unanswered {
                    action: HEAD_BUCKET,
                    message: format!("status {status} for the bucket `{bucket}`"),
                });
            }
        };
        Err(from_code(HEAD_BUCKET, code, message))
    }

    /// The address of an object, or of the bucket for an empty key.
    fn url(&self, region: &str, key: &str) -> Result<Url, StoreError> {
        let bucket = &self.destination.bucket;
        let suffix = if region.starts_with("cn-") {
            "amazonaws.com.cn"
        } else {
            "amazonaws.com"
        };
        let (base, in_path) = match &self.endpoint {
            Some(endpoint) => (endpoint.clone(), true),
            // No certificate fits a bucket with a dot in its name.
            None if bucket.contains('.') => (format!("https://s3.{region}.{suffix}"), true),
            None => (format!("https://{bucket}.s3.{region}.{suffix}"), false),
        };
        let wrong = |error: String| StoreError::Unanswered {
            action: SIGN,
            message: format!("{base}: {error}"),
        };
        let mut url: Url = base.parse().map_err(|error| wrong(format!("{error}")))?;
        let mut path = url.path().trim_end_matches('/').to_owned();
        if in_path {
            path = format!("{path}/{bucket}");
        }
        url.set_path(&format!("{path}/{}", escaped(key)));
        Ok(url)
    }

    async fn credentials(&self) -> Result<Credentials, StoreError> {
        let credentials = self.credentials.provide_credentials().await;
        credentials.map_err(|error| StoreError::Unanswered {
            action: SIGN,
            message: format!("no usable AWS credentials: {}", chain(&error)),
        })
    }

    /// The address with a signature over it, the method and the headers.
    fn signed(
        &self,
        request: &Request<'_>,
        region: &str,
        credentials: &Credentials,
    ) -> Result<Url, StoreError> {
        let mut url = self.url(region, request.key)?;
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(request.query);
        }
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(ADDRESS_LIFETIME);
        let failed = |error: &dyn std::error::Error| StoreError::Unanswered {
            action: SIGN,
            message: chain(error),
        };
        let headers = request.headers.iter().copied();
        let signable = SignableRequest::new(
            request.method.as_str(),
            url.as_str(),
            headers,
            SignableBody::UnsignedPayload,
        );
        let signed = sign(
            signable.map_err(|error| failed(&error))?,
            credentials,
            region,
            "s3",
            settings,
        );
        let (_, query) = signed.map_err(|error| failed(&*error))?.into_parts();
        url.query_pairs_mut().extend_pairs(query);
        Ok(url)
    }

    /// Sends a request, and again what may do better a little later, for twice the deadline of one attempt.
    async fn ask(&self, request: &Request<'_>, region: &str) -> Result<Answer, StoreError> {
        let mut backoff = Backoff::until(Instant::now() + 2 * request.timeout);
        loop {
            let answered = self.ask_once(request, region).await;
            let may_do_better = match &answered {
                Ok(answer) => answer.is_transient(),
                Err(error) => matches!(error, StoreError::Unanswered { .. }),
            };
            if !may_do_better || !backoff.wait().await {
                return answered;
            }
        }
    }

    async fn ask_once(&self, request: &Request<'_>, region: &str) -> Result<Answer, StoreError> {
        let url = self.signed(request, region, &self.credentials().await?)?;
        let mut sending = self
            .client
            .request(request.method.clone(), url)
            .timeout(request.timeout)
            .body(request.body.clone());
        for (name, value) in request.headers {
            sending = sending.header(*name, *value);
        }
        let response = sending
            .send()
            .await
            .map_err(|error| unanswered(request.action, error))?;
        let answer = Answer::read(response)
            .await
            .map_err(|error| unanswered(request.action, error))?;
        tracing::debug!(
            action = request.action,
            status = answer.status,
            "S3 answered"
        );
        Ok(answer)
    }

    /// Sends a request until it is carried out or refused.
    async fn call(&self, request: Request<'_>) -> Result<Answer, StoreError> {
        let region = self.region.get().unwrap_or(&self.home);
        self.ask(&request, region).await?.accepted(request.action)
    }
}

/// A key as S3 has it in mind when it checks a signature: what else is allowed in an address is escaped, too.
fn escaped(key: &str) -> String {
    let mut path = String::new();
    for byte in key.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            path.push(char::from(byte));
        } else {
            // Writing to a text cannot fail.
            let _ = write!(path, "%{byte:02X}");
        }
    }
    path
}

fn unanswered(action: &'static str, error: reqwest::Error) -> StoreError {
    StoreError::Unanswered {
        action,
        // Its address bears a signature.
        message: chain(&error.without_url()),
    }
}

impl ObjectStore for Bucket {
    fn address(&self, name: &str) -> String {
        let key = self.destination.key(name);
        format!("s3://{}/{key}", self.destination.bucket)
    }

    async fn begin(&self, name: &str) -> Result<ObjectUpload, StoreError> {
        let key = self.destination.key(name);
        let answer = self
            .call(Request {
                query: &[("uploads", "")],
                headers: &[
                    ("content-type", "application/gzip"),
                    ("x-amz-checksum-algorithm", "SHA256"),
                ],
                ..Request::new(CREATE, Method::POST, &key)
            })
            .await?;
        let id = text_of(&answer.body, "UploadId").ok_or_else(|| answer.not_understood(CREATE))?;
        Ok(ObjectUpload { key, id })
    }

    async fn sign(
        &self,
        upload: &ObjectUpload,
        parts: &[Part],
    ) -> Result<Vec<SignedPut>, StoreError> {
        let credentials = self.credentials().await?;
        let region = self.region.get().unwrap_or(&self.home);
        let sign = |part: &Part| {
            let checksum = STANDARD.encode(part.sha256);
            let request = Request {
                query: &[
                    ("partNumber", &part.number.to_string()),
                    ("uploadId", &upload.id),
                ],
                headers: &[(CHECKSUM, &checksum)],
                ..Request::new(UPLOAD_PART, Method::PUT, &upload.key)
            };
            Ok(SignedPut {
                url: self.signed(&request, region, &credentials)?.into(),
                header: format!("{CHECKSUM}: {checksum}"),
            })
        };
        parts.iter().map(sign).collect()
    }

    async fn put(
        &self,
        upload: &ObjectUpload,
        part: Part,
        bytes: Vec<u8>,
    ) -> Result<StoredPart, StoreError> {
        let answer = self
            .call(Request {
                query: &[
                    ("partNumber", &part.number.to_string()),
                    ("uploadId", &upload.id),
                ],
                headers: &[(CHECKSUM, &STANDARD.encode(part.sha256))],
                body: bytes.into(),
                timeout: PART_TIMEOUT,
                ..Request::new(UPLOAD_PART, Method::PUT, &upload.key)
            })
            .await?;
        let tag = answer
            .header("etag")
            .ok_or_else(|| answer.not_understood(UPLOAD_PART))?;
        Ok(StoredPart { part, tag })
    }

    async fn complete(
        &self,
        upload: &ObjectUpload,
        parts: &[StoredPart],
    ) -> Result<(), StoreError> {
        let answer = self
            .call(Request {
                query: &[("uploadId", &upload.id)],
                headers: &[("content-type", "application/xml")],
                body: answer::list_of(parts).into(),
                timeout: COMPLETE_TIMEOUT,
                ..Request::new(COMPLETE, Method::POST, &upload.key)
            })
            .await?;
        let sent = checksum_of_checksums(parts);
        match text_of(&answer.body, "ChecksumSHA256") {
            Some(stored) if stored != sent => Err(StoreError::Differs {
                key: upload.key.clone(),
                stored,
                sent,
            }),
            // Services that speak S3's language may not tell; they have held each part against its checksum.
            _ => Ok(()),
        }
    }

    async fn abort(&self, upload: &ObjectUpload) -> Result<(), StoreError> {
        self.call(Request {
            query: &[("uploadId", &upload.id)],
            ..Request::new(ABORT, Method::DELETE, &upload.key)
        })
        .await
        .map(drop)
    }
}
