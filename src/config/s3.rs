//! The bucket that also gets the archives.

use std::fmt;
use std::str::FromStr;

use super::Config;
use super::keys::Key;
use super::node::Node;
use super::reader::Problems;
use super::section::Section;

/// The longest prefix, in bytes: a key has at most 1024, and the revision and the instance come behind it.
const MAX_PREFIX: usize = 512;

/// A bucket of S3, and where in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Destination {
    /// The bucket's name.
    pub bucket: String,
    /// The prefix of the keys, without the slash at its end; empty for none.
    pub prefix: String,
}

/// Why a text names no bucket, with the remedy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum S3DestinationError {
    /// It is a URL.
    #[error("is a URL")]
    Url,
    /// It is the name of a resource in AWS's long form.
    #[error("is an ARN")]
    Arn,
    /// S3 takes no such name for a bucket.
    #[error("does not begin with the name of a bucket")]
    Bucket,
    /// Keys cannot begin so.
    #[error("has a prefix that no key can begin with")]
    Prefix,
}

impl S3DestinationError {
    /// The remedy.
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Url => {
                "write the bucket without `s3://` or a host, for example `my-bucket/results`"
            }
            Self::Arn => "give the bucket's name, which stands behind the last `:` of its ARN",
            Self::Bucket => {
                "a bucket's name has 3 to 63 lowercase letters, digits, `-` and `.`, with a letter or a digit at both ends"
            }
            Self::Prefix => {
                "a prefix is like `results/nightly`: no `.`, `..` or nothing between two slashes, no control characters, at most 512 bytes"
            }
        }
    }
}

impl S3Destination {
    /// The key of an object below the prefix.
    pub fn key(&self, name: &str) -> String {
        match self.prefix.as_str() {
            "" => name.to_owned(),
            prefix => format!("{prefix}/{name}"),
        }
    }
}

impl FromStr for S3Destination {
    type Err = S3DestinationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.contains("://") {
            return Err(S3DestinationError::Url);
        }
        if text.starts_with("arn:") {
            return Err(S3DestinationError::Arn);
        }
        let (bucket, prefix) = text.split_once('/').unwrap_or((text, ""));
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        if !is_bucket(bucket) {
            return Err(S3DestinationError::Bucket);
        }
        // A client that tidies up a path would write elsewhere.
        let tidy =
            |part: &str| !matches!(part, "" | "." | "..") && !part.contains(char::is_control);
        if !prefix.is_empty() && (prefix.len() > MAX_PREFIX || !prefix.split('/').all(tidy)) {
            return Err(S3DestinationError::Prefix);
        }
        Ok(Self {
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
        })
    }
}

impl fmt::Display for S3Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.bucket)?;
        match self.prefix.as_str() {
            "" => Ok(()),
            prefix => write!(f, "/{prefix}"),
        }
    }
}

/// Whether S3 takes it as the name of a bucket: an address of four numbers is none.
fn is_bucket(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let at_end = |c: char| inner(c) && c.is_ascii_alphanumeric();
    (3..=63).contains(&name.len())
        && name.chars().all(inner)
        && name.starts_with(at_end)
        && name.ends_with(at_end)
        && !name.contains("..")
        && name.parse::<std::net::Ipv4Addr>().is_err()
}

impl Problems<'_> {
    /// A bucket, and where in it.
    fn s3(&mut self, key: &Key, node: &Node) -> Option<S3Destination> {
        let text = self.text(key, node)?;
        let parsed = text.parse().map_err(|error: S3DestinationError| {
            self.add(node.at, format!("`{}` {error}", key.name), error.hint());
        });
        parsed.ok()
    }
}

/// Why results cannot go to the bucket only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DownloadError {
    /// They would be nowhere.
    #[error("`download: false` without `S3`")]
    Nowhere,
    /// Nothing could be read from them.
    #[error("`download: false` leaves no files for `figures`")]
    Figures,
}

impl DownloadError {
    /// What the user can do about it.
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Nowhere => {
                "add `S3: my-bucket/results`, or let the results be downloaded: else they would be nowhere"
            }
            Self::Figures => {
                "leave out `figures`, or let the results be downloaded: figures, and so every comparison, are read from local files"
            }
        }
    }
}

impl Config {
    /// Expects that results which are not downloaded are stored, and that nothing is read from them.
    ///
    /// # Errors
    /// When they could not be used.
    pub fn check_download(&self) -> Result<(), DownloadError> {
        match (self.download, &self.s3) {
            (false, None) => Err(DownloadError::Nowhere),
            (false, Some(_)) if !self.figures.is_empty() => Err(DownloadError::Figures),
            _ => Ok(()),
        }
    }
}

/// Reads `S3` and `download`; what is wrong with them is entered.
pub(super) fn read(main: &mut Section<'_, '_, '_>) -> (Option<S3Destination>, bool) {
    let destination = main.read("S3", Problems::s3);
    let download = main.read("download", Problems::boolean).unwrap_or(true);
    if let (Some(at), false) = (main.node("download").map(|node| node.at), download) {
        let unusable = [
            ("S3", false, DownloadError::Nowhere),
            ("figures", true, DownloadError::Figures),
        ];
        for (key, is_there, error) in unusable {
            if main.node(key).is_some() == is_there {
                main.add_problem(at, error.to_string(), error.hint());
            }
        }
    }
    (destination, download)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_may_have_a_prefix() {
        for (text, key) in [
            ("my-bucket", "v1/i-1.tar.gz"),
            ("my.bucket/", "v1/i-1.tar.gz"),
            ("my-bucket/a b/c/", "a b/c/v1/i-1.tar.gz"),
        ] {
            let destination: S3Destination = text.parse().unwrap();
            assert_eq!(destination.key("v1/i-1.tar.gz"), key);
            assert_eq!(destination.to_string(), text.trim_end_matches('/'));
        }
    }

    #[test]
    fn what_s3_would_refuse_is_refused_before() {
        use S3DestinationError::{Arn, Bucket, Prefix, Url};
        for (text, error) in [
            ("s3://my-bucket/results", Url),
            ("https://my-bucket.s3.amazonaws.com", Url),
            ("arn:aws:s3:::my-bucket", Arn),
            ("My-Bucket", Bucket),
            ("my_bucket", Bucket),
            ("ab", Bucket),
            ("-my-bucket", Bucket),
            ("my..bucket", Bucket),
            ("192.168.0.1", Bucket),
            ("/results", Bucket),
            ("my-bucket//results", Prefix),
            ("my-bucket/../results", Prefix),
            ("my-bucket/re\u{7}sults", Prefix),
        ] {
            assert_eq!(text.parse::<S3Destination>(), Err(error), "{text}");
        }
        let long = format!("my-bucket/{}", "p".repeat(MAX_PREFIX + 1));
        assert_eq!(long.parse::<S3Destination>(), Err(Prefix));
    }
}
