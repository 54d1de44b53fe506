//! What notes on the record would have been written of the past, by the present configuration, whatever is switched on.
//!
//! Does not: store or send anything. Which visit belongs to a shift is known for about a week; of what is older the note would
//! be an admin task.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use super::desk::Desk;
use crate::{
    alerts::{alert::Alert, disposition::Said, fingerprint::fingerprint},
    config::{AdminTask, Write},
    http::vendor::NoteReport,
    lifecycle::Post,
    model::{PhiGrant, Subject},
    notify::{
        message::{Content, Message},
        record_note::{self, RecordPlace},
        voice::Telling,
    },
    report::past_note,
    rules::finding::Tells,
    store::StoreError,
};

/// Alerts that are looked at.
const ALERTS_MAX: u32 = 2_000;
const SAID_MAX: u32 = 5_000;

/// The notes of the last days, those apart that are kept already; the latest first.
pub(super) async fn notes(
    desk: &Desk,
    telling: &Telling,
    days: u32,
    kept: &BTreeSet<String>,
) -> Result<Vec<NoteReport>, StoreError> {
    let mut notes = Vec::new();
    for post in desk.posts().iter().filter(|post| post.source.is_some()) {
        notes.extend(of_agency(desk, post, telling, days).await?);
    }
    notes.retain(|note| !kept.contains(&note.id));
    notes.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.id.cmp(&b.id)));
    Ok(notes)
}

async fn of_agency(desk: &Desk, post: &Post, telling: &Telling, days: u32) -> Result<Vec<NoteReport>, StoreError> {
    let from = desk.clock.now() - TimeDelta::days(i64::from(days));
    let lives = desk.store.ended_lives(&post.name, from, ALERTS_MAX).await?;
    let all_said = desk.store.said_lately(&post.name, SAID_MAX).await?;
    let watch = post.watch.lock().await;
    let set = &watch.settings.wellsky.write;
    let is_set = set.task_log || set.admin_task.is_some();
    // Nothing is on: as if both ways were.
    let assumed = Write { task_log: true, admin_task: Some(AdminTask::default()), ..set.clone() };
    let write = Write { dry_run: false, ..if is_set { set.clone() } else { assumed } };
    let (visit, said) = (
        |subject: &Subject| past_note::visit_of(subject, &watch.mirror),
        |alert: &Alert| -> Option<Said> {
            let is_it =
                |said: &&Said| said.fingerprint == fingerprint(&alert.labels) && said.active_at == alert.active_at;
            all_said.iter().rev().find(is_it).cloned()
        },
    );
    let (mut once, mut notes) = (BTreeSet::new(), Vec::new());
    for (key, life) in lives {
        let tells = watch.ruleset.get(&key.rule).map_or(Tells::Summary, |rule| past_note::tells(&rule.kind));
        let Some(alert) = past_note::alert_of(key, &life, tells, &watch.mirror) else { continue };
        let given = record_note::Given { write: &write, telling, visit: &visit, said: &said, now: alert.updated_at };
        let rendered = record_note::render(std::slice::from_ref(&alert), given);
        notes.extend(
            rendered
                .messages
                .into_iter()
                .filter(|message| once.insert(message.id.clone()))
                .filter_map(|message| report(&message)),
        );
    }
    Ok(notes)
}

fn report(message: &Message) -> Option<NoteReport> {
    // Ids and what was read in WellSky; the same is shown of notes that are kept.
    let Content::Record(note) = message.content.reveal(PhiGrant::SEND).clone() else { return None };
    let (visit, client) = match note.on {
        RecordPlace::Visit { visit } => (Some(visit.to_string()), None),
        RecordPlace::Task { client, .. } => (None, Some(client.to_string())),
        RecordPlace::Nowhere { .. } => return None,
    };
    Some(NoteReport {
        id: message.id.to_string(),
        agency: message.agency.to_string(),
        at: message.created_at,
        way: message.gateways.first().cloned().unwrap_or_default(),
        visit,
        client,
        state: "would".to_owned(),
        why: None,
        vendor_id: None,
        text: note.text,
    })
}
