//! Which page to ask for next, and whether what came is all there is. A state machine without I/O.
//!
//! Given: what is known of the endpoint's page base, and the keys and total of each page as it comes.
//! Gives: the next page to ask for, or the end with a verdict on completeness and what was learned.
//! Does not: send, parse, or ever compute an offset.
//!
//! The vendor's `_page` may begin at 0 or at 1, may be ignored, and totals may be absent or wrong. So the first
//! request leaves `_page` out, the second asks for 1 and compares, and completeness is claimed only when nothing
//! speaks against it.

use std::collections::HashSet;

/// `_count`, the vendor's maximum.
pub const PAGE_ROWS: usize = 100;

/// Page sizes a server may fall back to when it ignores `_count`: the documented defaults, 20 in general and 30
/// for encounters. Exactly so many rows without a total may be a cut list.
const DEFAULT_PAGE_ROWS: [usize; 2] = [20, 30];

/// The number of the first page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageBase {
    /// The first page is 0.
    Zero,
    /// The first page is 1.
    One,
}

/// What one answer held, as far as paging cares.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageSeen {
    /// A key for each row, readable or not, in order.
    pub keys: Vec<String>,
    /// The total it claimed.
    pub total: Option<u64>,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Ask for this `_page`.
    Ask(u32),
    /// There is no more, or no way on.
    Done(End),
}

/// How a paged read ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Every row was seen, as far as anyone can tell.
    Complete,
    /// The numbers moved or did not add up while we read: reading once more may help.
    Mismatch,
    /// Pages repeated, or the page cap was met: reading again would show the same.
    Incomplete,
}

/// One paged read.
#[derive(Debug)]
pub struct Paging {
    known: Option<PageBase>,
    pages_max: u32,
    seen: HashSet<String>,
    first: HashSet<String>,
    n_first: usize,
    n_rows: u64,
    n_pages: u32,
    asked: Option<u32>,
    total: Option<u64>,
    total_moved: bool,
    overlapped: bool,
    suspected: Option<PageBase>,
    learned: Option<PageBase>,
}

impl Paging {
    /// A read that has not begun. The first request leaves `_page` out.
    #[must_use]
    pub fn new(known: Option<PageBase>, pages_max: u32) -> Self {
        Self {
            known,
            pages_max,
            seen: HashSet::new(),
            first: HashSet::new(),
            n_first: 0,
            n_rows: 0,
            n_pages: 0,
            asked: None,
            total: None,
            total_moved: false,
            overlapped: false,
            suspected: None,
            learned: None,
        }
    }

    /// What this read taught about the endpoint's base, if anything.
    #[must_use]
    pub const fn learned(&self) -> Option<PageBase> {
        self.learned
    }

    /// Takes in the page that was asked for last.
    pub fn take(&mut self, page: PageSeen) -> Next {
        self.n_pages += 1;
        // A later page may leave the total out (an empty one does); only another number has moved.
        if page.total.is_some_and(|total| self.total.is_some_and(|before| before != total)) {
            self.total_moved = true;
        }
        self.total = page.total.or(self.total);
        if self.n_pages == 1 { self.take_first(page) } else { self.take_later(page) }
    }

    fn take_first(&mut self, page: PageSeen) -> Next {
        let n = page.keys.len();
        self.n_first = n;
        self.n_rows = n as u64;
        self.first = page.keys.into_iter().collect();
        self.seen.clone_from(&self.first);
        let maybe_cut = page.total.is_none() && DEFAULT_PAGE_ROWS.contains(&n);
        let says_all = page.total.is_none_or(|total| total <= n as u64);
        if n == 0 {
            return Next::Done(if says_all { End::Complete } else { End::Mismatch });
        }
        if n < PAGE_ROWS && says_all && !maybe_cut {
            return Next::Done(End::Complete);
        }
        // Without a total nobody would notice a base that is no longer what it was: it is learned anew each time.
        self.ask(if self.known == Some(PageBase::One) && page.total.is_some() { 2 } else { 1 })
    }

    fn take_later(&mut self, page: PageSeen) -> Next {
        let n = page.keys.len();
        if n == 0 {
            // Past the end. Only now is a base that was suspected from a repeated first page certain.
            self.learned = self.learned.or(self.suspected);
            return self.end();
        }
        let fresh = page.keys.iter().filter(|key| !self.seen.contains(*key)).count();
        if fresh == 0 {
            let is_first =
                self.asked == Some(1) && page.keys.iter().all(|key| self.first.contains(key)) && n == self.n_first;
            if is_first {
                // The page we call 1 is the one that came without a number. Either numbers begin at 1, or the
                // server does not look at them; the next page tells.
                self.suspected = Some(PageBase::One);
                return self.ask(2);
            }
            return Next::Done(if self.adds_up() { End::Complete } else { self.repeated() });
        }
        if self.n_pages == 2 && self.asked == Some(1) && fresh == n {
            self.learned = Some(PageBase::Zero);
        }
        self.learned = self.learned.or(self.suspected);
        self.overlapped |= fresh < n;
        self.n_rows += fresh as u64;
        self.seen.extend(page.keys);
        let short = n < self.n_first.min(PAGE_ROWS);
        let total_met = self.total.is_some_and(|total| total == self.n_rows);
        // A total below what was already seen is wrong (some servers count the page): only a short page ends it.
        let total_useless = self.total.is_none_or(|total| total < self.n_rows);
        if total_met || (short && total_useless) {
            self.end()
        } else {
            self.ask(self.asked.map_or(1, |asked| asked + 1))
        }
    }

    fn ask(&mut self, number: u32) -> Next {
        if self.n_pages >= self.pages_max {
            return Next::Done(End::Incomplete);
        }
        self.asked = Some(number);
        Next::Ask(number)
    }

    fn adds_up(&self) -> bool {
        !self.total_moved && self.total.is_some_and(|total| total == self.n_rows)
    }

    fn repeated(&self) -> End {
        if self.total.is_some_and(|total| total > self.n_rows) && self.suspected.is_none() {
            End::Mismatch
        } else {
            End::Incomplete
        }
    }

    fn end(&self) -> Next {
        let short_of_total = self.total.is_some_and(|total| total > self.n_rows);
        Next::Done(if self.total_moved || short_of_total {
            End::Mismatch
        } else if self.overlapped && !self.adds_up() {
            End::Incomplete
        } else {
            End::Complete
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server with `rows`, as the contract's switches describe them.
    struct Server {
        rows: usize,
        size: usize,
        base: Option<u32>,
        total: fn(usize, usize) -> Option<u64>,
    }

    fn none(_: usize, _: usize) -> Option<u64> {
        None
    }
    #[expect(clippy::unnecessary_wraps, reason = "one of several totals in the table")]
    fn right(rows: usize, _: usize) -> Option<u64> {
        Some(rows as u64)
    }

    impl Server {
        fn answer(&self, page: Option<u32>) -> PageSeen {
            let number = match (self.base, page) {
                (Some(base), Some(page)) => page.saturating_sub(base) as usize,
                _ => 0,
            };
            let from = (number * self.size).min(self.rows);
            let until = (from + self.size).min(self.rows);
            PageSeen {
                keys: (from..until).map(|n| n.to_string()).collect(),
                total: (self.total)(self.rows, until - from),
            }
        }

        fn read(&self, known: Option<PageBase>, pages_max: u32) -> (End, usize, Vec<u32>, Option<PageBase>) {
            let mut paging = Paging::new(known, pages_max);
            let mut asked = Vec::new();
            let mut next = paging.take(self.answer(None));
            loop {
                match next {
                    Next::Ask(page) => {
                        asked.push(page);
                        next = paging.take(self.answer(Some(page)));
                    }
                    Next::Done(end) => return (end, paging.seen.len(), asked, paging.learned()),
                }
            }
        }
    }

    #[test]
    fn a_read_ends_where_the_rows_end() {
        use End::{Complete, Incomplete, Mismatch};
        use PageBase::{One, Zero};
        type Row = (
            usize,
            usize,
            Option<u32>,
            fn(usize, usize) -> Option<u64>,
            Option<PageBase>,
            End,
            usize,
            &'static [u32],
            Option<PageBase>,
            &'static str,
        );
        let rows: &[Row] = &[
            (0, 100, Some(0), right, None, Complete, 0, &[], None, "no rows"),
            (0, 100, Some(0), none, None, Complete, 0, &[], None, "no rows, no total"),
            (7, 100, Some(0), none, None, Complete, 7, &[], None, "a short page is all"),
            (20, 100, Some(0), right, None, Complete, 20, &[], None, "20 rows with a total that says so"),
            (20, 100, Some(0), none, None, Complete, 20, &[1], None, "20 rows, no total: perhaps cut, ask on"),
            (19, 100, Some(0), none, None, Complete, 19, &[], None, "19 rows are no default page"),
            (21, 100, Some(0), none, None, Complete, 21, &[], None, "nor 21"),
            (30, 100, Some(1), none, None, Complete, 30, &[1, 2], Some(One), "30 rows, no total, base 1"),
            (31, 100, Some(1), none, None, Complete, 31, &[], None, "31 rows"),
            (45, 20, Some(0), none, None, Complete, 45, &[1, 2], Some(Zero), "_count ignored, 20 a page"),
            (45, 20, Some(1), none, None, Complete, 45, &[1, 2, 3], Some(One), "the same with base 1"),
            (45, 20, Some(0), right, None, Complete, 45, &[1, 2], Some(Zero), "_count ignored, with a total"),
            (100, 100, Some(0), right, None, Complete, 100, &[1], None, "exactly one page, base 0"),
            (100, 100, Some(1), right, None, Complete, 100, &[1, 2], Some(One), "exactly one page, base 1"),
            (99, 100, Some(0), right, None, Complete, 99, &[], None, "one below a page"),
            (101, 100, Some(0), right, None, Complete, 101, &[1], Some(Zero), "one above a page, base 0"),
            (101, 100, Some(1), right, None, Complete, 101, &[1, 2], Some(One), "one above a page, base 1"),
            (250, 100, Some(0), none, None, Complete, 250, &[1, 2], Some(Zero), "three pages, base 0, no total"),
            (250, 100, Some(1), none, None, Complete, 250, &[1, 2, 3], Some(One), "three pages, base 1, no total"),
            (250, 100, Some(0), right, Some(Zero), Complete, 250, &[1, 2], Some(Zero), "base known to be 0"),
            (250, 100, Some(1), right, Some(One), Complete, 250, &[2, 3], None, "base known to be 1: no repeated page"),
            (
                250,
                100,
                Some(1),
                none,
                Some(Zero),
                Complete,
                250,
                &[1, 2, 3],
                Some(One),
                "known 0 but now 1: noticed, nothing lost",
            ),
            (250, 100, Some(1), none, Some(One), Complete, 250, &[1, 2, 3], Some(One), "the same without a total"),
            (250, 100, Some(0), none, Some(One), Complete, 250, &[1, 2], Some(Zero), "known 1 but now 0, no total"),
            (250, 100, Some(0), right, Some(One), Mismatch, 150, &[2, 3], None, "known 1 but now 0: the total tells"),
            (250, 100, None, right, None, Incomplete, 100, &[1, 2], None, "_page ignored: the same page for ever"),
            (250, 100, None, none, None, Incomplete, 100, &[1, 2], None, "_page ignored, no total"),
            (
                250,
                100,
                Some(0),
                |_, n| Some(n as u64),
                None,
                Mismatch,
                250,
                &[1, 2],
                Some(Zero),
                "the total counts the page: nothing lost, not claimed complete",
            ),
            (7, 100, Some(0), |_, _| Some(12), None, Mismatch, 7, &[1], None, "a total that is too high"),
            (7, 100, Some(0), |_, _| Some(3), None, Complete, 7, &[], None, "a total below the rows of a short page"),
            (
                250,
                100,
                Some(0),
                |_, _| Some(3),
                None,
                Complete,
                250,
                &[1, 2],
                Some(Zero),
                "a total that is far too low ends nothing",
            ),
            (0, 100, Some(0), |_, _| Some(5), None, Mismatch, 0, &[], None, "rows are claimed and none came"),
        ];
        for (n, size, base, total, known, end, seen, asked, learned, shows) in rows {
            let server = Server { rows: *n, size: *size, base: *base, total: *total };
            let got = server.read(*known, 50);
            assert_eq!((got.0, got.1, got.2.as_slice(), got.3), (*end, *seen, *asked, *learned), "{shows}");
        }
    }

    #[test]
    fn the_page_cap_is_not_completeness() {
        let server = Server { rows: 1000, size: 100, base: Some(0), total: right };
        assert_eq!(server.read(None, 3).0, End::Incomplete);
        assert_eq!(server.read(None, 10).0, End::Complete);
    }

    fn page(keys: std::ops::Range<usize>, total: Option<u64>) -> PageSeen {
        PageSeen { keys: keys.map(|n| n.to_string()).collect(), total }
    }

    #[test]
    fn rows_that_shift_between_pages_spoil_the_claim() {
        let mut paging = Paging::new(None, 50);
        assert_eq!(paging.take(page(0..100, None)), Next::Ask(1));
        assert_eq!(paging.take(page(90..190, None)), Next::Ask(2));
        assert_eq!(paging.take(page(180..200, None)), Next::Done(End::Incomplete), "without a total nobody can tell");
        assert_eq!(paging.learned(), None, "an overlapping page teaches nothing");

        let mut paging = Paging::new(None, 50);
        paging.take(page(0..100, Some(180)));
        assert_eq!(paging.take(page(90..180, Some(180))), Next::Done(End::Complete), "the total says all were seen");
    }

    #[test]
    fn a_total_that_moves_asks_for_a_second_read() {
        let mut paging = Paging::new(None, 50);
        paging.take(page(0..100, Some(150)));
        assert_eq!(paging.take(page(100..151, Some(151))), Next::Done(End::Mismatch));
    }

    #[test]
    fn a_page_past_the_end_says_no_total_and_moves_none() {
        let mut paging = Paging::new(None, 50);
        assert_eq!(paging.take(page(0..100, Some(100))), Next::Ask(1), "a total may count the page: ask on");
        assert_eq!(paging.take(page(0..0, None)), Next::Done(End::Complete));
        let mut paging = Paging::new(None, 50);
        paging.take(page(0..100, Some(150)));
        assert_eq!(paging.take(page(0..0, None)), Next::Done(End::Mismatch), "fifty are missing all the same");
    }

    #[test]
    fn equal_rows_of_one_page_are_counted_twice() {
        let mut paging = Paging::new(None, 50);
        let twice = PageSeen { keys: vec!["a".into(), "a".into()], total: Some(2) };
        assert_eq!(paging.take(twice), Next::Done(End::Complete));
    }
}
