//! Through which gateways a message may have left already, and which of them refuse it.
//!
//! Given: claims. Gives: the claims with what their earlier attempts say of gateways. Does not: judge an attempt.

use std::collections::HashMap;

use sqlx::SqliteConnection;

use super::TABLE;
use crate::{
    model::Instant,
    notify::message::Channel,
    store::{
        Claim,
        error::StoreError,
        sql::{Many, get, instant},
    },
};

/// Why the outcome of a send is not known that was under way when the program ended. Which gateway it went through was
/// chosen after the claim was stored.
pub(super) const NOBODY_KNOWS: &str = "stopped before its outcome was recorded";

struct Tried {
    gateway: String,
    refused: bool,
    at: Instant,
    why: String,
}

/// Reads it for those that were tried before.
pub(super) async fn read(connection: &mut SqliteConnection, claims: &mut [Claim]) -> Result<(), StoreError> {
    const GET: Many = Many {
        head:
            "SELECT message, agency, gateway, outcome, at, why FROM attempts WHERE outcome IN ('uncertain', 'refused')
               AND message IN (VALUES ",
        tail: ") ORDER BY attempt DESC",
    };
    let again = |claim: &&Claim| {
        claim.attempt > 1 && matches!(claim.message.channel, Channel::Sms | Channel::Call | Channel::Record)
    };
    let ids: Vec<_> = claims.iter().filter(again).map(|claim| vec![claim.message.id.as_str().into()]).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let mut known: HashMap<(String, String), Vec<Tried>> = HashMap::new();
    for row in GET.fetch(connection, "looking at earlier attempts", ids).await? {
        known.entry((get(&row, TABLE, 0)?, get(&row, TABLE, 1)?)).or_default().push(Tried {
            gateway: get(&row, TABLE, 2)?,
            refused: get::<&str>(&row, TABLE, 3)? == "refused",
            at: instant(&row, TABLE, 4)?,
            why: get(&row, TABLE, 5)?,
        });
    }
    for claim in claims.iter_mut().filter(|claim| again(&&**claim)) {
        let key = (claim.message.id.as_str().to_owned(), claim.message.agency.as_str().to_owned());
        note(claim, known.remove(&key).unwrap_or_default());
    }
    Ok(())
}

/// What was denied since counts no more: the doubt began with the first attempt that nobody answered for.
fn note(claim: &mut Claim, tried: Vec<Tried>) {
    for one in tried {
        if one.refused {
            claim.refused_by.push(one.gateway);
        } else if claim.uncertain_since.is_some_and(|since| one.at >= since) {
            claim.unsure_which |= one.why == NOBODY_KNOWS;
            if !claim.unsure.contains(&one.gateway) {
                claim.unsure.push(one.gateway);
            }
        }
    }
    if claim.uncertain_since.is_some() && claim.unsure.is_empty() {
        claim.unsure.extend(claim.gateway.clone());
        claim.unsure_which = true;
    }
}
