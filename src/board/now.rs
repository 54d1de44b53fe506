//! *Now*: what needs a human, then today.

use std::sync::Arc;

use serde::Serialize;

use super::{
    Ago, Drawn, Part,
    card::{self, Card},
    headline::Headline,
    people::{Names, Who},
    timeline::{self, BarState, Timeline},
};
use crate::{
    alerts::alert::AlertState,
    model::Instant,
    pulse::Pulses,
    view::{AgencyView, AlertView, View, report::AlertCounts},
};

/// So many alerts stand on the page in full; `/alerts` has them all.
const CARDS_MAX: usize = 40;
/// So many of the milder lists.
const MILD_MAX: usize = 20;
/// So many days are drawn when there are more agencies; the others are one tap away.
const DAYS_MAX: usize = 3;

/// What a page about several agencies or one is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Asked {
    /// Only this agency; `None` = all.
    pub agency: Option<String>,
}

/// How many alerts of each list a page shows in full.
#[derive(Debug, Clone, Copy)]
pub struct Most {
    needs: usize,
    milder: usize,
}

impl Most {
    /// The page on which today stands too.
    pub const AT_A_GLANCE: Self = Self { needs: CARDS_MAX, milder: MILD_MAX };
    /// The page of alerts alone.
    pub const EVERYTHING: Self = Self { needs: 1000, milder: 1000 };
}

/// The alerts, sorted by what they ask of a person.
#[derive(Serialize)]
pub struct Lists {
    needs: List,
    owned: List,
    warnings: List,
    pending: List,
    closed: List,
    /// While somebody is blind, an empty list is no good news.
    sees: bool,
}

#[derive(Serialize, Default)]
struct List {
    cards: Vec<Card>,
    n_left_out: usize,
}

#[derive(Serialize)]
struct Day<'a> {
    name: &'a str,
    title: &'a str,
    several: bool,
    timeline: Timeline,
    legend: Vec<Legend>,
    names: bool,
}

#[derive(Serialize)]
struct Legend {
    state: &'static str,
    glyph: &'static str,
}

#[derive(Serialize)]
struct Agencies<'a> {
    agencies: Vec<AgencyLine<'a>>,
}

#[derive(Serialize)]
struct AgencyLine<'a> {
    name: &'a str,
    title: &'a str,
    tone: &'static str,
    clients: Option<u64>,
    shifts_left: Option<u64>,
    uncovered: Option<u64>,
    needs: usize,
    read: Option<Ago>,
    blind: Option<Ago>,
}

#[derive(Serialize)]
struct Ages<'a> {
    agencies: Vec<AgencyAges<'a>>,
    several: bool,
}

#[derive(Serialize)]
struct AgencyAges<'a> {
    title: &'a str,
    sections: Vec<SectionAge>,
    unjudged: u64,
}

/// How old a section's data is.
#[derive(Debug, Clone, Serialize)]
pub struct SectionAge {
    /// `clients`.
    pub name: &'static str,
    /// `None` when it was never read.
    pub as_of: Option<Ago>,
    /// Whether that read was complete.
    pub complete: bool,
}

/// The alerts of one list, by deadline.
fn sorted<'a>(view: &'a View, asked: &Asked, belongs: impl Fn(&AlertView) -> bool) -> Vec<&'a AlertView> {
    let mut found: Vec<&AlertView> = view
        .alerts
        .iter()
        .map(Arc::as_ref)
        .filter(|one| asked.agency.as_deref().is_none_or(|name| one.label("agency") == name))
        .filter(|one| belongs(one))
        .collect();
    found.sort_by(|a, b| card::by_deadline(a, b));
    found
}

fn needs<'a>(view: &'a View, asked: &Asked) -> Vec<&'a AlertView> {
    sorted(view, asked, AlertView::needs_you)
}

fn speaks(one: &AlertView) -> bool {
    one.inhibited_by.is_empty()
}

fn owned<'a>(view: &'a View, asked: &Asked) -> Vec<&'a AlertView> {
    sorted(view, asked, |one| speaks(one) && matches!(one.alert.state, AlertState::Acknowledged { .. }))
}

fn warnings<'a>(view: &'a View, asked: &Asked) -> Vec<&'a AlertView> {
    sorted(view, asked, |one| speaks(one) && matches!(one.alert.state, AlertState::Firing { .. }) && !one.needs_you())
}

/// Which agencies' days are drawn.
fn days<'a>(view: &'a View, asked: &Asked) -> Vec<&'a AgencyView> {
    if let Some(name) = &asked.agency {
        return view.agencies.iter().filter(|one| one.name.as_str() == name).collect();
    }
    if view.agencies.len() <= DAYS_MAX {
        return view.agencies.iter().collect();
    }
    let needs = needs(view, asked);
    let mut rank: Vec<(usize, &AgencyView)> = view
        .agencies
        .iter()
        .map(|agency| (needs.iter().filter(|one| one.alert.key.agency == agency.name).count(), agency))
        .filter(|(n, agency)| *n > 0 || agency.blind_since.is_some())
        .collect();
    rank.sort_by_key(|(n, _)| std::cmp::Reverse(*n));
    rank.into_iter().take(DAYS_MAX).map(|(_, agency)| agency).collect()
}

/// Whose names the page would show.
#[must_use]
pub fn wanted(view: &View, asked: &Asked, now: Instant) -> Vec<Who> {
    let mut wanted: Vec<Who> = Vec::new();
    for (list, most) in
        [(needs(view, asked), CARDS_MAX), (owned(view, asked), MILD_MAX), (warnings(view, asked), MILD_MAX)]
    {
        for one in list.into_iter().take(most) {
            let (client, caregiver) = card::people(view, one);
            wanted.extend(client);
            wanted.extend(caregiver);
        }
    }
    let mut bars_left = timeline::bars_of_a_page();
    for agency in days(view, asked) {
        for bar in timeline::draw(agency, now, &mut bars_left).rows.iter().flat_map(|row| &row.bars) {
            wanted.push(Who::Client(agency.name.clone(), bar.client.clone()));
            wanted.extend(bar.caregiver.clone().map(|id| Who::Caregiver(agency.name.clone(), id)));
        }
    }
    wanted
}

/// Sorts the alerts into lists. `headline` says whether an empty one is good news.
#[must_use]
pub fn lists(view: &View, asked: &Asked, names: &Names, headline: &Headline, now: Instant, most: Most) -> Lists {
    let cards = |list: Vec<&AlertView>, most: usize| List {
        n_left_out: list.len().saturating_sub(most),
        cards: list.into_iter().take(most).map(|one| Card::of(view, one, names, now)).collect(),
    };
    let pending = |one: &AlertView| speaks(one) && matches!(one.alert.state, AlertState::Pending { .. });
    let closed =
        |one: &AlertView| speaks(one) && matches!(one.alert.state, AlertState::Resolved { fired_at: Some(_), .. });
    Lists {
        needs: cards(needs(view, asked), most.needs),
        owned: cards(owned(view, asked), most.milder),
        warnings: cards(warnings(view, asked), most.milder),
        pending: cards(sorted(view, asked, pending), most.milder),
        closed: cards(sorted(view, asked, closed), most.milder),
        sees: matches!(headline.tone, "quiet" | "need"),
    }
}

/// Draws the page. `names` are shown where `with_names`.
#[must_use]
pub fn draw(
    view: &View,
    pulses: &Pulses,
    asked: &Asked,
    names: &Names,
    with_names: bool,
    now: Instant,
    real_now: Instant,
) -> Drawn {
    let headline = Headline::of(view, pulses, now, real_now);
    let lists = lists(view, asked, names, &headline, now, Most::AT_A_GLANCE);
    let counts = AlertCounts::of(view);
    let mut parts = vec![Part::of("headline", "headline.html", &headline), Part::of("needs", "needs.html", &lists)];
    if view.agencies.len() > DAYS_MAX && asked.agency.is_none() {
        let lines: Vec<AgencyLine<'_>> = view.agencies.iter().map(|agency| line(view, agency, now)).collect();
        parts.push(Part::of("agencies", "agencies.html", Agencies { agencies: lines }));
    }
    let mut bars_left = timeline::bars_of_a_page();
    for (n, agency) in days(view, asked).into_iter().enumerate() {
        let mut timeline = timeline::draw(agency, now, &mut bars_left);
        for bar in timeline.rows.iter_mut().flat_map(|row| &mut row.bars) {
            bar.client_name = names.name(&Who::Client(agency.name.clone(), bar.client.clone()));
            bar.caregiver_name =
                bar.caregiver.clone().and_then(|id| names.name(&Who::Caregiver(agency.name.clone(), id)));
        }
        let day = Day {
            name: agency.name.as_str(),
            title: &agency.title,
            several: view.agencies.len() > 1,
            timeline,
            legend: BarState::ALL.map(|state| Legend { state: state.as_str(), glyph: state.glyph() }).into(),
            names: with_names,
        };
        parts.push(Part::of(format!("today-{n}"), "today.html", &day));
    }
    parts.push(Part::of("ages", "ages.html", ages(view, asked, now)));
    let title = match counts.need_you {
        0 => headline.word.to_owned(),
        n => format!("({n}) {}", headline.word),
    };
    Drawn { title, place: "now", parts, fixed: None, at: now }
}

fn line<'a>(view: &'a View, agency: &'a AgencyView, now: Instant) -> AgencyLine<'a> {
    let needs = view.alerts.iter().filter(|one| one.needs_you() && one.alert.key.agency == agency.name).count();
    AgencyLine {
        name: agency.name.as_str(),
        title: &agency.title,
        tone: match (agency.blind_since, agency.last_read_at, needs) {
            (Some(_), ..) => "blind",
            (None, None, _) => "starting",
            (None, Some(_), 0) => "quiet",
            _ => "need",
        },
        clients: agency.n_clients,
        shifts_left: agency.n_shifts_left_today,
        uncovered: agency.coverage.as_ref().map(|all| all.iter().map(|one| one.shifts.uncovered).sum()),
        needs,
        read: agency.last_read_at.map(|at| Ago::of(at, now)),
        blind: agency.blind_since.map(|at| Ago::of(at, now)),
    }
}

/// The sections of an agency with their ages.
#[must_use]
pub fn section_ages(agency: &AgencyView, now: Instant) -> Vec<SectionAge> {
    let age = |one: &crate::view::SectionView| SectionAge {
        name: one.section.as_str(),
        as_of: one.as_of.map(|at| Ago::of(at, now)),
        complete: one.complete,
    };
    agency.sections.iter().map(age).collect()
}

fn ages<'a>(view: &'a View, asked: &Asked, now: Instant) -> Ages<'a> {
    let shown = days(view, asked);
    let agencies = shown
        .into_iter()
        .map(|agency| AgencyAges {
            title: &agency.title,
            sections: section_ages(agency, now),
            unjudged: agency.n_unjudged,
        })
        .collect();
    Ages { agencies, several: view.agencies.len() > 1 }
}
