//! The vendor's subscriptions to hooks: which there are, which there should be, and what makes the one the other.
//!
//! Ours are those that carry our reason and point to our address; all others are somebody else's and are left alone,
//! another shiftwatch's on the same agency too. The vendor's list may not say where a subscription points to: then the
//! subscription itself is asked, and while that says nothing either, nobody can know whose it is.

use reqwest::Method;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use url::Url;

use super::{WriteFault, Writer};
use crate::source::{
    paging::{End, Next, PAGE_ROWS, PageSeen, Paging},
    wire::{bundle, value},
};

/// The `reason` of ours.
pub const REASON: &str = "shiftwatch";
/// Changes that are worth a read; the vendor offers none about shifts (contract §7).
pub const CRITERIA: [&str; 12] = [
    "patient.created",
    "patient.name.changed",
    "patient.address.changed",
    "patient.telecom.changed",
    "patient.deactivated.changed",
    "patient.dateofdeath.changed",
    "practitioner.created",
    "practitioner.name.changed",
    "practitioner.address.changed",
    "practitioner.telecom.changed",
    "practitioner.deactivated.changed",
    "encounter.clockout.changed",
];
const PATH: &str = "/v1/subscriptions/";
/// Twenty-two kinds of change, a few subscribers each.
const PAGES_MAX: u32 = 20;

/// One subscription as the vendor shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The vendor's id.
    pub id: String,
    /// What it tells of.
    pub criteria: String,
    /// True unless its status says otherwise.
    pub active: bool,
    /// Why it was made, where the vendor shows that.
    pub reason: Option<String>,
    /// Where it points to, where the vendor shows that.
    pub endpoint: Option<String>,
    /// For which of the vendor's agencies it was made, where the vendor shows that.
    pub agency_id: Option<String>,
    /// The `Authorization` it sends, where the vendor shows that.
    authorization: Option<String>,
}

/// Whose a subscription is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// This installation's.
    Ours,
    /// Another shiftwatch's, or ours from a time with another address, or another agency's on the same credential.
    Sibling,
    /// Somebody else's.
    Foreign,
    /// The vendor does not show where it points to.
    Unknown,
}

impl Subscription {
    /// Whose it is, seen from this agency of an installation with this address.
    #[must_use]
    pub fn whose(&self, here: Here<'_>) -> Whose {
        let reason_is_ours = self.reason.as_deref().map(|reason| reason == REASON);
        let another_agencys = self.agency_id.as_deref().zip(here.agency_id).is_some_and(|(its, ours)| its != ours);
        match (&self.endpoint, reason_is_ours) {
            (Some(at), Some(true) | None) if is_at(at, here.endpoint) => {
                if another_agencys {
                    Whose::Sibling
                } else {
                    Whose::Ours
                }
            }
            (Some(_), Some(true)) => Whose::Sibling,
            (Some(_), _) | (None, Some(false)) => Whose::Foreign,
            (None, _) => Whose::Unknown,
        }
    }
}

/// From where it is asked whose a subscription is.
#[derive(Debug, Clone, Copy)]
pub struct Here<'a> {
    /// The address that the vendor is to tell.
    pub endpoint: &'a str,
    /// The agency's id at the vendor.
    pub agency_id: Option<&'a str>,
}

/// Whether two addresses are one; a slash at the end and the case of a host's name make no difference.
fn is_at(shown: &str, endpoint: &str) -> bool {
    let read = |text: &str| Url::parse(text.trim()).ok().map(|url| url.as_str().trim_end_matches('/').to_owned());
    shown == endpoint || read(shown).is_some_and(|shown| read(endpoint) == Some(shown))
}

/// One step from what there is to what there should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A subscription is missing.
    Create {
        /// To what.
        criteria: &'static str,
    },
    /// One is off, or sends another secret.
    Renew {
        /// Which.
        id: String,
        /// To what.
        criteria: String,
    },
    /// One is too many: a second of the same, or of a kind that is of no use any more.
    Remove {
        /// Which.
        id: String,
        /// To what.
        criteria: String,
    },
}

/// What has to change so that each of [`CRITERIA`] is told once to `here`. `rewrite` renews all of ours, for a vendor
/// that does not show which secret a subscription sends.
#[must_use]
pub fn plan(there: &[Subscription], here: Here<'_>, secret: &SecretString, rewrite: bool) -> Vec<Change> {
    let mut ours: Vec<&Subscription> = there.iter().filter(|it| it.whose(here) == Whose::Ours).collect();
    // Of two that say the same, the one that works stays.
    ours.sort_by_key(|it| (it.criteria.clone(), !it.active));
    let authorization = authorization(secret);
    let mut changes = Vec::new();
    for criteria in CRITERIA {
        match ours.iter().find(|it| it.criteria == criteria) {
            None => changes.push(Change::Create { criteria }),
            Some(it) if rewrite || !it.active || it.authorization.as_ref().is_some_and(|it| *it != authorization) => {
                changes.push(Change::Renew { id: it.id.clone(), criteria: it.criteria.clone() });
            }
            Some(_) => {}
        }
    }
    for (n, it) in ours.iter().enumerate() {
        let is_second = ours.iter().take(n).any(|before| before.criteria == it.criteria);
        if is_second || !CRITERIA.contains(&it.criteria.as_str()) {
            changes.push(Change::Remove { id: it.id.clone(), criteria: it.criteria.clone() });
        }
    }
    changes
}

/// What takes away all that point to `here` and are ours.
#[must_use]
pub fn removal(there: &[Subscription], here: Here<'_>) -> Vec<Change> {
    let ours = there.iter().filter(|it| it.whose(here) == Whose::Ours);
    ours.map(|it| Change::Remove { id: it.id.clone(), criteria: it.criteria.clone() }).collect()
}

fn authorization(secret: &SecretString) -> String {
    format!("Authorization: Bearer {}", secret.expose_secret())
}

impl Writer {
    /// Every subscription there is.
    ///
    /// # Errors
    /// As [`WriteFault`] says; a list that does not add up is [`WriteFault::Unreadable`], because a plan made from a part
    /// of it would subscribe twice.
    pub async fn subscriptions(&self) -> Result<Vec<Subscription>, WriteFault> {
        let mut paging = Paging::new(None, PAGES_MAX);
        let mut number: Option<String> = None;
        let mut found: Vec<Subscription> = Vec::new();
        let count = PAGE_ROWS.to_string();
        loop {
            let mut query = vec![("_count", count.as_str())];
            query.extend(number.as_deref().map(|number| ("_page", number)));
            let answer = self.send(Method::GET, PATH, &[], &query, None).await?;
            let page = bundle::read(answer.to_string().as_bytes()).map_err(|_| WriteFault::Unreadable)?;
            let mut keys = Vec::new();
            for row in &page.rows {
                let subscription = subscription(row).ok_or(WriteFault::Unreadable)?;
                keys.push(subscription.id.clone());
                if found.iter().all(|known| known.id != subscription.id) {
                    found.push(subscription);
                }
            }
            match paging.take(PageSeen { keys, total: page.total }) {
                Next::Ask(page) => number = Some(page.to_string()),
                Next::Done(End::Complete) => break,
                Next::Done(End::Mismatch | End::Incomplete) => return Err(WriteFault::Unreadable),
            }
        }
        for it in found.iter_mut().filter(|it| it.endpoint.is_none()) {
            let alone = self.send(Method::GET, PATH, &[&it.id], &[], None).await?;
            let row = alone.get("resource").unwrap_or(&alone);
            if let Some(shown) = subscription(row).filter(|shown| shown.id == it.id) {
                *it = shown;
            }
        }
        found.sort_by(|a, b| (&a.criteria, a.id.len(), &a.id).cmp(&(&b.criteria, b.id.len(), &b.id)));
        Ok(found)
    }

    /// Makes one change.
    ///
    /// # Errors
    /// As [`WriteFault`] says. Making it again, after looking again, does no harm.
    pub async fn carry_out(&self, change: &Change, endpoint: &str, secret: &SecretString) -> Result<(), WriteFault> {
        match change {
            Change::Create { criteria } => {
                let body = self.subscription_body(criteria, endpoint, secret);
                self.send(Method::POST, PATH, &[], &[], Some(&body)).await?;
            }
            Change::Renew { id, criteria } => {
                let body = self.subscription_body(criteria, endpoint, secret);
                self.send(Method::PUT, PATH, &[id], &[], Some(&body)).await?;
            }
            Change::Remove { id, .. } => {
                match self.send(Method::DELETE, PATH, &[id], &[], None).await {
                    // Somebody was faster: it is gone.
                    Err(WriteFault::Refused { status: 404 | 410, .. }) | Ok(_) => {}
                    Err(fault) => return Err(fault),
                }
            }
        }
        Ok(())
    }

    fn subscription_body(&self, criteria: &str, endpoint: &str, secret: &SecretString) -> Value {
        json!({
            "resourceType": "Subscription",
            "status": "active",
            "criteria": criteria,
            "reason": REASON,
            "channel": {
                "type": "rest-hook",
                "endpoint": endpoint,
                "payload": "application/fhir+json",
                "header": [authorization(secret)],
            },
            "meta": { "tag": [ { "code": "agencyId", "display": self.agency_id().unwrap_or_default() } ] },
        })
    }
}

fn subscription(row: &Value) -> Option<Subscription> {
    // What is shown as an empty text is not shown.
    let text = |value: Option<&Value>| {
        value.and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let channel = row.get("channel");
    let headers = channel.and_then(|channel| channel.get("header"));
    let headers = match headers {
        Some(Value::Array(headers)) => headers.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(header)) => vec![header.as_str()],
        _ => Vec::new(),
    };
    let is_authorization = |header: &&&str| header.to_ascii_lowercase().starts_with("authorization:");
    // A vendor that shows stars in place of a secret shows nothing of it.
    let authorization = headers.iter().find(is_authorization).filter(|header| !header.contains('*'));
    let status = text(row.get("status"));
    Some(Subscription {
        id: value::usable_id(row.get("id"))?,
        criteria: text(row.get("criteria")).unwrap_or_default(),
        active: status.is_none_or(|status| matches!(status.to_ascii_lowercase().as_str(), "active" | "requested")),
        reason: text(row.get("reason")),
        endpoint: text(channel.and_then(|channel| channel.get("endpoint"))),
        agency_id: value::usable_id(value::tag(row, "agencyId")),
        authorization: authorization.map(|header| (*header).to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &str = "https://watch.example.com/hooks/wellsky";
    const OURS: Here<'static> = Here { endpoint: HERE, agency_id: Some("9999") };

    fn secret() -> SecretString {
        SecretString::from("example-shared-secret")
    }

    fn row(id: &str, criteria: &str) -> Subscription {
        Subscription {
            id: id.to_owned(),
            criteria: criteria.to_owned(),
            active: true,
            reason: Some(REASON.to_owned()),
            endpoint: Some(HERE.to_owned()),
            agency_id: Some("9999".to_owned()),
            authorization: Some(authorization(&secret())),
        }
    }

    fn all() -> Vec<Subscription> {
        CRITERIA.iter().enumerate().map(|(n, criteria)| row(&n.to_string(), criteria)).collect()
    }

    #[test]
    fn what_is_as_it_should_be_is_left_alone() {
        assert_eq!(plan(&all(), OURS, &secret(), false), []);
        assert_eq!(plan(&[], OURS, &secret(), false).len(), CRITERIA.len(), "at first all are made");
        assert_eq!(plan(&all(), OURS, &secret(), true).len(), CRITERIA.len(), "all again, when asked to");
    }

    #[test]
    fn only_what_differs_is_changed() {
        let mut there = all();
        there[0].active = false;
        there[1].authorization = Some("Authorization: Bearer the-old-secret".to_owned());
        there[2].authorization = None;
        there.remove(11);
        there.push(row("90", "patient.telecom.changed"));
        there.push(row("91", "referralsources.created"));
        let renew = |n: usize| Change::Renew { id: n.to_string(), criteria: CRITERIA[n].to_owned() };
        let remove = |id: &str, criteria: &str| Change::Remove { id: id.to_owned(), criteria: criteria.to_owned() };
        assert_eq!(
            plan(&there, OURS, &secret(), false),
            [
                renew(0),
                renew(1),
                Change::Create { criteria: CRITERIA[11] },
                remove("90", "patient.telecom.changed"),
                remove("91", "referralsources.created"),
            ]
        );
    }

    #[test]
    fn nobody_elses_is_touched() {
        let rows: &[(Option<&str>, Option<&str>, Whose, &str)] = &[
            (Some(REASON), Some(HERE), Whose::Ours, "ours"),
            (None, Some(HERE), Whose::Ours, "the address alone says it"),
            (Some(REASON), Some("https://Watch.example.com/hooks/wellsky/"), Whose::Ours, "the same address"),
            (Some("billing"), Some(HERE), Whose::Foreign, "somebody else's reason"),
            (Some(REASON), Some("https://test.example.com/hooks/wellsky"), Whose::Sibling, "another shiftwatch's"),
            (None, Some("https://crm.example.com/"), Whose::Foreign, "another address"),
            (Some("billing"), None, Whose::Foreign, "another reason"),
            (Some(REASON), None, Whose::Unknown, "nobody knows where it points to"),
            (None, None, Whose::Unknown, "nobody knows anything"),
        ];
        for (reason, endpoint, whose, shows) in rows {
            let reason = reason.map(str::to_owned);
            let endpoint = endpoint.map(str::to_owned);
            let it = Subscription { reason, endpoint, ..row("1", CRITERIA[0]) };
            assert_eq!(it.whose(OURS), *whose, "{shows}");
            assert_eq!(removal(&[it], OURS).len(), usize::from(*whose == Whose::Ours), "{shows}");
        }
    }

    #[test]
    fn two_agencies_on_one_credential_keep_out_of_each_others_way() {
        let two = Here { agency_id: Some("8888"), ..OURS };
        let its_secret = SecretString::from("another-shared-secret");
        let there = all();
        assert_eq!(plan(&there, two, &its_secret, true).len(), CRITERIA.len());
        assert!(plan(&there, two, &its_secret, true).iter().all(|change| matches!(change, Change::Create { .. })));
        assert_eq!(removal(&there, two), []);
        let its = |it: Subscription| Subscription {
            id: format!("2-{}", it.id),
            agency_id: Some("8888".to_owned()),
            authorization: Some(authorization(&its_secret)),
            ..it
        };
        let both: Vec<Subscription> = all().into_iter().chain(all().into_iter().map(its)).collect();
        assert_eq!(plan(&both, OURS, &secret(), false), []);
        assert_eq!(plan(&both, two, &its_secret, false), []);
        assert_eq!(removal(&both, two).len(), CRITERIA.len());
        // Of which it is not shown counts as ours: most credentials have one agency.
        assert_eq!(Subscription { agency_id: None, ..row("1", CRITERIA[0]) }.whose(two), Whose::Ours);
    }

    #[test]
    fn rows_are_read_as_they_come() {
        let full = json!({ "resourceType": "Subscription", "id": 321, "status": "off", "criteria": "patient.created",
            "reason": "shiftwatch", "channel": { "endpoint": HERE, "header": ["authorization: Bearer x"] } });
        let it = subscription(&full).unwrap();
        assert_eq!((it.id.as_str(), it.active, it.endpoint.as_deref()), ("321", false, Some(HERE)));
        assert_eq!(it.authorization.as_deref(), Some("authorization: Bearer x"));
        let starred = json!({ "id": "1", "channel": { "header": "Authorization: ********" } });
        assert_eq!(subscription(&starred).unwrap().authorization, None);
        let tagged = json!({ "id": "1", "reason": " ", "meta": { "tag": [{ "code": "agencyId", "display": 9999 }] },
            "channel": { "endpoint": format!("{HERE}/") } });
        let it = subscription(&tagged).unwrap();
        assert_eq!((it.agency_id.as_deref(), it.reason.as_deref()), (Some("9999"), None), "an empty text says nothing");
        assert_eq!(it.whose(OURS), Whose::Ours);
        assert_eq!(subscription(&json!({ "criteria": "patient.created" })), None, "without an id nothing can be done");
    }
}
