//! `agencies[].wellsky.write`: what may be written to the vendor, each by its name. Nothing without it.

use std::time::Duration;

use super::{
    reading::{Fields, Reading},
    tree::{Node, Place, Value},
};
use crate::notify::receiver::{SmsGateway, SmsGatewayKind};

/// What may be written at the vendor. Nothing, by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Write {
    /// Notes are made and kept here, and none is written.
    pub dry_run: bool,
    /// An alert's outcome, as a task log on its visit.
    pub task_log: bool,
    /// An alert's outcome, as an admin task about its client, where no task log can be written.
    pub admin_task: Option<AdminTask>,
    /// Calls and texts with clients, as one admin task a client and day.
    pub ringcentral_digest: Option<RingCentralDigest>,
    /// The rules whose alerts are noted, by name; empty = those that page.
    pub rules: Vec<String>,
}

/// `ringcentral_digest:`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RingCentralDigest {
    /// The gateway of `sms_gateways` whose calls are read.
    pub gateway: String,
    /// The calls of the whole account; else of the gateway's extension alone.
    pub account: bool,
    /// The extension's texts, too.
    pub texts: bool,
    /// How long after midnight a day is closed.
    pub grace: Duration,
    /// The vendor's ids of the admins a task is assigned to; empty = nobody.
    pub owners: Vec<u64>,
    /// Where the gateway is named.
    at: Place,
}

/// A call that went over midnight is listed once it is over; what comes later still is known later.
const GRACE: Duration = Duration::from_mins(30);

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
        self.task_log || self.admin_task.is_some() || self.ringcentral_digest.is_some()
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
    let digest_path = fields.path("ringcentral_digest");
    let digest_node = fields.get("ringcentral_digest");
    let ringcentral_digest = digest_node.and_then(|node| read_digest(node, &digest_path, cx));
    if let (Some(node), false) = (digest_node, has_agency_id) {
        cx.error(node.at, format!("{digest_path} is on, and wellsky.agency_id is not set"), "set wellsky.agency_id");
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
    let rules = rules.into_iter().map(|(rule, _)| rule).collect();
    let write = Write { dry_run, task_log, admin_task, ringcentral_digest, rules };
    if !write.is_on() && !cx.faults.iter().any(super::fault::Fault::is_error) {
        cx.warn(
            node.at,
            format!("{path} switches nothing on"),
            "name task_log, admin_task or ringcentral_digest, or remove it",
        );
    }
    Some(write)
}

fn read_task(node: &Node, path: &str, cx: &mut Reading<'_>) -> Option<AdminTask> {
    let mut fields = Fields::of(node, path, cx)?;
    let owners = read_owners(&mut fields, cx);
    fields.finish(&[], cx);
    Some(AdminTask { owners })
}

fn read_owners(fields: &mut Fields<'_>, cx: &mut Reading<'_>) -> Vec<u64> {
    let path = fields.path("owner");
    let owners = fields.get("owner").and_then(|node| cx.list(node, &path)).unwrap_or_default();
    let owners = owners.iter().enumerate().filter_map(|(n, node)| {
        cx.number(node, &format!("{path}[{n}]"), "an admin's id at WellSky, a whole number", |id: &u64| *id > 0)
    });
    owners.collect()
}

fn read_digest(node: &Node, path: &str, cx: &mut Reading<'_>) -> Option<RingCentralDigest> {
    let mut fields = Fields::of(node, path, cx)?;
    let gateway_path = fields.path("gateway");
    let gateway = fields.need("gateway", "name the ringcentral gateway of sms_gateways whose calls are read", cx);
    let at = gateway.map_or(node.at, |node| node.at);
    let gateway = gateway.and_then(|node| cx.word(node, &gateway_path));
    let of_path = fields.path("of");
    let of = fields.get("of").and_then(|node| cx.one_of(node, &of_path, &["extension", "account"]));
    let texts = fields.flag("texts", cx).unwrap_or(true);
    let grace_path = fields.path("grace");
    let grace = fields.get("grace");
    let grace = grace.and_then(|node| cx.duration(node, &grace_path, Duration::from_mins(1), Duration::from_hours(12)));
    let owners = read_owners(&mut fields, cx);
    fields.finish(&[], cx);
    let grace = grace.unwrap_or(GRACE);
    Some(RingCentralDigest { gateway: gateway?, account: of == Some("account"), texts, grace, owners, at })
}

/// Whether the gateway that is named can list calls.
pub fn check_gateway(write: &Write, gateways: &[SmsGateway], cx: &mut Reading<'_>) {
    let Some(digest) = &write.ringcentral_digest else { return };
    let lists = |gateway: &&SmsGateway| matches!(gateway.kind, SmsGatewayKind::RingCentral(_));
    let named = gateways.iter().find(|gateway| gateway.name == digest.gateway);
    if named.is_none_or(|gateway| !lists(&gateway)) {
        let what = match named {
            Some(_) => "is no ringcentral gateway: only those list calls",
            None => "is not among sms_gateways",
        };
        let all: Vec<&str> = gateways.iter().filter(lists).map(|gateway| gateway.name.as_str()).collect();
        let instead = match all.as_slice() {
            [] => "add one under sms_gateways, with ringcentral:".to_owned(),
            all => format!("known here: {}", all.join(", ")),
        };
        cx.error(digest.at, format!("write.ringcentral_digest.gateway {} {what}", digest.gateway), instead);
    }
}
