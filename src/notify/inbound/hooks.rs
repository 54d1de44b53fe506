//! Requests that gateways make of us: texts that came in, what became of ours, keys pressed in calls.
//!
//! Given: a request as it came, and the address under which people reach us. Gives: what to answer.
//! Does not: believe a request whose signature or token is not right: it is counted, and nothing of it is kept. Does not
//! depend on them either: everything that they tell is asked for besides.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rand::{SeedableRng as _, rngs::StdRng};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::{Ears, Heard, HeardWas, Replies, VOICE_HOOK, signature};
use crate::{
    clock::Clock,
    model::{AddressMark, Phi},
    notify::{
        call::{self, twiml},
        channel::Moment,
        deliver::DelivererParts,
        message::Channel,
        poll,
        receiver::{RingCentralExtension, SmsGateway, SmsGatewayKind, TwilioAccount},
        sms::{e164, twilio},
    },
    store::{Store, StoreError},
};

/// The name under which requests of nobody's are counted.
const NOBODY: &str = "unknown";
/// Longer tokens are none.
const TOKEN_MAX: usize = 512;

/// What gateways may tell us now; renewed with the configuration.
#[derive(Debug)]
pub struct HookSettings {
    /// How people and gateways reach us, no trailing slash; `None` = they do not.
    pub external_url: Option<String>,
    /// The gateways.
    pub gateways: Vec<SmsGateway>,
    /// Where reports go.
    pub parts: DelivererParts,
}

/// Takes what gateways tell.
pub struct Hooks {
    settings: RwLock<Option<Arc<HookSettings>>>,
    store: Store,
    clock: Clock,
    replies: Arc<dyn Replies>,
    ears: Arc<Ears>,
    rng: Mutex<StdRng>,
}

/// A form that Twilio posted.
#[derive(Debug)]
pub struct Posted {
    /// The path with its query, as it came.
    pub path_and_query: String,
    /// The parameters, decoded, as they came.
    pub params: Vec<(String, String)>,
    /// `X-Twilio-Signature`.
    pub signature: String,
    /// Of a JSON body, which is signed by its hash in the address: SHA-256, small hexadecimal. `None` = a form.
    pub body_sha256: Option<String>,
}

/// What to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hooked {
    /// It was taken, or there was nothing in it for us.
    Taken,
    /// Taken; this markup is said.
    Say(String),
    /// A handshake: the same token goes back.
    Echo(String),
    /// It is not the gateway's.
    Forged,
    /// Nothing here takes such requests.
    NotHere,
    /// It could not be stored; it may come again.
    Again,
}

impl Posted {
    fn get(&self, name: &str) -> &str {
        self.params.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

impl Hooks {
    /// For one store and one who understands. Nothing is taken before [`Self::renew`].
    #[must_use]
    pub fn new(store: Store, clock: Clock, replies: Arc<dyn Replies>, ears: Arc<Ears>, seed: u64) -> Self {
        let rng = Mutex::new(StdRng::seed_from_u64(seed ^ 0x686f_6f6b));
        Self { settings: RwLock::default(), store, clock, replies, ears, rng }
    }

    /// Takes over a configuration.
    pub fn renew(&self, settings: HookSettings) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(settings));
    }

    fn settings(&self) -> Option<Arc<HookSettings>> {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A text came in.
    pub async fn twilio_text(&self, posted: &Posted) -> Hooked {
        let gateway = match self.twilio(posted) {
            Ok((_, gateway)) => gateway,
            Err(answer) => return answer,
        };
        self.ears.hooked(&gateway);
        let (sid, from, body) = (posted.get("MessageSid"), e164(posted.get("From")), posted.get("Body"));
        let Some(from) = from.filter(|_| twilio::wire::is_sid(sid)).map(Phi::new) else { return Hooked::Taken };
        // The account may have words of its own for them.
        let stored = match posted.get("OptOutType") {
            "START" => self.store.takes_again(AddressMark::of(&from), Channel::Sms).await,
            "STOP" => self.store.stops(AddressMark::of(&from), self.clock.now()).await,
            _ => Ok(()),
        };
        if stored.is_err() {
            return Hooked::Again;
        }
        let heard = Heard {
            gateway,
            provider_id: sid.to_owned(),
            from,
            text: Phi::new(body.to_owned()),
            at: self.clock.now(),
            written_at: None,
        };
        match self.ears.hear(&self.store, &*self.replies, heard).await {
            HeardWas::StoreFault => Hooked::Again,
            _ => Hooked::Taken,
        }
    }

    /// A report on a text or a call.
    pub async fn twilio_status(&self, posted: &Posted) -> Hooked {
        let (settings, _) = match self.twilio(posted) {
            Ok(known) => known,
            Err(answer) => return answer,
        };
        let (sid, delivery) = if posted.get("CallSid").is_empty() {
            let code = posted.get("ErrorCode").parse().ok();
            let status = [posted.get("MessageStatus"), posted.get("SmsStatus")].into_iter().find(|it| !it.is_empty());
            let sid = [posted.get("MessageSid"), posted.get("SmsSid")].into_iter().find(|it| !it.is_empty());
            (sid.unwrap_or_default(), twilio::wire::delivery(status, code))
        } else {
            (posted.get("CallSid"), call::twilio::delivery_of(Some(posted.get("CallStatus"))))
        };
        match self.note(&settings, sid, delivery).await {
            Ok(()) => Hooked::Taken,
            Err(_) => Hooked::Again,
        }
    }

    /// What became of a message of ours, by the gateway's id.
    async fn note(
        &self,
        settings: &HookSettings,
        sid: &str,
        delivery: crate::notify::channel::Delivery,
    ) -> Result<(), StoreError> {
        let Some(poll) = self.store.poll_of(sid).await? else { return Ok(()) };
        let moment = Moment::of(&self.clock);
        let again_at = {
            let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
            poll::again_at(&poll, &delivery, moment, &mut rng)
        };
        poll::note(&settings.parts, &poll, &delivery, again_at, moment).await.map(drop)
    }

    /// A key was pressed in a call.
    pub async fn twilio_voice(&self, posted: &Posted) -> Hooked {
        let gateway = match self.twilio(posted) {
            Ok((_, gateway)) => gateway,
            Err(answer) => return answer,
        };
        let query = posted.path_and_query.strip_prefix(VOICE_HOOK).and_then(|rest| rest.strip_prefix('?'));
        let code = query.and_then(|query| {
            let mut pairs = url::form_urlencoded::parse(query.as_bytes());
            pairs.find(|(name, _)| name == "code").map(|(_, value)| value.into_owned())
        });
        // We called them: the one who pressed is the one who was called.
        let (sid, to, digits) = (posted.get("CallSid"), e164(posted.get("To")), posted.get("Digits"));
        let (Some(to), Some(code), true) = (to, code, twilio::wire::is_sid(sid)) else {
            return Hooked::Say(twiml::answer("Goodbye."));
        };
        if digits != "1" {
            return Hooked::Say(twiml::answer("That was not 1. Nobody has it yet. Goodbye."));
        }
        let heard = Heard {
            gateway,
            provider_id: format!("{sid}/{digits}"),
            from: Phi::new(to),
            text: Phi::new(format!("1 {code}")),
            at: self.clock.now(),
            written_at: None,
        };
        let words = match self.ears.hear(&self.store, &*self.replies, heard).await {
            HeardWas::Reply | HeardWas::Duplicate => "Noted. A text message follows. Goodbye.",
            HeardWas::StoreFault => "It could not be noted. Please answer by text message. Goodbye.",
            HeardWas::Stray | HeardWas::NotAReply | HeardWas::UnknownSender => "There is nothing open. Goodbye.",
        };
        Hooked::Say(twiml::answer(words))
    }

    /// Which gateway a form is from, if it is.
    fn twilio(&self, posted: &Posted) -> Result<(Arc<HookSettings>, String), Hooked> {
        let settings = self.settings().ok_or(Hooked::NotHere)?;
        let external_url = settings.external_url.as_deref().ok_or(Hooked::NotHere)?;
        let accounts: Vec<(&str, &TwilioAccount)> = settings.twilio_accounts().collect();
        if accounts.is_empty() {
            return Err(Hooked::NotHere);
        }
        let url = format!("{external_url}{}", posted.path_and_query);
        let sid = posted.get("AccountSid");
        let genuine =
            accounts.iter().filter(|(_, account)| sid.is_empty() || account.account_sid == sid).any(|(_, account)| {
                let tokens = std::iter::once(&account.auth_token).chain(&account.previous_auth_tokens);
                match &posted.body_sha256 {
                    None => signature::is_twilios(&url, &posted.params, &posted.signature, tokens),
                    Some(hash) => {
                        signature::names_body(&posted.path_and_query, hash)
                            && signature::is_twilios(&url, &[], &posted.signature, tokens)
                    }
                }
            });
        if !genuine {
            self.ears.count(NOBODY, "forged");
            return Err(Hooked::Forged);
        }
        let to = posted.get("To");
        let of_account = || accounts.iter().filter(|(_, account)| sid.is_empty() || account.account_sid == sid);
        // As `Channels::listened_to` names who hears.
        let name = of_account()
            .find(|(_, account)| account.bound_to().is_none())
            .or_else(|| of_account().find(|(_, account)| account.bound_to() == Some(to)))
            .or_else(|| of_account().next())
            .map_or(NOBODY, |(name, _)| *name)
            .to_owned();
        Ok((Arc::clone(&settings), name))
    }

    /// RingCentral posted something: a handshake, or a text that came in.
    pub async fn ringcentral(&self, validation_token: Option<&str>, body: &[u8]) -> Hooked {
        let Some(settings) = self.settings() else { return Hooked::NotHere };
        let extensions: Vec<(&str, &RingCentralExtension)> = settings.ringcentral_extensions().collect();
        if extensions.is_empty() {
            return Hooked::NotHere;
        }
        let sent: Event = serde_json::from_slice(body).unwrap_or_default();
        let token = validation_token.unwrap_or_default();
        let Some(text) = sent.body else {
            let is_token = (1..=TOKEN_MAX).contains(&token.len()) && token.bytes().all(|b| b.is_ascii_graphic());
            return if is_token { Hooked::Echo(token.to_owned()) } else { Hooked::Taken };
        };
        let known = |extension: &RingCentralExtension| {
            // Of hashes, so that how long the comparison takes says nothing of the token.
            Sha256::digest(own_token(extension)) == Sha256::digest(token)
        };
        let genuine: Vec<_> = extensions.iter().filter(|(_, extension)| known(extension)).collect();
        let Some((first, _)) = genuine.first() else {
            self.ears.count(NOBODY, "forged");
            return Hooked::Forged;
        };
        let to: Vec<String> =
            text.to.iter().flatten().filter_map(|party| e164(party.phone_number.as_deref()?)).collect();
        let gateway =
            genuine.iter().find(|(_, extension)| to.contains(&extension.from)).map_or(*first, |(name, _)| *name);
        self.ears.hooked(gateway);
        let inbound = text.direction.as_ref().is_none_or(|direction| direction.eq_ignore_ascii_case("inbound"));
        let id = match &text.id {
            Some(serde_json::Value::Number(n)) => n.to_string(),
            Some(serde_json::Value::String(id)) => id.clone(),
            _ => return Hooked::Taken,
        };
        let from = text.from.and_then(|party| e164(party.phone_number.as_deref()?));
        let (Some(from), Some(words), true) = (from, text.subject, inbound) else { return Hooked::Taken };
        let from = Phi::new(from);
        let heard = Heard {
            gateway: gateway.to_owned(),
            provider_id: id,
            from,
            text: Phi::new(words),
            at: self.clock.now(),
            written_at: None,
        };
        match self.ears.hear(&self.store, &*self.replies, heard).await {
            HeardWas::StoreFault => Hooked::Again,
            _ => Hooked::Taken,
        }
    }
}

impl std::fmt::Debug for Hooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hooks").finish_non_exhaustive()
    }
}

impl HookSettings {
    fn twilio_accounts(&self) -> impl Iterator<Item = (&str, &TwilioAccount)> {
        self.gateways.iter().filter_map(|gateway| match &gateway.kind {
            SmsGatewayKind::Twilio(account) => Some((gateway.name.as_str(), account)),
            _ => None,
        })
    }

    fn ringcentral_extensions(&self) -> impl Iterator<Item = (&str, &RingCentralExtension)> {
        self.gateways.iter().filter_map(|gateway| match &gateway.kind {
            SmsGatewayKind::RingCentral(extension) => Some((gateway.name.as_str(), extension)),
            _ => None,
        })
    }
}

/// What we have RingCentral put into each of its requests. It follows from the credential, so that a restart knows it.
pub(in crate::notify) fn own_token(extension: &RingCentralExtension) -> String {
    let mut hash = Sha256::new();
    for part in ["shiftwatch", extension.client_secret.expose_secret(), extension.jwt.expose_secret()] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Event {
    body: Option<EventBody>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct EventBody {
    id: Option<serde_json::Value>,
    from: Option<Party>,
    to: Option<Vec<Party>>,
    subject: Option<String>,
    direction: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Party {
    phone_number: Option<String>,
}
