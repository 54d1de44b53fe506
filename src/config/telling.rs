//! `telling` (a trial time in which one address reads everything) and `heartbeat`.

use std::time::Duration;

use chrono::NaiveDate;

use super::{
    Heartbeat, Shadow,
    address::is_mail,
    global::MailSettings,
    reading::{Fields, Reading},
    receivers::read_outside_url,
    secret,
    tree::Node,
};
use crate::model::Phi;

/// `heartbeat.every`, when nobody says.
const EVERY: Duration = Duration::from_mins(1);

/// Reads `telling:`.
pub fn read_telling(node: &Node, mail: &MailSettings, cx: &mut Reading<'_>) -> Option<Shadow> {
    let mut fields = Fields::of(node, "telling", cx)?;
    let until_node = fields.need("shadow_until", "write the first day on which telling is real, as 2026-12-01", cx);
    let until = until_node.and_then(|node| {
        let text = cx.word(node, "telling.shadow_until")?;
        let date = NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok();
        if date.is_none() {
            cx.error(node.at, format!("telling.shadow_until \"{text}\" is not a date"), "write it as 2026-12-01");
        }
        date
    });
    let to_node = fields.need("to", "write the address that reads everything meanwhile", cx);
    let to = to_node.and_then(|node| {
        let text = secret::value(node, "telling.to", cx)?;
        if !is_mail(&text) {
            cx.error(node.at, "telling.to is not a mail address", "write it as office@example.com");
        }
        Some(text)
    });
    let at = fields.at;
    fields.finish(&[], cx);
    if let Err(missing) = mail.complete()
        && !mail.in_doubt
    {
        let what = format!("telling goes by mail, and global.{missing} is not set");
        cx.error(at, what, format!("set global.{missing}"));
    }
    Some(Shadow { until: until?, to: Phi::new(to?) })
}

/// Reads `heartbeat:`.
pub fn read_heartbeat(node: &Node, cx: &mut Reading<'_>) -> Option<Heartbeat> {
    let mut fields = Fields::of(node, "heartbeat", cx)?;
    let url = fields.need("url", "write the URL to ask after each complete cycle", cx);
    let url = url.and_then(|node| {
        let text = secret::value(node, "heartbeat.url", cx)?;
        read_outside_url(&text, "heartbeat.url", node.at, cx)
    });
    let every = fields.positive("every", cx);
    fields.finish(&[], cx);
    Some(Heartbeat { url: Phi::new(url?), every: every.unwrap_or(EVERY) })
}
