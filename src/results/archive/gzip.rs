//! gzip on several processors: one member of blocks that are compressed side by side, as `pigz` does it.

use std::io::{self, Write};
use std::mem;
use std::num::NonZero;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use flate2::{Compress, Compression, Crc, FlushCompress};

/// The size of a block, in bytes. What is alike in two blocks is stored twice; docs/performance.md has the sizes.
const BLOCK: usize = 128 << 10;

/// The lowest level whose archives are about as small as those of `pigz -6`; lower ones are up to 12 % larger.
const LEVEL: Compression = Compression::new(7);

/// The most threads that compress; with [`QUEUE`] this bounds the memory.
const MAX_THREADS: usize = 16;

/// The number of blocks that may wait before each thread, and as many behind it.
const QUEUE: usize = 2;

/// Deflate, no name, no time, so that the same content makes the same bytes; an unknown system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// A last block without content.
const END: [u8; 2] = [3, 0];

struct Compressed {
    bytes: Vec<u8>,
    /// The checksum of what went in, and how much that was.
    sum: Crc,
}

/// Compresses what `fill` writes. The bytes do not depend on the number of processors.
pub(super) fn compress<W: Write + Send>(
    to: W,
    fill: impl FnOnce(&mut Blocks) -> io::Result<()>,
) -> io::Result<W> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        let mut threads_in = Vec::new();
        let mut threads_out = Vec::new();
        for _ in 0..threads.min(MAX_THREADS) {
            let (to_thread, blocks) = sync_channel(QUEUE);
            let (done, from_thread) = sync_channel(QUEUE);
            scope.spawn(move || compress_blocks(&blocks, &done));
            threads_in.push(to_thread);
            threads_out.push(from_thread);
        }
        let writing = scope.spawn(move || write(to, &threads_out));
        let mut blocks = Blocks {
            threads: threads_in,
            block: Vec::with_capacity(BLOCK),
        };
        let filled = fill(&mut blocks).and_then(|()| blocks.send());
        // Without this the threads would wait for more.
        drop(blocks);
        let written = writing.join();
        let to = written.unwrap_or_else(|_| Err(io::Error::other("the writer panicked")))?;
        filled.map(|()| to)
    })
}

/// Cuts what is written to it into blocks, which the threads get in turn.
pub(super) struct Blocks {
    threads: Vec<SyncSender<Vec<u8>>>,
    block: Vec<u8>,
}

impl Blocks {
    fn send(&mut self) -> io::Result<()> {
        let block = mem::replace(&mut self.block, Vec::with_capacity(BLOCK));
        let sent = self.threads.first().map(|thread| thread.send(block));
        self.threads.rotate_left(1);
        // The writer has failed, and tells why.
        let ended = || io::ErrorKind::BrokenPipe.into();
        sent.and_then(Result::ok).ok_or_else(ended)
    }
}

impl Write for Blocks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = BLOCK - self.block.len();
        let taken = bytes.get(..room).unwrap_or(bytes);
        self.block.extend_from_slice(taken);
        if self.block.len() == BLOCK {
            self.send()?;
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Compresses blocks until there are no more, or nobody wants them.
fn compress_blocks(blocks: &Receiver<Vec<u8>>, done: &SyncSender<io::Result<Compressed>>) {
    let mut deflate = Compress::new(LEVEL, false);
    for block in blocks {
        if done.send(compress_block(&mut deflate, &block)).is_err() {
            break;
        }
    }
}

/// Compresses a block so that it ends at a whole byte, and another one may follow.
fn compress_block(deflate: &mut Compress, block: &[u8]) -> io::Result<Compressed> {
    deflate.reset();
    let mut bytes = Vec::with_capacity(block.len() + block.len() / 8 + 64);
    let mut rest = block;
    loop {
        let before = deflate.total_in();
        deflate.compress_vec(rest, &mut bytes, FlushCompress::Sync)?;
        let taken = usize::try_from(deflate.total_in() - before).map_err(io::Error::other)?;
        rest = rest.get(taken..).unwrap_or_default();
        if bytes.len() < bytes.capacity() {
            break;
        }
        bytes.reserve(BLOCK / 8);
    }
    let mut sum = Crc::new();
    sum.update(block);
    Ok(Compressed { bytes, sum })
}

/// Writes what the threads have made, in the order in which they got it.
fn write<W: Write>(mut to: W, threads: &[Receiver<io::Result<Compressed>>]) -> io::Result<W> {
    to.write_all(&HEADER)?;
    let mut sum = Crc::new();
    for thread in threads.iter().cycle() {
        let Ok(block) = thread.recv() else { break };
        let block = block?;
        to.write_all(&block.bytes)?;
        sum.combine(&block.sum);
    }
    to.write_all(&END)?;
    to.write_all(&sum.sum().to_le_bytes())?;
    to.write_all(&sum.amount().to_le_bytes())?;
    Ok(to)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::process::{Command, Stdio};

    use flate2::read::GzDecoder;

    use super::*;

    fn compressed(content: &[u8]) -> Vec<u8> {
        compress(Vec::new(), |to| to.write_all(content)).unwrap()
    }

    /// Noise and repetition in turn.
    fn content(length: usize) -> Vec<u8> {
        let mut state = 1u32;
        let bytes = (0..length).map(|at| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = state.to_le_bytes()[3];
            if at / 5000 % 2 == 0 { noise } else { b'x' }
        });
        bytes.collect()
    }

    /// Readers that stop behind the first member see all of it, for there is only one.
    #[test]
    fn every_reader_gets_back_what_was_written() {
        for length in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 41 * BLOCK + 7] {
            let content = content(length);
            let archive = compressed(&content);
            let mut read = Vec::new();
            GzDecoder::new(archive.as_slice())
                .read_to_end(&mut read)
                .unwrap();
            assert!(read == content, "{length}");
            let python = "import gzip, sys; sys.stdout.buffer.write(gzip.decompress(sys.stdin.buffer.read()))";
            for reader in [&["gzip", "-dc"][..], &["python3", "-c", python]] {
                let mut command = Command::new(reader[0]);
                let command = command.args(&reader[1..]).stdin(Stdio::piped());
                let mut reading = command.stdout(Stdio::piped()).spawn().unwrap();
                let mut input = reading.stdin.take().unwrap();
                let archive = archive.clone();
                let writing = thread::spawn(move || input.write_all(&archive));
                let output = reading.wait_with_output().unwrap();
                writing.join().unwrap().unwrap();
                assert!(output.status.success());
                assert!(output.stdout == content, "{reader:?}: {length}");
            }
        }
    }

    #[test]
    fn what_cannot_be_compressed_hardly_grows() {
        let mut noise = vec![0; 3 * BLOCK];
        rand::fill(&mut noise[..]);
        assert!(compressed(&noise).len() < noise.len() + noise.len() / 1000);
    }

    #[test]
    fn a_full_disk_is_told_as_one() {
        let full = std::fs::File::options()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let written = compress(full, |to| {
            let content = content(BLOCK);
            (0..1000).try_for_each(|_| to.write_all(&content))
        });
        assert_eq!(written.unwrap_err().kind(), io::ErrorKind::StorageFull);
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        let written = compress(Vec::new(), |_| Err(io::Error::other("no such file")));
        assert_eq!(written.unwrap_err().to_string(), "no such file");
    }
}
