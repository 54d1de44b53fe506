//! What happens, in lines.

use std::{collections::BTreeSet, io::Write, time::Duration};

use chrono::TimeDelta;

use super::{local, people::who};
use crate::{
    clock,
    model::Instant,
    sim::{self, Sim, story::BEATS},
    view::report::AlertReport,
};

/// The action that a mail asks for, from its plain part.
fn action(text: &str) -> Option<&str> {
    text.lines().find(|line| line.starts_with("  Do: ")).map(str::trim)
}

/// Says what happened, each thing once.
pub(super) struct Teller {
    due: String,
    began_at: Instant,
    really_began_at: Instant,
    beats: BTreeSet<String>,
    n_texts: usize,
    n_mails: usize,
}

impl Teller {
    pub(super) fn new(began_at: Instant, due: String) -> Self {
        Self { due, began_at, really_began_at: clock::real_now(), beats: BTreeSet::new(), n_texts: 0, n_mails: 0 }
    }

    pub(super) fn tell(&mut self, sim: &Sim, now: Instant, out: &mut impl Write) -> std::io::Result<()> {
        for beat in BEATS {
            if self.began_at + TimeDelta::seconds(beat.at_s) <= now && self.beats.insert(beat.name.to_owned()) {
                let says = beat.says.replace("{due}", &self.due);
                writeln!(out, "{}  {says}", local(self.began_at + TimeDelta::seconds(beat.at_s)))?;
            }
        }
        let inbox = sim.inbox();
        for text in inbox.texts.iter().skip(self.n_texts) {
            if text.inbound {
                writeln!(out, "{}    {} texts back:  {}", local(now), who(&text.from), text.body)?;
            } else {
                writeln!(out, "{}    SMS to {}:  {}", local(now), who(&text.to), text.body)?;
            }
        }
        self.n_texts = inbox.texts.len();
        for mail in inbox.mails.iter().skip(self.n_mails) {
            let to = mail.to.join(", ");
            writeln!(out, "{}    mail to {to}:  {}", local(now), mail.subject())?;
            if let Some(action) = action(&mail.text()) {
                writeln!(out, "                  {action}")?;
            }
        }
        self.n_mails = inbox.mails.len();
        out.flush()
    }

    pub(super) fn summary(&self, sim: &Sim, open: &[AlertReport]) -> String {
        let log = sim.log();
        let ran = (clock::real_now() - self.really_began_at).to_std().unwrap_or_default();
        let texts = sim.texts();
        let shifts = |closed: bool| {
            let bodies = texts.iter().map(|text| text.body.as_str());
            bodies.filter_map(|body| about(body, closed)).collect::<BTreeSet<_>>().len()
        };
        let outages = texts.iter().filter(|text| text.body.contains("CAN'T SEE WellSky since")).count();
        let answered = match sim.inbox().texts.iter().filter(|text| text.inbound).count() {
            1 => "1 reply".to_owned(),
            n => format!("{n} replies"),
        };
        let names: BTreeSet<&str> = open
            .iter()
            .filter(|alert| alert.state == "firing" && alert.inhibited_by.is_empty() && alert.severity != "info")
            .map(|alert| alert.alertname.as_str())
            .collect();
        let still_open = match names.len() {
            0 => "nothing still open".to_owned(),
            n => format!("{} still open ({})", count(n, "alert"), Vec::from_iter(names).join(", ")),
        };
        let written = match sim::request_log::outside_read_set(&log).len() {
            0 => "nothing written to WellSky".to_owned(),
            n => format!("{n} of them outside the read set"),
        };
        format!(
            "Ran {}: {} in trouble and {} told, {} closed, {still_open}.\n{}, {answered}, {}; {}, {written}.",
            crate::config::duration::format(Duration::from_secs(ran.as_secs())),
            count(shifts(false), "shift"),
            count(outages, "outage"),
            count(shifts(true), "shift"),
            count(texts.len(), "text"),
            count(self.n_mails, "mail"),
            count(log.len(), "read"),
        )
    }
}

fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// Which shift a text is about, by its day and hours: `Tue 07:00-11:00`. Only texts that ask, or only those that close.
fn about(body: &str, closing: bool) -> Option<&str> {
    if body.contains(" CLOSED ") != closing || !(closing || body.contains("Reply 1 ")) {
        return None;
    }
    let dash = body.match_indices('-').map(|(at, _)| at).find(|at| {
        let near = |from: usize, to: usize| body.get(from..to).is_some_and(|it| it.as_bytes().get(2) == Some(&b':'));
        *at >= 9 && near(at - 5, *at) && near(at + 1, at + 6)
    })?;
    body.get(dash - 9..dash + 6)
}

#[cfg(test)]
mod tests {
    use super::about;

    #[test]
    fn a_shift_is_known_again_in_its_texts() {
        let asks =
            "CCA: NO CHECK-IN Tue 12:00-16:00, south, 29 min late. Call caregiver, then client. Reply 1 K7 mine.";
        let closes = "CCA CLOSED K7: Tue 12:00-16:00, south: arrived late, 12:30. office-lead had it.";
        assert_eq!(about(asks, false), Some("Tue 12:00-16:00"));
        assert_eq!(about(closes, true), Some("Tue 12:00-16:00"));
        for (text, closing) in [(asks, true), (closes, false), ("CCA: office-lead has K7 until 12:50.", false)] {
            assert_eq!(about(text, closing), None, "{text}");
        }
        assert_eq!(about("CCA: CAN'T SEE WellSky since 12:30. Reply 1 K7 mine.", false), None);
    }
}
