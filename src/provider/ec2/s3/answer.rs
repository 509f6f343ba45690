//! The answers of S3, and the XML that it is sent.

use std::fmt::Write as _;

use aws_smithy_xml::decode::{Document, try_data};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderMap;
use sha2::{Digest as _, Sha256};

use crate::object_store::{StoreError, StoredPart};

/// The most of an answer that is not understood that is repeated, in characters.
const EXCERPT: usize = 200;

/// An answer, whatever it says.
pub(super) struct Answer {
    pub(super) status: u16,
    headers: HeaderMap,
    pub(super) body: String,
}

impl Answer {
    pub(super) async fn read(response: reqwest::Response) -> Result<Self, reqwest::Error> {
        Ok(Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.text().await?,
        })
    }

    pub(super) fn header(&self, name: &str) -> Option<String> {
        let value = self.headers.get(name)?.to_str().ok()?;
        Some(value.to_owned())
    }

    pub(super) const fn is_success(&self) -> bool {
        self.status >= 200 && self.status < 300
    }

    /// The code of an error; while an object is put together, S3 has said that all is well before it knows.
    fn code(&self) -> Option<String> {
        let is_error = !self.is_success() || root_of(&self.body).as_deref() == Some("Error");
        is_error.then(|| text_of(&self.body, "Code").unwrap_or_default())
    }

    /// Whether the same request may get another answer later.
    pub(super) fn is_transient(&self) -> bool {
        const CODES: [&str; 4] = [
            "InternalError",
            "RequestTimeout",
            "ServiceUnavailable",
            "SlowDown",
        ];
        let code = self.code();
        matches!(self.status, 408 | 429 | 500..)
            || code.is_some_and(|code| CODES.contains(&code.as_str()))
    }

    /// The answer, where it is not an error.
    pub(super) fn accepted(self, action: &'static str) -> Result<Self, StoreError> {
        let Some(code) = self.code() else {
            return Ok(self);
        };
        if code.is_empty() {
            return Err(self.not_understood(action));
        }
        let message = text_of(&self.body, "Message").unwrap_or_default();
        Err(from_code(action, &code, message))
    }

    pub(super) fn not_understood(&self, action: &'static str) -> StoreError {
        let excerpt: String = self.body.chars().take(EXCERPT).collect();
        StoreError::Unanswered {
            action,
            message: format!("status {} {excerpt:?}", self.status),
        }
    }
}

/// A refusal with its remedy.
pub(super) fn from_code(action: &'static str, code: &str, message: String) -> StoreError {
    let hint = match code {
        "NoSuchBucket" => "check `S3`, or make the bucket: `aws s3 mb s3://…`",
        "AccessDenied" | "AllAccessDisabled" => {
            "give these credentials the policy of docs/s3.md, section \"IAM policy\""
        }
        "ExpiredToken" => "the credentials have expired: log in again",
        "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "RequestTimeTooSkewed" => {
            "the credentials are not valid: check them, and this machine's clock"
        }
        "BadDigest" | "InvalidDigest" | "XAmzContentSHA256Mismatch" => {
            "what arrived is not what was sent: check the memory and the disk, and what stands in between"
        }
        "NoSuchUpload" => "somebody, or a lifecycle rule of the bucket, has given the upload up",
        _ => {
            return StoreError::Refused {
                action,
                code: code.to_owned(),
                message,
                hint: None,
            };
        }
    };
    StoreError::Refused {
        action,
        code: code.to_owned(),
        message,
        hint: Some(hint),
    }
}

/// The name of the outermost element.
fn root_of(xml: &str) -> Option<String> {
    let mut document = Document::new(xml);
    let root = document.root_element().ok()?;
    Some(root.start_el().local().to_owned())
}

/// The text of an element right below the outermost one.
pub(super) fn text_of(xml: &str, name: &str) -> Option<String> {
    let mut document = Document::new(xml);
    let mut root = document.root_element().ok()?;
    while let Some(mut tag) = root.next_tag() {
        if tag.start_el().local() == name {
            return try_data(&mut tag).ok().map(Into::into);
        }
    }
    None
}

/// The parts of an object, for S3 to put them together.
pub(super) fn list_of(parts: &[StoredPart]) -> String {
    let mut list = String::from("<CompleteMultipartUpload>");
    for StoredPart { part, tag } in parts {
        let tag = tag
            .trim_matches('"')
            .replace('&', "&amp;")
            .replace('<', "&lt;");
        // Writing to a text cannot fail.
        let _ = write!(
            list,
            "<Part><PartNumber>{}</PartNumber><ETag>\"{tag}\"</ETag><ChecksumSHA256>{}</ChecksumSHA256></Part>",
            part.number,
            STANDARD.encode(part.sha256)
        );
    }
    list.push_str("</CompleteMultipartUpload>");
    list
}

/// The checksum that S3 makes of those of all parts.
pub(super) fn checksum_of_checksums(parts: &[StoredPart]) -> String {
    let mut sum = Sha256::new();
    for stored in parts {
        sum.update(stored.part.sha256);
    }
    format!("{}-{}", STANDARD.encode(sum.finalize()), parts.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status,
            headers: HeaderMap::new(),
            body: body.into(),
        }
    }

    #[test]
    fn an_error_behind_a_success_is_an_error() {
        let late = answer(
            200,
            "<?xml version=\"1.0\"?>\n<Error><Code>InternalError</Code><Message>again</Message></Error>",
        );
        assert!(late.is_transient());
        assert!(late.accepted("x").is_err());
        let done = "<CompleteMultipartUploadResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Key>a</Key></CompleteMultipartUploadResult>";
        assert!(answer(200, done).accepted("x").is_ok());
        assert_eq!(text_of(done, "Key").as_deref(), Some("a"));
        assert_eq!(text_of(done, "ETag"), None);
    }

    #[test]
    fn a_refusal_is_told_in_the_words_of_s3() {
        let no = answer(
            403,
            "<Error><Code>AccessDenied</Code><Message>not &quot;you&quot;</Message></Error>",
        );
        assert!(!no.is_transient());
        let Err(error) = no.accepted("UploadPart") else {
            panic!("it was accepted")
        };
        assert_eq!(
            error.to_string(),
            "UploadPart was refused: not \"you\" (AccessDenied)"
        );
        assert!(error.hint().unwrap().contains("docs/s3.md"));
        assert!(answer(503, "").is_transient());
    }
}
