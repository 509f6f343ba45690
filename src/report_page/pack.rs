//! Packed bytes in a text: deflated, in base64. The page unpacks what is looked at, when it is looked at.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::{Compress, Compression, FlushCompress, Status};

/// The room that is added when the output is full, in bytes.
const ROOM: usize = 1 << 16;

/// The bytes in the form that `unpack` in `assets/unpack.js` reads.
pub(super) fn packed(bytes: &[u8]) -> String {
    STANDARD.encode(deflated(bytes))
}

/// The numbers as 32-bit floats, the first bytes of all of them first: what is alike stands side by side.
pub(super) fn packed_numbers(numbers: &[f32]) -> String {
    let bytes = (0..4).flat_map(|place| {
        let byte = move |number: &f32| number.to_le_bytes().into_iter().nth(place).unwrap_or(0);
        numbers.iter().map(byte)
    });
    packed(&bytes.collect::<Vec<_>>())
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut compress = Compress::new(Compression::default(), false);
    let mut out = Vec::with_capacity(ROOM);
    loop {
        let taken = usize::try_from(compress.total_in()).unwrap_or(usize::MAX);
        let rest = bytes.get(taken..).unwrap_or_default();
        match compress.compress_vec(rest, &mut out, FlushCompress::Finish) {
            Ok(Status::StreamEnd) | Err(_) => return out,
            Ok(Status::Ok | Status::BufError) => out.reserve(ROOM),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::DeflateDecoder;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_packed_can_be_unpacked(bytes: Vec<u8>, times in 1..3000_usize) {
            let bytes = bytes.repeat(times);
            let text = STANDARD.decode(packed(&bytes)).unwrap();
            let mut unpacked = Vec::new();
            DeflateDecoder::new(text.as_slice()).read_to_end(&mut unpacked).unwrap();
            prop_assert_eq!(unpacked, bytes);
        }
    }
}
