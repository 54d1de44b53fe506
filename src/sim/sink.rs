//! A place for webhooks and heartbeats: it takes any request, keeps it, and answers as it was told.

use std::{collections::VecDeque, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::edge::{Call, Manner, Reply};
use crate::model::Instant;

/// A request that came to the sink.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Post {
    /// When it arrived, on the simulator's clock.
    pub at: Instant,
    /// `POST`
    pub method: String,
    /// The path.
    pub path: String,
    /// The query as it was written.
    pub query: String,
    /// Headers, names in lower case; `authorization` as it came.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
    /// The status it was answered.
    pub status: u16,
}

impl Post {
    /// The body as JSON; null when it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// A header's value; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
    }
}

/// What the sink does with a request. It is kept in any case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SinkAnswer {
    /// This status.
    Status(u16),
    /// 429 or 503 with `Retry-After` in seconds: (status, seconds).
    RetryAfter(u16, u64),
    /// Never answers.
    Hang,
    /// Breaks the connection.
    Reset,
    /// 200 after so many milliseconds.
    SlowMs(u64),
}

/// The sink.
#[derive(Default)]
pub(crate) struct Sink {
    pub(crate) posts: Vec<Post>,
    /// What the next requests are answered; when it is empty, `always`, else 200.
    pub(crate) next: VecDeque<SinkAnswer>,
    pub(crate) always: Option<SinkAnswer>,
}

impl Sink {
    pub(crate) fn answer(&mut self, call: &Call, now: Instant) -> Reply {
        let answer = self.next.pop_front().or_else(|| self.always.clone()).unwrap_or(SinkAnswer::Status(200));
        let body = json!({});
        let reply = match answer {
            SinkAnswer::Status(status) => Reply::json(status, &body),
            SinkAnswer::RetryAfter(status, s) => Reply::json(status, &body).with_header("retry-after", s.to_string()),
            SinkAnswer::Hang => Reply::json(200, &body).travelling(Manner::Hang),
            SinkAnswer::Reset => Reply::json(200, &body).travelling(Manner::Cut),
            SinkAnswer::SlowMs(ms) => {
                let mut reply = Reply::json(200, &body);
                reply.wait = Duration::from_millis(ms);
                reply
            }
        };
        self.posts.push(Post {
            at: now,
            method: call.method.clone(),
            path: call.path.clone(),
            query: call.raw_query.clone(),
            headers: call.headers.clone(),
            body: String::from_utf8_lossy(&call.body).into_owned(),
            status: reply.status,
        });
        reply
    }
}
