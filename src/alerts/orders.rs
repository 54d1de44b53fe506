//! What people and gateways said since the last step. All of it is stored before a step sees it.

use serde::{Deserialize, Serialize};

use super::alert::{AlertKey, Labels};
use crate::{
    model::Instant,
    notify::message::{Channel, MessageId},
};

/// An order as stored: `n` counts them, a step consumes them in this order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// Its number, growing.
    pub n: i64,
    /// When it came, agent clock.
    pub at: Instant,
    /// What it asks.
    pub ask: Ask,
}

/// What a person or program asked of the agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Ask {
    /// Somebody owns an alert.
    Acknowledge {
        /// Which.
        key: AlertKey,
        /// Who.
        by: String,
        /// Why; may be empty.
        note: String,
        /// When ownership ends.
        until: Instant,
    },
    /// An alert from outside, as `POST /api/v2/alerts` takes it.
    Post {
        /// Labels without empty values.
        labels: Labels,
        /// Annotations.
        annotations: Labels,
        /// When it began; the order's `at` when the sender left it out.
        starts_at: Instant,
        /// When it ends; `None` = now + `resolve_timeout`, renewed by each post.
        ends_at: Option<Instant>,
        /// The sender's link; may be empty.
        generator_url: String,
    },
}

/// News about a message, from the send loop or a gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Its number, growing.
    pub n: i64,
    /// About which message.
    pub message: MessageId,
    /// By which way.
    pub channel: Channel,
    /// When.
    pub at: Instant,
    /// What.
    pub news: News,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum News {
    /// The gateway took it.
    Sent,
    /// The gateway says it arrived.
    Delivered,
    /// The gateway says it did not.
    Undelivered,
    /// The gateway refused it for good.
    Refused,
    /// Nobody knows whether it left.
    Uncertain,
    /// Its useful time passed before it left.
    Expired,
    /// It was withdrawn before it left.
    Cancelled,
}

/// Everything a step is told besides findings.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    /// Orders not yet consumed, oldest first.
    pub orders: Vec<Order>,
    /// Receipts not yet consumed, oldest first.
    pub receipts: Vec<Receipt>,
}
