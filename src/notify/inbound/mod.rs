//! What comes back: texts from people's phones, key presses in calls, reports on what was sent.
//!
//! Given: texts that gateways heard (`listen` asks them, `hooks` is told by them). Gives: each text once to whoever
//! understands replies ([`Replies`]), and reports to the store.
//! Does not: know whose phone it is or what a reply means. What an unknown sender wrote, or what is no reply, is neither
//! stored nor logged; it is counted by gateway. (Of a reply to nothing its id is kept, so that it is never one to a later
//! page.)

pub mod hooks;
pub mod listen;
pub mod signature;

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use futures::future::BoxFuture;
use sha2::{Digest as _, Sha256};

use crate::{
    clock::real_now,
    model::{AddressMark, Instant, Phi, PhiGrant},
    notify::message::Channel,
    store::Store,
};

/// Where Twilio posts texts that came in.
pub const TEXT_HOOK: &str = "/hooks/twilio";
/// Where Twilio posts what became of texts and calls.
pub const STATUS_HOOK: &str = "/hooks/twilio/status";
/// Where Twilio posts keys pressed in calls.
pub const VOICE_HOOK: &str = "/hooks/twilio/voice";
/// Where RingCentral posts texts that came in.
pub const RINGCENTRAL_HOOK: &str = "/hooks/ringcentral";

/// Ids remembered so that a text is handed on once; the store remembers replies for longer.
const SEEN_MAX: usize = 20_000;

/// A test of a number asks for the same code for so long.
const TEST_TURN_S: i64 = 600;

/// A text that somebody sent to a gateway's number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The gateway's id for it.
    pub provider_id: String,
    /// From which number, E.164.
    pub from: Phi<String>,
    /// What it says.
    pub text: Phi<String>,
    /// When the gateway took it, on its clock.
    pub at: Option<Instant>,
}

/// A text, as it is handed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// Which gateway, by name.
    pub gateway: String,
    /// Its id there: the same text comes again with the same one.
    pub provider_id: String,
    /// From which number, E.164.
    pub from: Phi<String>,
    /// What it says.
    pub text: Phi<String>,
    /// When it was heard, agent clock.
    pub at: Instant,
    /// When it was written, agent clock; `None` = not known, or told at once.
    pub written_at: Option<Instant>,
}

/// What became of a text that was handed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HeardWas {
    /// A reply to a page that this phone was told of; it is stored.
    Reply,
    /// A reply whose code stands for nothing on this phone; it is stored, to be answered.
    Stray,
    /// From somebody known, but no reply. Nothing is stored.
    NotAReply,
    /// From a number that nobody here has. Nothing is stored.
    UnknownSender,
    /// A reply that was heard before.
    Duplicate,
    /// It could not be stored: hand it on again.
    StoreFault,
}

impl HeardWas {
    /// The `outcome` label's value; `None` for what comes again.
    #[must_use]
    pub const fn as_str(self) -> Option<&'static str> {
        match self {
            Self::Reply | Self::Stray => Some("reply"),
            Self::NotAReply => Some("not_a_reply"),
            Self::UnknownSender => Some("unknown_sender"),
            Self::Duplicate => Some("duplicate"),
            Self::StoreFault => None,
        }
    }
}

/// Understands replies. Comes back when what it understood is stored.
pub trait Replies: Send + Sync + 'static {
    /// Takes a text.
    fn hear(&self, heard: Heard) -> BoxFuture<'_, HeardWas>;
}

/// What was heard so far, in this run.
#[derive(Debug, Default)]
pub struct Ears {
    seen: Mutex<HashSet<(String, String)>>,
    counts: Mutex<BTreeMap<(String, &'static str), u64>>,
    hooked: Mutex<BTreeMap<String, tokio::time::Instant>>,
}

impl Ears {
    /// The values of the `outcome` label.
    pub const OUTCOMES: [&'static str; 5] = ["reply", "not_a_reply", "unknown_sender", "duplicate", "forged"];

    /// Hands a text on, unless it was before; counts what became of it. `StoreFault`: it is to be handed on again.
    ///
    /// A known person who answers a page of this phone, or a test (see [`test_code`]), has a number that texts reach.
    pub async fn hear(&self, store: &Store, replies: &dyn Replies, heard: Heard) -> HeardWas {
        let key = (heard.gateway.clone(), heard.provider_id.clone());
        {
            let mut seen = lock(&self.seen);
            if seen.len() >= SEEN_MAX {
                seen.clear();
            }
            if !seen.insert(key.clone()) {
                return HeardWas::Duplicate;
            }
        }
        let gateway = heard.gateway.clone();
        // A key in a call proves that calls reach them, which is no news of texts.
        let is_text = !heard.provider_id.contains('/');
        let (mark, at) = (AddressMark::of(&heard.from), heard.at);
        let answers_test = is_test_answer(&heard.text, &mark, real_now());
        // Once: a list that is read again must not bring back what was said before.
        let stored = match opts(heard.text.reveal(PhiGrant::COMPARE)).filter(|_| is_text) {
            Some(Opts::In) => store.takes_again(mark.clone(), Channel::Sms).await,
            Some(Opts::Out) => store.stops(mark.clone(), at).await,
            None => Ok(()),
        };
        if let Err(error) = stored {
            tracing::error!(error = %error, gateway, "store: STOP or START could not be stored; it is heard again");
            lock(&self.seen).remove(&key);
            return HeardWas::StoreFault;
        }
        let was = replies.hear(heard).await;
        let is_known = matches!(was, HeardWas::Reply | HeardWas::Stray | HeardWas::NotAReply);
        if is_text
            && (was == HeardWas::Reply || answers_test && is_known)
            && let Err(error) = store.verify(mark, Channel::Sms, at).await
        {
            tracing::warn!(error = %error, gateway, "inbound: it could not be written down that a number answers");
        }
        match was.as_str() {
            Some(outcome) => self.count(&gateway, outcome),
            None => {
                lock(&self.seen).remove(&key);
            }
        }
        was
    }

    /// Counts a text.
    pub fn count(&self, gateway: &str, outcome: &'static str) {
        *lock(&self.counts).entry((gateway.to_owned(), outcome)).or_insert(0) += 1;
    }

    /// What was counted since the last call, for `shiftwatch_inbound_texts_total{gateway,outcome}`.
    #[must_use]
    pub fn take_counts(&self) -> Vec<(String, &'static str, u64)> {
        let counts = std::mem::take(&mut *lock(&self.counts));
        counts.into_iter().map(|((gateway, outcome), n)| (gateway, outcome, n)).collect()
    }

    /// A gateway's own request came and was genuine.
    pub fn hooked(&self, gateway: &str) {
        lock(&self.hooked).insert(gateway.to_owned(), tokio::time::Instant::now());
    }

    /// When a gateway's own request came last.
    #[must_use]
    pub fn hooked_at(&self, gateway: &str) -> Option<tokio::time::Instant> {
        lock(&self.hooked).get(gateway).copied()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a test of a number asks for now: a letter and two digits. Whoever hears the answer can say that a test was sent to
/// this number within twenty minutes, in another process and without a word between the two.
#[must_use]
pub fn test_code(mark: &AddressMark, at: Instant) -> String {
    test_code_of(mark, at.timestamp().div_euclid(TEST_TURN_S))
}

fn test_code_of(mark: &AddressMark, turn: i64) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ";
    let digest = Sha256::digest(format!("test/{}/{turn}", mark.as_str()));
    let letter = LETTERS[usize::from(digest[0]) % LETTERS.len()];
    format!("{}{}{}", char::from(letter), 2 + digest[1] % 8, 2 + digest[2] % 8)
}

/// Whether a text from this number answers a test of these minutes: `1 K72`, in any case.
fn is_test_answer(text: &Phi<String>, mark: &AddressMark, now: Instant) -> bool {
    let words = text.reveal(PhiGrant::COMPARE).to_ascii_uppercase();
    let turn = now.timestamp().div_euclid(TEST_TURN_S);
    [turn, turn - 1].iter().any(|turn| {
        let code = test_code_of(mark, *turn);
        words
            .split(|c: char| !c.is_ascii_alphanumeric())
            .any(|word| word == code || word.strip_prefix('1') == Some(code.as_str()))
    })
}

/// What a text says of texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opts {
    /// They are wanted again.
    In,
    /// None are wanted any more.
    Out,
}

/// Whether a text asks for no more texts, or for texts again. Carriers take these words themselves, but each only for the
/// number that was written to; somebody who says STOP to one of our numbers means all of them.
#[must_use]
pub fn opts(text: &str) -> Option<Opts> {
    let word = text.trim().trim_matches(['.', '!', '"', '\'']).trim_end().to_ascii_uppercase();
    match word.as_str() {
        "START" | "UNSTOP" | "YES" => Some(Opts::In),
        "STOP" | "STOPALL" | "STOP ALL" | "UNSUBSCRIBE" | "CANCEL" | "END" | "QUIT" | "REVOKE" | "OPTOUT" => {
            Some(Opts::Out)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::local_time::from_micros;

    #[test]
    fn stop_and_start_are_words_of_their_own() {
        let rows = [
            ("STOP", Some(Opts::Out)),
            (" stop. ", Some(Opts::Out)),
            ("Unsubscribe", Some(Opts::Out)),
            ("\"STOP\"", Some(Opts::Out)),
            ("start", Some(Opts::In)),
            ("UNSTOP", Some(Opts::In)),
            ("please don't stop", None),
            ("1 K72", None),
            ("end of shift", None),
            ("", None),
        ];
        for (text, want) in rows {
            assert_eq!(opts(text), want, "{text}");
        }
    }

    #[test]
    fn a_test_is_answered_with_its_own_code_from_its_own_number_in_its_time() {
        let now = from_micros(1_800_000_000_000_000);
        let (mark, other) = (
            AddressMark::of(&Phi::new("+12025550111".to_owned())),
            AddressMark::of(&Phi::new("+12025550112".to_owned())),
        );
        let code = test_code(&mark, now);
        let answers = |text: &str, mark: &AddressMark, minutes: i64| {
            is_test_answer(&Phi::new(text.to_owned()), mark, now + chrono::TimeDelta::minutes(minutes))
        };
        assert_eq!(code.len(), 3, "{code}");
        for text in [format!("1 {code}"), code.to_lowercase(), format!("1{code}."), format!("\"1 {code}\"")] {
            assert!(answers(&text, &mark, 0) && answers(&text, &mark, 9), "{text}");
        }
        for text in ["1 K7", "1", "yes", "1 K7 please"] {
            assert!(!answers(text, &mark, 0), "{text}");
        }
        assert!(!answers(&code, &other, 0), "another phone");
        assert!(!answers(&code, &mark, 30) && !answers(&code, &mark, -30), "another time");
    }
}
