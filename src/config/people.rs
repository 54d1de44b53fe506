//! `people`: who can be told, and by which ways, in the order they are to be tried.

use chrono::NaiveTime;
use chrono_tz::Tz;

use super::{
    address::{e164_advice, is_e164, is_mail},
    names::Names,
    reading::{Fields, Reading, is_spoiled},
    secret,
    time_intervals::minute_of_day,
    tree::{Node, Place},
    zone,
};
use crate::{
    model::{PersonName, Phi, PhiGrant},
    on_call::{Contact, Person, QuietHours, Via},
};

/// A longer name leaves a text without room for what matters.
const NAME_CHARS_MAX: usize = 32;

/// What people write for the three ways.
const CONTACT_KEYS_ELSEWHERE: [(&str, &str); 6] = [
    ("phone", "write sms or call: a text or a call"),
    ("voice", "write call"),
    ("text", "write sms"),
    ("mail", "write email"),
    ("slack", "people are reached by sms, call and email"),
    ("via", "write the way as the key: {sms: \"+12025550111\"}"),
];

/// Reads `people:`. Where a person's quiet hours name no zone, `zone` is meant.
pub fn read_list(node: &Node, zone: Tz, names: &mut Names, cx: &mut Reading<'_>) -> Vec<Person> {
    let Some(items) = cx.list(node, "people") else {
        names.doubt();
        return Vec::new();
    };
    let mut known = Vec::new();
    let people: Vec<Person> = items
        .iter()
        .enumerate()
        .filter_map(|(n, item)| read(item, &format!("people[{n}]"), zone, (&mut *names, &mut known), cx))
        .collect();
    check_known_as(&people, &known, cx);
    people
}

/// A name that calendars use for somebody.
struct KnownAs {
    at: Place,
    path: String,
    /// In small letters. A person's name: never said.
    plain: String,
    of: PersonName,
}

/// A name may stand for one person only. What it is is not said: it is somebody's.
fn check_known_as(people: &[Person], known: &[KnownAs], cx: &mut Reading<'_>) {
    for (n, this) in known.iter().enumerate() {
        let mail = |contact: &Contact| {
            contact.via == Via::Email && contact.address.reveal(PhiGrant::COMPARE).to_lowercase() == this.plain
        };
        let is_theirs = |person: &&Person| {
            person.name != this.of
                && (person.name.as_str().to_lowercase() == this.plain || person.contacts.iter().any(mail))
        };
        let what = match (known[..n].iter().find(|other| other.plain == this.plain), people.iter().find(is_theirs)) {
            (Some(other), _) => format!("{} is the same as {}", this.path, other.path),
            (None, Some(person)) => format!("{} is the name or address of {}", this.path, person.name),
            (None, None) => continue,
        };
        cx.error(this.at, what, "remove one of the two: in a calendar it could be either");
    }
}

fn read_known_as(node: &Node, path: &str, of: &PersonName, known: &mut Vec<KnownAs>, cx: &mut Reading<'_>) {
    let Some(items) = cx.list(node, path) else { return };
    for (n, item) in items.iter().enumerate() {
        let path = format!("{path}[{n}]");
        let Some(text) = secret::value(item, &path, cx) else { continue };
        let plain = text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
        if plain.chars().filter(|c| c.is_alphanumeric()).count() < 2 {
            cx.error(item.at, format!("{path} is too short to be told from other words"), "write two letters or more");
            continue;
        }
        known.push(KnownAs { at: item.at, path, plain, of: of.clone() });
    }
}

fn read(
    node: &Node,
    path: &str,
    zone: Tz,
    (names, known): (&mut Names, &mut Vec<KnownAs>),
    cx: &mut Reading<'_>,
) -> Option<Person> {
    let Some(mut fields) = Fields::of(node, path, cx) else {
        names.doubt();
        return None;
    };
    let name_path = format!("{path}.name");
    let name_node = fields.need("name", "write a short id, such as night-1: it stands in texts and logs", cx);
    let name = name_node.and_then(|node| cx.word(node, &name_path));
    match (&name, name_node) {
        (Some(name), Some(node)) => {
            if let Err((what, instead)) = check_name(name) {
                cx.error(node.at, format!("{name_path} {what}"), instead);
            }
            names.add(name, node.at, &name_path, cx);
        }
        _ => names.doubt(),
    }
    let (phone, email, contacts) = (fields.get("phone"), fields.get("email"), fields.get("contacts"));
    let mut reached = Vec::new();
    if let Some(node) = phone
        && let Some(number) = read_phone(node, &format!("{path}.phone"), cx)
    {
        reached.push(Contact::new(Via::Sms, number.clone()));
        reached.push(Contact::new(Via::Call, number));
    }
    if let Some(node) = email {
        reached.extend(read_email(node, &format!("{path}.email"), cx).map(|address| Contact::new(Via::Email, address)));
    }
    match (contacts, phone.or(email)) {
        (Some(node), None) => reached = read_contacts(node, &format!("{path}.contacts"), cx),
        (Some(node), Some(_)) => {
            let what = format!("{path} has contacts beside phone or email");
            cx.error(node.at, what, "write all of them in contacts, in the order they are to be tried");
        }
        (None, Some(_)) => {}
        (None, None) => {
            let what = format!("{path} has neither phone nor email, so nothing can reach them");
            cx.error(fields.at, what, "write phone: \"+12025550111\", or email, or contacts");
        }
    }
    let quiet_path = format!("{path}.quiet_hours");
    let quiet_hours = fields.get("quiet_hours").and_then(|node| read_quiet_hours(node, &quiet_path, zone, cx));
    let also_known_as = fields.get("also_known_as");
    let elsewhere = [
        ("mail", "write email"),
        ("alias", "write also_known_as: [\"as calendars write it\"]"),
        ("aliases", "write also_known_as: [\"as calendars write it\"]"),
        ("sms", "write phone, or contacts: [{sms: …}]"),
        ("call", "write phone, or contacts: [{call: …}]"),
        ("mobile", "write phone"),
        ("timezone", "write it in quiet_hours"),
        ("schedule", "schedules name their people: write it there"),
    ];
    fields.finish(&elsewhere, cx);
    let name = PersonName::new(name?);
    let before = known.len();
    if let Some(node) = also_known_as {
        read_known_as(node, &format!("{path}.also_known_as"), &name, known, cx);
    }
    let also_known_as = known[before..].iter().map(|known| Phi::new(known.plain.clone())).collect();
    Some(Person { name, contacts: reached, quiet_hours, also_known_as })
}

/// A name is an id: it stands in texts, logs, labels and addresses of our web side.
fn check_name(name: &str) -> Result<(), (String, String)> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if !name.chars().all(fits) {
        let near: String = name.chars().map(|c| if fits(c) { c.to_ascii_lowercase() } else { '-' }).collect();
        let near = near.trim_matches('-').to_owned();
        let instead = if near.is_empty() { "night-1".to_owned() } else { near };
        return Err((
            format!("\"{name}\" is no id"),
            format!("write it with letters, digits, - and _ only, such as {instead}"),
        ));
    }
    let length = name.chars().count();
    if length > NAME_CHARS_MAX {
        return Err((
            format!("has {length} characters"),
            format!("write at most {NAME_CHARS_MAX}: it stands in texts"),
        ));
    }
    Ok(())
}

fn read_contacts(node: &Node, path: &str, cx: &mut Reading<'_>) -> Vec<Contact> {
    let Some(items) = cx.list(node, path) else { return Vec::new() };
    if items.is_empty() {
        cx.error(node.at, format!("{path} is empty"), "write at least one, such as {sms: \"+12025550111\"}");
    }
    let mut contacts: Vec<Contact> = Vec::new();
    for (n, item) in items.iter().enumerate() {
        let path = format!("{path}[{n}]");
        let Some(mut fields) = Fields::of(item, &path, cx) else { continue };
        let written =
            [(Via::Sms, fields.get("sms")), (Via::Call, fields.get("call")), (Via::Email, fields.get("email"))];
        let known_only = fields.entries().len() == written.iter().filter(|(_, node)| node.is_some()).count();
        let at = fields.at;
        fields.finish(&CONTACT_KEYS_ELSEWHERE, cx);
        let mut ways = written.into_iter().filter_map(|(via, node)| Some((via, node?)));
        match (ways.next(), ways.next()) {
            (Some((via, node)), None) => {
                let path = format!("{path}.{}", via.as_str());
                let address = match via {
                    Via::Email => read_email(node, &path, cx),
                    Via::Sms | Via::Call => read_phone(node, &path, cx),
                };
                let Some(contact) = address.map(|address| Contact::new(via, address)) else { continue };
                if contacts.iter().any(|known| known.via == via && known.mark == contact.mark) {
                    cx.error(node.at, format!("{path} stands here a second time"), "remove one of the two");
                }
                contacts.push(contact);
            }
            (None, _) if known_only => {
                cx.error(at, format!("{path} is empty"), "write {sms: …}, {call: …} or {email: …}");
            }
            (None, _) => {}
            (Some(_), Some(_)) => {
                cx.error(at, format!("{path} has several ways"), "write each as an entry of its own, in their order");
            }
        }
    }
    contacts
}

fn read_phone(node: &Node, path: &str, cx: &mut Reading<'_>) -> Option<Phi<String>> {
    if is_spoiled(node) {
        return None;
    }
    let number = secret::value(node, path, cx)?;
    if is_e164(&number) {
        return Some(Phi::new(number));
    }
    cx.error(node.at, format!("{path} is not a phone number"), e164_advice(&number));
    None
}

fn read_email(node: &Node, path: &str, cx: &mut Reading<'_>) -> Option<Phi<String>> {
    let address = secret::value(node, path, cx)?;
    if is_mail(&address) {
        return Some(Phi::new(address.trim().to_owned()));
    }
    cx.error(node.at, format!("{path} is not a mail address"), "write it as lead@example.com");
    None
}

fn read_quiet_hours(node: &Node, path: &str, zone: Tz, cx: &mut Reading<'_>) -> Option<QuietHours> {
    let mut fields = Fields::of(node, path, cx)?;
    let mut time = |key: &'static str, cx: &mut Reading<'_>| {
        let node = fields.need(key, "write it as \"22:00\"", cx)?;
        read_time(node, &format!("{path}.{key}"), cx)
    };
    let (from, to) = (time("from", cx), time("to", cx));
    let own_zone = match fields.get("timezone") {
        Some(node) => zone::read(node, &format!("{path}.timezone"), cx),
        None => Some(zone),
    };
    fields.finish(&[], cx);
    Some(QuietHours { from: from?, to: to?, zone: own_zone? })
}

/// A time of day; 24:00 is midnight.
fn read_time(node: &Node, path: &str, cx: &mut Reading<'_>) -> Option<NaiveTime> {
    let text = cx.word(node, path)?;
    let minute = minute_of_day(&text);
    if minute.is_none() {
        let what = format!("{path} \"{text}\" is not a time of day");
        cx.error(node.at, what, "write it as \"22:00\", in quotation marks");
    }
    NaiveTime::from_num_seconds_from_midnight_opt(u32::from(minute? % 1440) * 60, 0)
}
