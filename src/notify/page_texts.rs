//! The built-in texts to people: pages and what follows them, lists, answers. At most 160 GSM-7 septets, no PHI,
//! weekday always.
//!
//! When a page is too long, what gives way is, in this order: the action's second sentence, the action, who was told
//! before in full, what each digit means, how urgent it is, who was told before at all, the link. Code, time and
//! location never do.

use super::{
    gsm7::{self, SEPTETS_MAX},
    voice::{Telling, Voice},
    words::{self, Words},
};
use crate::{
    alerts::{
        alert::{Alert, AlertState},
        disposition::Unsaid,
        notice::{Answer, Bundle, PageAsk, Says},
    },
    model::{AgencyName, Instant, PersonName},
    rules::finding::Tells,
};

/// A person's name is cut to so many characters in a text.
const NAME_CHARS: usize = 16;
/// As many pages are named in one text; the rest is counted.
pub const BUNDLE_NAMED_MAX: usize = 4;
/// An alert in its own words needs so much room for them; with less, something else gives way first.
const OWN_WORDS_MIN: usize = 24;

/// One agency's way of speaking, at an instant.
#[derive(Clone, Copy)]
pub struct Speaker<'a> {
    /// Titles, zones, links.
    pub telling: &'a Telling,
    /// Whose matter it is.
    pub agency: &'a AgencyName,
    /// The instant of the decision.
    pub now: Instant,
}

/// A page, as its text needs it.
#[derive(Clone, Copy)]
pub struct Page<'a> {
    /// Its code on this phone.
    pub code: &'a str,
    /// The token of its link.
    pub link: Option<&'a str>,
    /// What fires, most urgent first.
    pub alerts: &'a [Alert],
    /// Who was told before, and when.
    pub told_before: &'a [(PersonName, Instant)],
    /// What is asked of the reader.
    pub ask: PageAsk,
}

/// How much of a page's text its room allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kept {
    /// All of it, or all but what to do, which a reader knows.
    Enough,
    /// An alert's own words were cut.
    CutWords,
    /// More than the action gave way.
    Little,
    /// Even the link gave way.
    NoLink,
}

impl<'a> Speaker<'a> {
    pub(super) fn voice(&self) -> &'a Voice {
        self.telling.voice(self.agency)
    }

    fn title(&self) -> &'a str {
        &self.voice().title
    }

    /// `Tue 08:40`, or `08:40` when it is less than half a day ahead.
    pub(super) fn until(&self, at: Instant) -> String {
        let voice = self.voice();
        if at - self.now < chrono::TimeDelta::hours(12) {
            voice.time(at, voice.zone)
        } else {
            voice.day_time(at, voice.zone)
        }
    }

    /// The address behind a link; `None` without an address that a phone can open.
    #[must_use]
    pub fn url(&self, token: &str) -> Option<String> {
        Some(format!("{}/a/{token}", self.telling.external_url.as_deref()?))
    }
}

/// The text of a notice.
#[must_use]
pub fn text(says: &Says, speaker: Speaker<'_>) -> String {
    match says {
        Says::Page { code, link, alerts, told_before, ask, .. } => {
            page(Page { code, link: link.as_deref(), alerts, told_before, ask: *ask }, speaker).0
        }
        Says::Bundle(all) => bundle(all, speaker),
        Says::Owned { code, alert, by, until } => owned(code, alert, by, *until, speaker),
        Says::Closed { code, alerts, owner } => closed(code, alerts, owner.as_deref(), speaker),
        Says::Answer(answer) => {
            gsm7::cut(&format!("{}: {}", speaker.title(), answer_words(answer, speaker)), SEPTETS_MAX)
        }
        Says::WatchOn { schedule, until, open } => watch_on(schedule, *until, open, speaker),
        Says::Standing { code, link, alerts, until } => standing(code, link.as_deref(), alerts, *until, speaker),
        Says::Unreached { schedule, who } => unreached(schedule, who, speaker),
        Says::Morning { n_shifts, n_open, open } => morning(*n_shifts, *n_open, open, speaker),
        Says::SilenceEnds { id, ends_at, n_muted } => {
            let alerts = if *n_muted == 1 { "1 alert" } else { "alerts" };
            let n = if *n_muted == 1 { String::new() } else { format!("{n_muted} ") };
            let id: String = id.chars().take(8).collect();
            let at = speaker.until(*ends_at);
            fitting(&[
                format!(
                    "{}: silence {id} ends at {at} and still mutes {n}{alerts}. Extend it on the board, or they are told.",
                    speaker.title()
                ),
                format!("{}: silence {id} ends at {at} and still mutes {n}{alerts}.", speaker.title()),
            ])
        }
    }
}

/// The text of a page, and how much of it there was room for.
#[must_use]
pub fn page(page: Page<'_>, speaker: Speaker<'_>) -> (String, Kept) {
    let Some(first) = page.alerts.first().filter(|_| page.ask != PageAsk::Drill) else {
        return (drill(page.code, speaker), Kept::Enough);
    };
    match page.ask {
        PageAsk::StillYours { until } => (still_yours(page, first, until, speaker), Kept::Enough),
        PageAsk::WentUnstaffed => (went_unstaffed(page, first, speaker), Kept::Enough),
        _ => asking(page, first, speaker),
    }
}

/// What a page's text is put together from.
struct Parts {
    /// `CCA: NO CHECK-IN Tue 07:00-11:00, North`
    head: String,
    /// `, 15 min late`
    urgency: String,
    /// Who was told, what changed: whole and short.
    before: [String; 2],
    action: String,
    unconfirmed: &'static str,
    more: String,
    /// What to reply: whole and short.
    reply: [String; 2],
    link: String,
}

/// What is left out. Later ones leave out more.
#[derive(Clone, Copy)]
struct Shape {
    before: Before,
    short_reply: bool,
    urgency: bool,
    link: bool,
}

/// How much is said of who was told before, and of how many more there are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Whole,
    Short,
    Nothing,
}

const SHAPES: [Shape; 6] = [
    Shape { before: Before::Whole, short_reply: false, urgency: true, link: true },
    Shape { before: Before::Short, short_reply: false, urgency: true, link: true },
    Shape { before: Before::Short, short_reply: true, urgency: true, link: true },
    Shape { before: Before::Short, short_reply: true, urgency: false, link: true },
    Shape { before: Before::Nothing, short_reply: true, urgency: false, link: true },
    Shape { before: Before::Nothing, short_reply: true, urgency: false, link: false },
];

impl Parts {
    fn with(&self, shape: Shape, action: &str) -> String {
        let Self { head, urgency, before, unconfirmed, more, reply, link, .. } = self;
        let urgency = if shape.urgency { urgency } else { "" };
        let (before, more) = match shape.before {
            Before::Whole => (before[0].as_str(), more.as_str()),
            Before::Short => (before[1].as_str(), more.as_str()),
            Before::Nothing => ("", ""),
        };
        let reply = &reply[usize::from(shape.short_reply)];
        let link = if shape.link { link } else { "" };
        let stop = if action.ends_with(['.', '!', '?']) { "" } else { "." };
        let action = if action.is_empty() { String::new() } else { format!(" {action}{stop}") };
        gsm7::transliterate(&format!("{head}{urgency}.{before}{action}{unconfirmed}{more}{reply}{link}"))
    }

    /// Whatever happens, the code stays: the head is cut to what it leaves.
    fn last_resort(&self) -> String {
        let reply = gsm7::transliterate(&self.reply[1]);
        let room = SEPTETS_MAX.saturating_sub(cost(&reply) + 1);
        format!("{}.{reply}", gsm7::cut(&self.head, room))
    }
}

fn asking(page: Page<'_>, first: &Alert, speaker: Speaker<'_>) -> (String, Kept) {
    let parts = parts(page, first, speaker);
    let in_its_own_words = first.facts.tells == Tells::Summary;
    for (i, shape) in SHAPES.into_iter().enumerate() {
        let kept = match i {
            0 => Kept::Enough,
            _ if !shape.link => Kept::NoLink,
            _ => Kept::Little,
        };
        let bare = parts.with(shape, "");
        let actions = match (i, in_its_own_words) {
            (0, false) => vec![parts.action.clone(), first_sentence(&parts.action).to_owned(), String::new()],
            (_, false) => vec![String::new()],
            (_, true) => {
                let room = SEPTETS_MAX.saturating_sub(cost(&bare) + 2);
                let cut = gsm7::cut(&parts.action, room);
                let is_whole = cut == gsm7::transliterate(&parts.action);
                if room < OWN_WORDS_MIN && !is_whole {
                    continue;
                }
                let text = parts.with(shape, &cut);
                return (text, if is_whole { kept } else { kept.max(Kept::CutWords) });
            }
        };
        for action in actions {
            let text = parts.with(shape, &action);
            if cost(&text) <= SEPTETS_MAX {
                return (text, kept);
            }
        }
    }
    (parts.last_resort(), Kept::NoLink)
}

fn parts(page: Page<'_>, first: &Alert, speaker: Speaker<'_>) -> Parts {
    let Words { headline, concerns, urgency, action, reference, unconfirmed } =
        words::firing(first, speaker.telling, speaker.now);
    let title = speaker.title();
    let code = page.code;
    let concerns = if concerns.is_empty() { String::new() } else { format!(" {concerns}") };
    let head = match page.ask {
        PageAsk::Repeated => format!("{title}: STILL {headline}{concerns}"),
        PageAsk::More => format!("{title}: more on {code}: {headline}{concerns}"),
        _ => format!("{title}: {headline}{concerns}"),
    };
    let zone = speaker.voice().zone_of(&first.facts.location);
    let before = before(page, |at| speaker.voice().time(at, zone));
    let link = page.link.and_then(|token| speaker.url(token));
    Parts {
        head,
        urgency: if urgency.is_empty() { String::new() } else { format!(", {urgency}") },
        before: before.map(|text| if text.is_empty() { text } else { format!(" {text}") }),
        action,
        unconfirmed: if unconfirmed { " Unconfirmed." } else { "" },
        more: more(page.alerts.len().saturating_sub(1), ""),
        reply: [format!(" Reply {}.", replies(first, code)), format!(" Reply 1 {code}.")],
        link: link.map_or_else(
            || if reference.is_empty() { String::new() } else { format!(" {reference}.") },
            |url| format!(" {url}"),
        ),
    }
}

/// Why this reader hears of it now: in full, and short.
fn before(page: Page<'_>, time: impl Fn(Instant) -> String) -> [String; 2] {
    let told = told_before(page.told_before, &time);
    match page.ask {
        PageAsk::Repeated => ["Nobody has it.".to_owned(), "Nobody has it.".to_owned()],
        PageAsk::Expired => ["Nobody has it any more.".to_owned(), "Nobody has it any more.".to_owned()],
        PageAsk::Changing { n, since } => {
            let text = format!("Keeps changing ({n} times since {}).", time(since));
            [text.clone(), text]
        }
        _ => told,
    }
}

/// `night-1 was told at 08:10.`, and the short form.
fn told_before(told: &[(PersonName, Instant)], time: impl Fn(Instant) -> String) -> [String; 2] {
    let Some((first, at)) = told.first() else { return [String::new(), String::new()] };
    let (name, at) = (short(first.as_str()), time(*at));
    let short_form = match told.len() - 1 {
        0 => format!("{name} told {at}."),
        n => format!("{name} told {at}, {n} more."),
    };
    let whole = match &told[1..] {
        [] => format!("{name} was told at {at}."),
        [(second, then)] => format!("{name} was told at {at}, {} at {}.", short(second.as_str()), time(*then)),
        more => format!("{name} was told at {at}, then {} more.", more.len()),
    };
    [whole, short_form]
}

/// What a phone may answer, by what it is about: `1 K7 mine, 3 K7 all OK`.
fn replies(alert: &Alert, code: &str) -> String {
    match alert.facts.tells {
        Tells::Uncovered => format!("1 {code} mine, 4 {code} next person"),
        Tells::NoCheckIn | Tells::NoShow => format!("1 {code} mine, 3 {code} all OK"),
        Tells::NoCheckOut | Tells::Runaway => format!("1 {code} mine, 3 {code} done"),
        Tells::Blind { .. } | Tells::Exception(_) | Tells::Summary => format!("1 {code} mine"),
    }
}

fn still_yours(page: Page<'_>, first: &Alert, until: Instant, speaker: Speaker<'_>) -> String {
    let (title, code) = (speaker.title(), page.code);
    let what = what(first, speaker.voice());
    let by = speaker.until(until);
    let link = page.link.and_then(|token| speaker.url(token)).map_or_else(String::new, |url| format!(" {url}"));
    fitting(&[
        format!("{title}: {code} still yours? {what}. Reply 1 {code} by {by} to keep it, else others are told.{link}"),
        format!("{title}: {code} still yours? {what}. Reply 1 {code} by {by} to keep it.{link}"),
        format!("{title}: {code} still yours? Reply 1 {code} by {by} to keep it. {what}."),
    ])
}

fn went_unstaffed(page: Page<'_>, first: &Alert, speaker: Speaker<'_>) -> String {
    let (title, code) = (speaker.title(), page.code);
    let what = what(first, speaker.voice());
    let link = page.link.and_then(|token| speaker.url(token)).map_or_else(String::new, |url| format!(" {url}"));
    fitting(&[
        format!("{title}: nobody took {code}: {what}. It is over. Went unstaffed? Find out how the client is.{link}"),
        format!("{title}: nobody took {code}: {what}. It is over. Went unstaffed?{link}"),
        format!("{title}: nobody took {code}. It is over. Went unstaffed? {what}."),
    ])
}

fn drill(code: &str, speaker: Speaker<'_>) -> String {
    fitting(&[format!(
        "{}: TEST page {code}. Nothing is wrong. Reply 1 {code} to show that it reached you.",
        speaker.title()
    )])
}

/// What is open comes first and gives way last: fewer pages are named, the rest is counted.
fn bundle(all: &Bundle, speaker: Speaker<'_>) -> String {
    let title = speaker.title();
    let most = all.open.len().max(all.closed.len()).clamp(1, BUNDLE_NAMED_MAX);
    let shapes: Vec<String> = (1..=most)
        .rev()
        .flat_map(|named| {
            let open = open_part(all, named, speaker);
            let (owned, closed) = (owned_part(all, named), closed_part(all, named, speaker));
            let said = |reply: &str| {
                let parts = [open.as_str(), owned.as_str(), closed.as_str(), reply];
                let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
                format!("{title}: {}", parts.join(" "))
            };
            let (long, short) = bundle_reply(all);
            [said(&long), said(&short)]
        })
        .collect();
    fitting(&shapes)
}

fn open_part(all: &Bundle, named: usize, speaker: Speaker<'_>) -> String {
    let n = all.open.len() + all.n_more;
    if n == 0 {
        return String::new();
    }
    let list: Vec<String> = all
        .open
        .iter()
        .take(named)
        .map(|page| format!("{} {}", page.code, brief(&page.alert, speaker.voice())))
        .collect();
    let rest = more(n - list.len(), "");
    let list = list.join("; ");
    match all.still_yours {
        Some(_) => format!("still yours? {list}.{rest}"),
        None => format!("{n} open: {list}.{rest}"),
    }
}

/// `night-2 has K7 and M4.`; of several owners the first.
fn owned_part(all: &Bundle, named: usize) -> String {
    let Some((_, by)) = all.owned.first() else { return String::new() };
    let theirs: Vec<String> = all.owned.iter().filter(|(_, other)| other == by).map(|(code, _)| code.clone()).collect();
    let others = more(all.owned.len() - theirs.len(), " taken");
    let rest = theirs.len() - theirs.len().min(named.min(3));
    let list = theirs[..theirs.len() - rest].join(", ");
    let rest = if rest == 0 { String::new() } else { format!(" and {rest} more") };
    format!("{} has {list}{rest}.{others}", short(by))
}

/// `Closed: K7 Tue 07:00-11:00, North: covered; M4 …`; beside something open, the codes alone.
fn closed_part(all: &Bundle, named: usize, speaker: Speaker<'_>) -> String {
    if all.closed.is_empty() {
        return String::new();
    }
    let alone = all.open.is_empty();
    if let ([one], true, true) = (all.closed.as_slice(), alone, all.owned.is_empty()) {
        let text = closed(&one.code, std::slice::from_ref(&one.alert), None, speaker);
        let head = format!("{} ", speaker.title());
        return text.strip_prefix(&head).unwrap_or(&text).to_owned();
    }
    let list: Vec<String> = all
        .closed
        .iter()
        .take(named)
        .map(|page| {
            if alone {
                let what = match brief_concerns(&page.alert, speaker.voice()) {
                    text if text.is_empty() => words::name(&page.alert),
                    text if page.alert.facts.starts_at.is_none() => format!("{}, {text}", words::name(&page.alert)),
                    text => text,
                };
                format!("{} {}", page.code, words::closed(&what, &page.alert, speaker.telling))
            } else {
                page.code.clone()
            }
        })
        .collect();
    let rest = more(all.closed.len() - list.len(), "");
    format!("CLOSED: {}.{rest}", list.join(if alone { "; " } else { ", " }))
}

/// What to reply: whole and short.
fn bundle_reply(all: &Bundle) -> (String, String) {
    let Some(first) = all.open.first() else { return (String::new(), String::new()) };
    match all.still_yours {
        Some(_) => ("Reply 1 ALL to keep all, else others are told.".into(), "Reply 1 ALL to keep all.".into()),
        None => (format!("Reply 1 ALL for all, 1 {} for one.", first.code), "Reply 1 ALL.".into()),
    }
}

fn owned(code: &str, alert: &Alert, by: &str, until: Instant, speaker: Speaker<'_>) -> String {
    let (title, by, until) = (speaker.title(), short(by), speaker.until(until));
    fitting(&[
        format!("{title}: {by} has {code} until {until}. {}.", what(alert, speaker.voice())),
        format!("{title}: {by} has {code} until {until}."),
    ])
}

fn closed(code: &str, alerts: &[Alert], owner: Option<&str>, speaker: Speaker<'_>) -> String {
    let Some(first) = alerts.first() else {
        return fitting(&[format!("{} CLOSED {code}: the test is over.", speaker.title())]);
    };
    let (title, voice) = (speaker.title(), speaker.voice());
    let concerns = match words::concerns(first, voice) {
        text if text.is_empty() => words::name(first),
        text if first.facts.starts_at.is_none() => format!("{}, {text}", words::name(first)),
        text => text,
    };
    let own = match &first.state {
        AlertState::Resolved { owner, .. } => owner.as_deref(),
        _ => None,
    };
    let had = owner.or(own).map_or_else(String::new, |owner| format!(" {} had it.", short(owner)));
    let closed = words::closed(&concerns, first, speaker.telling);
    let after = words::afterwards(first);
    let more = more(alerts.len() - 1, " closed");
    fitting(&[
        format!("{title} CLOSED {code}: {closed}.{had} {after}{more}"),
        format!("{title} CLOSED {code}: {closed}. {after}{more}"),
        format!("{title} CLOSED {code}: {closed}.{more}"),
    ])
}

/// The words of an answer, without the title.
#[must_use]
pub fn answer_words(answer: &Answer, speaker: Speaker<'_>) -> String {
    match answer {
        Answer::Mine { codes, until } => {
            let (list, verb) = codes_are(codes);
            let handled = match codes.as_slice() {
                [one] => format!(" Reply 3 {one} when it is handled."),
                _ => String::new(),
            };
            format!("{list} {verb} yours until {}.{handled}", speaker.until(*until))
        }
        Answer::Tested { code } => format!("TEST page {code} reached you. Thank you, that is all."),
        Answer::Handled { codes } => {
            let (list, verb) = codes_are(codes);
            let until = if codes.len() == 1 { "its shift ends or its caregiver changes" } else { "the shifts end" };
            format!("{list} {verb} noted as handled, yours until {until}.")
        }
        Answer::Passed { code, to } => {
            let to: Vec<String> = to.iter().map(|name| short(name.as_str())).collect();
            format!("{code} goes to {} now.", list_of(&to))
        }
        Answer::NobodyElse { code } => format!("nobody else can be told of {code}. Reply 1 {code} to take it."),
        Answer::Over { code, alert: None } => format!("{code} is over."),
        Answer::Over { code, alert: Some(alert) } => {
            let what = words::concerns(alert, speaker.voice());
            let closed = words::closed(&what, alert, speaker.telling);
            if what.is_empty() { format!("{code} is over{closed}.") } else { format!("{code} is over. {closed}.") }
        }
        Answer::Theirs { code, by, until } => {
            format!("{} has {code} until {}, and passes it on if need be.", short(by), speaker.until(*until))
        }
        Answer::TakenFrom { code, from, until } => {
            format!("{code} is yours until {}. {} had it and is told.", speaker.until(*until), short(from))
        }
        Answer::NoSuchCode { code, open } => {
            let code: String = code.chars().take(6).collect();
            match open.first() {
                None => format!("no page {code} here, and nothing is open."),
                Some(first) => {
                    format!("no page {code} here. Open: {}. Reply 1 {first} to take it.", list_of(open))
                }
            }
        }
        Answer::WhichOne { open } => {
            let first = open.first().map_or("", String::as_str);
            format!("which one? Open: {}. Reply 1 {first} for one, 1 ALL for all.", list_of(open))
        }
        Answer::NothingOpen => "nothing is open for you.".to_owned(),
    }
}

fn watch_on(schedule: &str, until: Option<Instant>, open: &[Alert], speaker: Speaker<'_>) -> String {
    let (title, voice) = (speaker.title(), speaker.voice());
    let schedule = short(schedule);
    let until = until.map_or_else(String::new, |until| format!(" until {}", voice.day_time(until, voice.zone)));
    let begins = format!("{title}: your watch begins ({schedule}{until}).");
    let Some(first) = open.first() else { return fitting(&[format!("{begins} Nothing open.")]) };
    let n = open.len();
    let named: Vec<String> = open.iter().take(2).map(|alert| brief(alert, voice)).collect();
    let rest = more(n.saturating_sub(2), "");
    fitting(&[
        format!("{begins} {n} open: {}.{rest}", named.join("; ")),
        format!("{begins} {n} open: {}.{}", brief(first, voice), more(n - 1, "")),
        format!("{begins} {n} open."),
    ])
}

/// `CCA: night-2 comes on (on-call) but no message reaches them. …`
fn unreached(schedule: &str, who: &PersonName, speaker: Speaker<'_>) -> String {
    let (title, schedule, who) = (speaker.title(), short(schedule), short(who.as_str()));
    fitting(&[
        format!(
            "{title}: {who} comes on ({schedule}) but no message reaches them. Stay on and call them, or tell the office."
        ),
        format!("{title}: {who} comes on but no message reaches them. Stay on and call them."),
    ])
}

fn standing(code: &str, link: Option<&str>, alerts: &[Alert], until: Instant, speaker: Speaker<'_>) -> String {
    let (title, voice) = (speaker.title(), speaker.voice());
    let n = alerts.len();
    let shifts = if n == 1 { "1 shift has" } else { "shifts have" };
    let count = if n == 1 { String::new() } else { format!("{n} ") };
    let until = voice.day_time(until, voice.zone);
    let link = link.and_then(|token| speaker.url(token)).map_or_else(String::new, |url| format!(" {url}"));
    let shapes: Vec<String> = (1..=n.min(BUNDLE_NAMED_MAX))
        .rev()
        .map(|named| {
            let list: Vec<String> = alerts.iter().take(named).map(|alert| words::concerns(alert, voice)).collect();
            let rest = more(n - named, "");
            format!(
                "{title}: {count}{shifts} no caregiver up to {until}: {}.{rest} Find cover. Reply 1 {code} mine.{link}",
                list.join("; ")
            )
        })
        .chain([
            format!("{title}: {count}{shifts} no caregiver up to {until}. Find cover. Reply 1 {code} mine.{link}"),
            format!("{title}: {count}{shifts} no caregiver up to {until}. Find cover. Reply 1 {code} mine."),
        ])
        .collect();
    fitting(&shapes)
}

fn morning(n_shifts: usize, n_open: usize, open: &[Unsaid], speaker: Speaker<'_>) -> String {
    let (title, voice) = (speaker.title(), speaker.voice());
    let head = match (n_shifts, n_open) {
        (1, _) => "1 page in the night needs a word".to_owned(),
        (n, 1) => format!("{n} pages in the night, 1 needs a word"),
        (n, open) => format!("{n} pages in the night, {open} need a word"),
    };
    let url = speaker.telling.external_url.as_ref();
    let where_ = url.map_or_else(|| "Say it on the board.".to_owned(), |url| format!("Say it: {url}/on-call"));
    let shapes: Vec<String> = (1..=open.len().min(BUNDLE_NAMED_MAX))
        .rev()
        .map(|named| {
            let list: Vec<String> = open.iter().take(named).map(|one| unsaid(one, voice)).collect();
            let rest = more(n_open.saturating_sub(named), "");
            format!("{title}: {head}: {}.{rest} What became of it? {where_}", list.join("; "))
        })
        .chain([
            format!("{title}: {head}: what became of it? {where_}"),
            format!("{title}: {head}: what became of it?"),
        ])
        .collect();
    fitting(&shapes)
}

/// `MissedCheckIn Tue 07:00, North`.
#[must_use]
pub fn unsaid(one: &Unsaid, voice: &Voice) -> String {
    let when = match one.starts_at {
        Some(at) => voice.day_time(at, voice.zone_of(&one.location)),
        None => format!("shift {}", one.shift),
    };
    let place = super::voice::place(&one.location);
    let place = if place.is_empty() { String::new() } else { format!(", {place}") };
    format!("{} {when}{place}", one.alertname)
}

/// `NO CHECK-IN Tue 07:00-11:00, North`.
#[must_use]
pub fn what(alert: &Alert, voice: &Voice) -> String {
    let (name, concerns) = (words::name(alert), words::concerns(alert, voice));
    if concerns.is_empty() { name } else { format!("{name} {concerns}") }
}

/// `NO CHECK-IN Tue 07:00, North`: without the end.
fn brief(alert: &Alert, voice: &Voice) -> String {
    let (name, concerns) = (words::name(alert), brief_concerns(alert, voice));
    if concerns.is_empty() { name } else { format!("{name} {concerns}") }
}

/// `Tue 07:00, North`, or nothing.
fn brief_concerns(alert: &Alert, voice: &Voice) -> String {
    let zone = voice.zone_of(&alert.facts.location);
    let place = super::voice::place(&alert.facts.location);
    let when = alert.facts.starts_at.map(|at| voice.day_time(at, zone));
    when.into_iter().chain((!place.is_empty()).then_some(place)).collect::<Vec<_>>().join(", ")
}

fn codes_are(codes: &[String]) -> (String, &'static str) {
    (list_of(codes), if codes.len() == 1 { "is" } else { "are" })
}

/// `K7`, `K7 and M4`, `K7, M4 and 3 more`.
fn list_of(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [one, two] => format!("{one} and {two}"),
        [one, two, three] => format!("{one}, {two} and {three}"),
        [one, two, three, rest @ ..] => format!("{one}, {two}, {three} and {} more", rest.len()),
    }
}

fn more(n: usize, how: &str) -> String {
    if n == 0 { String::new() } else { format!(" +{n} more{how}.") }
}

fn short(name: &str) -> String {
    name.chars().take(NAME_CHARS).collect::<String>().trim_end().to_owned()
}

fn first_sentence(text: &str) -> &str {
    text.split_inclusive(". ").next().unwrap_or(text).trim_end()
}

fn cost(text: &str) -> usize {
    gsm7::septets(text).unwrap_or(usize::MAX)
}

/// The first that fits; the last one is cut.
fn fitting(shapes: &[String]) -> String {
    let mut spelt = shapes.iter().map(|shape| gsm7::transliterate(shape));
    let fits = spelt.clone().find(|text| cost(text) <= SEPTETS_MAX);
    fits.or_else(|| spelt.next_back().map(|last| gsm7::cut(&last, SEPTETS_MAX))).unwrap_or_default()
}

#[cfg(test)]
pub(super) mod tests;
