//! A test file: read from its tree, every fault with its place, then as tests that can be played.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Duration,
};

use chrono::{NaiveDate, TimeDelta};
use chrono_tz::Tz;

use super::{
    alert_pick::AlertPick,
    expect::{self, Expectation, Expected, GOES_ON, Is, Telling},
    names::Names,
    office,
    script::{self, Act},
    sentence::fit,
    theatre::Cast,
    when::{Calendar, Wrong},
};
use crate::{
    config::{
        reading::{Fields, Reading},
        suggest::nearest,
        tree::{Key, Node, Place, Value},
        zone,
    },
    model::{Client, Instant, LocationId, Shift, ShiftId, ShiftKey, ShiftRef, ShiftStatus, TagId},
};

/// Reads are so far apart when nobody says.
const READS: Duration = Duration::from_mins(1);
/// No test lasts longer: the mirror looks a month ahead.
const LONGEST: TimeDelta = TimeDelta::days(32);

/// What a file says of its setting, before anything else of it can be read.
#[derive(Debug)]
pub struct Head<'n> {
    /// Which configuration.
    pub config: Setting<'n>,
    /// `rules`: files in the place of the configuration's.
    pub rules: Option<&'n Node>,
    /// `agency`: which of the configuration's.
    pub agency: Option<(String, Place)>,
    /// `timezone`: in the place of the agency's.
    pub timezone: Option<Tz>,
}

/// Which configuration a file plays with.
#[derive(Debug)]
pub enum Setting<'n> {
    /// It does not say: that of the command line, else the standard one.
    Unsaid,
    /// `standard`.
    Standard,
    /// Another file, beside this one.
    File(PathBuf, Place),
    /// The standard one with sections of its own.
    Sections(&'n Node),
}

/// One test, ready to be played.
#[derive(Debug, Clone)]
pub struct Test {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub place: Place,
    /// Where its wall clock hangs.
    pub zone: Tz,
    /// Its first instant.
    pub begins: Instant,
    /// Its last.
    pub ends: Instant,
    /// How far apart the reads are.
    pub reads: TimeDelta,
    /// Its clients.
    pub clients: Vec<Client>,
    /// Its caregivers.
    pub caregivers: Vec<String>,
    /// Its shifts by name.
    pub shifts: BTreeMap<String, Planned>,
    /// What happens, in order of time.
    pub acts: Vec<Act>,
    /// What is expected, in file order.
    pub expected: Vec<Expectation>,
}

/// A shift of a test.
#[derive(Debug, Clone)]
pub struct Planned {
    /// As it is at first.
    pub shift: Shift,
    /// When it comes onto the schedule; `None` = it is there from the first.
    pub entered: Option<Instant>,
}

/// What every test of a file begins with.
#[derive(Clone, Default)]
struct Common<'n> {
    clients: Option<&'n Node>,
    caregivers: Option<&'n Node>,
    shifts: Option<&'n Node>,
    reads: Option<Duration>,
}

/// Reads a file's tree. `load` makes the cast of what its head says, and notes its own faults. `None` when nothing can be
/// played; the faults are in `cx`.
pub fn read(
    root: &Node,
    cx: &mut Reading<'_>,
    load: &mut dyn FnMut(&Head<'_>, &mut Reading<'_>) -> Option<Cast>,
) -> Option<(Cast, Vec<Test>)> {
    let mut fields = Fields::of(root, "", cx)?;
    let config = match fields.get("config") {
        None => Setting::Unsaid,
        Some(node) if matches!(node.value, Value::Map(_)) => Setting::Sections(node),
        Some(node) => match cx.word(node, "config")?.as_str() {
            "standard" => Setting::Standard,
            file => Setting::File(cx.path(file), node.at),
        },
    };
    let rules = fields.get("rules");
    let agency = fields.get("agency").and_then(|node| Some((cx.word(node, "agency")?, node.at)));
    let timezone = fields.get("timezone").and_then(|node| zone::read(node, "timezone", cx));
    let common = Common {
        clients: fields.get("clients"),
        caregivers: fields.get("caregivers"),
        shifts: fields.get("shifts"),
        reads: fields.positive("reads", cx),
    };
    let cast = load(&Head { config, rules, agency, timezone }, cx);
    let tests = fields.need("tests", "write tests: [{name: …, begins: …, shifts: …, expect: …}]", cx);
    fields.finish(&[("rule_files", "write rules: [file.yml]"), ("groups", "this is a rule file, not a test")], cx);
    let (cast, tests) = (cast?, cx.list(tests?, "tests")?);
    let mut names = BTreeSet::new();
    let mut read = Vec::new();
    for (n, node) in tests.iter().enumerate() {
        let Some(test) = read_test(node, &format!("tests[{n}]"), &common, &cast, cx) else { continue };
        if !names.insert(test.name.clone()) {
            let what = format!("the test \"{}\" stands here a second time", test.name);
            cx.error(test.place, what, "give each test a name of its own");
        }
        read.push(test);
    }
    if tests.is_empty() {
        cx.error(root.at, "tests is empty", "write at least one");
    }
    Some((cast, read))
}

fn read_test(node: &Node, path: &str, common: &Common<'_>, cast: &Cast, cx: &mut Reading<'_>) -> Option<Test> {
    let mut fields = Fields::of(node, path, cx)?;
    let name = fields.need_word("name", "say in a few words what it shows", cx);
    let zone = cast.agency.timezone;
    let begins = fields.need("begins", "write the first moment: 2026-03-10 06:00", cx).and_then(|node| {
        let text = cx.word(node, &format!("{path}.begins"))?;
        // Any day serves to find the one that is written.
        let first = text.split_whitespace().find_map(|word| NaiveDate::parse_from_str(word, "%Y-%m-%d").ok());
        let Some(first) = first else {
            cx.error(node.at, format!("{path}.begins says no date"), "write it as 2026-03-10 06:00");
            return None;
        };
        let calendar = Calendar { zone, first };
        wrong(calendar.moment(&text), node.at, cx).map(|moment| (calendar, moment.at))
    });
    let reads = fields.positive("reads", cx).or(common.reads).unwrap_or(READS);
    let of = |own: Option<&'_ Node>, shared: Option<&'_ Node>| [shared.cloned(), own.cloned()];
    let clients_nodes = of(fields.get("clients"), common.clients);
    let caregivers_nodes = of(fields.get("caregivers"), common.caregivers);
    let shifts_nodes = of(fields.get("shifts"), common.shifts);
    let ends_node = fields.get("ends");
    let happens = fields.get("happens");
    let expects = fields.need("expect", "write what should come of it", cx);
    fields.finish(&[("expects", "write expect"), ("given", "write shifts"), ("when", "write happens")], cx);

    let (calendar, begins) = begins?;
    let mut clients = BTreeMap::new();
    for node in clients_nodes.iter().flatten() {
        read_clients(node, &format!("{path}.clients"), cast, &mut clients, cx);
    }
    let mut caregivers = BTreeSet::new();
    for node in caregivers_nodes.iter().flatten() {
        caregivers
            .extend(cx.words(node, &format!("{path}.caregivers")).unwrap_or_default().into_iter().map(|one| one.0));
    }
    let mut names = names_of(cast, &clients, caregivers.clone());
    let mut shifts = BTreeMap::new();
    for node in shifts_nodes.iter().flatten() {
        read_shifts(node, &format!("{path}.shifts"), calendar, &mut names, &mut shifts, cx);
    }
    let mut acts =
        happens.map(|node| read_acts(node, &format!("{path}.happens"), calendar, &names, cx)).unwrap_or_default();
    acts.sort_by_key(|act| act.at);
    let (mut expected, open) = read_expected(expects?, &format!("{path}.expect"), calendar, begins, &names, cx);
    let last = acts.iter().map(|act| act.at).chain(expected.iter().map(|one| one.until.min(one.from + LONGEST)));
    let ends = match ends_node {
        Some(node) => {
            let text = cx.word(node, &format!("{path}.ends"))?;
            wrong(calendar.moment(&text), node.at, cx)?.at
        }
        None => last.max().unwrap_or(begins) + GOES_ON,
    };
    for place in open {
        if let Some(one) = expected.get_mut(place) {
            one.until = ends + TimeDelta::seconds(1);
        }
    }
    let name = name?;
    for (at, place) in
        acts.iter().map(|act| (act.at, act.place)).chain(expected.iter().map(|one| (one.from, one.place)))
    {
        if at < begins {
            cx.error(place, "this lies before the test begins", "begin earlier, or name the day by its date");
        }
    }
    if ends <= begins || ends - begins > LONGEST {
        cx.error(node.at, "the test lasts no time, or longer than 32 days", "correct begins, ends or a date in it");
        return None;
    }
    if expected.is_empty() {
        cx.error(node.at, "the test expects nothing", "write what should come of it under expect");
    }
    let clients = clients.into_values().collect();
    let caregivers = caregivers.into_iter().collect();
    let reads = TimeDelta::from_std(reads).unwrap_or(TimeDelta::minutes(1));
    Some(Test { name, place: node.at, zone, begins, ends, reads, clients, caregivers, shifts, acts, expected })
}

fn names_of(cast: &Cast, clients: &BTreeMap<String, Client>, caregivers: BTreeSet<String>) -> Names {
    let zone_of = |client: &Client| {
        let location = client.location.as_ref().map(LocationId::as_str);
        let configured = cast.agency.locations.iter().find(|one| Some(one.id.as_str()) == location);
        configured.and_then(|one| one.timezone).unwrap_or(cast.agency.timezone)
    };
    let policy = &cast.policy;
    let texts = policy.receivers.values().flat_map(|receiver| &receiver.sms).flat_map(|sms| &sms.gateways);
    let paging = &policy.paging;
    let texts = texts.chain(&paging.sms_gateways).map(|name| format!("sms/{name}"));
    let calls = paging.call_gateways.iter().map(|name| format!("call/{name}"));
    let mails = policy.receivers.values().flat_map(|receiver| &receiver.email);
    let mails = mails.map(|mail| format!("email/{}:{}", mail.smarthost.host, mail.smarthost.port));
    Names {
        clients: clients.iter().map(|(name, client)| (name.clone(), zone_of(client))).collect(),
        caregivers,
        shifts: BTreeMap::new(),
        people: paging.roster.people().map(|person| person.name.to_string()).collect(),
        schedules: paging.roster.schedules().map(|schedule| schedule.name.clone()).collect(),
        policies: paging.escalation.keys().cloned().collect(),
        ways: texts.chain(calls).chain(mails).collect(),
        alerts: cast.rules.iter().map(|rule| rule.alert.clone()).collect(),
        receivers: policy.receivers.keys().cloned().collect(),
        zone: cast.agency.timezone,
    }
}

/// `[Avery, Drew]`, or `Avery: {location: north, tags: [respite]}`.
fn read_clients(node: &Node, path: &str, cast: &Cast, clients: &mut BTreeMap<String, Client>, cx: &mut Reading<'_>) {
    if let Value::List(_) = node.value {
        for (name, _) in cx.words(node, path).unwrap_or_default() {
            clients.insert(name.clone(), office::client(name.as_str().into(), None, Vec::new()));
        }
        return;
    }
    let Some(fields) = Fields::of(node, path, cx) else { return };
    for (key, node) in fields.entries() {
        let name = key.text.as_str();
        if matches!(node.value, Value::Null) {
            clients.insert(name.into(), office::client(name.into(), None, Vec::new()));
            continue;
        }
        let path = format!("{path}.{name}");
        let Some(mut inner) = Fields::of(node, &path, cx) else { continue };
        let location = inner.get("location").and_then(|node| {
            let text = cx.word(node, &format!("{path}.location"))?;
            let found = cast.agency.locations.iter().find(|one| one.name == text || one.id == text);
            if found.is_none() {
                let known: Vec<&str> = cast.agency.locations.iter().map(|one| one.name.as_str()).collect();
                cx.error(node.at, format!("no location is called \"{text}\""), did_you_mean(&text, &known));
            }
            found.map(|one| LocationId::new(one.id.as_str()))
        });
        let tags = inner.get("tags").and_then(|node| cx.words(node, &format!("{path}.tags"))).unwrap_or_default();
        let tags = tags.into_iter().map(|(tag, _)| {
            let named = cast.agency.tags.iter().find(|(name, _)| *name == tag);
            named.map_or_else(|| TagId::new(tag.as_str()), |(_, id)| id.clone())
        });
        clients.insert(name.into(), office::client(name.into(), location, tags.collect()));
        inner.finish(&[("name", "a test needs no names of people: the key is enough")], cx);
    }
}

fn did_you_mean(text: &str, known: &[&str]) -> String {
    match nearest(text, known.iter().copied()) {
        Some(near) => format!("did you mean {near}?"),
        None if known.is_empty() => "none is known".into(),
        None => format!("known here: {}", known.join(", ")),
    }
}

/// `morning: Tue 07:00-11:00, Avery with Blake`, or a mapping with `time`, `client`, `caregiver`, `id`, `entered`.
fn read_shifts(
    node: &Node,
    path: &str,
    calendar: Calendar,
    names: &mut Names,
    shifts: &mut BTreeMap<String, Planned>,
    cx: &mut Reading<'_>,
) {
    let Some(fields) = Fields::of(node, path, cx) else { return };
    for (key, node) in fields.entries() {
        let path = format!("{path}.{}", key.text);
        if let Some(planned) = read_shift(key, node, &path, calendar, names, cx) {
            names.shifts.insert(key.text.clone(), planned.shift.key.client.to_string());
            shifts.insert(key.text.clone(), planned);
        }
    }
}

fn read_shift(
    key: &Key,
    node: &Node,
    path: &str,
    calendar: Calendar,
    names: &Names,
    cx: &mut Reading<'_>,
) -> Option<Planned> {
    let mut entered = None;
    let mut id = key.text.clone();
    let (time, client, caregiver) = if let Value::Map(_) = node.value {
        let mut inner = Fields::of(node, path, cx)?;
        let time = inner.need_word("time", "write time: Tue 07:00-11:00", cx);
        let client = inner.need_word("client", "write whom it is for", cx);
        let caregiver = inner.word("caregiver", cx);
        id = inner.word("id", cx).unwrap_or(id);
        if let Some(node) = inner.get("entered") {
            let text = cx.word(node, &format!("{path}.entered"))?;
            entered = wrong(calendar.moment(&text), node.at, cx).map(|moment| moment.at);
        }
        inner.finish(&[("start", "write time: Tue 07:00-11:00"), ("end", "write time: Tue 07:00-11:00")], cx);
        (time?, client?, caregiver)
    } else {
        let text = cx.word(node, path)?;
        let Some([time, client, caregiver]) = fit("{}, {} with {}", &text) else {
            let instead = "write it as: Tue 07:00-11:00, CLIENT with CAREGIVER (or with nobody)";
            cx.error(node.at, format!("{path} is \"{text}\""), instead);
            return None;
        };
        (time.to_owned(), client.to_owned(), Some(caregiver.to_owned()).filter(|name| name != "nobody"))
    };
    let client = wrong(names.client(&client), node.at, cx)?;
    let caregiver = match caregiver {
        Some(caregiver) => Some(wrong(names.caregiver(&caregiver), node.at, cx)?),
        None => None,
    };
    let zone = names.clients.get(&client).copied().unwrap_or(calendar.zone);
    let (from, until) = wrong(calendar.on(zone).span(&time), node.at, cx)?;
    let key =
        ShiftKey { start: from.at, client: client.as_str().into(), id: ShiftRef::Vendor(ShiftId::new(id.as_str())) };
    let shift = Shift {
        key,
        end: until.at,
        caregiver: caregiver.map(|caregiver| caregiver.as_str().into()),
        status: ShiftStatus::Active(Some("SCHEDULED".into())),
    };
    Some(Planned { shift, entered })
}

/// Entries of `TIME: what`, each a mapping of one key.
fn timed<'n>(node: &'n Node, path: &str, cx: &mut Reading<'_>) -> Vec<(&'n Key, &'n Node)> {
    let mut entries = Vec::new();
    for (n, item) in cx.list(node, path).unwrap_or_default().iter().enumerate() {
        match &item.value {
            Value::Map(pairs) if !pairs.is_empty() => entries.extend(pairs.iter().map(|(key, node)| (key, node))),
            Value::Spoiled => {}
            _ => cx.error(item.at, format!("{path}[{n}] says no time"), "write it as TIME: what, such as Tue 07:15: …"),
        }
    }
    entries
}

fn read_acts(node: &Node, path: &str, calendar: Calendar, names: &Names, cx: &mut Reading<'_>) -> Vec<Act> {
    let mut acts = Vec::new();
    for (key, node) in timed(node, path, cx) {
        let Some(moment) = wrong(calendar.moment(&key.text), key.at, cx) else { continue };
        let Some(text) = cx.word(node, path) else { continue };
        let Some(does) = wrong(script::read(&text, names, calendar), node.at, cx) else { continue };
        acts.push(Act { at: moment.at, place: node.at, text, does });
    }
    acts
}

/// The expectations, and the places of those that last as long as the test.
fn read_expected(
    node: &Node,
    path: &str,
    calendar: Calendar,
    begins: Instant,
    names: &Names,
    cx: &mut Reading<'_>,
) -> (Vec<Expectation>, Vec<usize>) {
    let (mut expected, mut open) = (Vec::new(), Vec::new());
    for (key, node) in timed(node, path, cx) {
        let Some((from, until)) = wrong(expect::stretch(&key.text, calendar, begins), key.at, cx) else { continue };
        let nodes = match &node.value {
            Value::List(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        for node in nodes {
            let (what, text) = if let Value::Map(_) = node.value {
                let Some(what) = read_mapping(node, path, names, cx) else { continue };
                let text = describe(&what);
                (what, text)
            } else {
                let Some(text) = cx.word(node, path) else { continue };
                let Some(what) = wrong(expect::read(&text, names), node.at, cx) else { continue };
                (what, text)
            };
            if until.is_none() {
                open.push(expected.len());
            }
            let text = format!("{}: {text}", key.text);
            expected.push(Expectation { place: node.at, text, from, until: until.unwrap_or(from), what });
        }
    }
    (expected, open)
}

fn describe(what: &Expected) -> String {
    match what {
        Expected::Alert(pick, is) => match is {
            Is::Closed(Some(why)) => format!("{pick} is closed, {why}"),
            Is::Closed(None) => format!("{pick} is closed"),
            Is::Pending => format!("{pick} is pending"),
            Is::Acknowledged => format!("{pick} is acknowledged"),
            Is::Firing | Is::FiringThroughout => format!("{pick} fires"),
            Is::NotFiring => format!("{pick} does not fire"),
        },
        Expected::Told(telling) => {
            let by = telling.by.map(|by| format!(" by {by}")).unwrap_or_default();
            let words: Vec<String> =
                telling.says.iter().chain(&telling.text).map(|words| format!("\"{}\"", words.trim())).collect();
            let times = telling.times.map(|times| format!(" {times} times")).unwrap_or_default();
            format!("{} is told{by}{times} {}", telling.to, words.join(" and "))
        }
        _ => String::new(),
    }
}

/// `{alert, of, labels, is, reason}` or `{told, by, says, not_says, text, times}`.
fn read_mapping(node: &Node, path: &str, names: &Names, cx: &mut Reading<'_>) -> Option<Expected> {
    let mut fields = Fields::of(node, path, cx)?;
    let told = fields.get("told");
    if let Some(told) = told {
        let to = cx.word(told, "told").and_then(|name| wrong(names.told(&name), told.at, cx));
        let by = match fields.get("by") {
            Some(node) => Some(cx.word(node, "by").and_then(|way| wrong(expect::channel(&way), node.at, cx))?),
            None => None,
        };
        let words = |key: &'static str, fields: &mut Fields<'_>, cx: &mut Reading<'_>| match fields.get(key) {
            Some(node) if matches!(node.value, Value::Scalar { .. }) => cx.word(node, key).into_iter().collect(),
            Some(node) => cx.words(node, key).unwrap_or_default().into_iter().map(|one| one.0).collect(),
            None => Vec::new(),
        };
        let says = words("says", &mut fields, cx);
        let not_says = words("not_says", &mut fields, cx);
        let text = fields.word("text", cx);
        let times = fields.get("times").and_then(|node| cx.number(node, "times", "how often", |_: &usize| true));
        fields.finish(&[], cx);
        return Some(Expected::Told(Telling { to: to?, by, says, not_says, text, times }));
    }
    let name = fields.need_word("alert", "write alert: NAME, or told: RECEIVER", cx);
    let of = fields.get("of").and_then(|node| {
        let text = cx.word(node, "of")?;
        wrong(AlertPick::subject(&text, names), node.at, cx)
    });
    let mut labels = Vec::new();
    if let Some(node) = fields.get("labels")
        && let Some(inner) = Fields::of(node, "labels", cx)
    {
        for (key, node) in inner.entries() {
            labels.extend(cx.word(node, &key.text).map(|value| (key.text.clone(), value)));
        }
    }
    let is = fields.need("is", "write firing, pending, acknowledged, closed or not firing", cx).and_then(|node| {
        let text = cx.word(node, "is")?;
        wrong(expect::state_of(&text), node.at, cx)
    });
    let reason = fields.get("reason").and_then(|node| {
        let text = cx.word(node, "reason")?;
        wrong(expect::reason(&text), node.at, cx)
    });
    let at = fields.at;
    fields.finish(&[("state", "write is: firing"), ("shift", "write of: SHIFT")], cx);
    let name = name.and_then(|name| wrong(names.alert(&name), at, cx))?;
    let is = match (is?, reason) {
        (Is::Closed(_), reason) => Is::Closed(reason),
        (is, None) => is,
        (_, Some(_)) => {
            cx.error(at, "a reason belongs to what is closed", "write is: closed, or leave the reason out");
            return None;
        }
    };
    Some(Expected::Alert(AlertPick { name, labels, of }, is))
}

/// Notes what is wrong at a place.
fn wrong<T>(read: Result<T, Wrong>, at: Place, cx: &mut Reading<'_>) -> Option<T> {
    match read {
        Ok(value) => Some(value),
        Err((what, instead)) => {
            cx.error(at, what, instead);
            None
        }
    }
}
