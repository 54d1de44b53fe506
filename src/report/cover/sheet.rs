//! The sheet: what the vendor's API does not give, as an agency keeps it in a spreadsheet.
//!
//! A CSV file with a header. `kind` (client or caregiver) and `id` are needed; of the others each may be left out, and a
//! cell may be empty, which means "not known". Several things in one cell stand between semicolons.

use std::collections::BTreeMap;

use chrono::{Datelike as _, Days, NaiveDate, NaiveDateTime, NaiveTime, Weekday};

use crate::model::{CaregiverId, ClientId};

/// The columns there are.
pub const COLUMNS: [&str; 18] = [
    "kind",
    "id",
    "availability",
    "time_off",
    "hours_wanted",
    "do_not_send",
    "asked_for",
    "credentials",
    "lat",
    "lon",
    "gender",
    "gender_wanted",
    "languages",
    "languages_wanted",
    "payer",
    "payers",
    "branches",
    "answers_texts",
];

/// What a sheet says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sheet {
    /// By caregiver.
    pub caregivers: BTreeMap<CaregiverId, CaregiverRow>,
    /// By client.
    pub clients: BTreeMap<ClientId, ClientRow>,
}

/// A caregiver's row.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CaregiverRow {
    /// When they can work, on the agency's wall clock; `None` = not known.
    pub availability: Option<Vec<Stretch>>,
    /// Days off, both ends included.
    pub time_off: Vec<(NaiveDate, NaiveDate)>,
    /// Hours wanted in a week.
    pub hours_wanted: Option<f64>,
    /// Clients to whom they are not to be sent.
    pub do_not_send: Vec<String>,
    /// What they are trained for.
    pub credentials: Vec<String>,
    /// Where they live.
    pub place: Option<Place>,
    /// Their gender, as [`gender`] writes it.
    pub gender: Option<String>,
    /// What they speak; `None` = not known.
    pub languages: Option<Vec<String>>,
    /// For whom they may work; `None` = not known.
    pub payers: Option<Vec<String>>,
    /// The branches (locations, by name or id) that they work for; `None` = not known.
    pub branches: Option<Vec<String>>,
    /// Of a hundred texts that offered a shift so many were answered.
    pub answers_texts: Option<f64>,
}

/// A client's row.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ClientRow {
    /// Caregivers who are not to be sent.
    pub do_not_send: Vec<String>,
    /// Caregivers whom the client asked for.
    pub asked_for: Vec<String>,
    /// Where they live.
    pub place: Option<Place>,
    /// Whoever comes must be of this gender, as [`gender`] writes it.
    pub gender_wanted: Option<String>,
    /// Whoever comes must speak one of these; empty = any.
    pub languages_wanted: Vec<String>,
    /// Who pays.
    pub payer: Option<String>,
}

/// A point on the earth, in degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// Latitude.
    pub lat: f64,
    /// Longitude.
    pub lon: f64,
}

/// `mon-fri 08:00-18:00`: from a time of these days to a time of the same or the next day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// On these days.
    pub days: Vec<Weekday>,
    /// From.
    pub from: NaiveTime,
    /// To; not after `from` = on the next day.
    pub to: NaiveTime,
}

/// Something wrong with a sheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadCell {
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
    /// What is wrong; no cell's content but ids and what was expected.
    pub what: String,
    /// What to write.
    pub instead: String,
}

impl Place {
    /// Miles as the crow flies.
    #[must_use]
    pub fn miles_to(self, other: Self) -> f64 {
        const EARTH_MILES: f64 = 3_958.8;
        let (a, b) = (self.lat.to_radians(), other.lat.to_radians());
        let (up, across) = ((b - a) / 2.0, (other.lon - self.lon).to_radians() / 2.0);
        let h = up.sin().powi(2) + a.cos() * b.cos() * across.sin().powi(2);
        2.0 * EARTH_MILES * h.sqrt().clamp(0.0, 1.0).asin()
    }
}

impl CaregiverRow {
    /// Whether they can work from one wall-clock time to another: some stretches hold all of it. `None` = not known.
    #[must_use]
    pub fn is_available(&self, from: NaiveDateTime, to: NaiveDateTime) -> Option<bool> {
        let stretches = self.availability.as_ref()?;
        let first = from.date() - Days::new(1);
        let mut spans: Vec<(NaiveDateTime, NaiveDateTime)> = Vec::new();
        let mut day = first;
        while day <= to.date() {
            for stretch in stretches.iter().filter(|one| one.days.contains(&day.weekday())) {
                let next = if stretch.to > stretch.from { day } else { day + Days::new(1) };
                spans.push((day.and_time(stretch.from), next.and_time(stretch.to)));
            }
            day = day + Days::new(1);
        }
        spans.sort_unstable();
        let mut reached = from;
        for (begins, ends) in spans {
            if begins <= reached && ends > reached {
                reached = ends;
            }
        }
        Some(reached >= to)
    }

    /// Whether a day off touches this time.
    #[must_use]
    pub fn is_off(&self, from: NaiveDateTime, to: NaiveDateTime) -> bool {
        let last = if to > from { (to - chrono::TimeDelta::seconds(1)).date() } else { to.date() };
        self.time_off.iter().any(|(first_off, last_off)| *first_off <= last && *last_off >= from.date())
    }
}

/// Reads a sheet. What is right of it comes back beside everything that is wrong.
#[must_use]
pub fn read(text: &str) -> (Sheet, Vec<BadCell>) {
    let mut sheet = Sheet::default();
    let mut bad = Vec::new();
    let mut records = records(text.trim_start_matches('\u{feff}'), &mut bad).into_iter();
    if !bad.is_empty() {
        // Where a cell ends is not known, and so is what follows.
        return (sheet, bad);
    }
    let Some(header) = records.next() else {
        let instead = format!("write a first line with {}", COLUMNS.join(","));
        bad.push(BadCell { line: 1, column: 1, what: "the sheet is empty".to_owned(), instead });
        return (sheet, bad);
    };
    let mut columns: Vec<Option<&'static str>> = Vec::new();
    for cell in &header {
        let name = cell.text.trim().to_ascii_lowercase();
        let known = COLUMNS.into_iter().find(|column| *column == name);
        if known.is_none() {
            cell.is_bad(
                &mut bad,
                format!("the column \"{name}\" is not known"),
                format!("there are {}", COLUMNS.join(", ")),
            );
        } else if columns.contains(&known) {
            cell.is_bad(&mut bad, format!("the column {name} stands here twice"), "remove one".to_owned());
        }
        columns.push(known);
    }
    for needed in ["kind", "id"] {
        if !columns.contains(&Some(needed)) {
            let what = format!("there is no column {needed}");
            bad.push(BadCell { line: 1, column: 1, what, instead: "write kind,id,… in the first line".to_owned() });
        }
    }
    if !bad.is_empty() {
        return (sheet, bad);
    }
    for record in records {
        if record.iter().all(|cell| cell.text.trim().is_empty()) {
            continue;
        }
        if record.len() != columns.len() {
            let cell = &record[0];
            let what = format!("{} cells, and the header has {}", record.len(), columns.len());
            cell.is_bad(&mut bad, what, "write as many; cells with a comma stand in quotation marks".to_owned());
            continue;
        }
        let cells = columns.iter().zip(&record).filter_map(|(column, cell)| Some(((*column)?, cell)));
        let n_bad = bad.len();
        read_row(&cells.collect(), &mut sheet, &mut bad);
        debug_assert!(bad.len() >= n_bad);
    }
    (sheet, bad)
}

fn read_row(cells: &BTreeMap<&str, &Cell>, sheet: &mut Sheet, bad: &mut Vec<BadCell>) {
    let cell = |name: &str| cells.get(name).copied().filter(|cell| !cell.text.trim().is_empty());
    let list = |name: &str| cell(name).map(Cell::parts).unwrap_or_default();
    let gender_of = |name: &str, bad: &mut Vec<BadCell>| {
        let cell = cell(name)?;
        let gender = gender(&cell.text);
        if !GENDERS.contains(&gender.as_str()) {
            let instead = format!("write {}", GENDERS.join(", "));
            cell.is_bad(bad, format!("{name} is no gender that is known here"), instead);
        }
        Some(gender)
    };
    let ids = |name: &str, bad: &mut Vec<BadCell>| cell(name).map(|cell| cell.ids(name, bad)).unwrap_or_default();
    let (Some(kind), Some(id)) = (cell("kind"), cell("id")) else {
        cells["kind"].is_bad(
            bad,
            "kind or id is empty".to_owned(),
            "write client or caregiver, and the vendor's id".to_owned(),
        );
        return;
    };
    let number = |name: &str, range: std::ops::RangeInclusive<f64>, bad: &mut Vec<BadCell>| {
        let cell = cell(name)?;
        let read = cell.text.trim().parse::<f64>().ok().filter(|n| range.contains(n));
        if read.is_none() {
            let instead = format!("write a number from {} to {}", range.start(), range.end());
            cell.is_bad(bad, format!("{name} is no such number"), instead);
        }
        read
    };
    let (lat, lon) = (number("lat", -90.0..=90.0, bad), number("lon", -180.0..=180.0, bad));
    let place = lat.zip(lon).map(|(lat, lon)| Place { lat, lon });
    let ids_of_row = id.ids("id", bad);
    let id = match ids_of_row.as_slice() {
        [one] => one.as_str(),
        [] => return,
        _ => return id.is_bad(bad, "id names several".to_owned(), "write one row for each".to_owned()),
    };
    let twice = match kind.text.trim().to_ascii_lowercase().as_str() {
        "caregiver" => {
            let availability = cell("availability").map(|cell| {
                let read = |part: &String| {
                    let stretch = stretch(part);
                    if stretch.is_none() {
                        let instead = "write mon-fri 08:00-18:00; sat 09:00-13:00".to_owned();
                        cell.is_bad(bad, format!("the availability of {id} cannot be read"), instead);
                    }
                    stretch
                };
                cell.parts().iter().filter_map(read).collect()
            });
            let time_off = cell("time_off").map(|cell| {
                let read = |part: &String| {
                    let days = days(part);
                    if days.is_none() {
                        let instead = "write 2026-12-24..2026-12-26; 2026-12-31".to_owned();
                        cell.is_bad(bad, format!("the time off of {id} cannot be read"), instead);
                    }
                    days
                };
                cell.parts().iter().filter_map(read).collect::<Vec<_>>()
            });
            let row = CaregiverRow {
                availability,
                time_off: time_off.unwrap_or_default(),
                hours_wanted: number("hours_wanted", 0.0..=168.0, bad),
                do_not_send: ids("do_not_send", bad),
                credentials: list("credentials"),
                place,
                gender: gender_of("gender", bad),
                languages: cell("languages").map(Cell::parts),
                payers: cell("payers").map(Cell::parts),
                branches: cell("branches").map(Cell::parts),
                answers_texts: number("answers_texts", 0.0..=100.0, bad),
            };
            belongs_to(cells, "a client", &["asked_for", "gender_wanted", "languages_wanted", "payer"], bad);
            sheet.caregivers.insert(CaregiverId::new(id), row).is_some()
        }
        "client" => {
            let row = ClientRow {
                do_not_send: ids("do_not_send", bad),
                asked_for: ids("asked_for", bad),
                place,
                gender_wanted: gender_of("gender_wanted", bad),
                languages_wanted: list("languages_wanted"),
                payer: cell("payer").map(|cell| cell.text.trim().to_owned()),
            };
            let theirs = [
                "availability",
                "time_off",
                "hours_wanted",
                "credentials",
                "gender",
                "languages",
                "payers",
                "branches",
                "answers_texts",
            ];
            belongs_to(cells, "a caregiver", &theirs, bad);
            sheet.clients.insert(ClientId::new(id), row).is_some()
        }
        _ => {
            kind.is_bad(bad, "kind is neither client nor caregiver".to_owned(), "write one of the two".to_owned());
            false
        }
    };
    if twice {
        cells["id"].is_bad(bad, format!("{id} stands here a second time"), "write one row for each".to_owned());
    }
}

/// A cell that stands in the wrong kind of row would never count.
fn belongs_to(cells: &BTreeMap<&str, &Cell>, whom: &str, columns: &[&str], bad: &mut Vec<BadCell>) {
    for column in columns {
        if let Some(cell) = cells.get(column).filter(|cell| !cell.text.trim().is_empty()) {
            let instead = "write it into the other kind of row, or leave the cell empty".to_owned();
            cell.is_bad(bad, format!("{column} is said of {whom}, and this is the other kind of row"), instead);
        }
    }
}

/// Genders as they are compared.
const GENDERS: [&str; 4] = ["female", "male", "nonbinary", "other"];

/// A gender as it is compared: `female`, `male`, or the word as it was written, in small letters.
#[must_use]
pub fn gender(text: &str) -> String {
    match text.trim().to_lowercase().as_str() {
        "f" | "w" | "woman" | "female" => "female".to_owned(),
        "m" | "man" | "male" => "male".to_owned(),
        "x" | "nb" | "non-binary" | "nonbinary" => "nonbinary".to_owned(),
        other => other.to_owned(),
    }
}

/// `mon-fri 08:00-18:00`, `sat,sun 22:00-06:00`, `daily 00:00-24:00`.
fn stretch(text: &str) -> Option<Stretch> {
    let (days, times) = text.trim().rsplit_once(' ')?;
    let (from, to) = times.split_once('-')?;
    let time =
        |text: &str| if text == "24:00" { Some(NaiveTime::MIN) } else { NaiveTime::parse_from_str(text, "%H:%M").ok() };
    let mut on = Vec::new();
    for part in days.split(',') {
        match part.trim().split_once('-') {
            _ if part.trim() == "daily" => on.extend(week_from(Weekday::Mon)),
            None => on.push(part.trim().parse().ok()?),
            Some((first, last)) => {
                let (first, last): (Weekday, Weekday) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
                let upto = week_from(first).position(|day| day == last)?;
                on.extend(week_from(first).take(upto + 1));
            }
        }
    }
    Some(Stretch { days: on, from: time(from)?, to: time(to)? })
}

fn week_from(first: Weekday) -> impl Iterator<Item = Weekday> {
    std::iter::successors(Some(first), |day| Some(day.succ())).take(7)
}

/// `2026-12-24..2026-12-26`, or one day.
fn days(text: &str) -> Option<(NaiveDate, NaiveDate)> {
    let day = |text: &str| NaiveDate::parse_from_str(text.trim(), "%Y-%m-%d").ok();
    let (first, last) = match text.split_once("..") {
        Some((first, last)) => (day(first)?, day(last)?),
        None => (day(text)?, day(text)?),
    };
    (first <= last).then_some((first, last))
}

/// A cell and where it begins.
struct Cell {
    text: String,
    line: u32,
    column: u32,
}

impl Cell {
    /// What stands between semicolons.
    fn parts(&self) -> Vec<String> {
        self.text.split(';').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
    }

    /// The vendor's ids in it, between semicolons, commas or line ends. What is none would be nobody's, and never count.
    fn ids(&self, column: &str, bad: &mut Vec<BadCell>) -> Vec<String> {
        let is_id = |part: &str| {
            part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
                && part.contains(|c: char| c.is_ascii_digit())
        };
        let parts = self.text.split([';', ',', '\n', '\r']).map(str::trim).filter(|part| !part.is_empty());
        let (ids, others): (Vec<&str>, Vec<&str>) = parts.partition(|part| is_id(part));
        if !others.is_empty() {
            let what = format!("{column} holds what is no id of the vendor's");
            self.is_bad(bad, what, "write ids as WellSky has them, 7000103; 7000104".to_owned());
        }
        ids.into_iter().map(str::to_owned).collect()
    }

    fn is_bad(&self, bad: &mut Vec<BadCell>, what: String, instead: String) {
        bad.push(BadCell { line: self.line, column: self.column, what, instead });
    }
}

/// The records of a CSV text (RFC 4180): cells between commas, quotation marks around what holds one, doubled inside. A mark
/// that is never closed, and what follows a closed one, are bad.
fn records(text: &str, bad: &mut Vec<BadCell>) -> Vec<Vec<Cell>> {
    let mut all = Vec::new();
    let mut record: Vec<Cell> = Vec::new();
    let (mut line, mut column) = (1, 1);
    let mut cell = Cell { text: String::new(), line, column };
    let (mut quoted, mut closed) = (false, false);
    let mut letters = text.chars().peekable();
    while let Some(c) = letters.next() {
        column += 1;
        match c {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                column += 1;
                cell.text.push('"');
            }
            '"' if quoted => (quoted, closed) = (false, true),
            '"' if cell.text.is_empty() && !closed => quoted = true,
            ',' if !quoted => {
                closed = false;
                record.push(std::mem::replace(&mut cell, Cell { text: String::new(), line, column }));
            }
            '\r' if !quoted => {}
            '\n' => {
                (line, column) = (line + 1, 1);
                if quoted {
                    cell.text.push('\n');
                } else {
                    closed = false;
                    record.push(std::mem::replace(&mut cell, Cell { text: String::new(), line, column }));
                    all.push(std::mem::take(&mut record));
                }
            }
            c if closed && !c.is_whitespace() => {
                let instead = "end the cell there; a quotation mark inside of one is written twice".to_owned();
                cell.is_bad(bad, "something follows the closing quotation mark of this cell".to_owned(), instead);
                return all;
            }
            c => cell.text.push(c),
        }
    }
    if quoted {
        let what = "the quotation mark that opens this cell is never closed, and everything after it would be one cell";
        cell.is_bad(bad, what.to_owned(), "close it, or remove it".to_owned());
        return all;
    }
    if !cell.text.is_empty() || !record.is_empty() {
        record.push(cell);
        all.push(record);
    }
    all.retain(|record| !(record.len() == 1 && record[0].text.trim().is_empty()));
    all
}
