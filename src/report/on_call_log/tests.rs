use chrono::TimeDelta;

use super::*;
use crate::model::local_time::from_micros;

fn t(minutes: i64) -> Instant {
    from_micros(1_800_000_000_000_000) + TimeDelta::minutes(minutes)
}

fn life(alertname: &str, severity: &str, shift: &str, ended: i64, reason: &str) -> Life {
    let labels = [("alertname", alertname), ("severity", severity), ("location", "north"), ("shift", shift)];
    Life {
        agency: "main".into(),
        fingerprint: format!("{alertname}/{shift}"),
        labels: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        active_at: t(0),
        edge_at: None,
        seen_at: None,
        fired_at: Some(t(1)),
        acknowledged_at: None,
        acknowledged_by: None,
        resolved_at: Some(t(ended)),
        reason: Some(reason.to_owned()),
    }
}

fn said(disposition: Disposition) -> Said {
    let (approver, note) = (Some("director".to_owned()), String::new());
    let by = "office".to_owned();
    Said { fingerprint: String::new(), active_at: t(0), at: t(90), by, disposition, approver, covered_by: None, note }
}

const ONE: &str = "90010001@2026-11-24T14:00:00Z";
const TWO: &str = "90010002@2026-11-24T13:00:00Z/7000101";

#[test]
fn a_morning_asks_for_what_neither_somebody_nor_the_schedule_has_said() {
    for (lives, n_shifts, open, shows) in [
        (vec![], 0, vec![], "a quiet night"),
        (vec![(life("NoShow", "page", ONE, 30, "expired"), None)], 1, vec!["NoShow"], "nobody came, nobody said why"),
        (vec![(life("NoShow", "page", ONE, 30, "arrived"), None)], 1, vec![], "the schedule says it"),
        (vec![(life("ShiftUncovered", "critical", ONE, 30, "covered"), None)], 1, vec![], "and this"),
        (vec![(life("NoShow", "page", ONE, 30, "cancelled"), Some(said(Disposition::Refused)))], 1, vec![], "said"),
        (vec![(life("Late", "warning", ONE, 30, "expired"), None)], 0, vec![], "nobody is woken for it"),
        (
            vec![
                (life("ShiftUncovered", "page", ONE, 20, "covered"), None),
                (life("NoShow", "critical", ONE, 40, "expired"), None),
            ],
            1,
            vec!["NoShow"],
            "of one shift the last end counts",
        ),
        (
            vec![
                (life("ShiftUncovered", "page", ONE, 20, "cancelled"), Some(said(Disposition::Refused))),
                (life("NoShow", "critical", ONE, 40, "expired"), None),
            ],
            1,
            vec![],
            "one word a shift is enough",
        ),
        (
            vec![
                (life("NoShow", "page", ONE, 40, "expired"), None),
                (life("NoShow2", "page", TWO, 40, "removed"), None),
            ],
            2,
            vec!["NoShow2", "NoShow"],
            "the earliest first",
        ),
    ] {
        let list = morning(lives, vec![PersonName::new("night-1")]);
        let names: Vec<&str> = list.open.iter().map(|one| one.alertname.as_str()).collect();
        assert_eq!((list.n_shifts, list.n_open, names), (n_shifts, open.len(), open), "{shows}");
    }
    let list = morning(vec![(life("NoShow", "page", TWO, 40, "removed"), None)], Vec::new());
    assert_eq!((list.open[0].shift.as_str(), list.open[0].location.as_str()), ("90010002", "north"));
    assert_eq!(list.open[0].starts_at.map(|at| at.to_rfc3339()), Some("2026-11-24T13:00:00+00:00".to_owned()));
}

#[test]
fn a_page_is_told_with_minutes_and_the_last_word() {
    let page = KeptPage {
        id: "00000000000000aa".to_owned(),
        policy: "coverage".to_owned(),
        opened_at: t(1),
        closed_at: Some(t(40)),
        drill: false,
        told: Vec::new(),
        alerts: Vec::new(),
        n_alerts: 2,
    };
    let lives = vec![
        (life("MissedCheckIn", "page", ONE, 40, "arrived"), None),
        (life("NoShow", "critical", ONE, 40, "expired"), Some(said(Disposition::Unstaffed))),
    ];
    let row = PageRow {
        agency: "main".to_owned(),
        page,
        acknowledged_at: Some(t(12) + TimeDelta::seconds(50)),
        acknowledged_by: Some("night-2".to_owned()),
        lives,
    };
    let log = OnCallLog::of(t(-100), t(100), vec![row], 0);
    let page = &log.pages[0];
    assert_eq!(
        (page.acknowledged_after_minutes, page.alerts[0].alertname.as_str()),
        (Some(11), "NoShow"),
        "worst first"
    );
    let words = page.alerts[0].disposition.as_ref().map(|said| said.words.as_str());
    assert_eq!((words, page.alerts[0].suggested), (Some("went unstaffed, approved by director"), None));
    assert_eq!((page.alerts[1].suggested, page.alerts[1].needs_a_word()), (Some(Disposition::Arrived), false));
}

#[test]
fn a_word_is_written_as_it_is_read() {
    for one in Disposition::ALL {
        assert_eq!(Disposition::parse(one.as_str()), Some(one));
        assert_eq!(serde_json::to_string(&one).unwrap(), format!("\"{}\"", one.as_str()));
    }
    assert_eq!(Disposition::parse("Covered"), None);
}
