//! Scheduled reports of the running agent: each made from what is kept, as rows, JSON or a page, and put where it belongs.

use std::{io, path::Path};

use chrono::SecondsFormat;
use serde::Serialize;
use tokio::io::AsyncWriteExt as _;

use super::{
    briefings::{Briefer, Plans},
    office,
};
use crate::{
    commands::{
        exceptions, hours, on_call_log,
        output::{Table, json},
    },
    config::{ReportPlan, ReportTo},
    http::{
        HoursBook as _, Records as _,
        hours::Days,
        reports::{Document, ReportFault, ReportListed},
    },
    lifecycle::scheduled::{NotWritten, Written},
    model::{AgencyName, Instant, PhiGrant},
    notify::scheduled::{Letter, Sending, enclose, fits, folder_way, report_receiver},
    report::{
        api_record::ApiRecord,
        briefing::{Briefing, Kind, html},
        history::{RuleHistory, Tally},
        on_call_log::{OnCallLog, PAGES_MAX},
        schedule::Due,
        scheduled::{Format, What, file_name},
    },
    store::{Place, StoreError, WayWent},
};

/// Alerts of a long span that are read at once.
const SLICE: u32 = 1_000;

/// How alerts went over a report's days.
#[derive(Debug, Serialize)]
struct HistoryReport {
    from: Instant,
    until: Instant,
    rules: Vec<RuleHistory>,
}

/// The five numbers of one agency.
#[derive(Debug, Serialize)]
struct KpiReport<'a> {
    agency: &'a str,
    days: &'a [crate::report::briefing::Day],
}

/// What there is to ask for.
pub(super) fn listed(plans: &Plans) -> Vec<ReportListed> {
    let one = |plan: &ReportPlan| ReportListed {
        name: plan.name.clone(),
        report: plan.what,
        range: plan.what.has_range().then_some(plan.range),
        format: plan.format,
        timezone: plan.zone.name().to_owned(),
        cron: plan.table.as_ref().map(crate::report::schedule::Timetable::cron),
        to: plan.to.as_ref().map(|to| {
            match to {
                ReportTo::Email(_) => "email",
                ReportTo::Webhook { .. } => "webhook",
                ReportTo::Folder(_) => "folder",
            }
            .to_owned()
        }),
    };
    plans.reports.iter().map(one).collect()
}

/// One report as of now, for whoever asks.
pub(super) async fn asked(briefer: &Briefer, name: &str, grant: Option<PhiGrant>) -> Result<Document, ReportFault> {
    let plans = briefer.plans();
    let Some(plan) = plans.reports.iter().find(|plan| plan.name == name) else {
        let known = plans.reports.iter().map(|plan| plan.name.clone()).collect();
        return Err(ReportFault::Unknown { name: name.to_owned(), known });
    };
    // What stands in reports are ids, whoever asks; a grant changes nothing yet.
    let _ = grant;
    let now = briefer.clock.now();
    make(briefer, plan, now).await.map_err(ReportFault::Not)
}

/// One report as of `at`.
async fn make(briefer: &Briefer, plan: &ReportPlan, at: Instant) -> Result<Document, String> {
    let (from, until) = plan.range.span(plan.zone, at);
    let name = file_name(&plan.name, at, plan.zone, plan.format);
    let mine = |agency: &str| plan.agencies.is_empty() || plan.agencies.iter().any(|one| one.as_str() == agency);
    let said = |fault: StoreError| fault.to_string();
    let body = match plan.what {
        What::OnCallLog => {
            let (rows, n_left_out) = briefer.store.page_log(from, PAGES_MAX).await.map_err(said)?;
            let mut log = OnCallLog::of(from, until, rows, n_left_out);
            log.pages.retain(|page| page.opened_at < until && mine(&page.agency));
            written(plan, &log, || on_call_log::rows(&log))
        }
        What::History => {
            let report = HistoryReport { from, until, rules: history(briefer, from, until, mine).await.map_err(said)? };
            written(plan, &report, || history_rows(&report.rules))
        }
        What::Api => {
            let mut records = Vec::new();
            for post in briefer.desk.posts().iter().filter(|post| mine(post.name.as_str())) {
                let record = briefer.shelf.api_record(post.name.as_str()).await.map_err(|fault| fault.to_string())?;
                records.extend(record);
            }
            written(plan, &records, || api_rows(&records))
        }
        What::Briefing => {
            let all = briefer.brief(Kind::Morning, &plan.agencies, None, Some(at)).await;
            match plan.format {
                Format::Json => json(&all),
                _ => html::page(&all, None, false, &format!("Report {} of shiftwatch.", plan.name)),
            }
        }
        What::Hours => {
            let mut all = Vec::new();
            for post in briefer.desk.posts().iter().filter(|post| post.source.is_some() && mine(post.name.as_str())) {
                let starts = post.watch.lock().await.settings.hours.week_starts;
                let (first, last) = plan.range.days_of(plan.zone, at, starts);
                let days = Days::Between(first, last);
                let hours = briefer.bookkeeper.report(Some(post.name.to_string()), days).await;
                all.push(hours.map_err(|fault| fault.to_string())?);
            }
            written(plan, &all, || hours::rows(&all, None))
        }
        What::Exceptions => {
            let days = u32::try_from((at - from).num_days() + 1).unwrap_or(1);
            let list = office::exceptions(&briefer.desk.posts(), &briefer.store, days, at).await.map_err(said)?;
            let mut rows = list.exceptions;
            rows.retain(|row| (from..until).contains(&row.active_at) && mine(&row.agency));
            written(plan, &rows, || exceptions::rows(&rows))
        }
        What::Kpis => {
            let all = briefer.brief(Kind::Morning, &plan.agencies, None, Some(at)).await;
            let kpis: Vec<KpiReport<'_>> =
                all.iter().map(|one| KpiReport { agency: &one.agency, days: &one.trend }).collect();
            written(plan, &kpis, || kpi_rows(&all))
        }
    };
    Ok(Document { name, media_type: plan.format.media_type().to_owned(), body: body.into_bytes() })
}

fn written(plan: &ReportPlan, value: &impl Serialize, rows: impl FnOnce() -> Table) -> String {
    match plan.format {
        Format::Json => json(value),
        Format::Csv => rows().csv(),
        Format::Html => rows().html(&plan.name),
    }
}

async fn history(
    briefer: &Briefer,
    from: Instant,
    until: Instant,
    mine: impl Fn(&str) -> bool,
) -> Result<Vec<RuleHistory>, StoreError> {
    let mut tally = Tally::default();
    let mut place = Some(Place::before(until));
    loop {
        let (rows, next) = briefer.store.fired(from, place, SLICE).await?;
        for row in rows.iter().filter(|row| mine(&row.agency)) {
            tally.take(row);
        }
        if next.is_none() || rows.len() < SLICE as usize {
            return Ok(tally.rules());
        }
        place = next;
    }
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| format!("{value:.3}").trim_end_matches('0').trim_end_matches('.').to_owned())
}

fn history_rows(rules: &[RuleHistory]) -> Table {
    let mut table = Table::new(&[
        "alertname",
        "alerts",
        "told",
        "acknowledged",
        "open",
        "detect_p50_seconds",
        "send_p50_seconds",
        "acknowledge_p50_seconds",
        "acknowledge_p90_seconds",
        "resolve_p50_seconds",
    ]);
    for rule in rules {
        table.row([
            rule.alertname.clone(),
            rule.n_alerts.to_string(),
            rule.n_told.to_string(),
            rule.n_acknowledged.to_string(),
            rule.n_open.to_string(),
            number(rule.detect.p50_seconds),
            number(rule.send.p50_seconds),
            number(rule.acknowledge.p50_seconds),
            number(rule.acknowledge.p90_seconds),
            number(rule.resolve.p50_seconds),
        ]);
    }
    table
}

fn api_rows(records: &[ApiRecord]) -> Table {
    let mut table = Table::new(&[
        "agency",
        "endpoint",
        "span",
        "from",
        "observed_seconds",
        "uptime",
        "requests",
        "error_ratio",
        "p50_seconds",
        "p95_seconds",
        "p99_seconds",
    ]);
    for record in records {
        for endpoint in &record.endpoints {
            for span in &endpoint.spans {
                table.row([
                    record.agency.clone(),
                    endpoint.endpoint.to_string(),
                    span.span.clone(),
                    span.from.to_rfc3339_opts(SecondsFormat::Secs, true),
                    number(Some(span.observed_seconds)),
                    number(span.uptime),
                    span.requests.to_string(),
                    number(span.error_ratio),
                    number(span.p50_seconds),
                    number(span.p95_seconds),
                    number(span.p99_seconds),
                ]);
            }
        }
    }
    table
}

fn kpi_rows(all: &[Briefing]) -> Table {
    let mut table =
        Table::new(&["agency", "day", "shifts", "made", "on_time", "missed", "pages", "minutes_to_acknowledge"]);
    let whole = |n: Option<u64>| n.map(|n| n.to_string()).unwrap_or_default();
    for briefing in all {
        for day in &briefing.trend {
            table.row([
                briefing.agency.clone(),
                day.day.to_string(),
                whole(day.n_shifts),
                number(day.made),
                number(day.on_time),
                whole(day.n_missed),
                whole(day.n_pages),
                day.minutes_to_ack.map(|n| n.to_string()).unwrap_or_default(),
            ]);
        }
    }
    table
}

/// Makes a report that is due, and puts it where it belongs.
pub(super) async fn send(
    briefer: &Briefer,
    plan: &ReportPlan,
    plans: &Plans,
    due: Due,
    now: Instant,
) -> Result<Written, NotWritten> {
    let failed = NotWritten::failed;
    let document = make(briefer, plan, due.fire_at).await.map_err(failed)?;
    let (owner, receiver) = (AgencyName::installation(), report_receiver(&plan.name));
    let sending = Sending { agency: &owner, receiver: &receiver, fire_at: due.fire_at, now };
    let file = || enclose(document.name.clone(), &document.media_type, None, &document.body);
    match &plan.to {
        None => Err(failed("nothing says where to".to_owned())),
        Some(ReportTo::Folder(folder)) => {
            let way = |fails| Some(WayWent { name: folder_way(&plan.name), fails });
            match put(folder, &document).await {
                Ok(()) => Ok(Written { messages: Vec::new(), way: way(false) }),
                Err(fault) => Err(NotWritten {
                    why: format!(
                        "{} could not be written ({}); let this user write there",
                        folder.display(),
                        fault.kind()
                    ),
                    way: way(true),
                    waits: false,
                }),
            }
        }
        Some(ReportTo::Webhook { url, .. }) => {
            Ok(Written { messages: vec![sending.post(url, &plan.name, &file())], way: None })
        }
        Some(ReportTo::Email(to)) => {
            let (Some(mail), Some(telling)) = (&plans.mail, &plans.telling) else {
                return Err(failed("global says of no mail server".to_owned()));
            };
            let late = if due.is_late { " It comes late: nobody could send it when it was due." } else { "" };
            let mut letter = Letter {
                subject: format!("[shiftwatch] Report {}: {}", plan.name, document.name),
                text: format!("Report {} is enclosed as {}.{late}\n", plan.name, document.name),
                ..Letter::default()
            };
            if fits(document.body.len()) {
                letter.enclosed.push(file());
            } else {
                letter.text = format!(
                    "Report {} has {} MiB, more than a mail carries. Ask for it: GET /api/v1/reports/{}; or have it written to a folder.\n",
                    plan.name,
                    document.body.len() >> 20,
                    plan.name
                );
            }
            Ok(Written { messages: sending.mails(to, &letter, mail, telling), way: None })
        }
    }
}

/// Writes a file whole or not at all, readable by this user alone. One of the same name is replaced.
async fn put(folder: &Path, document: &Document) -> io::Result<()> {
    let whole = folder.join(&document.name);
    let beside = folder.join(format!(".{}.part", document.name));
    let mut options = tokio::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let written = async {
        let mut file = options.open(&beside).await?;
        file.write_all(&document.body).await?;
        file.sync_all().await?;
        tokio::fs::rename(&beside, &whole).await
    }
    .await;
    if written.is_err() {
        // What is half written is of no use to anybody.
        let _ = tokio::fs::remove_file(&beside).await;
    }
    written
}
