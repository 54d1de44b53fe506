//! One alert and the states of its life.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::group::GroupKey;
use crate::{
    model::{AgencyName, CaregiverId, ClientId, Instant, Subject},
    notify::message::{AddressMark, Channel, MessageId},
    rules::finding::{Closing, RuleId, Tells, Window},
};

/// Label or annotation set, in name order.
pub type Labels = BTreeMap<String, String>;

/// What makes two sightings the same alert.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AlertKey {
    /// Whose; posted alerts without an agency label belong to [`AgencyName::installation`].
    pub agency: AgencyName,
    /// By which rule; for posted alerts `posted/<alertname>`.
    pub rule: RuleId,
    /// About what.
    pub subject: Subject,
}

/// A live alert, or one that closed and still has closings to tell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Identity.
    pub key: AlertKey,
    /// Labels as routed, `alertname`, `agency`, `location`, `severity` among them. No PHI.
    pub labels: Labels,
    /// Annotations, rendered. No PHI.
    pub annotations: Labels,
    /// Where in its life it is.
    pub state: AlertState,
    /// When the condition became true.
    pub active_at: Instant,
    /// The last change of anything a reader sees.
    pub updated_at: Instant,
    /// The particulars the texts are made from.
    pub facts: Facts,
    /// The extra read before the first message.
    pub confirm: Confirm,
    /// Since when its subject cannot be judged; `None` while it can. A held alert neither closes nor repeats as new.
    pub unjudged_since: Option<Instant>,
    /// Who has been told that it fires, and so will be told that it is over.
    pub told: Vec<Told>,
    /// Only for posted alerts.
    pub posted: Option<Posted>,
}

/// The life of an alert. Each state carries its own stamps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum AlertState {
    /// The condition holds, its `for` has not passed.
    Pending {
        /// When it will fire if the condition still holds.
        fires_at: Instant,
    },
    /// Nobody owns it.
    Firing {
        /// Since when.
        fired_at: Instant,
    },
    /// Somebody owns it: repeats stop until the acknowledgement expires.
    Acknowledged {
        /// When it fired.
        fired_at: Instant,
        /// Who and until when.
        ack: Acknowledgement,
    },
    /// Over; kept until every closing is decided.
    Resolved {
        /// When it had fired; `None` when it never did.
        fired_at: Option<Instant>,
        /// When it closed.
        resolved_at: Instant,
        /// Why.
        closing: Closing,
        /// Who had it, for the closing text.
        owner: Option<String>,
    },
}

/// Ownership of an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// A person's name in the configuration, or what the caller gave as `by`.
    pub by: String,
    /// Free text; may be empty. Kept from SMS and metrics.
    pub note: String,
    /// When it was given.
    pub at: Instant,
    /// When it ends.
    pub until: Instant,
}

/// What the built-in texts need to know. No PHI.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// The window it is in.
    pub window: Window,
    /// When its subject starts.
    pub starts_at: Option<Instant>,
    /// When its subject ends.
    pub ends_at: Option<Instant>,
    /// By when somebody should have acted; past when somebody waits already.
    pub deadline: Option<Instant>,
    /// Location name, id or empty.
    pub location: String,
    /// The client, for granted templates.
    pub client: Option<ClientId>,
    /// Who is to come, where that is known: "handled" holds until it is somebody else.
    #[serde(default)]
    pub caregiver: Option<CaregiverId>,
    /// Which built-in text.
    pub tells: Tells,
}

/// Confirm before paging: one more read between the verdict and the first message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Confirm {
    /// This kind of alert needs none (API kinds, posted alerts).
    NotNeeded,
    /// Evidence read at or after `since` is awaited; at `since + confirm_timeout` the message goes out `unconfirmed`.
    Awaited {
        /// When the verdict was drawn.
        since: Instant,
    },
    /// The second look agreed.
    Confirmed {
        /// When that evidence was read.
        at: Instant,
    },
    /// The second look could not be had in time.
    TimedOut,
}

/// One recipient who was told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Told {
    /// The receiver's name in the configuration.
    pub receiver: String,
    /// Which integration of the receiver, from 0 in file order, per channel; as it was when they were told.
    pub integration: usize,
    /// The way.
    pub channel: Channel,
    /// Which recipient of the integration, from 0 (an `sms_configs.to` may be a list); as it was then.
    pub recipient: usize,
    /// Who, whatever place the address has by now.
    pub to: AddressMark,
    /// Whether they were to hear of the end; counts when the configuration knows the address no more.
    pub wants_closing: bool,
    /// The first firing message to them, which their closing follows. A repeat does not replace it: a repeat still
    /// waiting to leave must not hold back the closing of what arrived long ago.
    pub message: MessageId,
    /// When they were told last.
    pub at: Instant,
    /// The group that told a webhook, which may keep its own record of each group: it hears of the end in each. `None`
    /// for people, who hear of it once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupKey>,
}

impl Told {
    /// Whether they were told by this group: by none in particular, by this one, or by one that is none of `groups`, the
    /// alert's groups as they are now.
    #[must_use]
    pub fn is_of(&self, key: &GroupKey, groups: &[GroupKey]) -> bool {
        self.receiver == key.receiver && self.group.as_ref().is_none_or(|own| own == key || !groups.contains(own))
    }
}

/// What an outside sender said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posted {
    /// The sender's link; may be empty.
    pub generator_url: String,
    /// The sender's start.
    pub starts_at: Instant,
    /// When it ends by itself unless refreshed.
    pub ends_at: Instant,
}

impl Alert {
    /// True while firing or acknowledged.
    #[must_use]
    pub const fn is_firing(&self) -> bool {
        matches!(self.state, AlertState::Firing { .. } | AlertState::Acknowledged { .. })
    }

    /// When it fired, if it did.
    #[must_use]
    pub const fn fired_at(&self) -> Option<Instant> {
        match &self.state {
            AlertState::Pending { .. } => None,
            AlertState::Firing { fired_at } | AlertState::Acknowledged { fired_at, .. } => Some(*fired_at),
            AlertState::Resolved { fired_at, .. } => *fired_at,
        }
    }

    /// `pending`, `firing`, `acknowledged` or `resolved`.
    #[must_use]
    pub const fn state_name(&self) -> &'static str {
        match self.state {
            AlertState::Pending { .. } => "pending",
            AlertState::Firing { .. } => "firing",
            AlertState::Acknowledged { .. } => "acknowledged",
            AlertState::Resolved { .. } => "resolved",
        }
    }
}
