//! Chance that can be repeated: every throw follows from the seed and from what the throw is about.
//!
//! Given: a seed and a key ("arrival of shift 812").
//! Gives: numbers that are the same on every machine and with every version of any crate.
//! Does not: keep one stream for the whole world. A throw for one shift never depends on how many throws were
//! made for others, so a world reached in one step is the world reached in a thousand.

/// A stream of throws for one key.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    /// The throws that belong to `key` in the world of `seed`.
    pub(crate) fn keyed(seed: u64, key: &[u64]) -> Self {
        let mut dice = Self(seed ^ 0x9e37_79b9_7f4a_7c15);
        for part in key {
            let mixed = dice.throw();
            dice.0 = mixed ^ part.wrapping_mul(0xff51_afd7_ed55_8ccd);
        }
        dice
    }

    /// The next 64 bits (splitmix64, public domain).
    pub(crate) fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `0..n`; zero when `n` is zero.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        let n = u64::try_from(n).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.throw() % n).unwrap_or(0)
    }

    /// A number in `low..=high`.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = u64::try_from(high.saturating_sub(low)).unwrap_or(0).saturating_add(1);
        low + i64::try_from(self.throw() % span).unwrap_or(0)
    }

    /// True in `per_mille` throws of a thousand.
    pub(crate) fn chance(&mut self, per_mille: u32) -> bool {
        self.throw() % 1000 < u64::from(per_mille)
    }

    /// One of `choices`, or `None` when there are none.
    pub(crate) fn pick<'a, T>(&mut self, choices: &'a [T]) -> Option<&'a T> {
        choices.get(self.below(choices.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::Dice;

    #[test]
    fn the_same_key_throws_the_same_and_another_key_does_not() {
        let throws = |seed, key: &[u64]| -> Vec<u64> {
            let mut dice = Dice::keyed(seed, key);
            (0..4).map(|_| dice.throw()).collect()
        };
        assert_eq!(throws(7, &[1, 2]), throws(7, &[1, 2]));
        assert_ne!(throws(7, &[1, 2]), throws(7, &[2, 1]), "the order of a key matters");
        assert_ne!(throws(7, &[1, 2]), throws(8, &[1, 2]), "so does the seed");
    }

    #[test]
    fn throws_stay_inside_their_bounds() {
        let mut dice = Dice::keyed(1, &[]);
        let seen: Vec<i64> = (0..2000).map(|_| dice.between(-5, 7)).collect();
        assert_eq!((seen.iter().min(), seen.iter().max()), (Some(&-5), Some(&7)));
        assert_eq!(dice.below(0), 0);
        assert!(dice.pick::<u8>(&[]).is_none());
        let hits = (0..10_000).filter(|_| dice.chance(100)).count();
        assert!((800..1200).contains(&hits), "100 per mille of 10 000 throws gave {hits}");
    }
}
