//! One agency's record at the vendor, for the send loop.

use futures::future::BoxFuture;

use crate::{
    model::CaregiverId,
    notify::{
        channel::{Asked, Scope, Verdict},
        record::RecordBook,
        record_note::{ADMIN_TASK, RecordNote, RecordPlace, TASK_LOG},
    },
    source::write::{
        WriteFault, Writer,
        notes::{AdminTask, TaskLog},
    },
};

/// Writes notes with one agency's credential.
#[derive(Debug)]
pub(super) struct VendorRecord(pub(super) Writer);

impl RecordBook for VendorRecord {
    fn write<'a>(&'a self, note: &'a RecordNote, way: &'a str) -> BoxFuture<'a, Verdict> {
        Box::pin(async move {
            let (kind, written) = match note.by(way) {
                RecordPlace::Visit { visit } => {
                    let log = TaskLog { title: &note.title, text: &note.text, at: note.at };
                    (TASK_LOG, self.0.put_task_log(visit.as_str(), log).await)
                }
                RecordPlace::Task { client, caregiver, day, owners } => {
                    let task = AdminTask {
                        text: &note.text,
                        client: client.as_str(),
                        caregiver: caregiver.as_ref().map(CaregiverId::as_str),
                        day: *day,
                        owners,
                    };
                    (ADMIN_TASK, self.0.put_admin_task(task).await)
                }
                RecordPlace::Nowhere { .. } => {
                    return Verdict::Refused { why: "it belongs to nobody's record".into(), bad: None };
                }
            };
            match written {
                Ok(id) => Verdict::Sent { provider_id: id.map(|id| format!("{kind}/{id}")) },
                Err(fault) => verdict(&fault),
            }
        })
    }

    fn ask<'a>(&'a self, note: &'a RecordNote, way: &'a str) -> BoxFuture<'a, Asked> {
        Box::pin(async move {
            let RecordPlace::Visit { visit } = note.by(way) else { return Asked::CannotTell };
            match self.0.task_logs_with(visit.as_str(), &note.mark).await {
                Ok(found) => {
                    // One without an id is there all the same: its mark is as good a name.
                    let name = |id: Option<String>| format!("{TASK_LOG}/{}", id.unwrap_or_else(|| note.mark.clone()));
                    Asked::Matches(found.into_iter().map(|id| (TASK_LOG.to_owned(), name(id))).collect())
                }
                Err(fault) => Asked::NoAnswer { why: code(&fault) },
            }
        })
    }
}

/// What a fault means. What the vendor says may repeat the note, so only codes go on.
fn verdict(fault: &WriteFault) -> Verdict {
    let why = code(fault);
    match fault {
        WriteFault::NotSent { .. } => Verdict::NotSent { why, scope: Scope::Way, retry_after: None },
        WriteFault::Refused { .. } => Verdict::Refused { why, bad: None },
        WriteFault::Uncertain { .. } | WriteFault::Unreadable => Verdict::MayHaveLeft { why },
    }
}

fn code(fault: &WriteFault) -> String {
    match fault {
        WriteFault::NotSent { why } => why.clone(),
        WriteFault::Refused { status, .. } => format!("WellSky refuses it ({status})"),
        WriteFault::Uncertain { code } => format!("no certain answer ({code})"),
        WriteFault::Unreadable => "the answer cannot be read".to_owned(),
    }
}
