//! Notes on the vendor's record: task logs on visits, admin tasks about clients (contract §4.6, §4.8).

use chrono::{NaiveDate, SecondsFormat};
use reqwest::Method;
use serde_json::{Value, json};

use super::{WriteFault, Writer};
use crate::{
    model::Instant,
    source::{
        paging::{End, Next, PAGE_ROWS, PageSeen, Paging},
        wire::{bundle, value},
    },
};

/// A visit has a handful of tasks.
const PAGES_MAX: u32 = 20;

/// A task log to write.
#[derive(Debug, Clone, Copy)]
pub struct TaskLog<'a> {
    /// A few words.
    pub title: &'a str,
    /// The text.
    pub text: &'a str,
    /// When it happened.
    pub at: Instant,
}

/// An admin task to write.
#[derive(Debug, Clone, Copy)]
pub struct AdminTask<'a> {
    /// The text.
    pub text: &'a str,
    /// Whom it is about.
    pub client: &'a str,
    /// Who was to come.
    pub caregiver: Option<&'a str>,
    /// Which day.
    pub day: NaiveDate,
    /// Who is to look at it.
    pub owners: &'a [u64],
}

impl Writer {
    /// Writes a task log on a visit. Its id there, where the vendor gives one.
    ///
    /// # Errors
    /// As [`WriteFault`] says; some visits are refused for reasons only the vendor knows.
    pub async fn put_task_log(&self, visit: &str, log: TaskLog<'_>) -> Result<Option<String>, WriteFault> {
        let body = json!({
            "resourceType": "TaskLog",
            "title": log.title,
            "description": log.text,
            "status": "COMPLETE",
            "comment": "",
            // Naive, and by the vendor's documents UTC.
            "recorded": log.at.to_rfc3339_opts(SecondsFormat::Secs, true).trim_end_matches('Z'),
            "show_in_family_room": false,
            "message_for_next_caregiver": false,
        });
        let answer = self.send(Method::POST, "/v1/encounter/", &[visit, "tasklog"], &[], Some(&body)).await?;
        taken(&answer, "taskLogId")
    }

    /// The ids of the task logs on a visit whose text holds `mark`. `None` for one without an id.
    ///
    /// # Errors
    /// As [`WriteFault`] says.
    pub async fn task_logs_with(&self, visit: &str, mark: &str) -> Result<Vec<Option<String>>, WriteFault> {
        let mut paging = Paging::new(None, PAGES_MAX);
        let mut number: Option<String> = None;
        let count = PAGE_ROWS.to_string();
        let mut found = Vec::new();
        loop {
            let mut query = vec![("_count", count.as_str())];
            query.extend(number.as_deref().map(|number| ("_page", number)));
            let answer = self.send(Method::GET, "/v1/encounter/", &[visit, "tasklog"], &query, None).await?;
            let page = bundle::read(answer.to_string().as_bytes()).map_err(|_| WriteFault::Unreadable)?;
            let text = |row: &Value| row.get("description").and_then(Value::as_str).unwrap_or_default().to_owned();
            found.extend(page.rows.iter().filter(|row| text(row).contains(mark)).map(|row| value::id(row.get("id"))));
            let keys = page.rows.iter().map(ToString::to_string).collect();
            match paging.take(PageSeen { keys, total: page.total }) {
                Next::Ask(page) if found.is_empty() => number = Some(page.to_string()),
                Next::Ask(_) | Next::Done(End::Complete) => return Ok(found),
                Next::Done(End::Mismatch | End::Incomplete) if !found.is_empty() => return Ok(found),
                Next::Done(End::Mismatch | End::Incomplete) => return Err(WriteFault::Unreadable),
            }
        }
    }

    /// Writes an admin task. Its id there, where the vendor gives one.
    ///
    /// # Errors
    /// As [`WriteFault`] says. What is uncertain stays so: there is no search for admin tasks.
    pub async fn put_admin_task(&self, task: AdminTask<'_>) -> Result<Option<String>, WriteFault> {
        // Another number than the id, such as 12 for 0012, would be somebody else.
        let number = |id: &str| match id.parse::<u64>() {
            Ok(n) if n.to_string() == id => json!(n),
            _ => json!(id),
        };
        let mut requesters = vec![json!({ "resourceType": "Patient", "id": number(task.client) })];
        requesters.extend(task.caregiver.map(|id| json!({ "resourceType": "Practitioner", "id": number(id) })));
        let body = json!({
            "status": "received",
            "description": task.text,
            "executionDate": task.day.to_string(),
            "dueDate": format!("{}T23:59:59", task.day),
            "requester": requesters,
            "owner": task.owners,
            "meta": { "tag": [ { "code": "agencyId", "display": self.agency_id().unwrap_or_default() } ] },
        });
        let answer = self.send(Method::POST, "/v1/adminTasks/", &[], &[], Some(&body)).await?;
        taken(&answer, "id")
    }
}

/// The id in an answer to what was written, where there is one. An empty answer and a plain "yes" are believed; whatever
/// says neither is no proof of anything.
fn taken(answer: &Value, key: &str) -> Result<Option<String>, WriteFault> {
    let id = value::id(answer.get(key)).or_else(|| value::id(answer.get("id")));
    let yes = answer.is_null() || answer.get("success").is_some_and(|it| value::truth(Some(it)) == Some(true));
    if yes || id.is_some() { Ok(id) } else { Err(WriteFault::Unreadable) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_that_says_so_means_written() {
        let rows = [
            (json!({ "success": true, "taskLogId": 4102 }), Ok(Some("4102")), "as documented"),
            (json!({ "success": true, "taskLogId": "4102" }), Ok(Some("4102")), "an id as text"),
            (json!({ "success": true }), Ok(None), "no id, but a yes"),
            (json!({ "resourceType": "TaskLog", "id": 7 }), Ok(Some("7")), "the resource itself"),
            (Value::Null, Ok(None), "an empty answer"),
            (json!({}), Err(WriteFault::Unreadable), "neither yes nor an id"),
            (json!({ "message": "Visit is locked" }), Err(WriteFault::Unreadable), "words alone"),
            (json!("done"), Err(WriteFault::Unreadable), "a text"),
        ];
        for (answer, want, shows) in rows {
            let want = want.map(|id: Option<&str>| id.map(str::to_owned));
            assert_eq!(taken(&answer, "taskLogId"), want, "{shows}");
        }
    }
}
