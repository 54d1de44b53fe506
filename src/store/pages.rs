//! Pages: who was told of what and who has it, as the step wrote it.

use sqlx::SqliteConnection;

use super::{
    book::bodies,
    error::StoreError,
    sql::{Many, json},
    writer::Values,
};
use crate::{
    alerts::{
        page::{Page, PageKey, PageState},
        step::Delta,
    },
    model::AgencyName,
};

/// Stores a step's changes of pages.
pub(super) async fn store(
    connection: &mut SqliteConnection,
    agency: &AgencyName,
    delta: &Delta,
) -> Result<(), StoreError> {
    const PAGES: Many = Many {
        head: "INSERT INTO pages (agency, key, generation, policy, code, token_hash, state, opened_at, closed_at,
               next_step_at, key_id, body) VALUES ",
        tail: " ON CONFLICT (agency, key, generation) DO UPDATE SET state = excluded.state,
               closed_at = excluded.closed_at, next_step_at = excluded.next_step_at, key_id = excluded.key_id,
               body = excluded.body",
    };
    const PAGES_GONE: Many =
        Many { head: "DELETE FROM pages WHERE (agency, key, generation) IN (SELECT * FROM (VALUES ", tail: "))" };
    let what = "storing pages";
    let generation = |key: &PageKey| i64::try_from(key.generation).unwrap_or(i64::MAX);
    let mut rows: Vec<Values> = Vec::with_capacity(delta.pages.len());
    for page in &delta.pages {
        let closed_at = match &page.state {
            PageState::Closed { at, .. } => Some(*at),
            PageState::Open | PageState::Owned(_) => None,
        };
        rows.push(vec![
            agency.as_str().into(),
            json("pages", &page.key)?.into(),
            generation(&page.key).into(),
            page.key.policy.as_str().into(),
            None::<String>.into(),
            None::<String>.into(),
            page.state_name().into(),
            page.opened_at.into(),
            closed_at.into(),
            page.next_at.into(),
            0.into(),
            json("pages", page)?.into(),
        ]);
    }
    PAGES.execute(connection, what, rows).await?;
    let mut rows: Vec<Values> = Vec::new();
    for key in &delta.pages_gone {
        rows.push(vec![agency.as_str().into(), json("pages", key)?.into(), generation(key).into()]);
    }
    PAGES_GONE.execute(connection, what, rows).await.map(drop)
}

/// Every page of an agency.
pub(super) async fn load(connection: &mut SqliteConnection, agency: &AgencyName) -> Result<Vec<Page>, StoreError> {
    let text = "SELECT body FROM pages WHERE agency = ? ORDER BY opened_at, key";
    bodies(connection, "pages", text, vec![agency.as_str().into()]).await
}
