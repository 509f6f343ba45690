//! Archives that no tar would make.

use std::io::Write as _;

use tar::{EntryType, Header};

/// An archive that is made by hand: nothing in it needs to be true.
#[derive(Default)]
pub(super) struct Forgery(pub(super) Vec<u8>);

impl Forgery {
    pub(super) fn entry(self, kind: EntryType, path: &[u8], link: &str, content: &[u8]) -> Self {
        self.lying_entry(kind, path, link, content.len() as u64, content)
    }

    pub(super) fn lying_entry(
        mut self,
        kind: EntryType,
        path: &[u8],
        link: &str,
        size: u64,
        content: &[u8],
    ) -> Self {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_mode(0o7777);
        header.as_old_mut().name[..path.len()].copy_from_slice(path);
        header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_cksum();
        self.0.extend(header.as_bytes());
        self.0.extend(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    pub(super) fn file(self, path: &str, content: &[u8]) -> Self {
        self.entry(EntryType::Regular, path.as_bytes(), "", content)
    }

    pub(super) fn end(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 1024, 0);
        self.0
    }

    pub(super) fn zstd(self) -> Vec<u8> {
        zstd::encode_all(self.end().as_slice(), 1).unwrap()
    }

    pub(super) fn gzip(self) -> Vec<u8> {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&self.end()).unwrap();
        gzip.finish().unwrap()
    }
}
