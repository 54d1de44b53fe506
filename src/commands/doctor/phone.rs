//! One real text to one person, and their answer: the only proof that a page would reach them and come back.
//!
//! Given: a configuration and a person. Gives: what the gateway said, what became of the text, how long the answer took;
//! an answered number counts as verified from then on.
//! Does not: need a running agent or a public address: the gateway is asked what came in. A running agent hears the same
//! text, and notes by itself that the number answered.

use std::{io, io::Write, time::Duration};

use chrono::TimeDelta;
use tokio::time;

use super::{Line, Notes};
use crate::{
    clock::{Clock, real_now},
    config::Config,
    model::{Instant, PersonName, PhiGrant},
    notify::{
        channel::{ChannelSettings, Channels, Delivery, Verdict},
        inbound::{Text, test_code},
        message::Channel,
    },
    on_call::{Contact, Via},
    store::Store,
};

const WHAT: &str = "text and answer";

/// How long an answer is waited for, and how often it is looked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    pub(super) within: Duration,
    pub(super) every: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { within: Duration::from_mins(5), every: Duration::from_secs(12) }
    }
}

/// Texts one person and waits for their answer.
pub(super) async fn examine<W: Write>(
    config: &Config,
    person: &str,
    patience: Patience,
    notes: &mut Notes<'_, W>,
) -> io::Result<()> {
    let name = PersonName::from(person);
    let roster = &config.policy.paging.roster;
    let Some(found) = roster.person(&name) else {
        return notes.line(&Line::fail(WHAT, format!("nobody in `people` is called {person}")));
    };
    let Some(contact) = found.contact(Via::Sms) else {
        return notes.line(&Line::fail(WHAT, format!("{person} has no phone; write one under `people`")));
    };
    let channels = Channels::new(ChannelSettings {
        sms_gateways: config.sms_gateways.clone(),
        answer_timeout: Some(Duration::from_secs(20)),
        ..ChannelSettings::default()
    });
    let Ok(channels) = channels else {
        return notes.line(&Line::fail(WHAT, "this machine's certificates cannot be loaded; install ca-certificates"));
    };
    let sent_at = real_now();
    let code = test_code(&contact.mark, sent_at);
    let title = config.agencies.first().map_or("shiftwatch", |agency| agency.title.as_str());
    let text = format!("{title}: shiftwatch test for {person}: reply 1 {code}");
    let mut said = Vec::new();
    let mut taken = None;
    for gateway in &config.sms_gateways {
        match channels.text(&gateway.name, &contact.address, &text, &Clock::System).await {
            Verdict::Sent { provider_id } => {
                taken = Some((gateway, provider_id, true));
                break;
            }
            Verdict::MayHaveLeft { why } => {
                said.push(format!("{}: {why}, it may have left; the answer will tell", gateway.name));
                taken = Some((gateway, None, false));
                break;
            }
            Verdict::NotSent { why, .. } | Verdict::Refused { why, .. } => {
                said.push(format!("{}: {why}", gateway.name));
            }
        }
    }
    let Some((gateway, provider_id, is_sure)) = taken else {
        let why = if said.is_empty() { "there is no gateway under sms_gateways".to_owned() } else { said.join("; ") };
        return notes.line(&Line::fail(WHAT, format!("{person}: nothing was sent: {why}")));
    };
    for why in said {
        notes.line(&Line::warn(WHAT, why))?;
    }
    let (gateway, hears) = (gateway.name.as_str(), gateway.can_hear());
    if is_sure {
        notes.line(&Line::ok(WHAT, format!("{person}: taken by the gateway {gateway}")))?;
    }
    if !hears {
        return notes.line(&Line::warn(WHAT, format!("{gateway} cannot say what people answer; ask {person}")));
    }
    notes.begun(&format!("waiting for {person} to reply 1 {code}, at most {} min", patience.within.as_secs() / 60))?;
    let sent = Sent { gateway, provider_id, code: &code, at: sent_at };
    let took = match wait(&channels, &sent, contact, patience).await {
        Waited::Answered(took) => took,
        Waited::Undelivered(code) => {
            let advice = "is the number right, and does that phone take texts?";
            return notes.line(&Line::fail(WHAT, format!("{person}: it was not delivered, error {code}; {advice}")));
        }
        Waited::InVain => {
            let advice = "is the number right, and is this gateway's number the one they answer to?";
            return notes.line(&Line::fail(WHAT, format!("{person}: no answer came; {advice}")));
        }
    };
    notes.line(&Line::ok(WHAT, format!("{person} answered after {} s; the number is verified", took.num_seconds())))?;
    match Store::open(&config.store, real_now()).await {
        Ok(store) => {
            if store.verify(contact.mark.clone(), Channel::Sms, real_now()).await.is_err() {
                notes.line(&Line::warn(WHAT, "that could not be written down; the store refuses"))?;
            }
            store.close().await;
            Ok(())
        }
        // The agent has the file, and heard the same text.
        Err(crate::store::StoreError::Locked { .. }) => Ok(()),
        Err(error) => notes.line(&Line::warn(WHAT, format!("that could not be written down: {error}"))),
    }
}

/// A text that is waited for.
struct Sent<'a> {
    gateway: &'a str,
    provider_id: Option<String>,
    code: &'a str,
    at: Instant,
}

/// What came of it.
enum Waited {
    Answered(TimeDelta),
    Undelivered(String),
    InVain,
}

impl Sent<'_> {
    /// Whether this answers it: by its code, or by the 1 alone that every page teaches to be enough.
    fn is_answered_by(&self, text: &Text) -> bool {
        let words = text.text.reveal(PhiGrant::COMPARE).to_ascii_uppercase();
        let bare = words.trim() == "1" && text.at.is_none_or(|at| at + TimeDelta::seconds(2) >= self.at);
        bare || words.split_whitespace().any(|word| word == self.code)
    }
}

/// Waits until the person's answer is with the gateway, or the word that they will never have the text.
async fn wait(channels: &Channels, sent: &Sent<'_>, contact: &Contact, patience: Patience) -> Waited {
    let gateway = sent.gateway;
    let began = time::Instant::now();
    // Of two entries on one account, one hears for both.
    let hearing: Vec<String> = channels.listened_to();
    let hearing: Vec<&str> = if hearing.iter().any(|name| name == gateway) {
        vec![gateway]
    } else {
        hearing.iter().map(String::as_str).collect()
    };
    while began.elapsed() < patience.within {
        let mut next = time::Instant::now() + patience.every;
        for gateway in &hearing {
            match channels.heard(gateway, sent.at - TimeDelta::minutes(1)).await {
                Some(Ok(texts)) => {
                    let answers = texts.iter().any(|text| {
                        let ours = text.from.reveal(PhiGrant::COMPARE) == contact.address.reveal(PhiGrant::COMPARE);
                        ours && sent.is_answered_by(text)
                    });
                    if answers {
                        return Waited::Answered(real_now() - sent.at);
                    }
                }
                Some(Err(silence)) => {
                    next = next.max(time::Instant::now() + silence.ask_after.unwrap_or_default());
                }
                None => {}
            }
        }
        if let Some(id) = &sent.provider_id
            && let Delivery::Undelivered { code, .. } = channels.became(gateway, id, &contact.address).await
        {
            return Waited::Undelivered(code);
        }
        time::sleep_until(next).await;
    }
    Waited::InVain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{AddressMark, Phi},
        notify::receiver::{SmsGateway, SmsGatewayKind, TwilioAccount},
        on_call::{Person, Roster},
        sim::{Sim, SimConfig},
    };

    #[tokio::test]
    async fn whoever_answers_is_verified_and_whoever_does_not_is_not() {
        let sim = Sim::start(SimConfig::quiet(chrono_tz::America::Denver, Clock::System)).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (account_sid, auth_token) = sim.twilio(|it| (it.account_sid.clone(), it.auth_token.clone()));
        let address = Phi::new("+12025550111".to_owned());
        let mark = AddressMark::of(&address);
        let person = Person {
            name: PersonName::from("night-1"),
            contacts: vec![Contact { via: Via::Sms, address, mark: mark.clone() }],
            quiet_hours: None,
            also_known_as: Vec::new(),
        };
        let mut config = super::super::tests::config("http://127.0.0.1:1");
        config.store = crate::config::StoreUrl::Sqlite(folder.path().join("s.db"));
        let mut policy = (*config.policy).clone();
        policy.paging.roster = std::sync::Arc::new(Roster::new([person]));
        config.policy = std::sync::Arc::new(policy);
        config.sms_gateways = vec![SmsGateway {
            name: "twilio".into(),
            kind: SmsGatewayKind::Twilio(TwilioAccount {
                base_url: sim.twilio_url(),
                account_sid,
                auth_token: auth_token.into(),
                previous_auth_tokens: Vec::new(),
                from: Some("+12025550100".into()),
                messaging_service_sid: None,
            }),
        }];
        let patience = |ms| Patience { within: Duration::from_millis(ms), every: Duration::from_millis(50) };
        let mut out = Vec::new();
        let mut notes = Notes { out: &mut out, n_warn: 0, n_fail: 0 };
        examine(&config, "night-1", patience(200), &mut notes).await.unwrap();
        examine(&config, "nobody", patience(200), &mut notes).await.unwrap();
        assert_eq!(notes.n_fail, 2);
        let answering = async {
            assert!(sim.until(Duration::from_secs(10), |sim| sim.texts().len() == 2).await);
            let body = sim.texts()[1].body.clone();
            let code = body.rsplit(' ').next().unwrap();
            sim.receive_text("+12025550199", "+12025550100", &format!("1 {code}"));
            sim.receive_text("+12025550111", "+12025550100", &format!("1 {}", code.to_ascii_lowercase()));
        };
        let (examined, ()) = tokio::join!(examine(&config, "night-1", patience(10_000), &mut notes), answering);
        examined.unwrap();
        assert_eq!(notes.n_fail, 2);
        let said = String::from_utf8(out).unwrap();
        assert!(said.contains("night-1 answered after"), "{said}");
        assert!(!said.contains("2025550111"), "{said}");
        let store = Store::open(&config.store, real_now()).await.unwrap();
        let verified = store.verified_contacts().await.unwrap();
        assert_eq!(verified.iter().map(|one| &one.mark).collect::<Vec<_>>(), [&mark]);
        store.close().await;
    }
}
