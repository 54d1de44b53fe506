//! `telling.shadow_until`: until a day, every text and mail goes as one mail to one address instead.

use super::message::{Channel, Content, Message, SmtpTarget};
use crate::model::{Instant, Phi, PhiGrant};

/// Where everything goes, and until when.
#[derive(Debug, Clone)]
pub struct Shadow {
    /// From this instant on, telling is real.
    pub until: Instant,
    /// The one address.
    pub to: Phi<String>,
    /// Sender.
    pub from: String,
    /// Server.
    pub smarthost: SmtpTarget,
}

impl Shadow {
    /// True while it holds.
    #[must_use]
    pub fn holds(&self, now: Instant) -> bool {
        now < self.until
    }

    /// The message as the one address gets it. Webhooks go where they went: a program is not woken at night.
    #[must_use]
    pub fn divert(&self, message: Message) -> Message {
        let mut enclosed = Vec::new();
        let (verb, subject, text) = match message.content.reveal(PhiGrant::SEND) {
            Content::Webhook { .. } | Content::Record(_) => return message,
            Content::Sms { text } => ("texted", text.clone(), text.clone()),
            Content::Call { text, .. } => ("called", text.clone(), text.clone()),
            Content::Email { subject, text, enclosed: with, .. } => {
                enclosed.extend(with.iter().filter(|one| one.inline.is_none()).cloned());
                ("mailed", subject.clone(), text.clone())
            }
        };
        let banner =
            format!("SHADOW: would have {verb} {} ({}). Nobody else was told.", message.recipient, message.receiver);
        let body = format!("{banner}\n\n{text}\n");
        let html = format!("<p><strong>{}</strong></p><pre>{}</pre>", escape(&banner), escape(&text));
        Message {
            channel: Channel::Email,
            gateways: Vec::new(),
            address: self.to.clone(),
            content: Phi::new(Content::Email {
                subject: format!("[shadow] {subject}"),
                text: body,
                html,
                in_reply_to: None,
                message_id: super::email::message_id(message.id.as_str(), &self.from),
                from: self.from.clone(),
                smarthost: self.smarthost.clone(),
                enclosed,
            }),
            ..message
        }
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, time::Duration};

    use chrono::TimeDelta;

    use super::*;
    use crate::{
        alerts::{
            alert::{Alert, AlertKey, AlertState, Confirm, Facts, Labels},
            group::GroupKey,
            policy::{Paging, Policy},
            route::{GroupBy, Route},
            step::{Intent, Why},
        },
        model::{
            AgencyName, Caregiver, CaregiverId, Client, ClientId, People, Person, Shift, ShiftKey, ShiftRef, Subject,
            local_time::from_micros,
        },
        notify::{
            receiver::{EmailConfig, Receiver},
            render,
            voice::{Telling, Voice},
        },
        rules::finding::{RuleId, Tells, Window},
    };

    struct Ada(Client);

    impl People for Ada {
        fn client(&self, _: &ClientId) -> Option<&Client> {
            Some(&self.0)
        }

        fn caregiver(&self, _: &CaregiverId) -> Option<&Caregiver> {
            None
        }

        fn shift(&self, _: &ShiftKey) -> Option<&Shift> {
            None
        }
    }

    fn ada() -> Ada {
        let person = Person {
            name: Phi::new("Ada Marker".into()),
            phones: Phi::new(vec!["2025550111".into()]),
            address: Phi::new("1 Marker Street".into()),
            birth_date: Phi::new(None),
            ..Person::default()
        };
        let id = "7000101".into();
        let (active, is_client) = (Some(true), Some(true));
        let (status, location, tags, vendor_agency) = (None, None, Vec::new(), None);
        Ada(Client { id, active, is_client, status, location, tags, vendor_agency, person })
    }

    fn server() -> SmtpTarget {
        SmtpTarget { host: "mail.example.com".into(), port: 587, require_tls: true, hello: None }
    }

    /// The mails about a missed check-in of Ada's to a receiver that was granted names, built-in and by template.
    fn mails(shadow_until: Option<Instant>, now: Instant) -> Vec<(String, String)> {
        let key = ShiftKey { start: now, client: "7000101".into(), id: ShiftRef::Vendor("90010001".into()) };
        let alert = Alert {
            key: AlertKey { agency: "main".into(), rule: RuleId::new("visits/X"), subject: Subject::Shift(key) },
            labels: Labels::new(),
            annotations: Labels::new(),
            state: AlertState::Firing { fired_at: now },
            active_at: now,
            updated_at: now,
            facts: Facts {
                window: Window { opens_at: now, closes_at: None },
                starts_at: Some(now),
                ends_at: Some(now),
                deadline: None,
                location: "north".into(),
                client: Some("7000101".into()),
                caregiver: None,
                tells: Tells::NoCheckIn,
            },
            confirm: Confirm::NotNeeded,
            unjudged_since: None,
            told: Vec::new(),
            posted: None,
        };
        let intent = Intent {
            group: GroupKey {
                agency: AgencyName::new("main"),
                route: "{}".into(),
                receiver: "office".into(),
                labels: Labels::new(),
            },
            generation: 1,
            flush: 1,
            why: Why::FirstFiring,
            firing: vec![alert],
            resolved: Vec::new(),
            still: Vec::new(),
            summary: false,
        };
        let config = |text: Option<&str>| EmailConfig {
            to: vec![Phi::new("office@example.com".into())],
            from: "watch@example.com".into(),
            smarthost: server(),
            auth: None,
            subject: None,
            text: text.map(Into::into),
            html: text.map(Into::into),
            send_resolved: true,
            phi: true,
        };
        let template = "{{ client.name }} {{ client.phones }} {{ alerts[0].client.address }}";
        let receiver = Receiver {
            name: "office".into(),
            email: vec![config(None), config(Some(template))],
            ..Receiver::default()
        };
        let policy = Policy {
            route: Route {
                id: "{}".into(),
                receiver: "office".into(),
                group_by: GroupBy::Labels(Vec::new()),
                group_wait: Duration::ZERO,
                group_interval: Duration::ZERO,
                repeat_interval: Duration::ZERO,
                matchers: Vec::new(),
                mute_time_intervals: Vec::new(),
                active_time_intervals: Vec::new(),
                continue_: false,
                routes: Vec::new(),
            },
            inhibit_rules: Vec::new(),
            time_intervals: HashMap::new(),
            resolve_timeout: Duration::ZERO,
            confirm_timeout: Duration::ZERO,
            ack_expires: Duration::ZERO,
            ack_expires_uncovered: Duration::ZERO,
            catch_up_limit: 5,
            paging: Paging::default(),
            receivers: HashMap::from([("office".into(), receiver)]),
        };
        let voice = Voice {
            title: "CCA".into(),
            zone: chrono_tz::America::Denver,
            location_zones: HashMap::new(),
            clock_12h: false,
        };
        let shadow = shadow_until.map(|until| Shadow {
            until,
            to: Phi::new("trial@example.com".into()),
            from: "watch@example.com".into(),
            smarthost: server(),
        });
        let telling = Telling { voices: HashMap::new(), installation: voice, external_url: None, shadow };
        let former = std::iter::empty().collect();
        let given = render::Given {
            policy: &policy,
            former: &former,
            telling: &telling,
            people: &ada(),
            covers: &crate::notify::cover_list::NoCovers,
            now,
        };
        let rendered = render::render(&[intent], given);
        rendered
            .messages
            .iter()
            .map(|message| {
                let Content::Email { text, html, .. } = message.content.reveal(PhiGrant::SEND) else {
                    panic!("a mail")
                };
                (message.address.reveal(PhiGrant::SEND).clone(), format!("{text}{html}"))
            })
            .collect()
    }

    #[test]
    fn the_one_address_gets_no_names_whatever_the_receiver_was_granted() {
        let now = from_micros(1_800_000_000_000_000);
        for (to, said) in mails(None, now) {
            assert!(to == "office@example.com" && said.contains("Ada Marker"), "{said}");
        }
        let diverted = mails(Some(now + TimeDelta::seconds(1)), now);
        assert_eq!(diverted.len(), 2);
        for (to, said) in diverted {
            assert!(to == "trial@example.com" && said.contains("SHADOW"), "{said}");
            assert!(!said.contains("Marker") && !said.contains("2025550111"), "{said}");
        }
        assert!(mails(Some(now), now).iter().all(|(to, _)| to == "office@example.com"), "it is over on its instant");
    }
}
