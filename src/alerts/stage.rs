//! A stage for tests: a book, its agenda and a policy, driven pass by pass, with a transcript of what was said.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use chrono::TimeDelta;

use super::{
    alert::{Alert, AlertKey, Facts, Labels},
    book::Book,
    decide::{Given, Rules, step},
    inhibit::InhibitRule,
    matcher::Matcher,
    notice::{Answer, BundledPage, Notice, PageAsk, Says},
    orders::{Ask, Inputs, News, Order, Receipt},
    page::{LinkKey, Page, parse_reply},
    phones::Phones,
    policy::{Paging, Policy},
    recipient::{Half, Recipient, place_of, recipients},
    route::{GroupBy, Route},
    silence::{Silence, SilenceMatcher, Silences},
    step::{CatchUp, Intent, Quiet, Step, Why},
};
use crate::{
    agenda::{Agenda, Wake},
    model::{AddressMark, AgencyName, ClientId, Instant, PersonName, Phi, ShiftId, ShiftKey, ShiftRef, Subject},
    notify::{
        message::{Channel, MessageId, SmtpTarget},
        receiver::{EmailConfig, PageConfig, Receiver, SmsConfig, WebhookConfig},
    },
    on_call::{Contact, EscalationPolicy, EscalationStep, Person, Roster, Target, Via},
    rules::{
        finding::{Broken, Closing, Finding, RuleId, Tells, Unjudged, Verdict, Window},
        rule::{Kind, Rule},
    },
};

/// Noon of an ordinary Tuesday.
pub fn noon() -> Instant {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

pub fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

pub fn matchers(text: &str) -> Vec<Matcher> {
    if text.is_empty() { Vec::new() } else { Matcher::parse(text).unwrap() }
}

#[derive(Default)]
pub struct RuleTable(pub HashMap<RuleId, Rule>);

impl Rules for RuleTable {
    fn rule(&self, id: &RuleId) -> Option<&Rule> {
        self.0.get(id)
    }

    fn annotations(&self, rule: &Rule, _: &AlertKey, _: &Labels, _: &Facts) -> Labels {
        labels(&[("summary", &rule.alert)])
    }
}

pub fn rule(name: &str, severity: &str, for_secs: u64) -> Rule {
    Rule {
        id: RuleId::new(name),
        group: "test".to_owned(),
        alert: name.to_owned(),
        kind: Kind::Watchdog,
        for_: Duration::from_secs(for_secs),
        labels: labels(&[("severity", severity)]),
        annotations: Labels::new(),
        where_: None,
        max_data_age: None,
    }
}

pub fn route(receiver: &str, matching: &str, group_by: &[&str], waits: [u64; 3]) -> Route {
    let [wait, interval, repeat] = waits.map(Duration::from_secs);
    Route {
        id: format!("{{{matching}}}/{receiver}"),
        receiver: receiver.to_owned(),
        group_by: GroupBy::Labels(group_by.iter().map(|name| (*name).to_owned()).collect()),
        group_wait: wait,
        group_interval: interval,
        repeat_interval: repeat,
        matchers: matchers(matching),
        mute_time_intervals: Vec::new(),
        active_time_intervals: Vec::new(),
        continue_: false,
        routes: Vec::new(),
    }
}

pub fn sms(n: usize) -> SmsConfig {
    let to = (0..n).map(|n| Phi::new(format!("+1202555010{n}"))).collect();
    SmsConfig { to, gateways: vec!["twilio".to_owned()], text: None, send_resolved: true }
}

pub fn email() -> EmailConfig {
    EmailConfig {
        to: vec![Phi::new("office@example.com".to_owned())],
        from: "watch@example.com".to_owned(),
        smarthost: SmtpTarget { host: "mail.example.com".to_owned(), port: 587, require_tls: true, hello: None },
        auth: None,
        subject: None,
        text: None,
        html: None,
        send_resolved: true,
        phi: false,
    }
}

pub fn webhook() -> WebhookConfig {
    WebhookConfig {
        url: Phi::new("https://hook.example.com".to_owned()),
        authorization: None,
        send_resolved: true,
        max_alerts: 0,
        timeout: Duration::from_secs(10),
    }
}

/// Pages by text, the rest by mail, info to nobody; a worse alert of a shift speaks for its milder ones.
pub fn policy() -> Policy {
    let mut root = route("office", "", &["agency", "location"], [300, 3_600, 86_400]);
    root.routes = vec![
        route("none", "severity=info", &["agency"], [0, 0, 86_400]),
        route("on-call", "severity=~\"page|critical\"", &["agency", "shift"], [10, 3_600, 86_400]),
    ];
    let receiver = |name: &str, sms: Vec<SmsConfig>, email: Vec<EmailConfig>| {
        (name.to_owned(), Receiver { name: name.to_owned(), email, sms, webhook: Vec::new(), page: Vec::new() })
    };
    let inhibit = |source: &str, target: &str| InhibitRule {
        source_matchers: matchers(source),
        target_matchers: matchers(target),
        equal: vec!["agency".to_owned(), "shift".to_owned()],
    };
    Policy {
        route: root,
        inhibit_rules: vec![
            inhibit("severity=critical, shift!=\"\"", "severity=~\"page|warning|info\", shift!=\"\""),
            inhibit("severity=page, shift!=\"\"", "severity=~\"warning|info\", shift!=\"\""),
        ],
        time_intervals: HashMap::new(),
        resolve_timeout: Duration::from_mins(5),
        confirm_timeout: Duration::from_mins(1),
        ack_expires: Duration::from_mins(20),
        ack_expires_uncovered: Duration::from_hours(1),
        catch_up_limit: 5,
        paging: Paging::default(),
        receivers: HashMap::from([
            receiver("none", vec![], vec![]),
            receiver("office", vec![], vec![email()]),
            receiver("on-call", vec![sms(1)], vec![email()]),
        ]),
    }
}

/// The stage, when it is so many seconds after noon.
pub fn at(stage: &mut Stage, secs: i64) -> &mut Stage {
    stage.until(secs);
    stage
}

/// Somebody with a phone that takes texts and calls, and a mailbox.
pub fn person(name: &str, n: u32) -> Person {
    let contact = |via, address: String| {
        let address = Phi::new(address);
        Contact { via, mark: AddressMark::of(&address), address }
    };
    let phone = format!("+120255501{n:02}");
    let contacts = vec![
        contact(Via::Sms, phone.clone()),
        contact(Via::Call, phone),
        contact(Via::Email, format!("{name}@example.com")),
    ];
    Person { name: PersonName::new(name), contacts, quiet_hours: None, also_known_as: Vec::new() }
}

/// A step that tells these people, first by text.
pub fn escalation_step(people: &[&str], via: &[Via], after_secs: u64) -> EscalationStep {
    EscalationStep {
        notify: people.iter().map(|name| Target::Person(PersonName::new(*name))).collect(),
        via: via.to_vec(),
        via_all: false,
        after: Duration::from_secs(after_secs),
    }
}

/// Pages night-1, after ten minutes night-2; nobody else is told of pages.
pub fn paging() -> Policy {
    let mut policy = policy();
    let people = [person("night-1", 1), person("night-2", 2), person("lead", 3)];
    let escalation = EscalationPolicy {
        name: "coverage".to_owned(),
        repeat: Duration::from_mins(15),
        unconfirmed_after: Duration::from_mins(2),
        ack_expires: Duration::from_mins(20),
        ack_expires_uncovered: Duration::from_hours(1),
        steps: vec![escalation_step(&["night-1"], &[Via::Sms], 0), escalation_step(&["night-2"], &[Via::Sms], 600)],
    };
    policy.paging.roster = Arc::new(Roster::new(people));
    policy.paging.escalation = BTreeMap::from([("coverage".to_owned(), escalation)]);
    let on_call = policy.receivers.get_mut("on-call").unwrap();
    (on_call.sms, on_call.email) = (vec![], vec![]);
    on_call.page = vec![PageConfig { policy: "coverage".to_owned(), by_location: BTreeMap::new(), text: None }];
    policy
}

pub fn shift(n: u32) -> Subject {
    let id = ShiftId::new(format!("9001{n:04}"));
    Subject::Shift(ShiftKey {
        start: noon() + TimeDelta::hours(4),
        client: ClientId::new("7001"),
        id: ShiftRef::Vendor(id),
    })
}

pub struct Stage {
    pub now: Instant,
    pub book: Book,
    pub agenda: Agenda,
    pub rules: RuleTable,
    pub all_read_since: Option<Instant>,
    pub n: i64,
    pub later: Vec<Finding>,
    pub told: Vec<String>,
    /// Makes every step twice and compares.
    pub twice: bool,
    /// Every notice there was.
    pub notices: Vec<Notice>,
    /// Every phone.
    pub phones: Phones,
    /// What links are made with.
    pub link_key: Option<LinkKey>,
    /// Entries that the agenda never gets.
    pub deaf_to: fn(&Wake) -> bool,
    /// The installation's.
    pub silences: Silences,
    /// Which version of them was seen.
    pub silences_seen: u64,
}

impl Stage {
    /// In ordinary times, with the rules Warn, Page, Critical and Slow (a warning with `for: 2m`).
    pub fn new(policy: Policy) -> Self {
        Self::starting(policy, Some(CatchUp::Done))
    }

    pub fn starting(policy: Policy, catch_up: Option<CatchUp>) -> Self {
        let rules = [
            rule("Warn", "warning", 0),
            rule("Page", "page", 0),
            rule("Critical", "critical", 0),
            rule("Slow", "warning", 120),
            rule("Info", "info", 0),
        ];
        let rules = RuleTable(rules.into_iter().map(|rule| (rule.id.clone(), rule)).collect());
        let book = Book::restore(AgencyName::new("main"), Arc::new(policy), vec![], vec![], catch_up, noon());
        let mut agenda = Agenda::new();
        book.wakes().into_iter().for_each(|wake| agenda.set(wake));
        Self {
            now: noon(),
            book,
            agenda,
            rules,
            all_read_since: None,
            n: 0,
            later: vec![],
            told: vec![],
            twice: true,
            notices: vec![],
            phones: Phones::default(),
            link_key: None,
            deaf_to: |_| false,
            silences: Silences::default(),
            silences_seen: 0,
        }
    }

    /// Forgets everything but what a store would hold.
    pub fn restart(&mut self) {
        self.reload(self.book.policy().clone());
    }

    /// The same, under another policy.
    pub fn reload(&mut self, policy: Policy) {
        self.book = self.book.with_policy(Arc::new(policy), self.now);
        self.phones = Phones::default();
        let pages: Vec<Page> = self.book.pages().map(|page| Page::clone(page)).collect();
        self.phones.absorb(self.book.agency(), &pages, &[]);
        self.agenda = Agenda::new();
        let wakes = self.book.wakes().into_iter().filter(|(wake, _)| !(self.deaf_to)(wake));
        wakes.for_each(|wake| self.agenda.set(wake));
        self.silences_seen = 0;
        if self.silences.version() > 0 {
            // The first tick after a start looks at them.
            self.agenda.set((Wake::Silences, Some(self.now)));
        }
    }

    pub fn key(&self, rule: &str, subject: Subject) -> AlertKey {
        AlertKey { agency: self.book.agency().clone(), rule: RuleId::new(rule), subject }
    }

    pub fn alert(&self, rule: &str, subject: Subject) -> Option<&Alert> {
        self.book.alert(&self.key(rule, subject)).map(AsRef::as_ref)
    }

    /// One pass at the present instant.
    pub fn pass_with(&mut self, findings: Vec<Finding>, inputs: &Inputs) -> Step {
        let mut due: Vec<Wake> = self.agenda.due(self.now).cloned().collect();
        if self.silences_seen != self.silences.version() && !due.contains(&Wake::Silences) {
            due.push(Wake::Silences);
        }
        self.pass_due(findings, inputs, &due)
    }

    pub fn pass_due(&mut self, mut findings: Vec<Finding>, inputs: &Inputs, due: &[Wake]) -> Step {
        let mut all = std::mem::take(&mut self.later);
        all.append(&mut findings);
        let given = Given {
            findings: all,
            inputs,
            due,
            rules: &self.rules,
            silences: &self.silences,
            phones: &self.phones,
            link_key: self.link_key.as_ref(),
            all_read_since: self.all_read_since,
            now: self.now,
        };
        let made = step(&self.book, given.clone());
        if self.twice {
            assert_eq!(made, step(&self.book, given), "made twice, the step is the same");
        }
        self.book.absorb(&made.delta);
        self.phones.absorb(self.book.agency(), &made.delta.pages, &made.delta.pages_gone);
        made.wakes.iter().filter(|(wake, _)| !(self.deaf_to)(wake)).for_each(|wake| self.agenda.set(wake.clone()));
        self.later.clone_from(&made.later);
        if due.contains(&Wake::Silences) {
            self.silences_seen = self.silences.version();
        }
        for intent in &made.intents {
            self.told.extend(self.lines(intent));
        }
        for notice in &made.notices {
            self.told.push(self.line(notice));
            self.notices.push(notice.clone());
        }
        made
    }

    pub fn pass(&mut self, findings: Vec<Finding>) -> Step {
        self.pass_with(findings, &Inputs::default())
    }

    pub fn order(&mut self, ask: Ask) -> Step {
        self.n += 1;
        let inputs = Inputs { orders: vec![Order { n: self.n, at: self.now, ask }], receipts: vec![] };
        self.pass_with(vec![], &inputs)
    }

    /// Silences what `matching` says, in seconds after noon.
    pub fn silence(&mut self, id: &str, matching: &[(&str, &str)], from: i64, until: i64) {
        let matchers = matching.iter().map(|(name, value)| SilenceMatcher {
            name: (*name).to_owned(),
            value: (*value).to_owned(),
            is_regex: false,
            is_equal: true,
        });
        let silence = Silence {
            id: id.to_owned(),
            matchers: matchers.collect(),
            starts_at: noon() + TimeDelta::seconds(from),
            ends_at: noon() + TimeDelta::seconds(until),
            updated_at: self.now,
            created_by: "night-1".to_owned(),
            comment: "planned".to_owned(),
            until_resolved: false,
            has_matched: false,
            reminded: false,
        };
        self.silences = self.silences.with(vec![silence], &[]);
    }

    pub fn ack(&mut self, rule: &str, subject: Subject, secs: i64) -> Step {
        let key = self.key(rule, subject);
        let until = self.now + TimeDelta::seconds(secs);
        self.order(Ask::Acknowledge { key, by: "night-1".to_owned(), note: String::new(), until })
    }

    pub fn receipt(&mut self, message: MessageId, news: News) -> Step {
        self.n += 1;
        let receipt = Receipt { n: self.n, message, channel: Channel::Sms, at: self.now, news };
        self.pass_with(vec![], &Inputs { orders: vec![], receipts: vec![receipt] })
    }

    /// Runs every entry of the agenda until `secs` after noon and stops there.
    pub fn until(&mut self, secs: i64) {
        let end = noon() + TimeDelta::seconds(secs);
        while let Some(next) = self.agenda.next().filter(|next| *next <= end) {
            let before = (self.now, next);
            self.now = self.now.max(next);
            self.pass(vec![]);
            let stuck = self.agenda.next().is_some_and(|after| after <= self.now);
            assert!(!stuck || before.0 != self.now, "the agenda does not move on at {}: {:?}", self.now, self.agenda);
        }
        self.now = end;
    }

    /// What was said since the last look.
    pub fn said(&mut self) -> Vec<String> {
        std::mem::take(&mut self.told)
    }

    /// A line per recipient and half: `+10 sms on-call first_firing: Page/90010001`.
    fn lines(&self, intent: &Intent) -> Vec<String> {
        let at = (self.now - noon()).num_seconds();
        let receiver = &intent.group.receiver;
        let why = if intent.summary { "summary" } else { intent.why.as_str() };
        let mut lines = Vec::new();
        let to = self.book.policy().receivers.get(receiver).map(recipients).unwrap_or_default();
        if intent.why != Why::Resolved {
            let alerts: Vec<_> = intent.firing.iter().map(name).collect();
            for to in &to {
                lines.push(format!("+{at} {} {receiver} {why}: {}", to.name(), alerts.join(" ")));
            }
            for told in intent
                .firing
                .iter()
                .flat_map(|alert| &alert.told)
                .filter(|told| told.receiver == *receiver && told.at == self.now)
                .filter(|told| told.group.as_ref().is_none_or(|own| *own == intent.group))
            {
                let id = Recipient::of(told).message(&intent.group, intent.generation, intent.flush, Half::Firing);
                assert!(
                    // Who was told before a new life of the alert keeps the message of the old one.
                    id == told.message
                        || intent.flush > 0
                        || intent.firing.iter().any(|alert| alert.active_at < self.now),
                    "the id is the message's"
                );
            }
        }
        // Those who are still in the configuration by where they stand now, then the others by where they stood.
        let mut over: BTreeMap<(bool, Recipient), Vec<String>> = BTreeMap::new();
        for alert in &intent.resolved {
            for told in &alert.told {
                assert_eq!(told.receiver, *receiver, "a closing stays with its receiver");
                let place = place_of(&to, told).cloned();
                let gone = place.is_none();
                over.entry((gone, place.unwrap_or(Recipient::of(told)))).or_default().push(name(alert));
            }
        }
        let stands_at = |who: &Recipient| to.iter().position(|to| to == who);
        let mut over: Vec<_> = over.into_iter().collect();
        over.sort_by_key(|((gone, who), _)| (*gone, stands_at(who)));
        for ((gone, who), alerts) in over {
            let former = if gone { "former " } else { "" };
            lines.push(format!("+{at} {former}{} {receiver} over: {}", who.name(), alerts.join(" ")));
        }
        lines
    }

    /// `+10 sms night-1 page: Page/0001`.
    fn line(&self, notice: &Notice) -> String {
        let secs = |at: Instant| (at - noon()).num_seconds();
        let at = secs(self.now);
        let names = |alerts: &[Alert]| alerts.iter().map(name).collect::<Vec<_>>().join(" ");
        let what = match &notice.says {
            Says::Page { alerts, told_before, ask, .. } => {
                let before: Vec<String> =
                    told_before.iter().map(|(person, at)| format!("{person} {}", secs(*at))).collect();
                let before = if before.is_empty() { String::new() } else { format!(" after {}", before.join(", ")) };
                let ask = match ask {
                    PageAsk::First => "page".to_owned(),
                    PageAsk::Escalated => "escalated".to_owned(),
                    PageAsk::Repeated => "again".to_owned(),
                    PageAsk::More => "more".to_owned(),
                    PageAsk::Expired => "expired".to_owned(),
                    PageAsk::StillYours { until } => format!("still yours? until {}", secs(*until)),
                    PageAsk::WentUnstaffed => "went unstaffed?".to_owned(),
                    PageAsk::Changing { n, since } => format!("changing {n} since {}", secs(*since)),
                    PageAsk::Drill => "drill".to_owned(),
                };
                format!("{ask}{before}: {}", names(alerts))
            }
            Says::Owned { by, until, alert, .. } => format!("{by} has it until {}: {}", secs(*until), name(alert)),
            Says::Closed { alerts, owner, .. } => {
                let owner = owner.as_ref().map_or(String::new(), |owner| format!(" ({owner} had it)"));
                format!("closed{owner}: {}", names(alerts))
            }
            Says::Answer(answer) => match answer {
                Answer::Tested { .. } => "tested".to_owned(),
                Answer::Mine { codes, until } => format!("answer: yours x{} until {}", codes.len(), secs(*until)),
                Answer::Handled { codes } => format!("answer: handled x{}", codes.len()),
                Answer::Passed { to, .. } => {
                    format!("answer: passed to {}", to.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
                }
                Answer::NobodyElse { .. } => "answer: nobody else".to_owned(),
                Answer::Over { alert, .. } => {
                    format!("answer: over: {}", alert.as_ref().map_or(String::new(), |alert| name(alert)))
                }
                Answer::TakenFrom { from, until, .. } => format!("answer: taken from {from} until {}", secs(*until)),
                Answer::Theirs { by, .. } => format!("answer: {by} has it"),
                Answer::NoSuchCode { open, .. } => format!("answer: no such code, {} open", open.len()),
                Answer::WhichOne { open } => format!("answer: which one of {}", open.len()),
                Answer::NothingOpen => "answer: nothing open".to_owned(),
            },
            Says::Bundle(all) => {
                let names =
                    |pages: &[BundledPage]| pages.iter().map(|page| name(&page.alert)).collect::<Vec<_>>().join(" ");
                let mut parts = Vec::new();
                match all.open.len() {
                    0 => {}
                    1..=4 => parts.push(format!("open {}", names(&all.open))),
                    n => parts.push(format!("open {} and {} more", names(&all.open[..2]), n + all.n_more - 2)),
                }
                if !all.owned.is_empty() {
                    parts.push(format!("owned x{}", all.owned.len()));
                }
                match all.closed.len() {
                    0 => {}
                    1..=4 => parts.push(format!("closed {}", names(&all.closed))),
                    n => parts.push(format!("closed x{n}")),
                }
                format!("bundle: {}", parts.join(", "))
            }
            Says::WatchOn { schedule, until, open } => {
                format!("watch on {schedule} until {}: {}", until.map_or(0, secs), names(open))
            }
            Says::Unreached { schedule, who } => format!("{who} is not reached ({schedule})"),
            Says::Standing { alerts, .. } => format!("list: {}", names(alerts)),
            other => format!("{other:?}"),
        };
        format!("+{at} {} {} {what}", notice.via.as_str(), notice.to)
    }

    /// The code of the only page, or of the `n`th by when it opened, on somebody's phone.
    pub fn code(&self, person: &str, n: usize) -> String {
        let mark = self.phone(person);
        let mut pages: Vec<_> = self.book.pages().filter(|page| page.codes.contains_key(&mark)).collect();
        pages.sort_by_key(|page| (page.opened_at, page.key.clone()));
        pages[n].codes[&mark].clone()
    }

    /// The mark of somebody's phone.
    pub fn phone(&self, person: &str) -> AddressMark {
        let roster = &self.book.policy().paging.roster;
        roster.person(&PersonName::new(person)).unwrap().contact(Via::Sms).unwrap().mark.clone()
    }

    /// A text comes back from somebody's phone; `K7` stands for the code of its first page.
    pub fn reply(&mut self, person: &str, text: &str) -> Step {
        self.reply_written(person, text, None)
    }

    /// The same, written so many seconds after noon.
    pub fn reply_written(&mut self, person: &str, text: &str, secs: Option<i64>) -> Step {
        let written_at = secs.map(|secs| noon() + TimeDelta::seconds(secs));
        let text = if text.contains("K7") { text.replace("K7", &self.code(person, 0)) } else { text.to_owned() };
        let phone = self.phone(person);
        let speakers =
            self.book.policy().paging.roster.people_with(&phone).iter().map(|person| person.name.clone()).collect();
        let heard = format!("twilio/SM{}", self.n);
        self.order(Ask::Reply { phone, speakers, reply: parse_reply(&text).unwrap(), heard, written_at })
    }

    /// News of the latest message to somebody.
    pub fn news(&mut self, person: &str, news: News) -> Step {
        let agency = self.book.agency().clone();
        let last = self.notices.iter().rev().find(|notice| notice.to.as_str() == person).unwrap();
        let message = last.message(&agency);
        self.receipt(message, news)
    }

    pub fn quiet(made: &Step) -> Vec<(String, Quiet)> {
        made.quiet.iter().map(|(key, quiet)| (key_name(key), *quiet)).collect()
    }
}

fn key_name(key: &AlertKey) -> String {
    match &key.subject {
        Subject::Shift(shift) => format!("{}/{}", key.rule, &shift.id.to_string()[4..]),
        Subject::Posted(_) => key.rule.to_string(),
        other => format!("{}/{other:?}", key.rule),
    }
}

pub fn name(alert: &Alert) -> String {
    key_name(&alert.key)
}

/// A rule's word that needs no second look.
pub fn broken(rule: &str, subject: Subject) -> Finding {
    let shift = match &subject {
        Subject::Shift(shift) => vec![("shift", shift.label(false))],
        _ => Vec::new(),
    };
    let broken = Broken {
        window: Window { opens_at: noon(), closes_at: Some(noon() + TimeDelta::hours(8)) },
        evidence_at: noon(),
        deadline: Some(noon() + TimeDelta::hours(4)),
        starts_at: Some(noon() + TimeDelta::hours(4)),
        ends_at: Some(noon() + TimeDelta::hours(8)),
        location: "north".to_owned(),
        subject_labels: shift,
        client: None,
        caregiver: None,
        tells: Tells::Uncovered,
        annotations: vec![],
        past_bad_rows: false,
        opened: None,
    };
    Finding { rule: RuleId::new(rule), subject, verdict: Verdict::Broken(Box::new(broken)) }
}

/// One that needs a second look, on evidence read `secs` after noon.
pub fn to_confirm(rule: &str, subject: Subject, secs: i64) -> Finding {
    let mut finding = broken(rule, subject);
    if let Verdict::Broken(broken) = &mut finding.verdict {
        broken.client = Some(ClientId::new("7001"));
        broken.evidence_at = noon() + TimeDelta::seconds(secs);
    }
    finding
}

pub fn blind() -> Finding {
    let mut finding = broken("Page", Subject::Agency);
    if let Verdict::Broken(broken) = &mut finding.verdict {
        broken.tells = Tells::Blind { since: noon(), n_shifts: 6, until: noon() };
    }
    finding
}

pub fn fine(rule: &str, subject: Subject, closing: Closing) -> Finding {
    Finding { rule: RuleId::new(rule), subject, verdict: Verdict::Fine(closing) }
}

pub fn unjudged(rule: &str, subject: Subject) -> Finding {
    let because = Unjudged { edge: noon(), section: crate::model::Section::Shifts, wants: None };
    Finding { rule: RuleId::new(rule), subject, verdict: Verdict::Unjudged { because } }
}

pub fn post(pairs: &[(&str, &str)], starts_at: Instant, ends_at: Option<Instant>) -> Ask {
    Ask::Post { labels: labels(pairs), annotations: Labels::new(), starts_at, ends_at, generator_url: String::new() }
}
