use super::*;
use crate::{
    model::{PersonName, PhiGrant},
    on_call::{Rota, Target, Via},
};

const GATEWAY: &str = "sms_gateways: [ { name: twilio, twilio: { account_sid: AC00, auth_token: { env: TWILIO_AUTH_TOKEN }, from: '+12025550100' } } ]\n";
const MAIL: &str = "global: { smtp_smarthost: localhost:25, smtp_from: watch@example.com }\n";

const PAGING: &str = "people:
  - { name: night-1, phone: '+12025550111' }
  - { name: office-lead, email: lead@example.com, phone: '+12025550110', quiet_hours: { from: '22:00', to: '06:00' } }
  - { name: backup, contacts: [ { call: '+12025550112' }, { email: backup@example.com }, { sms: '+12025550112' } ] }
schedules:
  - name: on-call
    rotations:
      - { people: [night-1, backup], every: weekly, start: 2026-11-30T17:00 }
      - { people: [office-lead], every: daily, start: 2026-11-30 08:00, only: [ { days: [mon-fri], from: '08:00', to: '17:00' } ] }
    overrides: [ { person: backup, start: 2026-12-25, end: '2026-12-26T00:00-07:00' } ]
  - { name: shared, timezone: America/Chicago, ical: { url: 'webcal://calendar.example.com/private-key/basic.ics', refresh: 5m } }
  - { name: file, ical: { file: calendars/nights.ics } }
escalation_policies:
  - name: coverage
    steps:
      - { notify: [ { schedule: on-call } ], via: [sms, call], after: 0m }
      - { notify: [ { person: office-lead }, { schedule: shared } ], after: 10m }
      - { notify: [ { person: backup } ], via: [call], via_all: true, after: 20m }
  - { name: north, repeat: 5m, ack_expires: 30m, unconfirmed_after: 90s, steps: [ { notify: [ { person: night-1 } ], via: [sms] } ] }
route: { receiver: on-call }
receivers:
  - name: on-call
    page_configs: [ { by_location: { north: north, default: coverage }, text: 'Look at the board' }, { policy: north } ]
";

fn loaded() -> (Config, Vec<String>) {
    let agency =
        AGENCY.replace("    wellsky", "    locations: [ { id: '501', name: north, policy: north } ]\n    wellsky");
    load(&format!("{agency}{GATEWAY}{MAIL}{PAGING}")).expect("it loads")
}

#[test]
fn people_keep_their_ways_in_their_order() {
    let (config, said) = loaded();
    assert!(!said.iter().any(|said| said.contains("error")), "{said:?}");
    let roster = &config.policy.paging.roster;
    let ways = |name: &str| {
        let person = roster.person(&PersonName::from(name)).expect(name);
        let ways = person.contacts.iter();
        ways.map(|contact| format!("{} {}", contact.via.as_str(), contact.address.reveal(PhiGrant::COMPARE)))
            .collect::<Vec<_>>()
    };
    assert_eq!(ways("night-1"), ["sms +12025550111", "call +12025550111"]);
    assert_eq!(ways("office-lead"), ["sms +12025550110", "call +12025550110", "email lead@example.com"]);
    assert_eq!(ways("backup"), ["call +12025550112", "email backup@example.com", "sms +12025550112"]);
    let lead = roster.person(&"office-lead".into()).expect("the lead");
    let quiet = lead.quiet_hours.expect("quiet hours");
    assert_eq!((quiet.from.to_string(), quiet.zone), ("22:00:00".to_owned(), Tz::America__Denver));
    let mark = &lead.contacts[0].mark;
    assert_eq!(roster.people_with(mark).iter().map(|person| person.name.as_str()).collect::<Vec<_>>(), ["office-lead"]);
    for shown in [format!("{config:?}"), format!("{:?}", config.policy), config.original.clone()] {
        for secret in ["+1202", "@example.com", "private-key"] {
            assert!(!shown.contains(secret), "{secret} in {shown}");
        }
    }
}

#[test]
fn schedules_say_who_is_on_call() {
    let (config, _) = loaded();
    let roster = &config.policy.paging.roster;
    for (when, who, why) in [
        ("2026-11-30T16:59:00-07:00", "office-lead", "the office by day"),
        ("2026-11-30T17:00:00-07:00", "night-1", "the first week's night"),
        ("2026-12-07T17:00:00-07:00", "backup", "the second week's"),
        ("2026-12-25T12:00:00-07:00", "backup", "the stand-in"),
    ] {
        let people = roster.on_call("on-call", when.parse().expect("an instant")).people;
        assert_eq!(people, [PersonName::from(who)], "{why}");
    }
    assert!(matches!(roster.schedule("shared").map(|schedule| &schedule.rota), Some(Rota::Calendar(None))));
    let said: Vec<(&str, Duration)> =
        config.calendars.iter().map(|source| (source.schedule.as_str(), source.refresh)).collect();
    assert_eq!(said, [("shared", Duration::from_mins(5)), ("file", Duration::from_mins(15))]);
    assert!(
        matches!(&config.calendars[0].at, CalendarAt::Url(url) if url.reveal(PhiGrant::COMPARE).starts_with("https://calendar."))
    );
    assert!(matches!(&config.calendars[1].at, CalendarAt::File(path) if path.ends_with("calendars/nights.ics")));
    assert!(
        config
            .outside_addresses()
            .iter()
            .any(|address| address.what == "the calendar of shared" && !address.is_loopback)
    );
}

#[test]
fn policies_have_steps_and_receivers_name_them() {
    let (config, _) = loaded();
    let paging = &config.policy.paging;
    let coverage = &paging.escalation["coverage"];
    assert_eq!((coverage.repeat, coverage.ack_expires), (Duration::from_mins(35), Duration::from_mins(20)));
    let steps: Vec<(&[Via], u64)> =
        coverage.steps.iter().map(|step| (&step.via[..], step.after.as_secs() / 60)).collect();
    assert_eq!(steps, [(&[Via::Sms, Via::Call][..], 0), (&[Via::Sms, Via::Email], 10), (&[Via::Call], 20)]);
    assert_eq!(coverage.steps[1].notify, [Target::Person("office-lead".into()), Target::Schedule("shared".into())]);
    assert!(coverage.steps[2].via_all);
    assert_eq!(coverage.schedules(), ["on-call", "shared"]);
    let north = &paging.escalation["north"];
    assert_eq!((north.repeat, north.unconfirmed_after), (Duration::from_mins(5), Duration::from_secs(90)));
    let at = "2026-12-01T03:00:00-07:00".parse().expect("an instant");
    let asked = coverage.steps[1].people(&paging.roster, at);
    assert_eq!(asked, [PersonName::from("office-lead")], "the calendar was never read");
    let fallback = coverage.fallback(&paging.roster);
    assert_eq!(fallback, ["backup", "night-1", "office-lead"].map(PersonName::from));
    let page = &config.receivers[0].page;
    assert_eq!((page[0].policy.as_str(), page[0].by_location["north"].as_str()), ("coverage", "north"));
    assert_eq!((page[0].text.as_deref(), page[1].policy.as_str()), (Some("Look at the board"), "north"));
    assert_eq!(paging.location_policies[&("main".into(), "north".to_owned())], "north");
    assert_eq!(paging.sms_gateways, ["twilio"]);
    assert!(paging.mail.is_some());
}

#[test]
fn without_mail_a_step_that_names_no_way_texts() {
    let text = "people: [ { name: a, phone: '+12025550111' } ]\nescalation_policies: [ { name: p, steps: [ { notify: [ { person: a } ] } ] } ]\n";
    let (config, _) = load(&format!("{AGENCY}{GATEWAY}{text}")).expect("it loads");
    assert_eq!(config.policy.paging.escalation["p"].steps[0].via, [Via::Sms]);
}
