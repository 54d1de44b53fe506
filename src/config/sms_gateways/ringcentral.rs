//! `sms_gateways[].ringcentral`.

use super::{
    super::{
        reading::{Fields, Reading},
        secret,
        tree::Node,
    },
    read_number, read_root,
};
use crate::notify::receiver::RingCentralExtension;

/// RingCentral's host.
const BASE_URL: &str = "https://platform.ringcentral.com";

pub(super) fn read(node: &Node, path: &str, cx: &mut Reading<'_>) -> Option<RingCentralExtension> {
    let mut fields = Fields::of(node, path, cx)?;
    let base_url = match fields.get("base_url") {
        Some(node) => read_root(node, &format!("{path}.base_url"), BASE_URL, cx),
        None => Some(BASE_URL.to_owned()),
    };
    let client_id = fields
        .need("client_id", "write the app's client id, from RingCentral's developer console", cx)
        .and_then(|node| secret::setting(node, &format!("{path}.client_id"), cx));
    let client_secret = fields
        .need("client_secret", "write {env: RINGCENTRAL_CLIENT_SECRET} or {file: /path}", cx)
        .and_then(|node| secret::secret(node, &format!("{path}.client_secret"), cx));
    let jwt = fields
        .need("jwt", "write {env: RINGCENTRAL_JWT} or {file: /path}: the JWT credential of the user who sends", cx)
        .and_then(|node| secret::secret(node, &format!("{path}.jwt"), cx));
    let from = fields
        .need("from", "write that user's number, as \"+12025550101\"", cx)
        .and_then(|node| read_number(node, &format!("{path}.from"), cx));
    let elsewhere = [
        ("username", "passwords are not taken any more: write jwt"),
        ("password", "passwords are not taken any more: write jwt"),
        ("extension", "the JWT credential belongs to one user extension: remove it"),
    ];
    fields.finish(&elsewhere, cx);
    Some(RingCentralExtension {
        base_url: base_url?,
        client_id: client_id?,
        client_secret: client_secret?,
        jwt: jwt?,
        from: from?,
    })
}
