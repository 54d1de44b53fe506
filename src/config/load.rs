//! Reads a whole configuration: the file, its office files and rule files, or the environment alone.
//!
//! Every fault of every file is collected before anything is decided. An error anywhere means no configuration,
//! except in an office's own file, which costs that office only.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    rc::Rc,
    sync::Arc,
};

use chrono_tz::Tz;

use super::{
    Agency, CalendarSource, Config, Location, LostOffice, agencies, alertmanagers, environment, escalation_policies,
    fault::{Fault, Severity},
    global, inhibit_rules,
    names::Names,
    original,
    origins::Origins,
    people,
    reading::{Env, Fields, Reading, Shared, is_spoiled},
    receivers, routes,
    rule_file::Rules,
    scheduled, schedules, sms_gateways, store_url, telling, time_intervals, tree,
    tree::{Node, Place},
    web, write,
};
use crate::{
    alerts::policy::{Paging, Policy},
    notify::receiver::{PersonalMail, Receiver, SmsGateway, SmtpAuth},
    on_call::Roster,
    rules::rule::Rule,
};

/// Keys of Alertmanager and of later work, with what to do about them.
const ELSEWHERE: [(&str, &str); 5] = [
    ("templates", "template files are not read: write templates in the receivers"),
    ("tracing", "remove it"),
    ("mute_times", "write time_intervals"),
    ("gateways", "write sms_gateways"),
    ("wellsky", "write it inside an entry of agencies"),
];

/// More alerts than this for one recipient after a catch-up become one summary.
const CATCH_UP_LIMIT: usize = 5;

/// See [`Config::load`].
pub fn load(path: Option<&Path>, env: Env<'_>) -> Result<(Config, Vec<Fault>), Vec<Fault>> {
    match path {
        Some(path) => load_file(path, env),
        None => load_environment(env),
    }
}

fn load_environment(env: Env<'_>) -> Result<(Config, Vec<Fault>), Vec<Fault>> {
    let from = environment::read(env)?;
    let mut faults = from.warnings;
    let mut rules = Rules::default();
    rules.add_shipped(&mut faults);
    if faults.iter().any(Fault::is_error) {
        return Err(faults);
    }
    let policy = Policy {
        route: routes::nobody(),
        inhibit_rules: inhibit_rules::shipped(),
        time_intervals: HashMap::new(),
        resolve_timeout: global::RESOLVE_TIMEOUT,
        confirm_timeout: from.agency.wellsky.confirm_timeout,
        ack_expires: escalation_policies::ACK_EXPIRES,
        ack_expires_uncovered: escalation_policies::ACK_EXPIRES_UNCOVERED,
        catch_up_limit: CATCH_UP_LIMIT,
        paging: Paging::default(),
        receivers: HashMap::from([(routes::NOBODY.to_owned(), nobody())]),
    };
    let config = Config {
        file: None,
        origins: Origins::default(),
        original: String::new(),
        agencies: vec![from.agency],
        offices_lost: Vec::new(),
        rules: Arc::new(rules.into_vec()),
        store: from.store,
        web: web::read(None, &mut Reading::new(environment::FILE, Path::new(""), env)),
        policy: Arc::new(policy),
        receivers: vec![nobody()],
        mail: None,
        smtp_auth: Vec::new(),
        sms_gateways: Vec::new(),
        telling: None,
        heartbeat: None,
        alertmanagers: Vec::new(),
        calendars: Vec::new(),
        briefings: Vec::new(),
        reports: Vec::new(),
    };
    Ok((config, faults))
}

fn nobody() -> Receiver {
    Receiver { name: routes::NOBODY.into(), ..Receiver::default() }
}

/// Reads one thing of a file's tree. It finds the faults of the tree itself (a key that stands twice) in `cx.faults`, and may
/// leave them to whoever reads the rest; where it says `None`, every fault found.
pub fn with_file<T>(
    path: &Path,
    env: Env<'_>,
    read: impl FnOnce(&Node, &mut Reading<'_>) -> Option<T>,
) -> Result<T, Vec<Fault>> {
    let (file, bytes) = bytes_of(path)?;
    let dir = path.parent().unwrap_or(Path::new(""));
    let secrets = environment::read_secrets_file(dir, &mut Vec::new());
    let env = |name: &str| env(name).or_else(|| secrets.get(name).cloned());
    let mut cx = Reading::new(file.clone(), dir, &env);
    let found = tree::read(&file, &bytes, &mut cx.faults).and_then(|root| read(&root, &mut cx));
    found.ok_or(cx.faults)
}

/// See [`Config::read_over`].
pub fn read_over(text: &str, over: Option<&Node>, cx: &mut Reading<'_>) -> Option<Config> {
    let mut root = tree::read(&cx.file.clone(), text.as_bytes(), &mut cx.faults)?;
    if let (tree::Value::Map(entries), Some(over)) = (&mut root.value, over) {
        let tree::Value::Map(sections) = &over.value else {
            return cx.wrong_shape(over, "config", "standard, a file, or sections of a configuration");
        };
        entries.retain(|(key, _)| sections.iter().all(|(other, _)| other.text != key.text));
        entries.extend(sections.iter().cloned());
    }
    let mut office_faults = Vec::new();
    let read = read_root(&root, cx, &mut office_faults);
    cx.faults.append(&mut office_faults);
    read
}

/// See [`Config::rules_of`].
pub fn rules_of(files: &[PathBuf]) -> Result<Vec<Rule>, Vec<Fault>> {
    let mut rules = Rules::default();
    let mut faults = Vec::new();
    for file in files {
        let (name, bytes) = match bytes_of(file) {
            Ok(read) => read,
            Err(mut unreadable) => {
                faults.append(&mut unreadable);
                continue;
            }
        };
        let mut cx = Reading::new(name, file.parent().unwrap_or(Path::new("")), &|_| None);
        rules.add_text(&bytes, &mut cx);
        faults.append(&mut cx.faults);
    }
    if faults.iter().any(Fault::is_error) { Err(faults) } else { Ok(rules.into_vec()) }
}

fn bytes_of(path: &Path) -> Result<(String, Vec<u8>), Vec<Fault>> {
    let file = path.display().to_string();
    match std::fs::read(path) {
        Ok(bytes) => Ok((file, bytes)),
        Err(error) => {
            let what = format!("the configuration cannot be read ({})", error.kind());
            let instead = "name a file that exists and that this user may read";
            Err(vec![Fault::error(&file, Place::NOWHERE, what, instead)])
        }
    }
}

fn load_file(path: &Path, env: Env<'_>) -> Result<(Config, Vec<Fault>), Vec<Fault>> {
    let shared = Rc::new(Shared::default());
    shared.origins.borrow_mut().file(path);
    let (file, bytes) = bytes_of(path)?;
    let dir = path.parent().unwrap_or(Path::new(""));
    let mut secret_faults = Vec::new();
    shared.origins.borrow_mut().file(&dir.join(environment::SECRETS_FILE));
    let secrets = environment::read_secrets_file(dir, &mut secret_faults);
    let env = |name: &str| env(name).or_else(|| secrets.get(name).cloned());
    let mut cx = Reading::sharing(file.clone(), dir, &env, Rc::clone(&shared));
    let mut tree_faults = Vec::new();
    let Some(root) = tree::read(&file, &bytes, &mut tree_faults) else { return Err(tree_faults) };
    cx.faults = tree_faults;
    let mut office_faults = Vec::new();
    let read = read_root(&root, &mut cx, &mut office_faults);

    let hidden = std::mem::take(&mut cx.hidden);
    let mut faults = sorted(cx.faults, &file);
    faults.append(&mut secret_faults);
    let broken = faults.iter().any(Fault::is_error);
    faults.append(&mut office_faults);
    match read {
        Some(mut config) if !broken => {
            config.file = Some(path.to_owned());
            config.original = original::write(&root, &hidden);
            config.origins = shared.origins.borrow().clone();
            Ok((config, faults))
        }
        _ => Err(faults),
    }
}

/// The file's own faults in the order of its lines, then those of the files it names, as they came.
fn sorted(mut faults: Vec<Fault>, file: &str) -> Vec<Fault> {
    faults.sort_by_key(|fault| if fault.file == file { (0, fault.line, fault.column) } else { (1, 0, 0) });
    faults
}

fn read_root(root: &Node, cx: &mut Reading<'_>, office_faults: &mut Vec<Fault>) -> Option<Config> {
    let mut fields = Fields::of(root, "", cx)?;
    let mut policy_names = Names::default();
    escalation_policies::names_of(fields.get("escalation_policies"), &mut policy_names, cx);
    *cx.shared.policies.borrow_mut() = policy_names;
    let n_errors = |cx: &Reading<'_>| cx.faults.iter().filter(|fault| fault.is_error()).count();
    let n_before = n_errors(cx);
    let (agencies, offices_lost) = read_agencies(&mut fields, cx, office_faults);
    // One of which something is wrong is not in the list, and may be the one that is named further down.
    let agencies_in_doubt = n_errors(cx) > n_before || !offices_lost.is_empty();

    let mut rules = Rules::default();
    match fields.get("rule_files") {
        Some(node) => rules.add_files(node, cx),
        None => rules.add_shipped(&mut cx.faults),
    }
    let store = store_url::read(fields.get("store"), cx);
    let web = web::read(fields.get("web"), cx);
    let global = global::read(fields.get("global"), cx);

    let mut gateway_names = Names::default();
    let sms_gateways =
        fields.get("sms_gateways").map_or_else(Vec::new, |node| sms_gateways::read_list(node, &mut gateway_names, cx));
    let mut interval_names = Names::default();
    for agency in &agencies {
        write::check_gateway(&agency.wellsky.write, &sms_gateways, cx);
    }
    let mut intervals = Vec::new();
    for section in ["time_intervals", "mute_time_intervals"] {
        if let Some(node) = fields.get(section) {
            intervals.extend(time_intervals::read_list(node, section, &mut interval_names, cx));
        }
    }
    let mut receiver_names = Names::default();
    let (paging, calendars) = read_paging(&mut fields, &agencies, &global, (&gateway_names, &sms_gateways), cx);
    let shared = Rc::clone(&cx.shared);
    let policy_names = shared.policies.borrow();
    let locations = agencies.iter().flat_map(|agency| &agency.locations).map(|location| location.name.as_str());
    let ways = receivers::Ways {
        mail: &global.mail,
        gateways: &gateway_names,
        policies: &policy_names,
        locations: locations.collect(),
    };
    let receivers_node = fields.get("receivers");
    let mut receivers =
        receivers_node.map_or_else(Vec::new, |node| receivers::read_list(node, &ways, &mut receiver_names, cx));
    let known = routes::Known { receivers: &receiver_names, intervals: &interval_names };
    let route_node = fields.get("route");
    let route = match (route_node, receivers_node) {
        (Some(node), _) => routes::read_root(node, &known, cx),
        (None, Some(node)) => {
            if !is_spoiled(node) {
                cx.error(node.at, "there are receivers, and no route that leads to one", "write route: {receiver: …}");
            }
            None
        }
        (None, None) => {
            receivers.push(nobody());
            Some(routes::nobody())
        }
    };
    let inhibit_rules = match fields.get("inhibit_rules") {
        Some(node) => inhibit_rules::read_list(node, cx),
        None => inhibit_rules::shipped(),
    };
    let telling = fields.get("telling").map(|node| telling::read_telling(node, &global.mail, cx));
    let heartbeat = fields.get("heartbeat").map(|node| telling::read_heartbeat(node, cx));
    let alertmanagers = fields.get("alertmanagers").map_or_else(Vec::new, |node| alertmanagers::read_list(node, cx));
    let known = scheduled::Known { agencies: &agencies, in_doubt: agencies_in_doubt, mail: &global.mail };
    let briefings = fields.get("briefings").map_or_else(Vec::new, |node| scheduled::read_briefings(node, &known, cx));
    let reports = fields.get("reports").map_or_else(Vec::new, |node| scheduled::read_reports(node, &known, cx));
    fields.finish(&ELSEWHERE, cx);
    if agencies.is_empty() {
        return None;
    }
    rules.warn_of_tags(&agencies, cx);
    warn_of_silence(&receivers, receivers_node, heartbeat.is_some(), !alertmanagers.is_empty(), cx);

    let mut smtp_auth: Vec<(String, u16, SmtpAuth)> = Vec::new();
    let mail = global.mail.complete().ok();
    let logins = receivers
        .iter()
        .flat_map(|receiver| &receiver.email)
        .filter_map(|email| Some((&email.smarthost, email.auth.as_ref()?)))
        .chain(mail.iter().filter_map(|mail| Some((&mail.smarthost, mail.auth.as_ref()?))));
    for (target, auth) in logins {
        let is_known = |(host, port, known): &(String, u16, SmtpAuth)| {
            *host == target.host && *port == target.port && known.username == auth.username
        };
        if !smtp_auth.iter().any(is_known) {
            smtp_auth.push((target.host.clone(), target.port, auth.clone()));
        }
    }
    let policy = Policy {
        route: route?,
        inhibit_rules,
        time_intervals: intervals.into_iter().map(|interval| (interval.name.clone(), interval)).collect(),
        resolve_timeout: global.resolve_timeout,
        confirm_timeout: agencies.iter().map(|agency| agency.wellsky.confirm_timeout).max()?,
        ack_expires: escalation_policies::ACK_EXPIRES,
        ack_expires_uncovered: escalation_policies::ACK_EXPIRES_UNCOVERED,
        catch_up_limit: CATCH_UP_LIMIT,
        paging,
        receivers: receivers.iter().map(|receiver| (receiver.name.clone(), receiver.clone())).collect(),
    };
    Some(Config {
        file: None,
        origins: Origins::default(),
        original: String::new(),
        agencies,
        offices_lost,
        rules: Arc::new(rules.into_vec()),
        store: store?,
        web,
        policy: Arc::new(policy),
        receivers,
        mail,
        smtp_auth,
        sms_gateways,
        telling: telling.flatten(),
        heartbeat: heartbeat.flatten(),
        alertmanagers,
        calendars,
        briefings,
        reports,
    })
}

/// Who people are, when each is on call, and in which order they are told.
fn read_paging(
    fields: &mut Fields<'_>,
    agencies: &[Agency],
    global: &global::Global,
    (gateways, settings): (&Names, &[SmsGateway]),
    cx: &mut Reading<'_>,
) -> (Paging, Vec<CalendarSource>) {
    let mut zones: Vec<Tz> = agencies.iter().map(|agency| agency.timezone).collect();
    zones.dedup();
    let shared_zone = if let [zone] = zones[..] { Some(zone) } else { None };
    // Agencies that could not be read have zones too, and were complained about.
    let shared_zone = shared_zone.or(agencies.is_empty().then_some(Tz::UTC));
    let mut people_names = Names::default();
    let people = fields.get("people").map_or_else(Vec::new, |node| {
        people::read_list(node, zones.first().copied().unwrap_or(Tz::UTC), &mut people_names, cx)
    });
    let (mut schedule_names, mut calendars) = (Names::default(), Vec::new());
    let schedules = fields.get("schedules").map_or_else(Vec::new, |node| {
        schedules::read_list(node, shared_zone, &people_names, &mut schedule_names, &mut calendars, cx)
    });
    let call_gateways: Vec<String> =
        settings.iter().filter(|gateway| gateway.can_call()).map(|gateway| gateway.name.clone()).collect();
    let roster = Roster::new(people).with_schedules(schedules);
    let mail = global.mail.complete();
    let known = escalation_policies::Known {
        people: &people_names,
        schedules: &schedule_names,
        roster: &roster,
        can_text: gateways.all().next().is_some() || gateways.has(""),
        can_call: !call_gateways.is_empty() || gateways.has(""),
        mail_lacks: mail.as_ref().err().copied().filter(|_| !global.mail.in_doubt),
    };
    let policies = fields
        .get("escalation_policies")
        .map_or_else(Vec::new, |node| escalation_policies::read_list(node, &known, &mut Names::default(), cx));
    let location_policies = agencies.iter().flat_map(|agency| {
        let policy =
            |location: &Location| Some(((agency.name.clone(), location.name.clone()), location.policy.clone()?));
        agency.locations.iter().filter_map(policy)
    });
    let named = |name: &str| policies.iter().any(|policy| policy.schedules().contains(&name));
    let spoken = roster.schedules().filter(|schedule| schedule.watch_on.unwrap_or_else(|| named(&schedule.name)));
    // The first agency speaks: who is on call for several is told once.
    let speaks = agencies.first().map(|agency| agency.name.clone());
    let watch_on = spoken.filter_map(|schedule| Some((schedule.name.clone(), speaks.clone()?))).collect();
    let paging = Paging {
        watch_on,
        roster: Arc::new(roster),
        escalation: policies.into_iter().map(|policy| (policy.name.clone(), policy)).collect(),
        location_policies: location_policies.collect(),
        zones: agencies.iter().map(|agency| (agency.name.clone(), agency.timezone)).collect(),
        sms_gateways: gateways.all().map(ToOwned::to_owned).collect(),
        call_gateways,
        mail: mail.ok().map(|mail| PersonalMail { from: mail.from, smarthost: mail.smarthost, auth: mail.auth }),
    };
    (paging, calendars)
}

fn read_agencies(
    fields: &mut Fields<'_>,
    cx: &mut Reading<'_>,
    office_faults: &mut Vec<Fault>,
) -> (Vec<Agency>, Vec<LostOffice>) {
    let mut names = Names::default();
    let (inline, files) = (fields.get("agencies"), fields.get("agency_files"));
    let mut agencies = inline.map_or_else(Vec::new, |node| agencies::read_list(node, &mut names, cx));
    let mut lost = Vec::new();
    if let Some(node) = files {
        let (more, more_lost) = agencies::read_files(node, &mut names, cx, office_faults);
        agencies.extend(more);
        lost = more_lost;
    }
    if inline.is_none() && files.is_none() {
        let at = fields.at;
        cx.error(at, "agencies is not set", "write what to watch: see examples/minimal.yml for the least it needs");
    } else if agencies.is_empty() && !cx.faults.iter().chain(&*office_faults).any(Fault::is_error) {
        cx.error(
            fields.at,
            "there is no agency to watch",
            "write one under agencies, or name its file in agency_files",
        );
    }
    (agencies, lost)
}

/// Warns when nobody would hear, and when nobody would hear that nobody hears.
fn warn_of_silence(receivers: &[Receiver], node: Option<&Node>, heartbeat: bool, sent_on: bool, cx: &mut Reading<'_>) {
    if cx.faults.iter().any(|fault| fault.severity == Severity::Error) {
        return;
    }
    let at = node.map_or(Place::NOWHERE, |node| node.at);
    if !sent_on && receivers.iter().all(Receiver::is_nobody) {
        cx.warn(
            at,
            "nobody is told: no receiver has an integration",
            "write email_configs, sms_configs or page_configs in a receiver",
        );
    } else if !heartbeat {
        let what = "people are told of trouble, and nobody would be told that shiftwatch itself is down";
        cx.warn(at, what, "write heartbeat: {url: …}, watched by something on another machine");
    }
}
