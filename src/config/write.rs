//! `agencies[].wellsky.write`: what may be written to the vendor, each by its name. Nothing without it.

use super::{
    reading::{Fields, Reading},
    tree::{Node, Value},
};

/// What may be written at the vendor. Nothing, by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Write {
    /// Notes are made and kept here, and none is written.
    pub dry_run: bool,
    /// An alert's outcome, as a task log on its visit.
    pub task_log: bool,
    /// An alert's outcome, as an admin task about its client, where no task log can be written.
    pub admin_task: Option<AdminTask>,
    /// The rules whose alerts are noted, by name; empty = those that page.
    pub rules: Vec<String>,
}

/// `admin_task:`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AdminTask {
    /// The vendor's ids of the admins a task is assigned to; empty = nobody.
    pub owners: Vec<u64>,
}

impl Write {
    /// Whether anything is written, or would be.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.task_log || self.admin_task.is_some()
    }
}

/// Reads `write:`. An admin task needs the agency's id at the vendor.
pub fn read(node: &Node, path: &str, has_agency_id: bool, cx: &mut Reading<'_>) -> Option<Write> {
    let mut fields = Fields::of(node, path, cx)?;
    let dry_run = fields.flag("dry_run", cx).unwrap_or(false);
    let task_log_path = fields.path("task_log");
    let task_log = fields.get("task_log").is_some_and(|node| {
        // `task_log: {}` and `task_log: true` both name it.
        if let Value::Map(_) = node.value {
            if let Some(fields) = Fields::of(node, &task_log_path, cx) {
                fields.finish(&[], cx);
            }
            return true;
        }
        cx.flag(node, &task_log_path).unwrap_or(false)
    });
    let task_path = fields.path("admin_task");
    let task_node = fields.get("admin_task");
    let admin_task = task_node.and_then(|node| {
        if let Value::Map(_) = node.value {
            return read_task(node, &task_path, cx);
        }
        cx.flag(node, &task_path).unwrap_or(false).then(AdminTask::default)
    });
    if let (Some(node), Some(_), false) = (task_node, &admin_task, has_agency_id) {
        cx.error(node.at, format!("{task_path} is on, and wellsky.agency_id is not set"), "set wellsky.agency_id");
    }
    let rules_node = fields.get("rules");
    let rules_path = fields.path("rules");
    let rules = rules_node.and_then(|node| cx.words(node, &rules_path)).unwrap_or_default();
    if let (Some(node), true) = (rules_node, rules.is_empty()) {
        cx.error(
            node.at,
            format!("{rules_path} is empty"),
            "name a rule, or leave the key out: then those that page are noted",
        );
    }
    fields.finish(&[("tasklog", "write task_log"), ("admintask", "write admin_task")], cx);
    let write = Write { dry_run, task_log, admin_task, rules: rules.into_iter().map(|(rule, _)| rule).collect() };
    if !write.is_on() && !cx.faults.iter().any(super::fault::Fault::is_error) {
        cx.warn(node.at, format!("{path} switches nothing on"), "name task_log or admin_task, or remove it");
    }
    Some(write)
}

fn read_task(node: &Node, path: &str, cx: &mut Reading<'_>) -> Option<AdminTask> {
    let mut fields = Fields::of(node, path, cx)?;
    let owners_path = fields.path("owner");
    let owners = fields.get("owner").and_then(|node| cx.list(node, &owners_path)).unwrap_or_default();
    let owners = owners.iter().enumerate().filter_map(|(n, node)| {
        cx.number(node, &format!("{owners_path}[{n}]"), "an admin's id at WellSky, a whole number", |id: &u64| *id > 0)
    });
    let owners = owners.collect();
    fields.finish(&[], cx);
    Some(AdminTask { owners })
}
