//! The page behind a link in a text: what, when, where, who was told, and what can be done about it, on a phone, without
//! sign-in. Public words only: no name of a client or caregiver ever comes here.

use serde::Serialize;

use super::{cut, render};
use crate::{
    alerts::{
        alert::{Alert, AlertState},
        orders::Action,
        page::{Page, PageLink, PageState},
    },
    model::{Instant, PersonName},
    notify::{voice::Telling, words},
};

/// So many alerts are shown.
const ALERTS_MAX: usize = 20;
const WORDS_MAX: usize = 200;

/// What a link leads to.
#[derive(Debug, Clone)]
pub struct Linked {
    /// The page that was told of.
    pub page: Page,
    /// The link.
    pub link: PageLink,
    /// What it is about now, or as it ended.
    pub alerts: Vec<Alert>,
}

#[derive(Serialize)]
struct Shown {
    title: String,
    /// Where the forms go.
    path: String,
    person: String,
    alerts: Vec<AlertShown>,
    n_more: usize,
    told: Vec<(String, String)>,
    /// Who has it and until when.
    owner: Option<(String, String)>,
    is_mine: bool,
    /// How it ended.
    closed: Option<String>,
    drill: bool,
    /// So many shifts are on it, when it is a list.
    n_listed: Option<usize>,
    buttons: Vec<Button>,
    used: Vec<String>,
}

#[derive(Serialize)]
struct AlertShown {
    headline: String,
    concerns: String,
    urgency: String,
    action: String,
    reference: String,
}

#[derive(Serialize)]
struct Button {
    value: &'static str,
    says: &'static str,
}

/// What can be done by a link: the form's word, what it does, and what the button says.
const ACTIONS: [(&str, Action, &str); 4] = [
    ("mine", Action::Mine { minutes: None }, "Mine"),
    ("help", Action::Mine { minutes: Some(40) }, "Mine, help in 40 minutes"),
    ("handled", Action::Handled, "Handled"),
    ("pass", Action::Pass, "Next person"),
];

/// What a form's word asks.
#[must_use]
pub fn action(word: &str) -> Option<Action> {
    ACTIONS.iter().find(|(known, ..)| *known == word).map(|(_, action, _)| *action)
}

fn word_of(action: Action) -> &'static str {
    ACTIONS.iter().find(|(_, known, _)| *known == action).map_or("", |(_, _, says)| says)
}

/// The page of a link, whole.
#[must_use]
pub fn draw(linked: &Linked, token: &str, telling: &Telling, now: Instant) -> String {
    let Linked { page, link, alerts } = linked;
    let voice = telling.voice(&page.key.group.agency);
    let time = |at: Instant| voice.day_time(at, voice.zone);
    let ownership = page.ownership();
    let closed = match &page.state {
        PageState::Closed { at, owner, .. } => {
            let list = page.list.is_some();
            Some(match owner {
                Some(owner) if list => {
                    format!("{owner} has the list. Each shift pages by itself two hours before it starts.")
                }
                None if list => {
                    "The list is closed. Each shift that is still without a caregiver pages by itself.".into()
                }
                Some(owner) => format!("Over since {}. {owner} had it. Nothing more to do.", time(*at)),
                None => format!("Over since {}. Nothing more to do.", time(*at)),
            })
        }
        PageState::Open | PageState::Owned(_) => None,
    };
    let shown = alerts.iter().take(ALERTS_MAX).map(|alert| {
        let said = words::firing(alert, telling, now);
        let over = matches!(alert.state, AlertState::Resolved { .. });
        AlertShown {
            headline: cut(&said.headline, WORDS_MAX),
            concerns: cut(&said.concerns, WORDS_MAX),
            urgency: if over { String::new() } else { cut(&said.urgency, WORDS_MAX) },
            action: cut(&if over { words::closing(alert, telling) } else { said.action }, WORDS_MAX),
            reference: said.reference,
        }
    });
    let same = |a: Action, b: Action| a == b;
    let is_used = |action: Action| link.used.iter().any(|used| same(used.action, action));
    let buttons = ACTIONS.iter().filter(|(_, action, _)| page.is_open() && !is_used(*action));
    render(
        "link.html",
        Shown {
            title: voice.title.clone(),
            path: format!("{}/a/{token}", telling.base_path()),
            person: link.person.to_string(),
            alerts: shown.collect(),
            n_more: alerts.len().saturating_sub(ALERTS_MAX),
            told: page
                .people()
                .into_iter()
                .map(|(person, at): (PersonName, Instant)| (person.to_string(), time(at)))
                .collect(),
            owner: ownership.map(|owned| (owned.ack.by.clone(), time(owned.ack.until))),
            is_mine: ownership.is_some_and(|owned| owned.person.as_ref() == Some(&link.person)),
            closed,
            drill: page.drill.is_some(),
            n_listed: page.list.is_some().then_some(alerts.len()),
            buttons: buttons.map(|(value, _, says)| Button { value, says }).collect(),
            used: link.used.iter().map(|used| format!("{}, {}", word_of(used.action), time(used.at))).collect(),
        },
    )
}

/// The page of a link that leads nowhere: the same whether it never did or does no more.
#[must_use]
pub fn draw_nothing(says: &str) -> String {
    #[derive(Serialize)]
    struct Nothing<'a> {
        says: &'a str,
    }
    render("link_nothing.html", Nothing { says })
}
