//! Which rows a page holds.

use std::ops::Range;

use crate::sim::switches::PageBase;

/// The vendor's upper limit for `_count`.
pub(super) const COUNT_MAX: usize = 100;

/// The rows of the page asked for, out of `n_rows`, and the total it claims.
///
/// `page` is what `_page` says; without it the first page is meant, whatever the base.
pub(super) fn page(base: PageBase, page: Option<usize>, count: usize, n_rows: usize) -> (Range<usize>, usize) {
    let nth = match (base, page) {
        (_, None) | (PageBase::Ignored, _) => 0,
        (PageBase::One, Some(page)) => page.saturating_sub(1),
        (PageBase::Zero | PageBase::Overlap | PageBase::Gap, Some(page)) => page,
    };
    let (start, total) = match base {
        // A row came in at the front before each later page: what was row k is now row k + 1.
        PageBase::Overlap => (nth.saturating_mul(count).saturating_sub(nth), n_rows),
        // A row went from the front before each later page.
        PageBase::Gap => (nth.saturating_mul(count).saturating_add(nth), n_rows.saturating_sub(nth)),
        PageBase::Zero | PageBase::One | PageBase::Ignored => (nth.saturating_mul(count), n_rows),
    };
    let start = start.min(n_rows);
    (start..start.saturating_add(count).min(n_rows), total)
}

#[cfg(test)]
mod tests {
    use super::page;
    use crate::sim::switches::PageBase;

    #[test]
    fn pages_hold_the_rows_their_base_says() {
        use PageBase::{Gap, Ignored, One, Overlap, Zero};
        // (what, base, _page, rows, total) out of 25 rows, ten a page
        let table = [
            ("no _page is the first page", Zero, None, 0..10, 25),
            ("with base one too", One, None, 0..10, 25),
            ("base zero: 0 is the first", Zero, Some(0), 0..10, 25),
            ("base zero: 1 is the second", Zero, Some(1), 10..20, 25),
            ("the last page is short", Zero, Some(2), 20..25, 25),
            ("past the end is empty", Zero, Some(3), 25..25, 25),
            ("base one: 1 is the first", One, Some(1), 0..10, 25),
            ("base one: 2 is the second", One, Some(2), 10..20, 25),
            ("base one: 0 is taken as the first", One, Some(0), 0..10, 25),
            ("ignored: always the first", Ignored, Some(7), 0..10, 25),
            ("overlap: one row again", Overlap, Some(1), 9..19, 25),
            ("gap: one row left out, one fewer in all", Gap, Some(1), 11..21, 24),
            ("a page number beyond reason", Zero, Some(usize::MAX), 25..25, 25),
        ];
        for (what, base, asked, rows, total) in table {
            assert_eq!(page(base, asked, 10, 25), (rows, total), "{what}");
        }
    }
}
