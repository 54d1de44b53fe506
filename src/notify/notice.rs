//! Notices become messages: what is said to people one by one, by text, call or mail. Pure; the ids depend on nothing but
//! the notice.

use super::{
    email::{self, Frame, Letter, Mail},
    gsm7::{self, SEPTETS_MAX},
    message::{Channel, Content, Mention, Message, MessageId},
    page_texts::{self, Speaker},
    receiver::PersonalMail,
    render::{self, Given, MENTIONS_MAX, Rendered, Seen},
    spoken, template, words,
};
use crate::{
    alerts::{
        alert::{Alert, Labels},
        fingerprint::fingerprint,
        notice::{BundledPage, Notice, PEOPLE, PageAsk, Says},
    },
    model::{AgencyName, Phi},
    on_call::Via,
};

/// A mail's subject is cut to so many characters where it is made from a text.
const SUBJECT_CHARS: usize = 110;

/// The messages of these notices. Somebody without that address now, and without one that a message went to before,
/// is out of reach by it: counted, and no message.
#[must_use]
pub fn render(notices: &[Notice], agency: &AgencyName, given: Given<'_>) -> Rendered {
    let mut rendered = Rendered::default();
    let shadow = given.telling.shadow.as_ref().filter(|shadow| shadow.holds(given.now));
    for notice in notices {
        let Some(message) = message(notice, agency, given, &mut rendered.n_template_faults) else {
            rendered.n_out_of_reach += 1;
            continue;
        };
        rendered.mentions.extend(mentions(notice, &message.id));
        rendered.messages.push(match shadow {
            Some(shadow) => shadow.divert(message),
            None => message,
        });
    }
    rendered
}

fn message(notice: &Notice, agency: &AgencyName, given: Given<'_>, n_template_faults: &mut u64) -> Option<Message> {
    let paging = &given.policy.paging;
    let person = paging.roster.person(&notice.to);
    let contact = person.and_then(|person| {
        person.contacts.iter().find(|contact| contact.via == notice.via && contact.mark == notice.mark)
    });
    let address = contact.map(|contact| &contact.address).or_else(|| given.former.get(&notice.mark))?.clone();
    let id = notice.message(agency);
    let speaker = Speaker { telling: given.telling, agency, now: given.now };
    let (content, gateways) = match notice.via {
        Via::Sms => {
            let text = own_text(notice, given, speaker, n_template_faults);
            let text = text.unwrap_or_else(|| page_texts::text(&notice.says, speaker));
            (Content::Sms { text }, paging.sms_gateways.clone())
        }
        Via::Call => (
            Content::Call { text: spoken::spoken(&notice.says, speaker), code: code_of(&notice.says) },
            paging.call_gateways.clone(),
        ),
        Via::Email => (mail(notice, &id, paging.mail.as_ref()?, given, speaker), Vec::new()),
    };
    Some(Message {
        id,
        agency: agency.clone(),
        receiver: PEOPLE.to_owned(),
        recipient: notice.to.to_string(),
        channel: notice.channel(),
        gateways,
        address,
        content: Phi::new(content),
        why: notice.why,
        urgency: notice.urgency,
        created_at: given.now,
        useful_until: notice.useful_until,
        fired_at: notice.fired_at,
        follows: notice.follows.clone(),
    })
}

/// The receiver's own template of a page's text. What it leaves out and a reader can't do without is added: the code.
fn own_text(notice: &Notice, given: Given<'_>, speaker: Speaker<'_>, n_template_faults: &mut u64) -> Option<String> {
    let Says::Page { code, link, alerts, text: Some(source), .. } = &notice.says else { return None };
    let alerts: Vec<&Alert> = alerts.iter().collect();
    let first = alerts.first()?;
    let voice = speaker.voice();
    let seen = Seen {
        receiver: PEOPLE,
        group_labels: Labels::new(),
        external_url: given.telling.external_url.as_deref().unwrap_or_default(),
        people: given.people,
        granted: false,
    };
    let context = render::context(&alerts, &seen);
    let filled = template::message(source, &context, voice, voice.zone_of(&first.facts.location), false);
    let Some(filled) = filled.filter(|text| !text.trim().is_empty()) else {
        *n_template_faults += 1;
        return None;
    };
    let link = link.as_deref().and_then(|token| speaker.url(token)).map_or_else(String::new, |url| format!(" {url}"));
    let tail = gsm7::transliterate(&format!(" Reply 1 {code}.{link}"));
    let room = SEPTETS_MAX.saturating_sub(gsm7::septets(&tail).unwrap_or(SEPTETS_MAX));
    Some(format!("{}{tail}", gsm7::cut(filled.trim(), room)))
}

/// The code that a key press may take.
fn code_of(says: &Says) -> Option<String> {
    match says {
        Says::Page { code, ask, .. } if *ask != PageAsk::WentUnstaffed => Some(code.clone()),
        Says::Standing { code, .. } => Some(code.clone()),
        _ => None,
    }
}

fn mail(notice: &Notice, id: &MessageId, settings: &PersonalMail, given: Given<'_>, speaker: Speaker<'_>) -> Content {
    let title = &speaker.voice().title;
    let to = notice.to.to_string();
    let (firing, over) = about(&notice.says);
    let letter = letter(&notice.says, speaker, to);
    let (telling, covers, now) = (given.telling, given.covers, given.now);
    let frame = Frame { telling, people: None, covers, receiver: PEOPLE, summary: false, now };
    let Mail { subject, text, html } = email::write_letter(&letter, &firing, &over, frame, title);
    // Every mail of one page to one address is one thread, also when the first of it was another way's.
    let thread = MessageId::of_notice(speaker.agency, &notice.topic, 0, Channel::Email, &notice.mark);
    let is_thread = matches!(notice.says, Says::Page { .. } | Says::Owned { .. } | Says::Closed { .. });
    let first = notice.follows.first().or_else(|| is_thread.then_some(&thread)).filter(|first| *first != id);
    Content::Email {
        subject,
        text,
        html,
        in_reply_to: first.map(|first| email::message_id(first.as_str(), &settings.from)),
        message_id: email::message_id(id.as_str(), &settings.from),
        from: settings.from.clone(),
        smarthost: settings.smarthost.clone(),
        enclosed: Vec::new(),
    }
}

fn letter(says: &Says, speaker: Speaker<'_>, to: String) -> Letter {
    let voice = speaker.voice();
    match says {
        Says::Page { alerts, told_before, ask, link, .. } if !alerts.is_empty() && *ask != PageAsk::Drill => {
            let first = &alerts[0];
            let words = words::firing(first, speaker.telling, speaker.now);
            let headline = email::headline(first, &words);
            let zone = voice.zone_of(&first.facts.location);
            let mut lead: Vec<String> =
                told_before.iter().map(|(name, at)| format!("{name} was told at {}.", voice.time(*at, zone))).collect();
            let subject = match ask {
                PageAsk::First | PageAsk::Escalated | PageAsk::Drill => headline,
                PageAsk::Repeated => {
                    lead.push("Nobody has it yet.".into());
                    format!("STILL {headline}")
                }
                PageAsk::Expired => {
                    lead.push("Nobody has it any more.".into());
                    format!("Nobody has it any more: {headline}")
                }
                PageAsk::More => format!("More of it: {headline}"),
                PageAsk::StillYours { until } => {
                    lead.push(format!("Still yours? Without an answer by {}, others are told.", speaker.until(*until)));
                    format!("Still yours? {headline}")
                }
                PageAsk::WentUnstaffed => {
                    lead.push("It is over, and nobody took it. Find out how the client is.".into());
                    format!("Went unstaffed? {headline}")
                }
                PageAsk::Changing { n, since } => {
                    lead.push(format!("It keeps changing: {n} times since {}.", voice.time(*since, zone)));
                    headline
                }
            };
            let link = link.as_deref().and_then(|token| speaker.url(token));
            if link.is_none() {
                lead.push("Take it on the board, or reply to the text if you got one.".into());
            }
            Letter { subject, lead, link: link.map(|url| ("Open to take it, pass it on or close it".into(), url)), to }
        }
        Says::Standing { code, link, alerts, until } => {
            let until = speaker.until(*until);
            let subject = format!("{} without a caregiver up to {until}", plural(alerts.len(), "shift", "shifts"));
            let mut lead: Vec<String> = alerts.iter().map(|alert| page_texts::what(alert, voice)).collect();
            lead.push(format!("Find cover. Whoever takes {code} keeps it from going to the next person; each shift pages two hours before it starts."));
            let link = link.as_deref().and_then(|token| speaker.url(token));
            Letter { subject, lead, link: link.map(|url| ("Open to take the list or pass it on".into(), url)), to }
        }
        Says::Morning { n_open, open, .. } => {
            let subject =
                format!("What became of {}?", plural(*n_open, "page of the last night", "pages of the last night"));
            let mut lead = vec!["Say of each what became of it: covered and by whom, arrived, the client refused, went unstaffed and who approved it, or an error in the schedule.".to_owned()];
            lead.extend(open.iter().map(|one| format!("Shift {}: {}.", one.shift, page_texts::unsaid(one, voice))));
            let url = speaker.telling.external_url.as_ref().map(|url| format!("{url}/on-call"));
            Letter { subject, lead, link: url.map(|url| ("Open the on-call log".into(), url)), to }
        }
        says => {
            let text = page_texts::text(says, speaker);
            let bare = text.strip_prefix(voice.title.as_str()).unwrap_or(&text).trim_start_matches(':').trim();
            let subject = if bare.chars().count() <= SUBJECT_CHARS {
                bare.to_owned()
            } else {
                format!("{}..", bare.chars().take(SUBJECT_CHARS).collect::<String>().trim_end())
            };
            Letter { subject, lead: vec![bare.to_owned()], link: None, to }
        }
    }
}

/// What a notice is about: what fires, and what is over.
fn about(says: &Says) -> (Vec<&Alert>, Vec<&Alert>) {
    match says {
        Says::Page { alerts, .. } | Says::Standing { alerts, .. } => (alerts.iter().collect(), Vec::new()),
        Says::WatchOn { open, .. } => (open.iter().collect(), Vec::new()),
        Says::Bundle(all) => (alerts_of(&all.open), alerts_of(&all.closed)),
        Says::Owned { alert, .. } => (vec![alert], Vec::new()),
        Says::Closed { alerts, .. } => (Vec::new(), alerts.iter().collect()),
        Says::Answer(_) | Says::Morning { .. } | Says::SilenceEnds { .. } | Says::Unreached { .. } => {
            (Vec::new(), Vec::new())
        }
    }
}

fn alerts_of(pages: &[BundledPage]) -> Vec<&Alert> {
    pages.iter().map(|page| &page.alert).collect()
}

fn mentions(notice: &Notice, message: &MessageId) -> Vec<Mention> {
    let mention = |fires: bool| {
        move |alert: &&Alert| Mention {
            message: message.clone(),
            fingerprint: fingerprint(&alert.labels),
            active_at: alert.active_at,
            fires,
        }
    };
    let (firing, over) = about(&notice.says);
    let firing = firing.iter().take(MENTIONS_MAX).map(mention(true));
    firing.chain(over.iter().take(MENTIONS_MAX).map(mention(false))).collect()
}

fn plural(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

#[cfg(test)]
mod tests;
