//! The token endpoint.

use serde_json::{Value, json};

use super::Vendor;
use crate::{
    model::Instant,
    sim::{
        edge::{Call, Reply},
        switches::{TokenAnswer, TokenBody},
        world::later,
    },
};

/// A token that was given out.
pub(super) struct Token {
    pub(super) text: String,
    /// Real time.
    pub(super) dies_at: Instant,
}

impl Vendor {
    /// Which of the tokens given out a request carries, from 1.
    pub(super) fn token_number(&self, call: &Call) -> Option<u64> {
        let text = call.header("authorization")?.strip_prefix("Bearer ")?;
        let n = self.tokens.iter().position(|it| it.text == text)?;
        Some(n as u64 + 1)
    }

    pub(super) fn give_token(&mut self, call: &Call, real: Instant) -> Reply {
        if call.method != "POST" {
            return Reply::json(405, &json!({ "message": "Method Not Allowed" }));
        }
        let auth = self.switches.auth.clone();
        match auth.token {
            TokenAnswer::Ok => {}
            TokenAnswer::Refused => return bad_credentials(),
            TokenAnswer::Broken => return Reply::html(500),
            TokenAnswer::Nonsense => return Reply::json(200, &json!({ "status": "approved" })),
        }
        let content_type = call.content_type();
        let is_json = content_type == "application/json";
        let is_form = content_type == "application/x-www-form-urlencoded";
        match auth.body {
            TokenBody::Json if !is_json => {
                return Reply::json(415, &json!({ "fault": { "faultstring": "Unsupported Media Type" } }));
            }
            TokenBody::Form if !is_form => {
                return Reply::json(
                    400,
                    &json!({ "ErrorCode": "invalid_request", "Error": "Required param : grant_type" }),
                );
            }
            TokenBody::Both if !is_json && !is_form => {
                return Reply::json(415, &json!({ "fault": { "faultstring": "Unsupported Media Type" } }));
            }
            _ => {}
        }
        let fields: Vec<(String, String)> = if is_form {
            call.form()
        } else {
            match serde_json::from_slice(&call.body) {
                Ok(Value::Object(map)) => map
                    .into_iter()
                    .filter_map(|(key, value)| value.as_str().map(|text| (key, text.to_owned())))
                    .collect(),
                _ => Vec::new(),
            }
        };
        let field = |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        if field("grant_type") != Some("client_credentials") {
            return Reply::json(
                400,
                &json!({ "ErrorCode": "invalid_request", "Error": "Required param : grant_type" }),
            );
        }
        let right = |given: Option<&str>, wanted: &str| {
            given.is_some_and(|given| !given.is_empty() && (wanted.is_empty() || given == wanted))
        };
        if !right(field("client_id"), &auth.client_id) || !right(field("client_secret"), &auth.client_secret) {
            return bad_credentials();
        }
        if auth.new_kills_old {
            self.revoke_tokens();
        }
        let text = format!("{:016x}{:016x}", self.dice.throw(), self.dice.throw());
        self.tokens
            .push(Token { text: text.clone(), dies_at: later(real, i64::try_from(auth.lives_s).unwrap_or(i64::MAX)) });
        let says = auth.says_lives_s.unwrap_or(auth.lives_s);
        let expires_in = if auth.expires_in_number { json!(says) } else { json!(says.to_string()) };
        Reply::json(
            200,
            &json!({
                "refresh_token_expires_in": "0",
                "token_type": "BearerToken",
                "issued_at": real.timestamp(),
                "client_id": field("client_id"),
                "access_token": text,
                "scope": "",
                "expires_in": expires_in,
                "refresh_count": "0",
                "status": "approved",
            }),
        )
    }
}

fn bad_credentials() -> Reply {
    Reply::json(401, &json!({ "ErrorCode": "invalid_client", "Error": "ClientId is Invalid" }))
}
