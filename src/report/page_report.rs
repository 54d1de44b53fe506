//! A page as the API shows it: who was told at which step, who has it, what comes next. Without codes, links and
//! addresses: whoever reads it could not act on a page by it.

use serde::{Deserialize, Serialize};

use crate::{
    alerts::{
        fingerprint::fingerprint,
        page::{Page, PageState},
    },
    model::Instant,
};

/// One page: open, or over for less than a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PageReport {
    /// 16 hex digits.
    pub id: String,
    /// Whose.
    pub agency: String,
    /// By which escalation policy.
    pub policy: String,
    /// `open`, `owned` or `closed`.
    pub state: String,
    /// When it opened.
    #[schema(value_type = String, format = DateTime)]
    pub opened_at: Instant,
    /// When it was over.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub closed_at: Option<Instant>,
    /// The fingerprints of the alerts it tells of; of a page that is over, as it ended.
    pub alerts: Vec<String>,
    /// The next step of the round, from 1.
    pub next_step: usize,
    /// Rounds begun, from 1.
    pub round: u32,
    /// When it is looked at next: the next step, the next way, the end of ownership.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_at: Option<Instant>,
    /// Who was told, oldest first.
    pub told: Vec<PageToldReport>,
    /// Who has it, or had it.
    pub owner: Option<PageOwner>,
    /// True for a trial.
    pub drill: bool,
    /// True for a list of standing gaps.
    #[serde(default)]
    pub list: bool,
}

/// One message to one person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PageToldReport {
    /// Whom: their name in the configuration.
    pub person: String,
    /// `sms`, `call` or `email`.
    pub via: String,
    /// When it was decided.
    #[schema(value_type = String, format = DateTime)]
    pub at: Instant,
    /// At which step, from 1.
    pub step: usize,
    /// In which round, from 1.
    pub round: u32,
    /// `held`, `waiting`, `sent`, `delivered`, `failed` or `withdrawn`.
    pub arrived: String,
}

/// Who has a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PageOwner {
    /// Who.
    pub by: String,
    /// Since when; `None` once it is over.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub at: Option<Instant>,
    /// Until when; `None` once it is over.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Instant>,
    /// They called it handled.
    pub handled: bool,
}

impl PageReport {
    /// Of a page; `fingerprints` are those of its alerts that still live.
    #[must_use]
    pub fn of(page: &Page, fingerprints: Vec<String>) -> Self {
        let (closed_at, had, ended) = match &page.state {
            PageState::Closed { at, owner, alerts } => {
                (Some(*at), owner.clone(), alerts.iter().map(|alert| fingerprint(&alert.labels)).collect())
            }
            PageState::Open | PageState::Owned(_) => (None, None, Vec::new()),
        };
        let owner = page.ownership().map(|owned| PageOwner {
            by: owned.ack.by.clone(),
            at: Some(owned.ack.at),
            until: Some(owned.ack.until),
            handled: owned.handled,
        });
        let had = had.map(|by| PageOwner { by, at: None, until: None, handled: false });
        let told = page.told.iter().map(|told| PageToldReport {
            person: told.person.to_string(),
            via: told.via.as_str().to_owned(),
            at: told.at,
            step: told.step + 1,
            round: told.round + 1,
            arrived: told.arrived.as_str().to_owned(),
        });
        Self {
            id: page.key.id(),
            agency: page.key.group.agency.to_string(),
            policy: page.key.policy.clone(),
            state: page.state_name().to_owned(),
            opened_at: page.opened_at,
            closed_at,
            alerts: if closed_at.is_some() { ended } else { fingerprints },
            next_step: page.step + 1,
            round: page.round + 1,
            next_at: page.next_at.filter(|_| closed_at.is_none()),
            told: told.collect(),
            owner: owner.or(had),
            drill: page.drill.is_some(),
            list: page.list.is_some(),
        }
    }
}
