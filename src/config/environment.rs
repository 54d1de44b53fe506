//! A start without a file: `WELLSKY_CLIENT_ID`, `WELLSKY_CLIENT_SECRET` and `WELLSKY_AGENCY_ID` are enough to watch.
//! And `secrets.env`, which stands beside a configuration and fills in what the environment does not say.

use std::{collections::HashMap, path::Path};

use chrono_tz::Tz;

use super::{
    Agency, NaiveTz, StoreUrl, Wellsky,
    agencies::{
        BASE_URL, CONFIRM_TIMEOUT, DETECT_WITHIN, REQUESTS_PER_SECOND, check_base_url, default_title, morning_list,
    },
    fault::Fault,
    reading::Env,
    store_url,
    tree::Place,
    zone,
};
use crate::{details::Sections, model::AgencyName};

/// How faults call the environment.
pub const FILE: &str = "environment";
/// The name of the file beside a configuration.
pub const SECRETS_FILE: &str = "secrets.env";

/// What `init` calls a configuration. Never read unasked, and pointed to where one is missed.
const USUAL_FILE: &str = "shiftwatch.yml";

/// What the environment alone configures.
pub struct FromEnvironment {
    /// The one agency, `main`.
    pub agency: Agency,
    /// Where to keep what must survive.
    pub store: StoreUrl,
    /// What was assumed, said aloud.
    pub warnings: Vec<Fault>,
}

/// Reads the variables. Errors name every one that is missing or wrong.
pub fn read(env: Env<'_>) -> Result<FromEnvironment, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut warnings = Vec::new();
    let error = |what: String, instead: &str| Fault::error(FILE, Place::NOWHERE, what, instead);
    let warning = |what: String, instead: &str| Fault::warning(FILE, Place::NOWHERE, what, instead);
    let set = |name: &str| env(name).filter(|value| !value.trim().is_empty());

    let needed = |name: &str, faults: &mut Vec<Fault>| {
        let value = set(name);
        if value.is_none() {
            let what = format!("no configuration file is named, and {name} is not set");
            let instead = if Path::new(USUAL_FILE).exists() {
                format!("{USUAL_FILE} is here: add --config {USUAL_FILE}")
            } else {
                format!("write --config FILE or set SHIFTWATCH_CONFIG, or set {name}")
            };
            faults.push(error(what, &instead));
        }
        value
    };
    let client_id = needed("WELLSKY_CLIENT_ID", &mut faults);
    let client_secret = needed("WELLSKY_CLIENT_SECRET", &mut faults);
    let agency_id = needed("WELLSKY_AGENCY_ID", &mut faults);
    for (name, spoken) in [("WELLSKY_ENVIRONMENT", "production"), ("WELLSKY_API_MODE", "connect")] {
        if let Some(value) = set(name)
            && value != spoken
        {
            let instead = format!("set it to {spoken}, or unset it; another host is named by WELLSKY_BASE_URL");
            faults.push(error(format!("{name} is \"{value}\", and only {spoken} is spoken"), &instead));
        }
    }
    let base_url = match set("WELLSKY_BASE_URL") {
        None => BASE_URL.to_owned(),
        Some(text) => check_base_url(&text).unwrap_or_else(|(what, instead)| {
            faults.push(error(format!("WELLSKY_BASE_URL {what}"), &instead));
            String::new()
        }),
    };
    let timezone = if let Some(name) = set("SHIFTWATCH_TIMEZONE") {
        zone::parse(&name).unwrap_or_else(|instead| {
            faults.push(error(format!("SHIFTWATCH_TIMEZONE \"{name}\" is not a time zone"), &instead));
            Tz::UTC
        })
    } else {
        let system = iana_time_zone::get_timezone().ok().and_then(|name| name.parse::<Tz>().ok());
        let zone = system.unwrap_or(Tz::UTC);
        let from = if system.is_some() { "this machine's zone" } else { "this machine names no zone" };
        warnings.push(warning(
            format!("schedules are read in {zone} ({from})"),
            "set SHIFTWATCH_TIMEZONE if the agency keeps another",
        ));
        zone
    };
    let store = store_url::default_file(env);
    warnings.push(warning(
        "nobody is told: without a configuration file there are only the board and the metrics".into(),
        if Path::new(USUAL_FILE).exists() {
            "shiftwatch.yml is here: add --config shiftwatch.yml"
        } else {
            "run shiftwatch init to write one"
        },
    ));
    let (Some(client_id), Some(client_secret), Some(agency_id), true) =
        (client_id, client_secret, agency_id, faults.is_empty())
    else {
        return Err(faults);
    };
    let agency = Agency {
        name: AgencyName::new("main"),
        title: default_title("main"),
        timezone,
        locations: Vec::new(),
        tags: Vec::new(),
        clock_12h: false,
        morning_list: morning_list(),
        hours: super::Hours::default(),
        cover: super::cover::usual(&super::Hours::default()),
        hourly_rate: None,
        reminders: None,
        wellsky: Wellsky {
            base_url,
            agency_id: Some(agency_id.into()),
            client_id: client_id.into(),
            client_secret: client_secret.into(),
            detect_within: DETECT_WITHIN,
            requests_per_second: REQUESTS_PER_SECOND,
            content_type: "application/json".into(),
            send_agency_id: false,
            encounter_naive_tz: NaiveTz::Auto,
            page_base: None,
            confirm_timeout: CONFIRM_TIMEOUT,
            hook_secret: None,
            write: crate::config::Write::default(),
            sections: Sections::default(),
        },
    };
    Ok(FromEnvironment { agency, store: StoreUrl::Sqlite(store), warnings })
}

/// Reads `secrets.env` beside a configuration: `NAME=value` lines, `#` comments, quotation marks around a value left
/// out. No file is no variables; the real environment goes before it.
pub fn read_secrets_file(dir: &Path, faults: &mut Vec<Fault>) -> HashMap<String, String> {
    let path = dir.join(SECRETS_FILE);
    let shown = path.display().to_string();
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return HashMap::new(),
        Err(error) => {
            let what = format!("the file cannot be read ({})", error.kind());
            faults.push(Fault::warning(&shown, Place::NOWHERE, what, "let this user read it, or remove it"));
            return HashMap::new();
        }
    };
    if others_may_read(&path) {
        faults.push(Fault::warning(
            &shown,
            Place::NOWHERE,
            "other users of this machine may read the file",
            "chmod 600 it",
        ));
    }
    let mut variables = HashMap::new();
    for (n, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line);
        match line.split_once('=') {
            Some((name, value)) if !name.trim().is_empty() => {
                variables.insert(name.trim().to_owned(), without_quotes(value.trim()).to_owned());
            }
            _ => {
                let at = Place { line: u32::try_from(n).unwrap_or(0) + 1, column: 1 };
                faults.push(Fault::warning(
                    &shown,
                    at,
                    "the line is not NAME=value",
                    "write it so, or begin it with #",
                ));
            }
        }
    }
    variables
}

fn without_quotes(value: &str) -> &str {
    ['"', '\'']
        .iter()
        .find_map(|quote| value.strip_prefix(*quote).and_then(|value| value.strip_suffix(*quote)))
        .unwrap_or(value)
}

#[cfg(unix)]
fn others_may_read(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn others_may_read(_path: &Path) -> bool {
    false
}
