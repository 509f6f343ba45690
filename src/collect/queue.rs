//! The files that are still to be fetched, cut into portions: many small ones at once, or a range of a large one.

use std::collections::VecDeque;

use super::fetch::Entry;

/// The most files that are hashed and sent at once: what is kept for each of them is small, but not nothing.
const PORTION_FILES: usize = 10_000;

/// The size from which on a file comes in ranges, in bytes.
const LARGE_SIZE: u64 = 16 << 20;

/// The cost of a small file beside its bytes, in bytes that would take as long.
pub(super) const FILE_COST: u64 = 16 << 10;

/// The content of one command's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Portion {
    /// Whole files, by their positions, that are tried for the n-th time.
    Files { positions: Vec<usize>, attempt: u32 },
    /// Some bytes of a large file.
    Range(Range),
}

/// Some bytes of a large file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) position: usize,
    pub(super) from: u64,
    pub(super) count: u64,
    /// The n-th time that the file is fetched.
    pub(super) attempt: u32,
}

#[derive(Debug)]
enum Item {
    File {
        position: usize,
        attempt: u32,
        cost: u64,
    },
    Range(Range),
}

impl Item {
    const fn cost(&self) -> u64 {
        match self {
            Self::File { cost, .. } => *cost,
            Self::Range(range) => range.count,
        }
    }
}

/// The files and ranges that are still to be fetched.
#[derive(Debug, Default)]
pub(super) struct Queue {
    items: VecDeque<Item>,
    left: u64,
}

impl Queue {
    pub(super) fn of(entries: &[Entry]) -> Self {
        let mut queue = Self::default();
        for (position, entry) in entries.iter().enumerate() {
            let size = entry.listed.size;
            queue.add(position, size, 1);
        }
        queue
    }

    /// Adds a file at the end.
    pub(super) fn add(&mut self, position: usize, size: u64, attempt: u32) {
        let item = if size >= LARGE_SIZE {
            Item::Range(Range {
                position,
                from: 0,
                count: size,
                attempt,
            })
        } else {
            Item::File {
                position,
                attempt,
                cost: size + FILE_COST,
            }
        };
        self.left += item.cost();
        self.items.push_back(item);
    }

    /// Adds what did not come of a range: it comes next.
    pub(super) fn resume(&mut self, range: Range) {
        self.left += range.count;
        self.items.push_front(Item::Range(range));
    }

    /// Drops what is left of a large file.
    pub(super) fn drop_ranges(&mut self, position: usize) {
        self.items
            .retain(|item| !matches!(item, Item::Range(range) if range.position == position));
        self.left = self.items.iter().map(Item::cost).sum();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The rest, in bytes and what costs as much.
    pub(super) const fn left(&self) -> u64 {
        self.left
    }

    /// The next portion, of about this size. A rest that is not worth a command comes along: nothing else would be under
    /// way while that is asked for.
    pub(super) fn next(&mut self, size: u64) -> Option<Portion> {
        let size = if self.left <= size + size / 4 {
            self.left
        } else {
            size
        };
        let first = self.items.pop_front()?;
        self.left -= first.cost();
        let (first, attempt, mut taken) = match first {
            Item::Range(range) => {
                let count = range.count.min(size.max(1));
                if count < range.count {
                    self.resume(Range {
                        from: range.from + count,
                        count: range.count - count,
                        ..range
                    });
                }
                return Some(Portion::Range(Range { count, ..range }));
            }
            Item::File {
                position,
                attempt,
                cost,
            } => (position, attempt, cost),
        };
        let mut positions = vec![first];
        while let Some(Item::File {
            position,
            attempt: same,
            cost,
        }) = self.items.front()
            && *same == attempt
            && taken + cost <= size
            && positions.len() < PORTION_FILES
        {
            taken += cost;
            self.left -= cost;
            positions.push(*position);
            self.items.pop_front();
        }
        Some(Portion::Files { positions, attempt })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_files_come_together_and_large_ones_in_ranges() {
        let mut queue = Queue::default();
        for (position, size) in [10, 20, 2 * LARGE_SIZE].into_iter().enumerate() {
            queue.add(position, size, 1);
        }
        let files = Portion::Files {
            positions: vec![0, 1],
            attempt: 1,
        };
        assert_eq!(queue.next(1 << 20), Some(files));
        let range = |from, count| {
            Some(Portion::Range(Range {
                position: 2,
                from,
                count,
                attempt: 1,
            }))
        };
        assert_eq!(queue.next(LARGE_SIZE), range(0, LARGE_SIZE));
        queue.resume(Range {
            position: 2,
            from: LARGE_SIZE - 3,
            count: 3,
            attempt: 1,
        });
        assert_eq!(queue.left(), LARGE_SIZE + 3);
        assert_eq!(queue.next(3), range(LARGE_SIZE - 3, 3));
        assert_eq!(queue.next(LARGE_SIZE), range(LARGE_SIZE, LARGE_SIZE));
        assert_eq!((queue.next(LARGE_SIZE), queue.left()), (None, 0));
    }

    #[test]
    fn a_small_rest_comes_with_the_last_portion() {
        let mut queue = Queue::default();
        queue.add(0, LARGE_SIZE * 3, 1);
        let counts: Vec<u64> = std::iter::from_fn(|| queue.next(LARGE_SIZE * 7 / 5))
            .map(|portion| match portion {
                Portion::Range(range) => range.count,
                Portion::Files { .. } => 0,
            })
            .collect();
        assert_eq!(
            counts,
            [LARGE_SIZE * 7 / 5, LARGE_SIZE * 3 - LARGE_SIZE * 7 / 5]
        );
    }
}
