//! Twilio's Calls API: a form with the call's markup in it, JSON out.

use super::twiml;
use crate::{
    model::{Instant, PhiGrant},
    notify::{
        channel::{Again, Delivery, Moment, Scope, Verdict},
        inbound::{STATUS_HOOK, VOICE_HOOK},
        message::Message,
        sms::twilio::Twilio,
    },
};

/// How long it rings, seconds: most mailboxes answer after twenty to thirty.
const RINGS_S: &str = "25";

/// Places a call. The answer means that it is on its way, not that anybody answered.
pub(in crate::notify) async fn place(
    twilio: &Twilio,
    message: &Message,
    words: &str,
    code: Option<&str>,
    moment: Moment,
) -> Verdict {
    let Some(from) = twilio.from() else {
        return Verdict::NotSent {
            why: "the gateway has no number to call from".into(),
            scope: Scope::Account,
            retry_after: None,
        };
    };
    let press = twilio.hooks().zip(code).map(|(hooks, code)| twiml::press_url(&format!("{hooks}{VOICE_HOOK}"), code));
    let markup = twiml::of(words, press.as_deref());
    let status_hook = twilio.hooks().map(|hooks| format!("{hooks}{STATUS_HOOK}"));
    let mut form = vec![
        ("To", message.address.reveal(PhiGrant::SEND).as_str()),
        ("From", from),
        ("Twiml", markup.as_str()),
        ("Timeout", RINGS_S),
    ];
    if let Some(hook) = &status_hook {
        form.push(("StatusCallback", hook));
        form.extend([("StatusCallbackEvent", "answered"), ("StatusCallbackEvent", "completed")]);
    }
    twilio.create("Calls", &form, moment).await
}

/// Every call that may be this one. A call carries no words of its own in the list: same number, same minute.
pub(in crate::notify) async fn ask(twilio: &Twilio, message: &Message, since: Instant) -> Result<Vec<String>, String> {
    let to = message.address.reveal(PhiGrant::SEND);
    twilio.find("Calls", to, twilio.from(), since, |listed| listed.is_ours_to(to)).await
}

/// Whether anybody answered.
pub(in crate::notify) async fn delivery(twilio: &Twilio, sid: &str) -> Delivery {
    match twilio.read("Calls", sid).await {
        Ok(answer) => delivery_of(answer.status.as_deref()),
        Err(delivery) => delivery,
    }
}

/// What a call's status says.
pub(in crate::notify) fn delivery_of(status: Option<&str>) -> Delivery {
    match status {
        Some("in-progress" | "answered" | "completed") => Delivery::Delivered,
        Some(code @ ("busy" | "no-answer" | "failed" | "canceled")) => {
            Delivery::Undelivered { code: code.to_owned(), again: Again::Never, bad: None }
        }
        _ => Delivery::Pending,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_told_once_it_is_answered() {
        for status in ["in-progress", "answered", "completed"] {
            assert_eq!(delivery_of(Some(status)), Delivery::Delivered, "{status}");
        }
        for status in ["queued", "initiated", "ringing", "something new"] {
            assert_eq!(delivery_of(Some(status)), Delivery::Pending, "{status}");
        }
        for status in ["busy", "no-answer", "failed", "canceled"] {
            let undelivered = Delivery::Undelivered { code: status.into(), again: Again::Never, bad: None };
            assert_eq!(delivery_of(Some(status)), undelivered, "{status}");
        }
        assert_eq!(delivery_of(None), Delivery::Pending);
    }
}
