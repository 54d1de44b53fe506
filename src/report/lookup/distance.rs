//! How many slips of the finger lie between two words.

/// So many slips may lie between what was typed and a word of so many letters.
#[must_use]
pub const fn allowed(letters: usize) -> usize {
    match letters {
        0..=2 => 0,
        3..=5 => 1,
        _ => 2,
    }
}

/// Which letters a word has: words with few slips between them differ in few of these bits.
#[must_use]
pub fn letters(word: &[char]) -> u64 {
    word.iter().fold(0, |bits, c| bits | 1 << (u32::from(*c).wrapping_mul(0x9e37_79b1) >> 26))
}

/// The least number of letters that are wrong, missing, too many, or changed places with their neighbour, when it is
/// not above `most`.
#[must_use]
pub fn within(a: &[char], b: &[char], most: usize) -> Option<usize> {
    const LONGEST: usize = 64;
    // Only cells near the diagonal can hold few slips; what lies outside counts as too many.
    const TOO_MANY: u8 = u8::MAX / 2;
    if a.len().abs_diff(b.len()) > most || a.len() > LONGEST || b.len() > LONGEST {
        return None;
    }
    if most == 0 {
        return (a == b).then_some(0);
    }
    let mut rows = [[TOO_MANY; LONGEST + 2]; 3];
    for (j, cell) in rows[0].iter_mut().enumerate().take(most.min(b.len()) + 1) {
        *cell = u8::try_from(j).unwrap_or(TOO_MANY);
    }
    for i in 1..=a.len() {
        let [before_last, last, row] = turned(&mut rows, i);
        let (from, until) = (i.saturating_sub(most).max(1), (i + most).min(b.len()));
        row[from - 1] = if from == 1 { u8::try_from(i).unwrap_or(TOO_MANY) } else { TOO_MANY };
        let mut least = row[from - 1];
        for j in from..=until {
            let substituted = last[j - 1] + u8::from(a[i - 1] != b[j - 1]);
            let mut cell = substituted.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                cell = cell.min(before_last[j - 2] + 1);
            }
            row[j] = cell;
            least = least.min(cell);
        }
        row[until + 1] = TOO_MANY;
        if usize::from(least) > most {
            return None;
        }
    }
    let distance = usize::from(rows[a.len() % 3][b.len()]);
    (distance <= most).then_some(distance)
}

/// The row before the last, the last, and the one to fill.
fn turned<T>(rows: &mut [T; 3], i: usize) -> [&mut T; 3] {
    let [a, b, c] = rows;
    match i % 3 {
        0 => [b, c, a],
        1 => [c, a, b],
        _ => [a, b, c],
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chars(text: &str) -> Vec<char> {
        text.chars().collect()
    }

    #[test]
    fn slips_are_counted() {
        for (a, b, is) in [
            ("avery", "avery", Some(0)),
            ("avery", "avrey", Some(1)),
            ("avery", "averi", Some(1)),
            ("avery", "aver", Some(1)),
            ("avery", "aavery", Some(1)),
            ("katherin", "katharine", Some(2)),
            ("avery", "emery", Some(2)),
            ("avery", "sample", None),
            ("", "ab", Some(2)),
            ("", "", Some(0)),
        ] {
            assert_eq!(within(&chars(a), &chars(b), 2), is, "{a} {b}");
            assert_eq!(within(&chars(b), &chars(a), 2), is, "{b} {a}");
        }
        assert_eq!(within(&chars("ab"), &chars("ba"), 0), None);
    }

    proptest! {
        #[test]
        fn few_slips_change_few_letters(a in "[a-h]{0,9}", b in "[a-h]{0,9}") {
            let (a, b) = (chars(&a), chars(&b));
            if let Some(n) = within(&a, &b, 2) {
                prop_assert!((letters(&a) ^ letters(&b)).count_ones() as usize <= 2 * n);
            }
        }
    }
}
