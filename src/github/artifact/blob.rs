//! The storage behind the artifact service: blocks, sent side by side, then the list that makes a blob of them.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use tokio::sync::mpsc::channel;
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::ArtifactError;
use super::zip::StoredZip;
use crate::github::http::{self, retry};

/// The size of a block, in bytes, unless there would be too many.
const BLOCK_SIZE: u64 = 4 << 20;

/// The most blocks that a blob may have.
const MAX_BLOCKS: u64 = 50_000;

/// So many blocks are under way at once; with the two that are read ahead this bounds the memory.
const MAX_BLOCKS_AT_ONCE: usize = 4;

/// For one attempt to send one block: a slow line has 14 kB/s.
const BLOCK_TIMEOUT: Duration = Duration::from_mins(5);

/// For all attempts of one request.
const REQUEST_DEADLINE: Duration = Duration::from_mins(10);

/// The version of the storage's protocol.
const VERSION: &str = "2023-11-03";

const PUT_BLOCK: &str = "Put Block";
const PUT_BLOCK_LIST: &str = "Put Block List";

/// Sends the ZIP to the signed address, and returns its SHA-256. The address is the right to write: no token goes with it.
pub(super) async fn put(
    client: &reqwest::Client,
    url: &str,
    zip: &Arc<StoredZip>,
    deadline: Instant,
) -> Result<String, ArtifactError> {
    let size = BLOCK_SIZE.max(zip.size().div_ceil(MAX_BLOCKS));
    let nonce: u128 = rand::random();
    let ids = (0..zip.size().div_ceil(size)).map(|index| block_id(nonce, index));
    let ids: Vec<String> = ids.collect();
    let (read, mut blocks) = channel(1);
    let source = zip.clone();
    let reading = spawn_blocking(move || {
        source.read(size, |block| read.blocking_send(Bytes::from(block)).is_ok())
    });
    let blocks = stream::poll_fn(move |context| blocks.poll_recv(context));
    let sent = blocks.zip(stream::iter(&ids)).map(Ok);
    let sending = sent.try_for_each_concurrent(MAX_BLOCKS_AT_ONCE, async |(block, id)| {
        let target = format!("{url}&comp=block&blockid={id}");
        retry(deadline.min(Instant::now() + REQUEST_DEADLINE), || async {
            let request = client
                .put(&target)
                .timeout(BLOCK_TIMEOUT)
                .header("x-ms-version", VERSION)
                .header("content-type", "application/octet-stream")
                .body(block.clone());
            http::send(request).await.map(drop)
        })
        .await
    });
    sending.await.map_err(|source| ArtifactError::Service {
        call: PUT_BLOCK,
        source,
    })?;
    let read = reading.await.map_err(io::Error::other).flatten();
    let digest = read.map_err(|source| ArtifactError::Archive {
        path: zip.path().to_owned(),
        source,
    })?;

    let mut list = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>");
    for id in &ids {
        list.push_str("<Latest>");
        list.push_str(id);
        list.push_str("</Latest>");
    }
    list.push_str("</BlockList>");
    // The same list twice makes the same blob.
    retry(deadline.min(Instant::now() + REQUEST_DEADLINE), || async {
        let request = client
            .put(format!("{url}&comp=blocklist"))
            .header("x-ms-version", VERSION)
            .header("x-ms-blob-content-type", "application/zip")
            .header("content-type", "application/xml")
            .body(list.clone());
        http::send(request).await.map(drop)
    })
    .await
    .map_err(|source| ArtifactError::Service {
        call: PUT_BLOCK_LIST,
        source,
    })?;
    Ok(digest)
}

/// All ids have the same length, as the protocol wants it, and none has a character that an address would escape.
fn block_id(nonce: u128, index: u64) -> String {
    STANDARD.encode(format!("{nonce:032x}{index:016}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_ids_are_of_one_length_and_need_no_escapes() {
        for nonce in [0, u128::MAX, 0x0123_4567_89ab_cdef] {
            for index in [0, 9, 49_999] {
                let id = block_id(nonce, index);
                assert_eq!(id.len(), 64);
                assert!(id.chars().all(|c| c.is_ascii_alphanumeric()), "{id}");
            }
        }
    }
}
