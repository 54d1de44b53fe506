//! Orders and receipts: what people and gateways said, stored before a step sees it.

use sqlx::SqliteConnection;

use super::{
    error::StoreError,
    sql::{Many, fetch, get, instant, json, unjson},
    writer::{Answers, Counted, Memory, PostedOrder, Values, later},
};
use crate::{
    alerts::orders::{Ask, Inputs, News, Order, Receipt},
    model::{AgencyName, Instant},
    notify::message::{Channel, MessageId},
};

/// Inputs given to one step at most, of each kind; the rest waits for the next.
const INPUTS: i64 = 5_000;

/// Stores every waiting order in a few statements.
pub(super) async fn put(
    connection: &mut SqliteConnection,
    memory: &mut Memory,
    posted: Vec<PostedOrder>,
    answers: &mut Answers,
) -> Result<(), StoreError> {
    const PUT: Many = Many { head: "INSERT INTO orders (agency, n, at, key_id, body) VALUES ", tail: "" };
    let mut rows: Vec<Values> = Vec::new();
    for (agency, at, asks, reply) in posted {
        let bodies: Result<Vec<String>, StoreError> = asks.iter().map(|ask| json("orders", ask)).collect();
        let numbers = bodies.map(|bodies| {
            bodies
                .into_iter()
                .map(|body| {
                    let n = memory.next(&agency, Counted::Orders);
                    rows.push(vec![agency.as_str().into(), n.into(), at.into(), 0.into(), body.into()]);
                    n
                })
                .collect()
        });
        answers.push(later(reply, numbers));
    }
    PUT.execute(connection, "storing orders", rows).await.map(drop)
}

/// Stores the orders of one agency, which came together.
pub(super) async fn put_one(
    connection: &mut SqliteConnection,
    memory: &mut Memory,
    agency: &AgencyName,
    at: Instant,
    asks: &[Ask],
) -> Result<(), StoreError> {
    const PUT: Many = Many { head: "INSERT INTO orders (agency, n, at, key_id, body) VALUES ", tail: "" };
    let mut rows: Vec<Values> = Vec::with_capacity(asks.len());
    for ask in asks {
        let body = json("orders", ask)?;
        let n = memory.next(agency, Counted::Orders);
        rows.push(vec![agency.as_str().into(), n.into(), at.into(), 0.into(), body.into()]);
    }
    PUT.execute(connection, "storing orders", rows).await.map(drop)
}

/// A receipt that has no number yet.
#[derive(Debug)]
pub(super) struct NewReceipt {
    pub(super) agency: AgencyName,
    pub(super) message: MessageId,
    pub(super) channel: Channel,
    pub(super) at: Instant,
    pub(super) news: News,
}

/// Stores receipts.
pub(super) async fn put_receipts(
    connection: &mut SqliteConnection,
    memory: &mut Memory,
    receipts: Vec<NewReceipt>,
) -> Result<(), StoreError> {
    const PUT: Many = Many { head: "INSERT INTO receipts (agency, n, message, channel, at, news) VALUES ", tail: "" };
    let rows = receipts
        .into_iter()
        .map(|receipt| {
            let n = memory.next(&receipt.agency, Counted::Receipts);
            vec![
                receipt.agency.as_str().into(),
                n.into(),
                receipt.message.as_str().into(),
                receipt.channel.as_str().into(),
                receipt.at.into(),
                news_word(receipt.news).into(),
            ]
        })
        .collect();
    PUT.execute(connection, "storing receipts", rows).await.map(drop)
}

/// What the step has not consumed yet, oldest first.
pub(super) async fn pending(connection: &mut SqliteConnection, agency: &AgencyName) -> Result<Inputs, StoreError> {
    let what = "reading orders and receipts";
    let rows = fetch(
        connection,
        what,
        "SELECT n, at, body FROM orders WHERE agency = ?1
         AND n > coalesce((SELECT orders_done FROM agencies WHERE agency = ?1), 0) ORDER BY n LIMIT ?2",
        vec![agency.as_str().into(), INPUTS.into()],
    )
    .await?;
    let orders = rows
        .iter()
        .map(|row| {
            Ok(Order {
                n: get(row, "orders", 0)?,
                at: instant(row, "orders", 1)?,
                ask: unjson("orders", get::<&str>(row, "orders", 2)?)?,
            })
        })
        .collect::<Result<_, StoreError>>()?;
    let rows = fetch(
        connection,
        what,
        "SELECT n, message, channel, at, news FROM receipts WHERE agency = ?1
         AND n > coalesce((SELECT receipts_done FROM agencies WHERE agency = ?1), 0) ORDER BY n LIMIT ?2",
        vec![agency.as_str().into(), INPUTS.into()],
    )
    .await?;
    let receipts = rows
        .iter()
        .map(|row| {
            Ok(Receipt {
                n: get(row, "receipts", 0)?,
                message: MessageId::from_stored(get(row, "receipts", 1)?),
                channel: channel_of(get(row, "receipts", 2)?)?,
                at: instant(row, "receipts", 3)?,
                news: news_of(get(row, "receipts", 4)?)?,
            })
        })
        .collect::<Result<_, StoreError>>()?;
    Ok(Inputs { orders, receipts })
}

const NEWS: [(News, &str); 8] = [
    (News::Sent, "sent"),
    (News::Delivered, "delivered"),
    (News::Undelivered, "undelivered"),
    (News::Refused, "refused"),
    (News::Uncertain, "uncertain"),
    (News::Expired, "expired"),
    (News::Cancelled, "cancelled"),
    (News::OptedOut, "opted_out"),
];

fn news_word(news: News) -> &'static str {
    NEWS.iter().find(|(known, _)| *known == news).map_or("", |(_, word)| word)
}

fn news_of(word: &str) -> Result<News, StoreError> {
    NEWS.iter()
        .find(|(_, known)| *known == word)
        .map(|(news, _)| *news)
        .ok_or_else(|| StoreError::Row { table: "receipts", why: "an unknown news".into() })
}

/// The channel of a stored word.
pub(super) fn channel_of(word: &str) -> Result<Channel, StoreError> {
    Channel::ALL
        .into_iter()
        .find(|channel| channel.as_str() == word)
        .ok_or_else(|| StoreError::Row { table: "outbox", why: "an unknown channel".into() })
}
