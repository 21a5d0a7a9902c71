//! A small set of small numbers, as one bit each.

/// Numbers in a set are below this: as many dissectors as there may be.
pub const NUMBERS_MAX: usize = 256;
const WORDS: usize = NUMBERS_MAX / 32;

/// Some of the numbers below [`NUMBERS_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Numbers([u32; WORDS]);

impl Numbers {
    /// Whether that one is in it.
    pub fn has(&self, number: usize) -> bool {
        self.0.get(number / 32).is_some_and(|word| word >> (number % 32) & 1 == 1)
    }

    /// Puts that one in; one of [`NUMBERS_MAX`] or more is not kept.
    pub fn note(&mut self, number: usize) {
        if let Some(word) = self.0.get_mut(number / 32) {
            *word |= 1 << (number % 32);
        }
    }

    /// Puts in all that `others` has.
    pub fn note_all(&mut self, others: &Numbers) {
        for (word, other) in self.0.iter_mut().zip(others.0) {
            *word |= other;
        }
    }

    /// Takes out all that `others` has not.
    pub fn keep(&mut self, others: &Numbers) {
        for (word, other) in self.0.iter_mut().zip(others.0) {
            *word &= other;
        }
    }

    /// Puts in all that `others` has not.
    pub fn note_all_but(&mut self, others: &Numbers) {
        for (word, other) in self.0.iter_mut().zip(others.0) {
            *word |= !other;
        }
    }

    /// Those that `others` has not, in order.
    pub fn without(&self, others: &Numbers) -> Iter {
        let mut words = self.0;
        for (word, other) in words.iter_mut().zip(others.0) {
            *word &= !other;
        }
        Iter { words, at: 0 }
    }
}

/// Goes through a set.
#[derive(Debug)]
pub struct Iter {
    words: [u32; WORDS],
    at: usize,
}

impl Iterator for Iter {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        while let Some(word) = self.words.get_mut(self.at) {
            if *word != 0 {
                let bit = word.trailing_zeros() as usize;
                *word &= word.wrapping_sub(1); // takes the lowest bit away
                return Some(self.at << 5 | bit);
            }
            self.at = self.at.wrapping_add(1);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_a_set() {
        let (mut some, mut few) = (Numbers::default(), Numbers::default());
        for number in [0, 31, 32, 191, 255, 256, 100_000] {
            some.note(number);
        }
        few.note(31);
        assert_eq!(some.without(&few).collect::<Vec<_>>(), [0, 32, 191, 255]);
        assert!(some.has(191) && !some.has(190) && !some.has(256));
        few.note_all_but(&some);
        assert_eq!(some.without(&few).collect::<Vec<_>>(), [0, 32, 191, 255]);
        assert!(few.has(1) && few.has(31) && !few.has(32));
        few.keep(&some);
        assert_eq!(few.without(&Numbers::default()).collect::<Vec<_>>(), [31]);
        few.note_all(&some);
        assert_eq!(few, some);
    }
}
