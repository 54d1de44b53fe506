//! Notices as messages: to whom, by which way, in which words.

use std::sync::Arc;

use crate::{
    alerts::{
        notice::{Answer, Notice, PEOPLE, PageAsk, Says},
        policy::Policy,
        stage,
        step::Why,
    },
    model::{PersonName, Phi, PhiGrant, people::Nobody},
    notify::{
        cover_list::NoCovers,
        message::{AddressMark, Channel, Content, Message, SmtpTarget},
        notice,
        page_texts::tests::{alert, minutes, over, telling},
        receiver::PersonalMail,
        render::{Given, Rendered},
        shadow::Shadow,
        voice::Telling,
    },
    on_call::{Contact, Person, Roster, Via},
    rules::finding::{Closing, Tells},
};

const PHONE: &str = "+12025550111";
const MAIL: &str = "night-1@example.com";

fn contact(via: Via, address: &str) -> Contact {
    let address = Phi::new(address.to_owned());
    Contact { via, mark: AddressMark::of(&address), address }
}

fn server() -> SmtpTarget {
    SmtpTarget { host: "mail.example.com".into(), port: 587, require_tls: true, hello: None }
}

fn policy() -> Policy {
    let contacts = vec![contact(Via::Sms, PHONE), contact(Via::Call, PHONE), contact(Via::Email, MAIL)];
    let person = Person { name: "night-1".into(), contacts, quiet_hours: None, also_known_as: Vec::new() };
    let mut policy = stage::policy();
    policy.paging.roster = Arc::new(Roster::new([person]));
    policy.paging.sms_gateways = vec!["a".into(), "b".into()];
    policy.paging.call_gateways = vec!["a".into()];
    policy.paging.mail = Some(PersonalMail { from: "watch@example.com".into(), smarthost: server(), auth: None });
    policy
}

fn told(via: Via, says: Says) -> Notice {
    let address = if via == Via::Email { MAIL } else { PHONE };
    Notice {
        topic: "page/1".into(),
        n: 1,
        to: PersonName::from("night-1"),
        via,
        mark: AddressMark::of(&Phi::new(address.to_owned())),
        says,
        why: Why::Escalated,
        urgency: 1,
        useful_until: minutes(240),
        fired_at: minutes(15),
        follows: Vec::new(),
    }
}

fn page(text: Option<&str>) -> Says {
    Says::Page {
        code: "K7".into(),
        link: Some("Ab3dE9xQr2Lm5TzW".into()),
        alerts: vec![alert(Tells::NoCheckIn, "north")],
        told_before: vec![("night-0".into(), minutes(15))],
        ask: PageAsk::Escalated,
        text: text.map(Into::into),
    }
}

fn rendered(notices: &[Notice], policy: &Policy, telling: &Telling) -> Rendered {
    let former = std::iter::once(Phi::new("+12025550199".to_owned())).collect();
    let given = Given { policy, former: &former, telling, people: &Nobody, covers: &NoCovers, now: minutes(25) };
    notice::render(notices, &"main".into(), given)
}

fn one(notice: &Notice) -> Message {
    let rendered = rendered(std::slice::from_ref(notice), &policy(), &telling("CCA", false, Some("watch.example.com")));
    assert_eq!((rendered.messages.len(), rendered.n_template_faults, rendered.n_out_of_reach), (1, 0, 0));
    rendered.messages.into_iter().next().unwrap()
}

fn content(message: &Message) -> &Content {
    message.content.reveal(PhiGrant::SEND)
}

#[test]
fn each_way_says_it_in_its_manner() {
    let text = one(&told(Via::Sms, page(None)));
    assert_eq!((text.receiver.as_str(), text.recipient.as_str()), (PEOPLE, "night-1"));
    assert_eq!((text.channel, text.gateways.len()), (Channel::Sms, 2));
    assert_eq!(text.address.reveal(PhiGrant::SEND), PHONE);
    let Content::Sms { text } = content(&text) else { panic!("a text") };
    assert!(text.contains("25 min late. night-0 was told at 07:15."), "{text}");

    let call = one(&told(Via::Call, page(None)));
    assert_eq!((call.channel, call.gateways.len()), (Channel::Call, 1));
    let Content::Call { text, code } = content(&call) else { panic!("a call") };
    assert_eq!(
        text,
        "This is CCA. No check in. Tuesday 7 a.m. to 11 a.m., North. 25 minutes late. night-0 was told at 7 15 a.m. Call caregiver, then client. The code is K, 7."
    );
    assert_eq!(code.as_deref(), Some("K7"));

    let mail = one(&told(Via::Email, page(None)));
    let Content::Email { subject, text, html, in_reply_to, from, .. } = content(&mail) else { panic!("a mail") };
    assert_eq!(subject, "[CCA] NO CHECK-IN: Tue 07:00-11:00, North");
    assert!(text.starts_with("night-0 was told at 07:15.\n\nOpen to take it, pass it on or close it: https://watch.example.com/a/Ab3dE9xQr2Lm5TzW\n"), "{text}");
    assert!(text.contains("Do: Call caregiver, then client."), "{text}");
    assert!(html.contains("href=\"https://watch.example.com/a/Ab3dE9xQr2Lm5TzW\""), "{html}");
    assert_eq!(from, "watch@example.com");
    let closing = Says::Closed {
        code: "K7".into(),
        alerts: vec![over(alert(Tells::NoCheckIn, "north"), Closing::Covered)],
        owner: Some("night-2".into()),
    };
    let closing = one(&Notice { n: 2, ..told(Via::Email, closing) });
    let Content::Email { subject, in_reply_to: also, .. } = content(&closing) else { panic!("a mail") };
    assert_eq!(subject, "[CCA] CLOSED K7: Tue 07:00-11:00, North: covered. night-2 had it. Nothing more to do.");
    assert_eq!(in_reply_to, also, "one thread");
}

#[test]
fn the_receivers_own_text_never_loses_code_and_link() {
    let template = "{{ common_labels.alertname }} {{ shift.start | local }} {{ shift.location }} ";
    let Content::Sms { text } = content(&one(&told(Via::Sms, page(Some(template))))).clone() else { panic!("a text") };
    assert_eq!(text, "Custom Tue 07:00 north Reply 1 K7. https://watch.example.com/a/Ab3dE9xQr2Lm5TzW");
    let long = "x".repeat(300);
    let Content::Sms { text } = content(&one(&told(Via::Sms, page(Some(&long))))).clone() else { panic!("a text") };
    assert_eq!(text.len(), 160);
    assert!(text.ends_with(".. Reply 1 K7. https://watch.example.com/a/Ab3dE9xQr2Lm5TzW"), "{text}");
    let broken = told(Via::Sms, page(Some("{{ nobody.knows }}")));
    let rendered = rendered(&[broken], &policy(), &telling("CCA", false, None));
    assert_eq!(rendered.n_template_faults, 1);
    let Content::Sms { text } = content(&rendered.messages[0]) else { panic!("a text") };
    assert!(text.starts_with("CCA: NO CHECK-IN"), "the built-in text went instead: {text}");
}

#[test]
fn who_left_is_told_where_they_were_told_and_who_has_no_such_way_is_counted() {
    let left = |address: &str| Notice {
        to: "gone".into(),
        mark: AddressMark::of(&Phi::new(address.to_owned())),
        ..told(Via::Sms, Says::Answer(Answer::NothingOpen))
    };
    let telling = telling("CCA", false, None);
    let Rendered { messages, n_out_of_reach, mentions, .. } =
        rendered(&[left("+12025550199"), left("+12025550198")], &policy(), &telling);
    assert_eq!((messages.len(), n_out_of_reach, mentions.len()), (1, 1, 0));
    assert_eq!(messages[0].address.reveal(PhiGrant::SEND), "+12025550199");
    let no_mail = Policy { paging: crate::alerts::policy::Paging { mail: None, ..policy().paging }, ..policy() };
    assert_eq!(rendered(&[told(Via::Email, page(None))], &no_mail, &telling).n_out_of_reach, 1);
}

#[test]
fn in_the_shadow_people_are_not_told_and_what_is_said_is_on_record() {
    let mut telling = telling("CCA", false, None);
    let (from, until) = ("watch@example.com".to_owned(), minutes(60));
    telling.shadow = Some(Shadow { until, to: Phi::new("trial@example.com".into()), from, smarthost: server() });
    let Rendered { messages, mentions, .. } = rendered(&[told(Via::Sms, page(None))], &policy(), &telling);
    assert_eq!((messages[0].channel, mentions.len()), (Channel::Email, 1));
    assert!(mentions[0].fires && mentions[0].message == messages[0].id);
    let Content::Email { text, .. } = content(&messages[0]) else { panic!("a mail") };
    assert!(text.starts_with("SHADOW: would have texted night-1 (people)."), "{text}");
}
