//! The digests of a portion's files, as the instance tells them.

use std::sync::{Arc, Mutex, PoisonError};

use super::listing::{Digest, Listed};

/// The digests that the instance has told so far, of the files that are wanted.
#[derive(Debug)]
pub(super) struct Hashes {
    sources: Vec<Arc<[u8]>>,
    told: Mutex<Told>,
}

#[derive(Debug)]
struct Told {
    digests: Vec<Option<Digest>>,
    next: usize,
}

impl Hashes {
    pub(super) fn of(wanted: &[(usize, Listed)]) -> Self {
        let sources = wanted.iter().map(|(_, file)| Arc::clone(&file.source));
        Self {
            sources: sources.collect(),
            told: Mutex::new(Told {
                digests: vec![None; wanted.len()],
                next: 0,
            }),
        }
    }

    pub(super) fn insert(&self, source: &[u8], digest: Digest) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_wanted = |at: usize| self.sources.get(at).is_some_and(|known| **known == *source);
        let found = in_turn(told.next, self.sources.len(), is_wanted);
        if let Some((at, place)) = found.and_then(|at| Some((at, told.digests.get_mut(at)?))) {
            *place = Some(digest);
            told.next = at + 1;
        }
    }

    pub(super) fn get(&self, turn: usize) -> Option<Digest> {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.digests.get(turn).copied().flatten()
    }
}

/// The first of so many that is the one, beginning with `next`: the instance answers in the order in which it was asked.
pub(super) fn in_turn(next: usize, count: usize, is_it: impl Fn(usize) -> bool) -> Option<usize> {
    (next..count)
        .chain(0..next.min(count))
        .find(|at| is_it(*at))
}
