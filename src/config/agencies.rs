//! `agencies` and `agency_files`: what is watched.

use std::{path::Path, rc::Rc, time::Duration};

use chrono::NaiveTime;

use super::{
    Agency, Location, LostOffice, NaiveTz, Wellsky, Write,
    address::{parse_url, url_is_loopback},
    cover,
    fault::Fault,
    glob, hook_secret,
    names::Names,
    reading::{Fields, Reading, is_spoiled},
    reminders, secret, sections,
    time_intervals::minute_of_day,
    tree::{self, Node, Place, Value},
    write, zone,
};
use crate::{
    details::Sections,
    model::{AgencyName, TagId},
};

/// WellSky Personal Care's host.
pub const BASE_URL: &str = "https://connect.clearcareonline.com";
/// `detect_within`, when nobody says.
pub const DETECT_WITHIN: Duration = Duration::from_mins(5);
/// `requests_per_second`, when nobody says.
pub const REQUESTS_PER_SECOND: f64 = 2.0;
/// `confirm_timeout`, when nobody says.
pub const CONFIRM_TIMEOUT: Duration = Duration::from_mins(1);
/// A title longer than this leaves a text without room for what matters.
pub const TITLE_CHARS_MAX: usize = 10;
/// Longer location names push texts over 160 characters.
const LOCATION_CHARS_MAX: usize = 12;

/// Reads `agencies:`.
pub fn read_list(node: &Node, names: &mut Names, cx: &mut Reading<'_>) -> Vec<Agency> {
    let Some(items) = cx.list(node, "agencies") else {
        names.doubt();
        return Vec::new();
    };
    if items.is_empty() {
        cx.error(node.at, "agencies is empty", "write at least one agency, or leave the key out and use agency_files");
    }
    items.iter().enumerate().filter_map(|(n, item)| read(item, &format!("agencies[{n}]"), names, cx)).collect()
}

/// Reads one agency. `None` when anything in it is wrong: the faults say what.
pub fn read(node: &Node, path: &str, names: &mut Names, cx: &mut Reading<'_>) -> Option<Agency> {
    let Some(mut fields) = Fields::of(node, path, cx) else {
        names.doubt();
        return None;
    };
    let name_node = fields.need("name", "write a short word for it: it becomes the label agency", cx);
    let name_path = fields.path("name");
    let name = name_node.and_then(|node| cx.word(node, &name_path));
    match (&name, name_node) {
        (Some(name), Some(node)) if name == AgencyName::installation().as_str() => {
            cx.error(
                node.at,
                format!("{name_path} \"installation\" is taken by alerts that belong to no agency"),
                "choose another",
            );
        }
        (Some(name), Some(node)) => names.add(name, node.at, &name_path, cx),
        _ => names.doubt(),
    }
    let title_node = fields.get("title");
    let title_path = fields.path("title");
    let title = title_node.and_then(|node| cx.word(node, &title_path).map(|title| (title, node.at)));
    if let Some((title, at)) = &title {
        refuse_control(title, &title_path, *at, cx);
    }
    if let Some((title, at)) = &title
        && title.chars().count() > TITLE_CHARS_MAX
    {
        let what = format!("{title_path} \"{title}\" has {} characters", title.chars().count());
        cx.error(*at, what, format!("write at most {TITLE_CHARS_MAX}: it opens every text message"));
    }
    let zone_path = fields.path("timezone");
    let timezone = fields
        .need("timezone", "write an IANA name such as America/Denver", cx)
        .and_then(|node| zone::read(node, &zone_path, cx));
    let clock_path = fields.path("clock");
    let clock = fields.get("clock").and_then(|node| cx.one_of(node, &clock_path, &["12h", "24h"]));
    let morning_path = fields.path("morning_list");
    let morning_list =
        fields.get("morning_list").map_or_else(morning_list, |node| read_morning(node, &morning_path, cx));
    let rate_path = fields.path("hourly_rate");
    let hourly_rate = fields.get("hourly_rate").and_then(|node| {
        cx.number(node, &rate_path, "what an hour of care is billed at, as 34.50", |rate: &f64| {
            rate.is_finite() && (0.0..=10_000.0).contains(rate)
        })
    });
    let reminders_path = fields.path("reminders");
    let reminders = fields.get("reminders").and_then(|node| reminders::read(node, &reminders_path, cx));
    let locations_path = fields.path("locations");
    let locations = fields.get("locations").map_or_else(Vec::new, |node| read_locations(node, &locations_path, cx));
    let tags_path = fields.path("tags");
    let tags = fields.get("tags").map_or_else(Vec::new, |node| read_tags(node, &tags_path, cx));
    let (week, hours) = (fields.get("week"), fields.get("hours"));
    let hours = super::hours::read(week, hours, path, cx);
    let cover_path = fields.path("cover");
    let cover = fields.get("cover").map(|node| cover::read(node, &cover_path, &tags, &hours, cx));
    let cover = cover.unwrap_or_else(|| cover::usual(&hours));
    let wellsky_path = fields.path("wellsky");
    let wellsky = fields
        .need("wellsky", "write wellsky: {client_id: {env: …}, client_secret: {env: …}}", cx)
        .and_then(|node| read_wellsky(node, &wellsky_path, cx));
    fields.finish(&[("hook_secret", "write it inside wellsky")], cx);

    let name = name?;
    if let (None, Some(node)) = (title_node, name_node)
        && default_title(&name) != name
    {
        let what = format!("{name_path} is too long for a text, which would open with \"{}:\"", default_title(&name));
        cx.warn(node.at, what, format!("write a title of up to {TITLE_CHARS_MAX} characters"));
    }
    let title = title.map_or_else(|| default_title(&name), |(title, _)| title);
    Some(Agency {
        name: AgencyName::new(name),
        title,
        timezone: timezone?,
        locations,
        tags,
        clock_12h: clock == Some("12h"),
        morning_list,
        hours,
        cover,
        hourly_rate,
        reminders,
        wellsky: wellsky?,
    })
}

/// A line end in what stands in every text and subject would end the line there.
fn refuse_control(text: &str, path: &str, at: Place, cx: &mut Reading<'_>) {
    if text.chars().any(char::is_control) {
        cx.error(at, format!("{path} holds a line end or another control character"), "write it in one line");
    }
}

/// The name, as far as a text has room for it.
#[must_use]
pub fn default_title(name: &str) -> String {
    name.chars().take(TITLE_CHARS_MAX).collect()
}

/// `morning_list`, when nobody says: 07:30.
#[must_use]
pub fn morning_list() -> Option<NaiveTime> {
    NaiveTime::from_hms_opt(7, 30, 0)
}

/// A time of the morning, or `off`. Nobody is asked such a thing at night.
fn read_morning(node: &Node, path: &str, cx: &mut Reading<'_>) -> Option<NaiveTime> {
    const MORNING: std::ops::RangeInclusive<u16> = 300..=720;
    let text = cx.word(node, path)?;
    if text == "off" {
        return None;
    }
    let minute = minute_of_day(&text);
    match minute {
        None => {
            let what = format!("{path} \"{text}\" is not a time of day");
            cx.error(node.at, what, "write it as \"07:30\", in quotation marks, or off");
        }
        Some(minute) if !MORNING.contains(&minute) => {
            let what = format!("{path} \"{text}\" is no morning");
            cx.error(
                node.at,
                what,
                "choose a time from 05:00 to 12:00, or off: what is asked there can wait for the day",
            );
        }
        Some(_) => {}
    }
    NaiveTime::from_num_seconds_from_midnight_opt(u32::from(minute?) * 60, 0)
}

fn read_locations(node: &Node, path: &str, cx: &mut Reading<'_>) -> Vec<Location> {
    let Some(items) = cx.list(node, path) else { return Vec::new() };
    let mut ids = Names::default();
    let mut locations = Vec::new();
    for (n, item) in items.iter().enumerate() {
        let path = format!("{path}[{n}]");
        let Some(mut fields) = Fields::of(item, &path, cx) else { continue };
        let id = fields.need("id", "write the vendor's id of the location", cx);
        let id = id.and_then(|node| Some((cx.word(node, &format!("{path}.id"))?, node.at)));
        let name = fields.get("name");
        let name = name.and_then(|node| Some((cx.word(node, &format!("{path}.name"))?, node.at)));
        let timezone = fields.get("timezone").and_then(|node| zone::read(node, &format!("{path}.timezone"), cx));
        let policy = fields.get("policy").and_then(|node| {
            let name = cx.word(node, &format!("{path}.policy"))?;
            let shared = Rc::clone(&cx.shared);
            shared.policies.borrow().check(&name, node.at, &format!("{path}.policy"), "escalation_policies", cx);
            Some(name)
        });
        fields.finish(&[], cx);
        let Some((id, at)) = id else { continue };
        ids.add(&id, at, &format!("{path}.id"), cx);
        if let Some((name, at)) = &name {
            refuse_control(name, &format!("{path}.name"), *at, cx);
        }
        if let Some((name, at)) = &name
            && name.chars().count() > LOCATION_CHARS_MAX
        {
            let what = format!("{path}.name \"{name}\" has {} characters", name.chars().count());
            cx.warn(*at, what, format!("texts show the first {LOCATION_CHARS_MAX}; write a shorter one"));
        }
        let name = name.map_or_else(|| id.clone(), |(name, _)| name);
        locations.push(Location { id, name, timezone, policy });
    }
    locations
}

fn read_tags(node: &Node, path: &str, cx: &mut Reading<'_>) -> Vec<(String, TagId)> {
    let Some(fields) = Fields::of(node, path, cx) else { return Vec::new() };
    fields
        .entries()
        .iter()
        .filter_map(|(key, node)| {
            let id = cx.word(node, &format!("{path}.{}", key.text))?;
            Some((key.text.clone(), TagId::new(id)))
        })
        .collect()
}

fn read_wellsky(node: &Node, path: &str, cx: &mut Reading<'_>) -> Option<Wellsky> {
    let mut fields = Fields::of(node, path, cx)?;
    let base_url = match fields.get("base_url") {
        Some(node) => read_base_url(node, &format!("{path}.base_url"), cx),
        None => base_url_of_environment(node, path, cx).or_else(|| Some(BASE_URL.to_owned())),
    };
    let agency_id = fields.get("agency_id").and_then(|node| secret::value(node, &format!("{path}.agency_id"), cx));
    let client_id = fields
        .need("client_id", "write {env: WELLSKY_CLIENT_ID}", cx)
        .and_then(|node| secret::value(node, &format!("{path}.client_id"), cx));
    let client_secret = fields
        .need("client_secret", "write {env: WELLSKY_CLIENT_SECRET} or {file: /path}", cx)
        .and_then(|node| secret::secret(node, &format!("{path}.client_secret"), cx));
    let detect_within = fields.positive("detect_within", cx).unwrap_or(DETECT_WITHIN);
    let confirm_timeout = fields.positive("confirm_timeout", cx).unwrap_or(CONFIRM_TIMEOUT);
    let rate = fields.get("requests_per_second").and_then(|node| {
        let range = "a number above 0 and not above 10";
        cx.number(node, &format!("{path}.requests_per_second"), range, |rate: &f64| *rate > 0.0 && *rate <= 10.0)
    });
    let content_types = ["application/json", "application/fhir+json"];
    let content_type =
        fields.get("content_type").and_then(|node| cx.one_of(node, &format!("{path}.content_type"), &content_types));
    let send_agency_id = fields.flag("send_agency_id", cx).unwrap_or(false);
    if let (true, None, Some(node)) = (send_agency_id, fields.get("agency_id"), fields.get("send_agency_id")) {
        cx.error(node.at, format!("{path}.send_agency_id is true, and agency_id is not set"), "set agency_id");
    }
    let naive = fields
        .get("encounter_naive_tz")
        .and_then(|node| cx.one_of(node, &format!("{path}.encounter_naive_tz"), &["auto", "utc", "local"]));
    let page_base = fields.get("page_base").and_then(|node| {
        cx.number(node, &format!("{path}.page_base"), "0 or 1, or remove the line", |base: &u8| *base <= 1)
    });
    let hook_secret =
        fields.get("hook_secret").and_then(|node| hook_secret::read(node, &format!("{path}.hook_secret"), cx));
    let write_path = fields.path("write");
    let has_agency_id = agency_id.is_some();
    let write = match fields.get("write") {
        Some(node) => write::read(node, &write_path, has_agency_id, cx)?,
        None => Write::default(),
    };
    let sections = fields
        .get("sections")
        .map_or_else(Sections::default, |node| sections::read(node, &format!("{path}.sections"), cx));
    fields.finish(&[], cx);
    Some(Wellsky {
        base_url: base_url?,
        agency_id: agency_id.map(Into::into),
        client_id: client_id?.into(),
        client_secret: client_secret?,
        detect_within,
        requests_per_second: rate.unwrap_or(REQUESTS_PER_SECOND),
        content_type: content_type.unwrap_or(content_types[0]).to_owned(),
        send_agency_id,
        encounter_naive_tz: match naive {
            Some("utc") => NaiveTz::Utc,
            Some("local") => NaiveTz::Local,
            _ => NaiveTz::Auto,
        },
        page_base,
        confirm_timeout,
        hook_secret,
        write,
        sections,
    })
}

/// `WELLSKY_BASE_URL`, for a file that names no host. Said aloud: a variable left over from a drill would watch another
/// agency.
fn base_url_of_environment(node: &Node, path: &str, cx: &mut Reading<'_>) -> Option<String> {
    let text = (cx.env)("WELLSKY_BASE_URL").filter(|text| !text.trim().is_empty())?;
    match check_base_url(&text) {
        Ok(url) => {
            let what = format!("{path} is read from {url}, as WELLSKY_BASE_URL says");
            cx.warn(node.at, what, format!("write base_url: {url} if that is meant, or unset the variable"));
            Some(url)
        }
        Err((what, instead)) => {
            cx.error(node.at, format!("WELLSKY_BASE_URL {what}"), instead);
            None
        }
    }
}

/// A host root: https, or http to this machine.
pub fn read_base_url(node: &Node, path: &str, cx: &mut Reading<'_>) -> Option<String> {
    let text = secret::setting(node, path, cx)?;
    match check_base_url(&text) {
        Ok(url) => Some(url),
        Err((what, instead)) => {
            cx.error(node.at, format!("{path} {what}"), instead);
            None
        }
    }
}

/// The host root without its trailing slash, else what is wrong and what to write instead.
pub fn check_base_url(text: &str) -> Result<String, (String, String)> {
    let url = parse_url(text).map_err(|says| (says.to_owned(), format!("write the host root, as {BASE_URL}")))?;
    if url.scheme() == "http" && !url_is_loopback(&url) {
        return Err((
            "is http:// to another machine".into(),
            "write https://; plain http only goes to this machine".into(),
        ));
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err(("holds more than a host and a path".into(), format!("write the host root, as {BASE_URL}")));
    }
    let trimmed = text.trim().trim_end_matches('/');
    if trimmed.ends_with("/v1") || trimmed.ends_with("/oauth/accesstoken") {
        return Err((
            "is not the host root".into(),
            "leave out what follows the host: /v1 and /oauth/accesstoken are added".into(),
        ));
    }
    Ok(trimmed.to_owned())
}

/// Reads `agency_files:`; a bad office file costs that office only. Answers the offices and those that were lost;
/// the offices' own faults (errors and warnings) go to `office_faults`.
pub fn read_files(
    node: &Node,
    names: &mut Names,
    cx: &mut Reading<'_>,
    office_faults: &mut Vec<Fault>,
) -> (Vec<Agency>, Vec<LostOffice>) {
    let (mut agencies, mut lost) = (Vec::new(), Vec::new());
    for (pattern, at) in cx.words(node, "agency_files").unwrap_or_default() {
        let files = cx.glob(&pattern);
        if files.is_empty() {
            let what = format!("agency_files: no file fits \"{pattern}\"");
            if glob::is_pattern(&pattern) {
                cx.warn(at, what, "add an office's file, or remove the pattern");
            } else {
                cx.error(at, what, "write a file that exists");
            }
        }
        for file in files {
            let mut office = cx.beside(&file, &cx.dir);
            office.reads(&file);
            let mut found = read_file(&file, names, &mut office);
            if office.faults.iter().any(Fault::is_error) {
                found.clear();
                lost.push(LostOffice { file, n_errors: office.faults.iter().filter(|fault| fault.is_error()).count() });
            }
            agencies.append(&mut found);
            office_faults.append(&mut office.faults);
        }
    }
    (agencies, lost)
}

/// One office's file: an agency as a mapping, or `agencies:` with a list.
fn read_file(file: &Path, names: &mut Names, cx: &mut Reading<'_>) -> Vec<Agency> {
    // Relative paths of a file begin in its own folder.
    if let Some(dir) = file.parent() {
        dir.clone_into(&mut cx.dir);
    }
    let bytes = match std::fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) => {
            cx.error(Place::NOWHERE, format!("the file cannot be read ({})", error.kind()), "let this user read it");
            return Vec::new();
        }
    };
    let mut faults = Vec::new();
    let root = tree::read(&cx.file, &bytes, &mut faults);
    cx.faults.append(&mut faults);
    let Some(root) = root.filter(|root| !is_spoiled(root)) else { return Vec::new() };
    let many = matches!(&root.value, Value::Map(entries) if entries.iter().any(|(key, _)| key.text == "agencies"));
    if !many {
        return read(&root, "", names, cx).into_iter().collect();
    }
    let Some(mut fields) = Fields::of(&root, "", cx) else { return Vec::new() };
    let agencies = fields.get("agencies").map_or_else(Vec::new, |node| read_list(node, names, cx));
    fields.finish(&[], cx);
    agencies
}
