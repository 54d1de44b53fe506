//! Looks up what was read beside the watch: ids in memory, words in the store.

use futures::future::BoxFuture;

use super::desk::Desk;
use crate::{
    details::{DetailSection, plan::ACTIVITY_KINDS},
    http::{Details, details::TasksOf, records::RecordsFault},
    lifecycle::Post,
    mirror::MirrorRow,
    model::{PhiGrant, ShiftKey, VisitId},
    report::tasks::{ActivitiesReport, Done, Planned, TasksReport},
    store::StoreError,
};

impl Details for Desk {
    fn tasks<'a>(
        &'a self,
        of: &'a TasksOf,
        grant: Option<PhiGrant>,
    ) -> BoxFuture<'a, Result<Option<TasksReport>, RecordsFault>> {
        Box::pin(async move {
            for post in self.posts().iter().filter(|post| post.source.is_some()) {
                if let Some(report) = self.tasks_at(post, of, grant).await.map_err(|error| fault(&error))? {
                    return Ok(Some(report));
                }
            }
            Ok(None)
        })
    }

    fn activities(&self) -> BoxFuture<'_, Result<Vec<ActivitiesReport>, RecordsFault>> {
        Box::pin(async move {
            let mut reports = Vec::new();
            for post in self.posts().iter().filter(|post| post.source.is_some()) {
                if post.watch.lock().await.settings.wellsky.sections.activities.is_none() {
                    continue;
                }
                for kind in ACTIVITY_KINDS {
                    let row = self.store.detail(&post.name, DetailSection::Activities, kind).await;
                    let row = row.map_err(|error| fault(&error))?;
                    reports.push(ActivitiesReport {
                        agency: post.name.to_string(),
                        kind: kind.to_owned(),
                        as_of: row.as_ref().map(|row| row.read_at),
                        // The agency's own list; it names nobody.
                        activities: row.and_then(|row| row.read(PhiGrant::COMPARE)),
                    });
                }
            }
            Ok(reports)
        })
    }
}

impl Desk {
    async fn tasks_at(
        &self,
        post: &Post,
        of: &TasksOf,
        grant: Option<PhiGrant>,
    ) -> Result<Option<TasksReport>, StoreError> {
        let (visit, shift, is_known) = {
            let watch = post.watch.lock().await;
            match of {
                TasksOf::Visit(id) => {
                    let entry = watch.mirror.visits().get(&VisitId::new(id.as_str()));
                    (Some(id.clone()), entry.and_then(|entry| entry.shift.clone()), entry.is_some())
                }
                TasksOf::Shift(label) => {
                    let is_it = |key: &ShiftKey| key.label(false) == *label || key.label(true) == *label;
                    let key = watch.mirror.shifts().iter().map(|entry| &entry.shift.key).find(|key| is_it(key));
                    (None, key.cloned(), key.is_some())
                }
            }
        };
        let done = match &visit {
            Some(id) => self.store.detail(&post.name, DetailSection::TaskLogs, id).await?,
            None => None,
        };
        if !is_known && done.is_none() {
            return Ok(None);
        }
        let planned = match &shift {
            Some(key) => self.store.detail(&post.name, DetailSection::ShiftTasks, &MirrorRow::key_of(key)).await?,
            None => None,
        };
        Ok(Some(TasksReport {
            agency: post.name.to_string(),
            visit,
            shift: shift.map(|key| key.label(false)),
            planned: planned.and_then(|row| Planned::of(&row, grant)),
            done: done.and_then(|row| Done::of(&row, grant)),
        }))
    }
}

fn fault(error: &StoreError) -> RecordsFault {
    RecordsFault { why: error.to_string() }
}
