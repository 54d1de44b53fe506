use std::collections::{BTreeSet, HashMap};

use chrono_tz::America::Denver;

use super::*;
use crate::{
    mirror::fixture::{HOUR, Reading, at, caregiver, client, mirror, shift, visit},
    model::Visit,
    notify::voice::Voice,
};

const MINUTE: i64 = 60;

fn settings() -> Reminders {
    Reminders {
        before: Some(TimeDelta::minutes(60)),
        check_in: Some(TimeDelta::minutes(5)),
        check_out: Some(TimeDelta::minutes(15)),
        from: NaiveTime::from_hms_opt(8, 0, 0).unwrap(),
        to: NaiveTime::from_hms_opt(21, 0, 0).unwrap(),
        people: BTreeSet::from(["g1".into()]),
    }
}

/// One client, two caregivers with phones; the base is 07:00 in Denver.
struct Office {
    mirror: Mirror,
    phones: Phones,
    settings: Reminders,
    memory: Memory,
    settled: Vec<Settled>,
    cancels: usize,
}

impl Office {
    fn new() -> Self {
        let mut mirror = mirror();
        Reading::clients(-HOUR, vec![client("c", Some(true), Some(true))]).into(&mut mirror);
        let with_phone = |id: &str, number: &str| {
            let mut caregiver = caregiver(id);
            caregiver.person.phones = Phi::new(vec!["2025550170x12".to_owned(), number.to_owned()]);
            caregiver
        };
        let rows = vec![with_phone("g1", "(202) 555-0160"), with_phone("g2", "+12025550161")];
        Reading::caregivers(-HOUR, rows).into(&mut mirror);
        Self {
            mirror,
            phones: Phones::default(),
            settings: settings(),
            memory: Memory::default(),
            settled: Vec::new(),
            cancels: 0,
        }
    }

    /// Reads the client's one shift, from the base for four hours, with this caregiver, and its visits.
    fn read(&mut self, when: i64, who: Option<&str>, visits: Vec<Visit>) {
        Reading::shifts("c", when, vec![shift("s", "c", 0, 4, who)]).into(&mut self.mirror);
        Reading::visits(Some("c"), when, visits).into(&mut self.mirror);
    }

    fn look(&mut self, now: i64) -> (Vec<String>, Vec<(Moment, Outcome)>, usize) {
        let voice = Voice { title: "CCA".into(), zone: Denver, location_zones: HashMap::new(), clock_12h: false };
        let telling = Telling { voices: HashMap::new(), installation: voice, external_url: None, shadow: None };
        let given = Given {
            agency: &"main".into(),
            settings: &self.settings,
            mirror: &self.mirror,
            phones: &self.phones,
            telling: &telling,
            gateways: &["twilio".to_owned()],
            data_age_max: TimeDelta::minutes(6),
            now: at(now),
        };
        let Some(looked) = look(given, &self.memory) else { return (Vec::new(), Vec::new(), 0) };
        self.memory = looked.memory;
        self.settled = looked.settled;
        self.cancels = looked.cancels.len();
        let text = |message: &Message| {
            let Content::Sms { text } = message.content.reveal(PhiGrant::SEND) else { panic!("a text") };
            assert!(gsm7::septets(text).is_some_and(|n| n <= SEPTETS_MAX), "{text}");
            assert_eq!((message.receiver.as_str(), message.channel), (REMINDERS, Channel::Sms));
            format!("{} {text}", message.address.reveal(PhiGrant::SEND))
        };
        (looked.messages.iter().map(text).collect(), looked.outcomes, looked.reads_wanted.len())
    }
}

#[test]
fn each_moment_is_told_once_and_says_nothing_of_the_client() {
    let mut office = Office::new();
    office.read(-30 * MINUTE, Some("g1"), Vec::new());
    let (texts, ..) = office.look(-30 * MINUTE);
    assert_eq!(
        texts,
        [
            "+12025550160 CCA: shift Mon 07:00-11:00 North is yours. If you cannot come, call the office now. STOP ends this."
        ]
    );
    office.read(5 * MINUTE, Some("g1"), Vec::new());
    let (texts, outcomes, _) = office.look(5 * MINUTE);
    assert_eq!(
        texts,
        [
            "+12025550160 CCA: shift Mon 07:00-11:00 North: no check-in seen yet. Please check in, or call the office. STOP ends this."
        ]
    );
    assert_eq!(outcomes, [(Moment::CheckIn, Outcome::Sent)]);
    assert_eq!(office.look(5 * MINUTE + 15).0, Vec::<String>::new(), "once");
    office.read(8 * MINUTE, Some("g1"), vec![visit("v", Some("s"), "c", 7 * MINUTE, None)]);
    assert_eq!(office.look(8 * MINUTE).1, [(Moment::CheckIn, Outcome::Cleared)], "and it helped");
    let over = 4 * HOUR + 15 * MINUTE;
    office.read(over, Some("g1"), vec![visit("v", Some("s"), "c", 7 * MINUTE, None)]);
    let (texts, ..) = office.look(over);
    assert!(texts.len() == 1 && texts[0].contains("no check-out seen yet"), "{texts:?}");
    assert_eq!(office.look(over + 15).0, Vec::<String>::new(), "once");
}

/// What was stored of a reminder is all that a new process knows.
#[test]
fn a_restart_withdraws_what_waits_and_measures_once() {
    let mut office = Office::new();
    office.read(5 * MINUTE, Some("g1"), Vec::new());
    assert_eq!(office.look(5 * MINUTE).1, [(Moment::CheckIn, Outcome::Sent)]);
    let sent = office.settled.clone();
    assert_eq!(sent.iter().map(|one| one.outcome).collect::<Vec<_>>(), [Outcome::Sent]);
    assert_eq!(office.memory.summary(&office.settings).n_waiting, 1);

    office.memory = Memory::restored(sent.clone(), Counts { sent: 1, ..Counts::default() });
    assert_eq!(office.memory.summary(&office.settings).n_waiting, 1, "it waits as before");
    let (texts, outcomes, _) = office.look(6 * MINUTE);
    assert!(texts.is_empty() && outcomes.is_empty(), "it is known: nothing is sent or counted twice");
    office.read(8 * MINUTE, Some("g1"), vec![visit("v", Some("s"), "c", 7 * MINUTE, None)]);
    assert_eq!(office.look(8 * MINUTE).1, [(Moment::CheckIn, Outcome::Cleared)]);
    assert_eq!(office.cancels, 1, "what has not left is withdrawn");
    let cleared = office.settled.clone();
    let summary = office.memory.summary(&office.settings);
    assert_eq!((summary.n_waiting, summary.counts), (0, Counts { sent: 1, cleared: 1, not_cleared: 0 }));

    office.memory = Memory::restored(cleared, summary.counts);
    assert_eq!(office.look(9 * MINUTE).1, [], "what was settled before a restart is settled");
    assert_eq!(office.memory.summary(&office.settings).counts.cleared, 1);
    // Of a shift that went to somebody else while nobody looked.
    let mut office = Office::new();
    office.memory = Memory::restored(sent, Counts::default());
    office.read(9 * MINUTE, Some("g2"), Vec::new());
    assert_eq!(office.look(9 * MINUTE + 30).1, [(Moment::CheckIn, Outcome::Withdrawn)]);
    assert_eq!(office.cancels, 1);
}

#[test]
fn nobody_is_reminded_of_what_is_not_so_or_not_known() {
    type Change = fn(&mut Office);
    let rows: &[(Change, usize, &str)] = &[
        (|it| it.read(5 * MINUTE, Some("g1"), Vec::new()), 1, "no check-in"),
        (|it| it.read(5 * MINUTE, Some("g2"), Vec::new()), 0, "somebody else has it, who asked for no reminders"),
        (|it| it.read(5 * MINUTE, None, Vec::new()), 0, "nobody has it"),
        (|it| it.read(5 * MINUTE, Some("g1"), vec![visit("v", Some("s"), "c", 60, None)]), 0, "checked in"),
        (|it| it.read(4 * MINUTE, Some("g1"), Vec::new()), 0, "not looked since the moment"),
        (|it| it.read(-HOUR, Some("g1"), Vec::new()), 0, "not looked for long"),
        (
            |it| {
                it.read(5 * MINUTE, Some("g1"), Vec::new());
                it.settings.people.clear();
            },
            0,
            "nobody asked for reminders",
        ),
        (
            |it| {
                it.read(5 * MINUTE, Some("g1"), Vec::new());
                it.settings.check_in = None;
            },
            0,
            "this moment is off",
        ),
        (
            |it| {
                it.read(5 * MINUTE, Some("g1"), Vec::new());
                let mark = AddressMark::of(&Phi::new("+12025550160".to_owned()));
                it.phones.set_bad(BTreeSet::from([(mark, Via::Sms)]));
            },
            0,
            "they sent STOP",
        ),
    ];
    for (change, n, shows) in rows {
        let mut office = Office::new();
        change(&mut office);
        assert_eq!(office.look(5 * MINUTE + 1).0.len(), *n, "{shows}");
    }
    let mut office = Office::new();
    office.read(4 * MINUTE, Some("g1"), Vec::new());
    assert!(office.look(5 * MINUTE + 1).2 > 0, "what is not known is read first");
    office.read(20 * MINUTE, Some("g1"), Vec::new());
    assert_eq!(office.look(20 * MINUTE).0, Vec::<String>::new(), "too late: others are at it by now");
}

#[test]
fn quiet_hours_hold_what_can_wait() {
    // The shift begins at 07:00, outside 08:00-21:00.
    let mut office = Office::new();
    office.settings.before = Some(TimeDelta::hours(10));
    office.read(-9 * HOUR, Some("g1"), Vec::new());
    assert_eq!(office.look(-9 * HOUR).0, Vec::<String>::new(), "22:00 for the next morning: held");
    office.read(-HOUR, Some("g1"), Vec::new());
    assert_eq!(office.look(-HOUR).0.len(), 1, "06:00 for a shift at seven: not held");

    let mut office = Office::new();
    office.settings.to = NaiveTime::from_hms_opt(11, 0, 0).unwrap();
    let open = || vec![visit("v", Some("s"), "c", 0, None)];
    let over = 4 * HOUR + 15 * MINUTE;
    office.read(over, Some("g1"), open());
    assert_eq!(office.look(over).0, Vec::<String>::new(), "11:15 is quiet: held");
    office.settings.to = NaiveTime::from_hms_opt(21, 0, 0).unwrap();
    office.read(over + MINUTE, Some("g1"), open());
    assert_eq!(office.look(over + MINUTE).0.len(), 1, "and sent when it is quiet no more");
}

#[test]
fn a_text_that_is_true_no_more_is_withdrawn_and_one_that_did_not_help_is_counted() {
    let mut office = Office::new();
    office.read(-30 * MINUTE, Some("g1"), Vec::new());
    office.look(-30 * MINUTE);
    office.read(-20 * MINUTE, Some("g2"), Vec::new());
    assert_eq!(office.look(-20 * MINUTE).1, [(Moment::Before, Outcome::Withdrawn)], "somebody else has the shift");
    let mut office = Office::new();
    office.read(5 * MINUTE, Some("g1"), Vec::new());
    office.look(5 * MINUTE);
    assert_eq!(office.look(14 * MINUTE).1, []);
    let (_, outcomes, n_reads) = office.look(15 * MINUTE);
    assert!(outcomes.is_empty() && n_reads > 0, "nobody looked since: it is asked for");
    office.read(15 * MINUTE + 20, Some("g1"), Vec::new());
    assert_eq!(office.look(15 * MINUTE + 30).1, [(Moment::CheckIn, Outcome::NotCleared)]);
    assert_eq!(office.look(16 * MINUTE).1, [], "counted once");
}

#[test]
fn a_number_is_one_that_takes_texts() {
    for (written, expected) in [
        ("2025550160", Some("+12025550160")),
        ("(202) 555-0160", Some("+12025550160")),
        ("1-202-555-0160", Some("+12025550160")),
        ("+44 20 7946 0000", Some("+442079460000")),
        ("2025550160x12", None),
        ("2025550160 ext 12", None),
        ("5550160", None),
        ("", None),
    ] {
        let mut one = caregiver("g1");
        one.person.phones = Phi::new(vec![written.to_owned()]);
        let phone = phone_of(&one).map(|phone| phone.reveal(PhiGrant::SEND).clone());
        assert_eq!(phone.as_deref(), expected, "{written}");
    }
}
