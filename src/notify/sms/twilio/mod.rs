//! Twilio's Messages API: a form in, JSON out.
//!
//! Given: a text and a number.
//! Gives: whether Twilio took it, whether it has it, what became of it, and what people texted to the number.
//! Does not: retry. There is no idempotency key on create, so after a lost answer the list is asked (public API
//! description `twilio_api_v2010`, 2026-04; error pages under twilio.com/docs/api/errors).

pub(in crate::notify) mod wire;

use std::{collections::BTreeMap, time::Duration};

use chrono::TimeDelta;
use reqwest::{RequestBuilder, StatusCode, header::AUTHORIZATION};
use secrecy::{ExposeSecret as _, SecretString};

use self::wire::{Answer, List, Listed, is_sid};
use super::{Silence, e164, judged};
use crate::{
    clock::real_now,
    model::{Instant, Phi, PhiGrant},
    notify::{
        channel::{Delivery, Http, Moment, Verdict, basic, http_failure, retry_after},
        inbound::{STATUS_HOOK, Text},
        message::Message,
        receiver::TwilioAccount,
    },
};

/// Twilio stamps a message when it takes it; its clock and ours may differ by this much.
const CLOCK_MARGIN: TimeDelta = TimeDelta::seconds(60);
/// Pages of a hundred that are read while looking for one text. Five hundred texts to one number within the minute
/// before an attempt do not happen.
const PAGES: usize = 5;
/// Bounds of `ValidityPeriod`, seconds.
const VALIDITY: std::ops::RangeInclusive<u64> = 1..=36_000;

/// One account.
#[derive(Debug)]
pub struct Twilio {
    http: Http,
    base_url: String,
    account: String,
    authorization: SecretString,
    from: Option<String>,
    messaging_service_sid: Option<String>,
    /// The one number that texts leave from and answers come to, where there is one.
    bound_to: Option<String>,
    /// Where Twilio reports; `None` when it cannot reach us.
    hooks: Option<String>,
    timeout: Duration,
}

impl Twilio {
    pub(in crate::notify) fn new(http: Http, settings: TwilioAccount, hooks: Option<&str>, timeout: Duration) -> Self {
        let base_url = settings.base_url.trim_end_matches('/').to_owned();
        Self {
            http,
            account: format!("{base_url}/2010-04-01/Accounts/{}", settings.account_sid),
            base_url,
            authorization: basic(&settings.account_sid, &settings.auth_token),
            bound_to: settings.bound_to().map(ToOwned::to_owned),
            from: settings.from,
            messaging_service_sid: settings.messaging_service_sid,
            hooks: hooks.map(ToOwned::to_owned),
            timeout,
        }
    }

    /// The number that calls come from.
    pub(in crate::notify) fn from(&self) -> Option<&str> {
        self.from.as_deref()
    }

    /// Where Twilio can reach us, no trailing slash.
    pub(in crate::notify) fn hooks(&self) -> Option<&str> {
        self.hooks.as_deref()
    }

    pub(in crate::notify) async fn send(&self, message: &Message, text: &str, moment: Moment) -> Verdict {
        let useful = moment.real_between(moment.now, message.useful_until).as_secs();
        let validity = useful.clamp(*VALIDITY.start(), *VALIDITY.end()).to_string();
        let status_hook = self.hooks.as_ref().map(|hooks| format!("{hooks}{STATUS_HOOK}"));
        let mut form = vec![
            ("To", message.address.reveal(PhiGrant::SEND).as_str()),
            ("Body", text),
            ("ValidityPeriod", validity.as_str()),
        ];
        match (&self.messaging_service_sid, &self.from) {
            (Some(service), _) => form.push(("MessagingServiceSid", service)),
            (None, Some(from)) => form.push(("From", from)),
            (None, None) => {}
        }
        if let Some(hook) = &status_hook {
            form.push(("StatusCallback", hook));
        }
        self.create("Messages", &form, moment).await
    }

    /// Makes a text or a call.
    pub(in crate::notify) async fn create(&self, what: &str, form: &[(&str, &str)], moment: Moment) -> Verdict {
        let url = format!("{}/{what}.json", self.account);
        let request = self.signed(self.http.client(&url).post(&url)).form(form).timeout(self.timeout);
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return http_failure(&error),
        };
        let status = response.status();
        let retry_after = retry_after(response.headers(), moment.real);
        judged(response, |body| wire::verdict(status, body, retry_after)).await
    }

    /// Every message that may be this one: same body, same number, taken after `since` (less a margin), oldest first.
    /// `Err` says why there was no answer.
    pub(in crate::notify) async fn ask(
        &self,
        message: &Message,
        text: &str,
        since: Instant,
    ) -> Result<Vec<String>, String> {
        let to = message.address.reveal(PhiGrant::SEND);
        // A messaging service picks the number itself.
        self.find("Messages", to, self.bound_to.as_deref(), since, |listed| listed.matches(text, to)).await
    }

    /// The ids of those in a list to this number that are meant, taken after `since` (less a margin), oldest first.
    pub(in crate::notify) async fn find(
        &self,
        what: &str,
        to: &str,
        from: Option<&str>,
        since: Instant,
        meant: impl Fn(&Listed) -> bool,
    ) -> Result<Vec<String>, String> {
        let mut query = vec![("To", to)];
        query.extend(from.map(|from| ("From", from)));
        let (rows, all) = self.list(what, &query, since - CLOCK_MARGIN).await.map_err(|silence| silence.why)?;
        let mut found: Vec<(Option<Instant>, String)> = rows
            .into_iter()
            .filter(meant)
            .filter_map(|listed| Some((listed.created_at(), listed.sid.filter(|sid| is_sid(sid))?)))
            .collect();
        if found.is_empty() && !all {
            return Err("the list is longer than can be read".into());
        }
        found.sort();
        Ok(found.into_iter().map(|(_, sid)| sid).collect())
    }

    /// What people texted to this number since then, oldest first.
    pub(in crate::notify) async fn heard(&self, since: Instant) -> Result<Vec<Text>, Silence> {
        // People answer to whichever number of its pool a messaging service took.
        let query: Vec<(&str, &str)> = self.bound_to.as_deref().map(|to| ("To", to)).into_iter().collect();
        let (rows, _) = self.list("Messages", &query, since).await?;
        let mut texts: Vec<Text> = rows
            .into_iter()
            .rev()
            .filter(|row| row.direction.as_deref() == Some("inbound"))
            .filter_map(|row| {
                let at = row.created_at();
                Some(Text {
                    provider_id: row.sid.filter(|sid| is_sid(sid))?,
                    from: Phi::new(e164(row.from.as_deref()?)?),
                    text: Phi::new(row.body?),
                    at,
                })
            })
            .collect();
        // The list is newest first, and its stamps are whole seconds.
        texts.sort_by_key(|text| text.at);
        Ok(texts)
    }

    /// The rows of a list that were made since then, newest first; and whether that is all of them.
    async fn list(&self, what: &str, query: &[(&str, &str)], since: Instant) -> Result<(Vec<Listed>, bool), Silence> {
        let (mut url, mut found) = (format!("{}/{what}.json", self.account), Vec::new());
        for page in 0..PAGES {
            let mut request = self.http.client(&url).get(&url).timeout(self.timeout);
            if page == 0 {
                request = request.query(query).query(&[("PageSize", "100")]);
            }
            let list: List = match self.signed(request).send().await {
                Ok(response) if response.status().is_success() => match response.json().await {
                    Ok(list) => list,
                    Err(_) => return Err("the list cannot be read".to_owned().into()),
                },
                Ok(response) => {
                    let ask_after = retry_after(response.headers(), real_now());
                    return Err(Silence { why: format!("HTTP {} to the list", response.status().as_u16()), ask_after });
                }
                Err(_) => return Err("the list was not answered".to_owned().into()),
            };
            let next_page_uri = list.next_page_uri.clone();
            let Some(rows) = list.rows() else { return Err("the list cannot be read".to_owned().into()) };
            let n_rows = rows.len();
            found.extend(rows.into_iter().filter(|row| row.created_at().is_none_or(|at| at >= since)));
            let reached_older = n_rows == 0 || found.len() < n_rows * (page + 1);
            match next_page_uri.filter(|_| !reached_older) {
                Some(next) if next.starts_with('/') => url = format!("{}{next}", self.base_url),
                _ => return Ok((found, true)),
            }
        }
        Ok((found, false))
    }

    pub(in crate::notify) async fn delivery(&self, sid: &str) -> Delivery {
        match self.read("Messages", sid).await {
            Ok(answer) => answer.delivery(),
            Err(delivery) => delivery,
        }
    }

    /// What became of the texts that were made since then, as far as a list tells, by sid.
    pub(in crate::notify) async fn deliveries(&self, since: Instant) -> Result<BTreeMap<String, Delivery>, Silence> {
        let query: Vec<(&str, &str)> = self.bound_to.as_deref().map(|from| ("From", from)).into_iter().collect();
        let (rows, _) = self.list("Messages", &query, since - CLOCK_MARGIN).await?;
        let told = rows.into_iter().filter_map(|row| {
            let delivery = row.delivery();
            Some((row.sid?, delivery))
        });
        Ok(told.collect())
    }

    /// Reads one text or call; without an answer, what that says of it.
    pub(in crate::notify) async fn read(&self, what: &str, sid: &str) -> Result<Answer, Delivery> {
        let url = format!("{}/{what}/{sid}.json", self.account);
        let request = self.signed(self.http.client(&url).get(&url)).timeout(self.timeout);
        let response = request.send().await.map_err(|_| Delivery::NoAnswer)?;
        if response.status() == StatusCode::NOT_FOUND {
            return Err(Delivery::Unknown);
        }
        if !response.status().is_success() {
            return Err(Delivery::NoAnswer);
        }
        response.json::<Answer>().await.map_err(|_| Delivery::NoAnswer)
    }

    fn signed(&self, request: RequestBuilder) -> RequestBuilder {
        request.header(AUTHORIZATION, self.authorization.expose_secret())
    }
}
