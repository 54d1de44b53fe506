//! The demo's configuration.

use std::{fmt::Write as _, net::SocketAddr};

use super::{
    ZONE,
    people::{DESK, GATEWAY, LEAD, NIGHT_NORTH, NIGHT_SOUTH},
};
use crate::sim::Sim;

/// A configuration as a small agency would write it, with everything on loopback and short waits.
pub(super) fn configuration(sim: &Sim, listen: SocketAddr) -> String {
    let mut text = String::new();
    let (sid, token) = sim.twilio(|gateway| (gateway.account_sid.clone(), gateway.auth_token.clone()));
    let _ = write!(
        text,
        r#"agencies:
  - name: main
    title: CCA
    timezone: {zone}
    locations: [ {{ id: "501", name: north }}, {{ id: "502", name: south }} ]
    wellsky:
      base_url: {base_url}
      agency_id: "9999"
      client_id: example-client
      client_secret: example-secret
      detect_within: 15s
      encounter_naive_tz: utc
      requests_per_second: 10
      confirm_timeout: 10s
rule_files: [ coverage.yml, visits.yml, api.yml ]
store: sqlite:shiftwatch.db
web: {{ listen: "{listen}", external_url: "http://{listen}" }}
global: {{ smtp_smarthost: "{smtp}", smtp_from: watch@example.com, smtp_require_tls: false }}
sms_gateways:
  - name: twilio
    twilio: {{ base_url: "{twilio}", account_sid: {sid}, auth_token: {token}, from: "{GATEWAY}" }}
people:
  - {{ name: night-1, phone: "{NIGHT_SOUTH}" }}
  - {{ name: night-2, phone: "{NIGHT_NORTH}" }}
  - {{ name: office-lead, phone: "{LEAD}" }}
schedules:
  - {{ name: south, rotations: [ {{ people: [night-1], every: weekly, start: 2026-01-05T08:00 }} ] }}
  - {{ name: north, rotations: [ {{ people: [night-2], every: weekly, start: 2026-01-05T08:00 }} ] }}
escalation_policies:
  - name: south
    repeat: 10m
    steps:
      - {{ notify: [ {{ schedule: south }} ], via: [sms], after: 0s }}
      - {{ notify: [ {{ person: office-lead }} ], via: [sms], after: 15s }}
  - name: north
    repeat: 10m
    steps:
      - {{ notify: [ {{ schedule: north }} ], via: [sms], after: 0s }}
      - {{ notify: [ {{ person: office-lead }} ], via: [sms], after: 5m }}
route:
  receiver: office
  group_by: [agency, location]
  group_wait: 5s
  group_interval: 10s
  repeat_interval: 4h
  routes:
    - {{ matchers: ['alertname="Blind"'], receiver: desk, group_by: [agency], group_wait: 2s, group_interval: 5s }}
    - {{ matchers: ['severity=~"page|critical"'], receiver: on-call, group_by: [agency, shift], group_wait: 2s, group_interval: 5s }}
    - {{ matchers: ['team="tech"'], receiver: tech }}
    - {{ matchers: ['severity="info"'], receiver: nobody }}
receivers:
  - {{ name: nobody }}
  - {{ name: office, email_configs: [ {{ to: office@example.com }} ] }}
  - {{ name: tech, email_configs: [ {{ to: tech@example.com }} ] }}
  - {{ name: desk, sms_configs: [ {{ to: "{DESK}" }} ], email_configs: [ {{ to: lead@example.com }} ] }}
  - name: on-call
    page_configs: [ {{ by_location: {{ north: north, default: south }} }} ]
    email_configs: [ {{ to: lead@example.com }} ]
"#,
        zone = ZONE.name(),
        base_url = sim.base_url(),
        smtp = sim.smtp_addr(),
        twilio = sim.twilio_url(),
    );
    text
}
