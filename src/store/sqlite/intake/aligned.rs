//! Memory that begins where a write past the page cache may: at a multiple of a block.

use super::group::BLOCK;

/// Bytes that begin at a multiple of [`BLOCK`].
#[derive(Default)]
pub(super) struct Aligned {
    room: Vec<u8>,
    start: usize,
}

impl Aligned {
    /// To be appended to, in place of what was there.
    pub fn begin(&mut self) -> &mut Vec<u8> {
        self.room.clear();
        self.room.reserve(BLOCK);
        self.start = self.room.as_ptr().align_offset(BLOCK);
        self.room.resize(self.start, 0);
        &mut self.room
    }

    /// What was appended. It is moved only if it has outgrown its room, which then is large enough for the next.
    pub fn end(&mut self) -> &[u8] {
        let length = self.room.len() - self.start;
        self.room.reserve(BLOCK);
        let start = self.room.as_ptr().align_offset(BLOCK);
        self.room.resize(self.room.len().max(start + length), 0);
        if start != self.start {
            self.room.copy_within(self.start..self.start + length, start);
            self.start = start;
        }
        &self.room[start..start + length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_appended_is_there_and_begins_at_a_block() {
        let mut aligned = Aligned::default();
        for length in [0, 1, 100, BLOCK - 1, BLOCK, 5 * BLOCK + 3, 200_000, 9, 1_000_000] {
            let text: Vec<u8> = (0..length).map(|at| at as u8).collect();
            aligned.begin().extend_from_slice(&text);
            let found = aligned.end();
            assert_eq!(found.as_ptr().addr() % BLOCK, 0, "{length}");
            assert!(found == text, "{length}");
        }
    }
}
