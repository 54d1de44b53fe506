//! `briefings` and `reports`: what is sent by the clock, to whom.

use std::{fmt, path::PathBuf};

use chrono_tz::Tz;
use secrecy::SecretString;

use super::{
    Agency,
    address::{is_mail, split_mails},
    global::MailSettings,
    names::Names,
    reading::{Fields, Reading},
    receivers::{read_authorization, read_outside_url},
    secret,
    tree::{Node, Value},
    zone,
};
use crate::{
    model::{AgencyName, Phi},
    report::{
        briefing::Kind,
        schedule::Timetable,
        scheduled::{Format, Range, What},
    },
};

/// Addresses of one entry.
const TO_MAX: usize = 50;
/// A name stands in file names, addresses and logs.
const NAME_CHARS_MAX: usize = 40;

/// One entry of `briefings`.
#[derive(Debug, Clone)]
pub struct BriefingPlan {
    /// Its name.
    pub name: String,
    /// Which.
    pub kind: Kind,
    /// When.
    pub table: Timetable,
    /// Of which agencies; empty = all.
    pub agencies: Vec<AgencyName>,
    /// Of which location only, by its label.
    pub location: Option<String>,
    /// Who gets it.
    pub to: Vec<Phi<String>>,
    /// Whether it may say initials beside ids.
    pub phi: bool,
}

/// One entry of `reports`.
#[derive(Debug, Clone)]
pub struct ReportPlan {
    /// Its name.
    pub name: String,
    /// Which.
    pub what: What,
    /// When; `None` = only when it is asked for.
    pub table: Option<Timetable>,
    /// The zone of its days.
    pub zone: Tz,
    /// Over which days.
    pub range: Range,
    /// In which form.
    pub format: Format,
    /// Of which agencies; empty = all.
    pub agencies: Vec<AgencyName>,
    /// Where it goes; `None` = nowhere by itself.
    pub to: Option<ReportTo>,
}

/// Where a report goes.
#[derive(Clone)]
pub enum ReportTo {
    /// As an attachment, to each of these.
    Email(Vec<Phi<String>>),
    /// By POST.
    Webhook {
        /// Where.
        url: Phi<String>,
        /// The `Authorization` header.
        authorization: Option<SecretString>,
    },
    /// As a file.
    Folder(PathBuf),
}

impl fmt::Debug for ReportTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Email(_) => "Email",
            Self::Webhook { .. } => "Webhook",
            Self::Folder(_) => "Folder",
        })
    }
}

/// What both sections are read with.
pub struct Known<'a> {
    /// Every agency that could be read.
    pub agencies: &'a [Agency],
    /// Whether one could not be read, so that an unknown name may be its.
    pub in_doubt: bool,
    /// What `global` says of mail.
    pub mail: &'a MailSettings,
}

/// Reads `briefings:`.
pub fn read_briefings(node: &Node, known: &Known<'_>, cx: &mut Reading<'_>) -> Vec<BriefingPlan> {
    let Some(items) = cx.list(node, "briefings") else { return Vec::new() };
    let mut names = Names::default();
    let plans = items.iter().enumerate();
    plans.filter_map(|(n, item)| read_briefing(item, &format!("briefings[{n}]"), known, &mut names, cx)).collect()
}

fn read_briefing(
    node: &Node,
    path: &str,
    known: &Known<'_>,
    names: &mut Names,
    cx: &mut Reading<'_>,
) -> Option<BriefingPlan> {
    let mut fields = Fields::of(node, path, cx)?;
    let name = read_name(&mut fields, names, cx);
    let kinds: Vec<&'static str> = Kind::ALL.into_iter().map(Kind::as_str).collect();
    let kind_path = fields.path("kind");
    let kind = fields
        .get("kind")
        .map_or(Some(Kind::Morning), |node| cx.one_of(node, &kind_path, &kinds).and_then(Kind::parse));
    let agencies = read_agencies(&mut fields, known, cx);
    let location = read_location(&mut fields, known, agencies.as_deref().unwrap_or_default(), cx);
    let zone = read_zone(&mut fields, known, agencies.as_deref().unwrap_or_default(), cx);
    let cron = fields.need("cron", "write when, as \"0 7 * * mon-sun\": minute, hour, day, month, weekday", cx);
    let cron_path = fields.path("cron");
    let table = cron.and_then(|node| read_cron(node, &cron_path, zone, cx));
    let to_path = fields.path("to");
    let to = fields.need("to", "write the addresses that get it, as [office@example.com]", cx);
    let to = to.and_then(|node| read_mails(node, &to_path, cx));
    let phi = fields.flag("phi", cx).unwrap_or(false);
    needs_mail(&fields, known, cx);
    fields.finish(&[("time", "write cron: \"0 7 * * *\""), ("agencies", "write agency: one name, or a list")], cx);
    Some(BriefingPlan {
        name: name?,
        kind: kind?,
        table: table?,
        agencies: agencies?,
        location: location?,
        to: to?,
        phi,
    })
}

/// Reads `reports:`.
pub fn read_reports(node: &Node, known: &Known<'_>, cx: &mut Reading<'_>) -> Vec<ReportPlan> {
    let Some(items) = cx.list(node, "reports") else { return Vec::new() };
    let mut names = Names::default();
    let plans = items.iter().enumerate();
    plans.filter_map(|(n, item)| read_report(item, &format!("reports[{n}]"), known, &mut names, cx)).collect()
}

fn read_report(
    node: &Node,
    path: &str,
    known: &Known<'_>,
    names: &mut Names,
    cx: &mut Reading<'_>,
) -> Option<ReportPlan> {
    let mut fields = Fields::of(node, path, cx)?;
    let name = read_name(&mut fields, names, cx);
    let what_path = fields.path("report");
    let what_node = fields.need("report", &format!("write one of: {}", What::WORDS.join(", ")), cx);
    let what = what_node.and_then(|node| cx.one_of(node, &what_path, What::WORDS)).and_then(What::parse);
    let range_path = fields.path("range");
    let range_node = fields.get("range");
    let range = range_node
        .map_or(Some(Range::Yesterday), |node| cx.one_of(node, &range_path, Range::WORDS).and_then(Range::parse));
    if let (Some(node), Some(what)) = (range_node, what)
        && !what.has_range()
    {
        cx.error(node.at, format!("{range_path}: {what} says how things stand and has no range"), "remove it");
    }
    let format_path = fields.path("format");
    let format_node = fields.get("format");
    let format = match format_node {
        Some(node) => cx.one_of(node, &format_path, Format::WORDS).and_then(Format::parse),
        None => Some(what.map_or(Format::Csv, |what| what.formats()[0])),
    };
    if let (Some(node), Some(what), Some(format)) = (format_node, what, format)
        && !what.formats().contains(&format)
    {
        let forms: Vec<&str> = what.formats().iter().map(|format| format.as_str()).collect();
        cx.error(
            node.at,
            format!("{format_path}: there is no {what} as {format}"),
            format!("write {}", forms.join(" or ")),
        );
    }
    let agencies = read_agencies(&mut fields, known, cx);
    let zone = read_zone(&mut fields, known, agencies.as_deref().unwrap_or_default(), cx);
    let cron = fields.get("cron");
    let cron_path = fields.path("cron");
    let table = match cron {
        Some(node) => read_cron(node, &cron_path, zone, cx).map(Some),
        None => Some(None),
    };
    let to_path = fields.path("to");
    let to_node = fields.get("to");
    let to = match to_node {
        Some(node) => read_to(node, &to_path, known, cx).map(Some),
        None => Some(None),
    };
    if let (Some(node), None) = (cron, to_node) {
        cx.error(
            node.at,
            format!("{cron_path} says when, and nothing says where to"),
            format!("write {to_path}: {{email: …}}, {{webhook: …}} or {{folder: …}}"),
        );
    }
    if let (None, Some(node)) = (cron, to_node) {
        cx.error(
            node.at,
            format!("{to_path} says where to, and nothing says when"),
            format!("write {cron_path}: \"0 7 * * mon\", or remove it: the report can be asked for at any time"),
        );
    }
    fields.finish(&[("kind", "write report"), ("agencies", "write agency: one name, or a list")], cx);
    Some(ReportPlan {
        name: name?,
        what: what?,
        table: table?,
        zone: zone?,
        range: range?,
        format: format?,
        agencies: agencies?,
        to: to?,
    })
}

fn read_to(node: &Node, path: &str, known: &Known<'_>, cx: &mut Reading<'_>) -> Option<ReportTo> {
    let mut fields = Fields::of(node, path, cx)?;
    let (email, webhook, folder) = (fields.get("email"), fields.get("webhook"), fields.get("folder"));
    let authorization = read_authorization(&mut fields, cx);
    let n = [email, webhook, folder].iter().flatten().count();
    if n != 1 {
        cx.error(fields.at, format!("{path} names {n} ways"), "write one of email, webhook and folder");
    }
    if let Some(node) = email {
        needs_mail(&fields, known, cx);
        let path = fields.path("email");
        fields.finish(&[], cx);
        return read_mails(node, &path, cx).map(ReportTo::Email);
    }
    let (webhook_path, folder_path) = (fields.path("webhook"), fields.path("folder"));
    fields.finish(&[], cx);
    if let Some(node) = webhook {
        let text = secret::value(node, &webhook_path, cx)?;
        let url = read_outside_url(&text, &webhook_path, node.at, cx)?;
        return Some(ReportTo::Webhook { url: Phi::new(url), authorization });
    }
    let node = folder?;
    let text = cx.word(node, &folder_path)?;
    let folder = cx.path(&text);
    match std::fs::metadata(&folder) {
        // A share that is away now may be back when a report is due; the watch does not wait for it.
        Err(fault) => cx.warn(
            node.at,
            format!("{folder_path} \"{text}\" cannot be looked at ({})", fault.kind()),
            "make the folder, or bring it back, and let this user write to it; until then its reports fail",
        ),
        Ok(found) if !found.is_dir() => {
            cx.error(node.at, format!("{folder_path} \"{text}\" is no folder"), "write a folder's path");
        }
        Ok(found) if found.permissions().readonly() => cx.warn(
            node.at,
            format!("{folder_path} \"{text}\" cannot be written to"),
            "let this user write to it; until then its reports fail",
        ),
        Ok(_) => {}
    }
    Some(ReportTo::Folder(folder))
}

fn read_name(fields: &mut Fields<'_>, names: &mut Names, cx: &mut Reading<'_>) -> Option<String> {
    let node = fields.need("name", "write a short word for it", cx);
    let path = fields.path("name");
    let name = node.and_then(|node| Some((cx.word(node, &path)?, node.at)));
    let Some((name, at)) = name else {
        names.doubt();
        return None;
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !name.chars().all(fits) || name.chars().count() > NAME_CHARS_MAX {
        let what = format!("{path} \"{name}\" cannot stand in a file's name");
        cx.error(at, what, format!("write up to {NAME_CHARS_MAX} letters, digits, - and _"));
    }
    names.add(&name, at, &path, cx);
    Some(name)
}

/// `agency: main` or `agency: [main, east]`; without, all of them.
fn read_agencies(fields: &mut Fields<'_>, known: &Known<'_>, cx: &mut Reading<'_>) -> Option<Vec<AgencyName>> {
    let path = fields.path("agency");
    let Some(node) = fields.get("agency") else { return Some(Vec::new()) };
    let named = match &node.value {
        Value::List(_) => cx.words(node, &path)?,
        _ => vec![(cx.word(node, &path)?, node.at)],
    };
    let mut found = Vec::new();
    for (name, at) in named {
        if !known.in_doubt && !known.agencies.iter().any(|agency| agency.name.as_str() == name) {
            let all: Vec<&str> = known.agencies.iter().map(|agency| agency.name.as_str()).collect();
            cx.error(
                at,
                format!("{path} names \"{name}\", which agencies does not have"),
                format!("write one of: {}", all.join(", ")),
            );
        }
        found.push(AgencyName::new(name));
    }
    Some(found)
}

/// `None` after a fault; `Some(None)` where none is named.
#[expect(clippy::option_option, reason = "named, not named, and named wrongly")]
fn read_location(
    fields: &mut Fields<'_>,
    known: &Known<'_>,
    agencies: &[AgencyName],
    cx: &mut Reading<'_>,
) -> Option<Option<String>> {
    let path = fields.path("location");
    let Some(node) = fields.get("location") else { return Some(None) };
    let name = cx.word(node, &path)?;
    let locations: Vec<&str> = known
        .agencies
        .iter()
        .filter(|agency| agencies.is_empty() || agencies.contains(&agency.name))
        .flat_map(|agency| &agency.locations)
        .map(|location| location.name.as_str())
        .collect();
    if !known.in_doubt && !locations.contains(&name.as_str()) {
        let instead = if locations.is_empty() {
            "write the name that agencies[].locations gives it".to_owned()
        } else {
            format!("write one of: {}", locations.join(", "))
        };
        cx.error(node.at, format!("{path}: no location is called \"{name}\""), instead);
        return None;
    }
    Some(Some(name))
}

/// Its own zone, else the one that its agencies share.
fn read_zone(fields: &mut Fields<'_>, known: &Known<'_>, agencies: &[AgencyName], cx: &mut Reading<'_>) -> Option<Tz> {
    let path = fields.path("timezone");
    if let Some(node) = fields.get("timezone") {
        return zone::read(node, &path, cx);
    }
    let mut zones: Vec<Tz> = known
        .agencies
        .iter()
        .filter(|agency| agencies.is_empty() || agencies.contains(&agency.name))
        .map(|agency| agency.timezone)
        .collect();
    zones.dedup();
    match zones[..] {
        [zone] => Some(zone),
        [] => None,
        _ => {
            cx.error(
                fields.at,
                format!("{path} is not set, and its agencies have several"),
                "write the IANA name of the zone that its time is meant in",
            );
            None
        }
    }
}

fn read_cron(node: &Node, path: &str, zone: Option<Tz>, cx: &mut Reading<'_>) -> Option<Timetable> {
    let text = cx.word(node, path)?;
    match Timetable::parse(&text, zone.unwrap_or(Tz::UTC)) {
        Ok(table) => zone.map(|_| table),
        Err(says) => {
            let what = format!("{path} \"{text}\" is no time: {says}");
            cx.error(node.at, what, "write minute, hour, day, month and weekday, as \"0 7 * * mon-fri\"");
            None
        }
    }
}

/// One text with commas, or a list.
fn read_mails(node: &Node, path: &str, cx: &mut Reading<'_>) -> Option<Vec<Phi<String>>> {
    let items: Vec<&Node> = match &node.value {
        Value::List(items) => items.iter().collect(),
        _ => vec![node],
    };
    let mut all = Vec::new();
    for node in items {
        for address in split_mails(&secret::value(node, path, cx)?) {
            if !is_mail(&address) {
                cx.error(node.at, format!("{path} is not a mail address"), "write it as office@example.com");
            }
            all.push(Phi::new(address));
        }
    }
    if all.is_empty() || all.len() > TO_MAX {
        let what = format!("{path} has {} addresses", all.len());
        cx.error(node.at, what, format!("write 1 to {TO_MAX}, or that of a mailing list"));
        return None;
    }
    Some(all)
}

fn needs_mail(fields: &Fields<'_>, known: &Known<'_>, cx: &mut Reading<'_>) {
    if let Err(missing) = known.mail.complete()
        && !known.mail.in_doubt
    {
        let path = fields.path("");
        let what = format!("{} goes by mail, and global.{missing} is not set", path.trim_end_matches('.'));
        cx.error(fields.at, what, format!("set global.{missing}"));
    }
}
