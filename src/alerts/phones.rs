//! Every phone there is, over all agencies: which codes it knows, and when it was texted.
//!
//! Given: every agency's pages as they are stored. Gives: whether a code is taken, what is open, how many texts a phone
//! got lately, and which addresses take none. Does not: decide anything.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::TimeDelta;

use super::{
    orders::Reply,
    page::{Page, PageKey, PageTold},
};
use crate::{
    model::{AddressMark, AgencyName, Instant},
    on_call::Via,
};

/// How far back texts are counted.
pub const COUNTED: TimeDelta = TimeDelta::hours(1);

/// What is known of every phone.
#[derive(Debug, Clone, Default)]
pub struct Phones {
    codes: HashMap<AddressMark, BTreeMap<String, Known>>,
    of_page: HashMap<(AgencyName, PageKey), BTreeSet<(AddressMark, String)>>,
    /// When each was texted and called, by way.
    lately: HashMap<(AddressMark, Via), BTreeSet<Instant>>,
    /// The pages of each text that told of several, by the instant of the text.
    bundles: HashMap<(AddressMark, Via), Bundles>,
    bad: BTreeSet<(AddressMark, Via)>,
}

/// The pages of each text, by the instant of the text.
type Bundles = BTreeMap<Instant, HashSet<(AgencyName, PageKey)>>;

/// One page as a phone knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Whose page.
    pub agency: AgencyName,
    /// Which.
    pub page: PageKey,
    /// Whether it is not over.
    pub open: bool,
}

impl Phones {
    /// Takes pages in as they are stored now, and forgets those that are gone.
    pub fn absorb(&mut self, agency: &AgencyName, pages: &[Page], gone: &[PageKey]) {
        for key in gone {
            self.forget(agency, key);
        }
        for page in pages {
            for (mark, code) in &page.codes {
                let known = Known { agency: agency.clone(), page: page.key.clone(), open: page.is_open() };
                self.codes.entry(mark.clone()).or_default().insert(code.clone(), known);
                let of_page = self.of_page.entry((agency.clone(), page.key.clone())).or_default();
                of_page.insert((mark.clone(), code.clone()));
            }
            for told in page.told.iter().filter(|told| told.bundle.is_some()) {
                let of_phone = self.bundles.entry((told.mark.clone(), told.via)).or_default();
                of_phone.entry(told.at).or_default().insert((agency.clone(), page.key.clone()));
            }
            let has_gone = |told: &&PageTold| told.via != Via::Email && told.has_gone_out();
            let told = page.told.iter().filter(has_gone).map(|told| (&told.mark, told.via, told.at));
            let said = page.words.iter().map(|word| (&word.mark, word.via, word.at));
            for (mark, via, at) in told.chain(said) {
                self.lately.entry((mark.clone(), via)).or_default().insert(at);
            }
        }
    }

    fn forget(&mut self, agency: &AgencyName, key: &PageKey) {
        for (mark, code) in self.of_page.remove(&(agency.clone(), key.clone())).into_iter().flatten() {
            if let Some(codes) = self.codes.get_mut(&mark) {
                codes.remove(&code);
                if codes.is_empty() {
                    self.codes.remove(&mark);
                }
            }
        }
    }

    /// Forgets texts that count no more.
    pub fn forget_before(&mut self, now: Instant) {
        let since = now - COUNTED;
        self.bundles.retain(|_, bundles| {
            *bundles = bundles.split_off(&since);
            !bundles.is_empty()
        });
        self.lately.retain(|_, times| {
            *times = times.split_off(&since);
            !times.is_empty()
        });
    }

    /// Whether a phone knows a code already.
    #[must_use]
    pub fn knows(&self, mark: &AddressMark, code: &str) -> bool {
        self.codes.get(mark).is_some_and(|codes| codes.contains_key(code))
    }

    /// The page behind a code of a phone.
    #[must_use]
    pub fn page(&self, mark: &AddressMark, code: &str) -> Option<&Known> {
        self.codes.get(mark)?.get(code)
    }

    /// The agencies that a reply from a phone is for; none when that phone was told of no page within a day, so that
    /// nothing is answered.
    #[must_use]
    pub fn addressed(&self, mark: &AddressMark, reply: &Reply) -> Vec<AgencyName> {
        let named = reply.code.as_ref().and_then(|code| self.page(mark, code));
        if let Some(known) = named {
            return vec![known.agency.clone()];
        }
        let open: BTreeSet<AgencyName> =
            self.known(mark).filter(|(_, known)| known.open).map(|(_, known)| known.agency.clone()).collect();
        if reply.all && !open.is_empty() {
            return open.into_iter().collect();
        }
        // One of them answers for all: it sees every code there is.
        let any = || self.known(mark).map(|(_, known)| known.agency.clone()).next();
        open.into_iter().next().or_else(any).into_iter().collect()
    }

    /// Everything a phone knows, by code.
    pub fn known(&self, mark: &AddressMark) -> impl Iterator<Item = (&String, &Known)> {
        self.codes.get(mark).into_iter().flatten()
    }

    /// When a phone was texted, or called, within the last hour, oldest first.
    pub fn lately(&self, mark: &AddressMark, via: Via, now: Instant) -> impl Iterator<Item = Instant> {
        let times = self.lately.get(&(mark.clone(), via));
        times.into_iter().flat_map(move |times| times.range(now - COUNTED..).copied())
    }

    /// Whether an address was told of so many pages in one text within the last hour.
    #[must_use]
    pub fn had_several(&self, mark: &AddressMark, via: Via, several: usize, now: Instant) -> bool {
        let bundles = self.bundles.get(&(mark.clone(), via));
        bundles.is_some_and(|bundles| bundles.range(now - COUNTED..).any(|(_, pages)| pages.len() >= several))
    }

    /// Addresses that take nothing for good.
    #[must_use]
    pub const fn bad(&self) -> &BTreeSet<(AddressMark, Via)> {
        &self.bad
    }

    /// What is known of them now.
    pub fn set_bad(&mut self, bad: BTreeSet<(AddressMark, Via)>) {
        self.bad = bad;
    }
}
