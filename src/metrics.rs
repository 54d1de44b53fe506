//! Every metric, in one list.
//!
//! Given: what the loops count as they go ([`Metrics`]), and the latest [`View`] and [`Pulses`] at the scrape.
//! Gives: the text that Prometheus scrapes. What is counted lives in the `prometheus` crate's vectors; what is a picture
//! of the present is written anew from the view at each scrape, so a series whose value became unknown is gone at the
//! next one, never 0 and never its last value.
//! Does not: hold a label value from outside a closed set (names from the configuration, ids of locations, endpoints,
//! status numbers), and so nothing about a person.

use std::{
    sync::{
        RwLock,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use prometheus::{
    GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry, TextEncoder,
};

use crate::{
    alerts::{
        orders::News,
        page::Turn,
        step::{Quiet, Why},
    },
    model::{AgencyName, Endpoint, Instant, local_time},
    notify::message::Channel,
    pulse::{Loop, Pulses},
    remind::{Moment, Outcome},
    report::kpi::Kpis,
    source::fetched::RequestRecord,
    view::View,
};

pub mod family;
mod figures;
mod from_view;
mod page;
mod process;

use family as f;
use page::Page;

/// The `Content-Type` of [`Metrics::encode`]'s text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The version in `alertmanager_build_info` and `/api/v2/status`: that of the Alertmanager whose API we speak, because
/// karma and others choose their dialect by it, and amtool warns about any other than its own (Debian 12 ships 0.25.0).
/// Fields that came later (`mutedBy`) are there as well. Our own version is in `shiftwatch_build_info`.
pub const ALERTMANAGER_VERSION: &str = "0.25.0";

/// Request durations: the vendor answers in 0.5–0.9 s (contract §1.7), alerts look at 5 s, time-outs are 30 and 60 s.
const REQUEST_SECONDS: &[f64] = &[0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 10.0, 30.0, 60.0];
/// Waits for the request budget: nothing when idle, minutes when far behind plan.
const WAIT_SECONDS: &[f64] = &[0.01, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];
/// From a fact to its sight: seconds for known deadlines, up to a naive sweep for call-outs.
const DETECT_SECONDS: &[f64] = &[1.0, 2.5, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0];
/// From firing to the gateway's yes: the goal is a second, a gateway's outage is minutes.
const DELIVER_SECONDS: &[f64] = &[0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0];
/// From firing to somebody owning it: a person's time.
const ACKNOWLEDGE_SECONDS: &[f64] = &[15.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0];
/// Passes: microseconds when idle.
const PASS_SECONDS: &[f64] = &[0.000_1, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];

/// What became of a message; the `outcome` label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageOutcome {
    /// The gateway took it.
    Sent,
    /// It arrived.
    Delivered,
    /// It did not.
    Undelivered,
    /// It did not leave, and will be tried again.
    Retried,
    /// Nobody knows whether it left.
    Uncertain,
    /// The gateway refused it for good.
    Refused,
    /// Its useful time passed.
    Expired,
}

impl MessageOutcome {
    const ALL: [Self; 7] =
        [Self::Sent, Self::Delivered, Self::Undelivered, Self::Retried, Self::Uncertain, Self::Refused, Self::Expired];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Undelivered => "undelivered",
            Self::Retried => "retried",
            Self::Uncertain => "uncertain",
            Self::Refused => "refused",
            Self::Expired => "expired",
        }
    }

    /// By its label's value.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == name)
    }

    /// The outcome a receipt tells of; `None` for a message that was withdrawn.
    #[must_use]
    pub const fn of(news: News) -> Option<Self> {
        match news {
            News::Sent => Some(Self::Sent),
            News::Delivered => Some(Self::Delivered),
            News::Undelivered => Some(Self::Undelivered),
            News::Refused | News::OptedOut => Some(Self::Refused),
            News::Uncertain => Some(Self::Uncertain),
            News::Expired => Some(Self::Expired),
            News::Cancelled => None,
        }
    }
}

/// What became of a hook of the vendor; the `outcome` label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookOutcome {
    /// What it named is read.
    Read,
    /// The same was named just before.
    Repeat,
    /// Enough were named in this minute.
    TooMany,
    /// It names nothing that is read here.
    Ignored,
    /// Its secret is not right.
    Forged,
}

impl HookOutcome {
    const ALL: [Self; 5] = [Self::Read, Self::Repeat, Self::TooMany, Self::Ignored, Self::Forged];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Repeat => "repeat",
            Self::TooMany => "too_many",
            Self::Ignored => "ignored",
            Self::Forged => "forged",
        }
    }
}

/// What the loops count. One for the process, shared by reference.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    api_requests: IntCounterVec,
    api_request_errors: IntCounterVec,
    api_request_seconds: HistogramVec,
    budget_wait_seconds: HistogramVec,
    rejected_rows: IntCounterVec,
    messages: IntCounterVec,
    duplicates: IntCounterVec,
    sent_on: IntCounterVec,
    inbound_texts: IntCounterVec,
    hooks: IntCounterVec,
    reminders: IntCounterVec,
    gateway_penalty: GaugeVec,
    decisions: IntCounterVec,
    page_turns: IntCounterVec,
    sent_by_clock: IntCounterVec,
    detect_seconds: Histogram,
    deliver_seconds: HistogramVec,
    acknowledge_seconds: Histogram,
    pass_seconds: HistogramVec,
    missed_ticks: IntCounterVec,
    reloads: IntCounterVec,
    /// Whether the newest configuration on disk is in use, and when the one in use was read. Written where a reload
    /// happens, because whoever reloads looks at once.
    reload_ok: AtomicBool,
    reloaded_at: AtomicI64,
    template_fallbacks: IntCounter,
    where_errors: IntCounter,
    figures: RwLock<Option<Kpis>>,
}

impl Metrics {
    /// Nothing counted yet. Closed label sets start with their zeros, so that a rate sees the first event.
    ///
    /// # Panics
    /// Never in practice: only a broken entry of the family list makes the registry refuse, and every test would.
    #[must_use]
    #[expect(clippy::expect_used, reason = "constant names and labels; a wrong one fails the first test that runs")]
    pub fn new() -> Self {
        let registry = Registry::new();
        let counters = |family: &f::Family| {
            let counters = IntCounterVec::new(Opts::new(family.name, family.help), family.labels).expect("family");
            registry.register(Box::new(counters.clone())).expect("registered once");
            counters
        };
        let gauges = |family: &f::Family| {
            let gauges = GaugeVec::new(Opts::new(family.name, family.help), family.labels).expect("family");
            registry.register(Box::new(gauges.clone())).expect("registered once");
            gauges
        };
        let histograms = |family: &f::Family, buckets: &[f64]| {
            let options = HistogramOpts::new(family.name, family.help).buckets(buckets.to_vec());
            let histograms = HistogramVec::new(options, family.labels).expect("family");
            registry.register(Box::new(histograms.clone())).expect("registered once");
            histograms
        };
        let alone: [&str; 0] = [];
        let metrics = Self {
            api_requests: counters(&f::API_REQUESTS),
            api_request_errors: counters(&f::API_REQUEST_ERRORS),
            api_request_seconds: histograms(&f::API_REQUEST_SECONDS, REQUEST_SECONDS),
            budget_wait_seconds: histograms(&f::BUDGET_WAIT, WAIT_SECONDS),
            rejected_rows: counters(&f::REJECTED_ROWS),
            messages: counters(&f::MESSAGES),
            duplicates: counters(&f::DUPLICATES),
            sent_on: counters(&f::SENT_ON),
            inbound_texts: counters(&f::INBOUND_TEXTS),
            hooks: counters(&f::HOOKS),
            reminders: counters(&f::REMINDERS),
            gateway_penalty: gauges(&f::GATEWAY_PENALTY),
            decisions: counters(&f::DECISIONS),
            page_turns: counters(&f::PAGE_TURNS),
            sent_by_clock: counters(&f::SENT_BY_CLOCK),
            detect_seconds: histograms(&f::DETECT, DETECT_SECONDS).with_label_values(&alone),
            deliver_seconds: histograms(&f::DELIVER, DELIVER_SECONDS),
            acknowledge_seconds: histograms(&f::ACKNOWLEDGE, ACKNOWLEDGE_SECONDS).with_label_values(&alone),
            pass_seconds: histograms(&f::PASS, PASS_SECONDS),
            missed_ticks: counters(&f::MISSED_TICKS),
            reloads: counters(&f::RELOADS),
            reload_ok: AtomicBool::new(true),
            reloaded_at: AtomicI64::new(0),
            template_fallbacks: counters(&f::TEMPLATE_FALLBACKS).with_label_values(&alone),
            where_errors: counters(&f::WHERE_ERRORS).with_label_values(&alone),
            figures: RwLock::new(None),
            registry,
        };
        for why in Why::ALL {
            metrics.decisions.with_label_values(&[why.as_str()]);
        }
        for what in ["briefing", "report"] {
            for outcome in ["sent", "late", "failed"] {
                metrics.sent_by_clock.with_label_values(&[what, outcome]);
            }
        }
        for turn in Turn::WORDS {
            metrics.page_turns.with_label_values(&[turn]);
        }
        for quiet in Quiet::ALL {
            metrics.decisions.with_label_values(&[quiet.as_str()]);
        }
        for channel in Channel::ALL {
            metrics.deliver_seconds.with_label_values(&[channel.as_str()]);
            metrics.duplicates.with_label_values(&[channel.as_str()]);
            for outcome in MessageOutcome::ALL {
                metrics.messages.with_label_values(&[channel.as_str(), outcome.as_str()]);
            }
        }
        for which in Loop::ALL {
            metrics.missed_ticks.with_label_values(&[which.as_str()]);
        }
        for outcome in ["sent", "failed", "dropped"] {
            metrics.sent_on.with_label_values(&[outcome]);
        }
        for moment in Moment::ALL {
            for outcome in Outcome::ALL {
                metrics.reminders.with_label_values(&[moment.as_str(), outcome.as_str()]);
            }
        }
        for outcome in HookOutcome::ALL {
            metrics.hooks.with_label_values(&[outcome.as_str()]);
        }
        for outcome in ["ok", "refused"] {
            metrics.reloads.with_label_values(&[outcome]);
        }
        metrics
    }

    /// An agency that is read from now on: what is asked of the vendor, what fails and what makes no sense is counted from
    /// zero, so that a share of failures is 0 while nothing fails, and not missing.
    pub fn watch(&self, agency: &AgencyName) {
        self.budget_wait_seconds.with_label_values(&[agency.as_str()]);
        for endpoint in Endpoint::ALL {
            self.api_request_errors.with_label_values(&[agency.as_str(), endpoint.as_str()]);
            self.api_request_seconds.with_label_values(&[agency.as_str(), endpoint.as_str()]);
        }
        for endpoint in Endpoint::ALL.into_iter().filter(|endpoint| *endpoint != Endpoint::Token) {
            self.rejected_rows.with_label_values(&[agency.as_str(), endpoint.as_str()]);
        }
    }

    /// One request to the vendor.
    pub fn request(&self, agency: &AgencyName, request: &RequestRecord) {
        let (agency, endpoint) = (agency.as_str(), request.endpoint.as_str());
        self.api_requests.with_label_values(&[agency, endpoint, code_label(&request.code)]).inc();
        self.api_request_errors.with_label_values(&[agency, endpoint]).inc_by(u64::from(!request.ok));
        self.api_request_seconds.with_label_values(&[agency, endpoint]).observe(request.took.as_secs_f64());
        self.budget_wait_seconds.with_label_values(&[agency]).observe(request.waited.as_secs_f64());
    }

    /// Rows that made no sense.
    pub fn rejected_rows(&self, agency: &AgencyName, endpoint: Endpoint, n: u64) {
        self.rejected_rows.with_label_values(&[agency.as_str(), endpoint.as_str()]).inc_by(n);
    }

    /// News of a message.
    pub fn message(&self, channel: Channel, outcome: MessageOutcome) {
        self.messages.with_label_values(&[channel.as_str(), outcome.as_str()]).inc();
    }

    /// A message that may have left twice.
    pub fn duplicate(&self, channel: Channel) {
        self.duplicates.with_label_values(&[channel.as_str()]).inc();
    }

    /// Alerts that were sent on to another Alertmanager, or not: `sent`, `failed` or `dropped`.
    pub fn sent_on(&self, outcome: &'static str, n_alerts: usize) {
        self.sent_on.with_label_values(&[outcome]).inc_by(n_alerts as u64);
    }

    /// Texts that came in by a gateway, and what they were. Said with 0 too: a gateway that is listened to and heard
    /// nothing is not one that is not.
    pub fn inbound_texts(&self, gateway: &str, outcome: &str, n: u64) {
        self.inbound_texts.with_label_values(&[gateway, outcome]).inc_by(n);
    }

    /// What became of a reminder to a caregiver.
    pub fn reminder(&self, moment: Moment, outcome: Outcome) {
        self.reminders.with_label_values(&[moment.as_str(), outcome.as_str()]).inc();
    }

    /// The share of reminded check-ins that came soon after; `None` before there is any.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts of texts")]
    pub fn reminders_cleared(&self) -> Option<f64> {
        let n = |outcome: Outcome| {
            self.reminders.with_label_values(&[Moment::CheckIn.as_str(), outcome.as_str()]).get() as f64
        };
        let (cleared, not) = (n(Outcome::Cleared), n(Outcome::NotCleared));
        (cleared + not > 0.0).then(|| cleared / (cleared + not))
    }

    /// A hook of the vendor.
    pub fn hook(&self, outcome: HookOutcome) {
        self.hooks.with_label_values(&[outcome.as_str()]).inc();
    }

    /// How much longer a gateway takes nothing from us.
    pub fn gateway_penalty(&self, gateway: &str, left: Duration) {
        self.gateway_penalty.with_label_values(&[gateway]).set(left.as_secs_f64());
    }

    /// A decision to tell.
    pub fn told(&self, why: Why) {
        self.decisions.with_label_values(&[why.as_str()]).inc();
    }

    /// A briefing or a report (`what`) was due: `sent`, `late` or `failed`.
    pub fn scheduled(&self, what: &str, outcome: &str) {
        self.sent_by_clock.with_label_values(&[what, outcome]).inc();
    }

    /// Something happened to a page.
    pub fn page_turned(&self, turn: Turn) {
        self.page_turns.with_label_values(&[turn.as_str()]).inc();
    }

    /// A decision not to tell, at this step.
    pub fn kept_quiet(&self, quiet: Quiet) {
        self.decisions.with_label_values(&[quiet.as_str()]).inc();
    }

    /// From the instant something became true or was due to the instant the agent knew.
    pub fn detected_after(&self, took: Duration) {
        self.detect_seconds.observe(took.as_secs_f64());
    }

    /// From firing to the gateway's yes.
    pub fn delivered_after(&self, channel: Channel, took: Duration) {
        self.deliver_seconds.with_label_values(&[channel.as_str()]).observe(took.as_secs_f64());
    }

    /// From firing to somebody owning it.
    pub fn acknowledged_after(&self, took: Duration) {
        self.acknowledge_seconds.observe(took.as_secs_f64());
    }

    /// A pass ended.
    pub fn pass(&self, which: Loop, took: Duration) {
        self.pass_seconds.with_label_values(&[which.as_str()]).observe(took.as_secs_f64());
    }

    /// Ticks that were due while a pass still ran.
    pub fn missed_ticks(&self, which: Loop, n: u64) {
        self.missed_ticks.with_label_values(&[which.as_str()]).inc_by(n);
    }

    /// A reload was taken or refused.
    pub fn reloaded(&self, ok: bool) {
        self.reloads.with_label_values(&[if ok { "ok" } else { "refused" }]).inc();
        self.reload_ok.store(ok, Ordering::Relaxed);
    }

    /// The configuration in use was read then.
    pub fn reloaded_at(&self, at: Instant) {
        self.reloaded_at.store(local_time::to_micros(at), Ordering::Relaxed);
    }

    /// Templates that failed at run time; the built-in text went instead.
    pub fn templates_fell_back(&self, n: u64) {
        self.template_fallbacks.inc_by(n);
    }

    /// A `where` failed or gave no bool, and counted as true.
    pub fn where_failed(&self, n: u64) {
        self.where_errors.inc_by(n);
    }

    /// The key figures as they were counted last; `None` = they are not known.
    pub fn figures(&self, kpis: Option<Kpis>) {
        if let Ok(mut figures) = self.figures.write() {
            *figures = kpis;
        }
    }

    /// The scrape: everything counted, and the present as the view shows it at `now` (agent clock).
    #[must_use]
    pub fn encode(&self, view: &View, pulses: &Pulses, now: Instant) -> String {
        let mut page = Page::with_capacity(64 * 1024);
        from_view::write(&mut page, view, now);
        if let Ok(figures) = self.figures.read()
            && let Some(figures) = figures.as_ref()
        {
            figures::write(&mut page, figures);
        }
        page.family(&f::RELOAD_OK).flag(&[], self.reload_ok.load(Ordering::Relaxed));
        let reloaded_at = local_time::from_micros(self.reloaded_at.load(Ordering::Relaxed));
        page.family(&f::RELOAD_AT).measure(&[], from_view::unix(reloaded_at));
        from_view::write_pulses(&mut page, pulses);
        page.family(&f::REMINDER_CLEARED).measure(&[], self.reminders_cleared().unwrap_or(f64::NAN));
        process::write(&mut page);
        let mut text = page.into_text();
        if let Err(error) = TextEncoder::new().encode_utf8(&self.registry.gather(), &mut text) {
            tracing::error!(%error, "metrics: the counters could not be written; this scrape lacks them");
        }
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// The `code` label as a closed set: a three-digit status, or one of three words; anything else is `protocol`.
fn code_label(code: &str) -> &str {
    let status = code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_digit());
    if status || matches!(code, "timeout" | "connect") { code } else { "protocol" }
}

#[cfg(test)]
mod tests;
