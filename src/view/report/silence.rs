//! A silence in the answer of `GET /api/v1/silences`, and as the board shows it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    alerts::silence::{Silence, SilenceState, Silences},
    model::Instant,
    view::{View, words},
};

/// One silence.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SilenceReport {
    /// Its id.
    pub id: String,
    /// `active`, `pending` or `expired`.
    pub state: SilenceState,
    /// What it matches, as a person writes it.
    pub matchers: Vec<String>,
    /// When it begins.
    #[schema(value_type = String, format = DateTime)]
    pub starts_at: Instant,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    pub ends_at: Instant,
    /// Its end as a person says it at the moment of the answer: `in 3 h 55`.
    pub ends_in: String,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Instant,
    /// Who made it.
    pub created_by: String,
    /// Why.
    pub comment: String,
    /// It ends by itself once nothing that it mutes fires any more.
    pub until_resolved: bool,
    /// How many firing alerts it mutes; 0 unless it is active.
    pub n_muted: usize,
    /// Its end is near and it still mutes something.
    pub ends_soon: bool,
}

impl SilenceReport {
    /// Every silence, those that mute first.
    #[must_use]
    pub fn all(view: &View, silences: &Silences, now: Instant) -> Vec<Self> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for one in view.alerts.iter().filter(|one| one.alert.is_firing()) {
            for silence in silences.muting(&one.alert.labels, now) {
                *counts.entry(&silence.id).or_default() += 1;
            }
        }
        let n_muted = |silence: &Silence| counts.get(silence.id.as_str()).copied().unwrap_or(0);
        silences.listed(now).into_iter().map(|silence| Self::with(silence, n_muted(silence), now)).collect()
    }

    /// One of them.
    #[must_use]
    pub fn of(silence: &Silence, view: &View, silences: &Silences, now: Instant) -> Self {
        let mutes = |labels| silence.state(now) == SilenceState::Active && silences.matches(&silence.id, labels);
        let firing = view.alerts.iter().filter(|one| one.alert.is_firing());
        Self::with(silence, firing.filter(|one| mutes(&one.alert.labels)).count(), now)
    }

    fn with(silence: &Silence, n_muted: usize, now: Instant) -> Self {
        Self {
            id: silence.id.clone(),
            state: silence.state(now),
            matchers: silence.matchers.iter().map(ToString::to_string).collect(),
            starts_at: silence.starts_at,
            ends_at: silence.ends_at,
            ends_in: words::relative(silence.ends_at, now),
            updated_at: silence.updated_at,
            created_by: silence.created_by.clone(),
            comment: silence.comment.clone(),
            until_resolved: silence.until_resolved,
            n_muted,
            ends_soon: n_muted > 0 && silence.remind_at() <= now,
        }
    }
}
