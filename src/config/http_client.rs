//! The file of `--http-config`: how a command asks an agent that has TLS and sign-in. Keys and meanings are those of
//! Prometheus' `http_config`, as amtool and promtool read them; of those, the ones that a command needs here.

use std::{fmt, path::Path};

use rustls::pki_types::CertificateDer;
use secrecy::SecretString;

use super::{
    fault::Fault,
    reading::{Env, Fields, Reading},
    secret,
    seen::Seen,
    tree::{Node, Value},
    web_tls::Pem,
};
use crate::tls::client::Identity;

/// How to ask. The default asks as nobody and trusts the system's authorities.
#[derive(Default)]
pub struct HttpClient {
    /// User and password.
    pub basic_auth: Option<(String, SecretString)>,
    /// Who may have signed the agent's certificate; `None` = whoever the system trusts.
    pub authorities: Option<Vec<CertificateDer<'static>>>,
    /// The certificate we show, with its key.
    pub identity: Option<Identity>,
    /// Takes any certificate.
    pub insecure_skip_verify: bool,
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.basic_auth.as_ref().map(|(user, _)| user);
        f.debug_struct("HttpClient").field("user", &user).finish_non_exhaustive()
    }
}

/// What Prometheus knows besides, and what to do here.
const ELSEWHERE: [(&str, &str); 9] = [
    ("authorization", "write basic_auth"),
    ("bearer_token", "write basic_auth"),
    ("bearer_token_file", "write basic_auth"),
    ("oauth2", "write basic_auth"),
    ("follow_redirects", "remove it"),
    ("enable_http2", "remove it"),
    ("http_headers", "remove it"),
    ("proxy_url", "the agent is asked directly: remove it"),
    ("proxy_from_environment", "the agent is asked directly: remove it"),
];
const TLS_ELSEWHERE: [(&str, &str); 3] = [
    ("server_name", "ask by the name in the certificate"),
    ("min_version", "TLS 1.2 and 1.3 are spoken: remove it"),
    ("max_version", "TLS 1.2 and 1.3 are spoken: remove it"),
];

impl HttpClient {
    /// Reads it. Paths in it are relative to its folder.
    ///
    /// # Errors
    /// Every fault.
    pub fn load(path: &Path, env: Env<'_>) -> Result<Self, Vec<Fault>> {
        super::load::with_file(path, env, |root, cx| {
            let read = read(root, cx);
            if cx.faults.iter().any(Fault::is_error) { None } else { read }
        })
    }
}

fn read(root: &Node, cx: &mut Reading<'_>) -> Option<HttpClient> {
    let mut fields = Fields::of(root, "", cx)?;
    let mut section = |key| fields.get(key).filter(|node| !matches!(node.value, Value::Null));
    let (basic_auth, tls) = (section("basic_auth"), section("tls_config"));
    fields.finish(&ELSEWHERE, cx);
    let mut client = HttpClient::default();
    if let Some(node) = tls {
        read_tls(node, &mut client, cx);
    }
    client.basic_auth = basic_auth.and_then(|node| read_basic_auth(node, cx));
    Some(client)
}

fn read_basic_auth(node: &Node, cx: &mut Reading<'_>) -> Option<(String, SecretString)> {
    let mut fields = Fields::of(node, "basic_auth", cx)?;
    let (user, user_file) = (fields.get("username"), fields.get("username_file"));
    let (password, password_file) = (fields.get("password"), fields.get("password_file"));
    let at = fields.at;
    fields.finish(&[], cx);
    let user = match (user, user_file) {
        (Some(node), _) => secret::setting(node, "basic_auth.username", cx),
        (None, Some(node)) => secret::file(node, "basic_auth.username_file", cx)
            .map(|text| secrecy::ExposeSecret::expose_secret(&text).to_owned()),
        (None, None) => {
            cx.error(at, "basic_auth.username is not set", "write a user of basic_auth_users");
            None
        }
    };
    let password = match (password, password_file) {
        (Some(_), Some(node)) => {
            cx.error(node.at, "basic_auth.password and basic_auth.password_file are both set", "remove one of them");
            None
        }
        (Some(node), None) => secret::value(node, "basic_auth.password", cx).map(SecretString::from),
        (None, Some(node)) => secret::file(node, "basic_auth.password_file", cx),
        (None, None) => {
            cx.error(at, "basic_auth.password is not set", "write password_file, or password");
            None
        }
    };
    Some((user?, password?))
}

pub(super) fn read_tls(node: &Node, client: &mut HttpClient, cx: &mut Reading<'_>) {
    let Some(mut fields) = Fields::of(node, "tls_config", cx) else { return };
    let authorities = Pem::of(["ca_file", "ca"], &mut fields, cx);
    let certificate = Pem::of(["cert_file", "cert"], &mut fields, cx);
    let key = Pem::of(["key_file", "key"], &mut fields, cx);
    client.insecure_skip_verify = fields.flag("insecure_skip_verify", cx).unwrap_or(false);
    let at = fields.at;
    fields.finish(&TLS_ELSEWHERE, cx);
    let seen = &mut Seen::default();
    client.authorities = authorities.and_then(|pem| pem.certificates(seen, cx));
    match (certificate, key) {
        (None, None) => {}
        (Some(certificate), Some(key)) => {
            client.identity = certificate.certificates(seen, cx).zip(key.private_key(seen, cx));
            if client.authorities.is_none() && !client.insecure_skip_verify {
                cx.error(
                    at,
                    "tls_config shows a certificate, and names nobody who signed the agent's",
                    "write ca_file",
                );
            }
        }
        _ => {
            cx.error(
                at,
                "tls_config has a certificate without its key, or a key alone",
                "write cert_file and key_file",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use secrecy::ExposeSecret as _;

    use super::*;

    fn load(text: &str) -> Result<HttpClient, String> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("password"), "invented\n").unwrap();
        let path = folder.path().join("http.yml");
        fs::write(&path, text).unwrap();
        HttpClient::load(&path, &|_| None).map_err(|faults| {
            let dir = format!("{}/", folder.path().display());
            faults.iter().map(|fault| fault.to_string().replace(&dir, "") + "\n").collect()
        })
    }

    #[test]
    fn a_password_may_stand_in_its_own_file() {
        for text in [
            "basic_auth: { username: night-1, password_file: password }",
            "basic_auth: { username: night-1, password: invented }\ntls_config: { insecure_skip_verify: true }",
        ] {
            let client = load(text).unwrap();
            let (user, password) = client.basic_auth.unwrap();
            assert_eq!((user.as_str(), password.expose_secret()), ("night-1", "invented"), "{text}");
            assert_eq!(client.insecure_skip_verify, text.contains("insecure"), "{text}");
        }
    }

    #[test]
    fn faults_have_their_places_and_no_password() {
        for (text, says) in [
            (
                "basic_auth: { username: a }",
                "http.yml:1:13: error: basic_auth.password is not set; write password_file, or password\n",
            ),
            (
                "basic_auth: { password: invented }",
                "http.yml:1:13: error: basic_auth.username is not set; write a user of basic_auth_users\n",
            ),
            (
                "basic_auth: { username: a, password: invented, password_file: password }",
                "http.yml:1:63: error: basic_auth.password and basic_auth.password_file are both set; remove one of them\n",
            ),
            ("bearer_token: invented", "http.yml:1:1: error: unknown key \"bearer_token\"; write basic_auth\n"),
            (
                "tls_config: { ca_file: nowhere.pem }",
                "http.yml:1:24: error: tls_config.ca_file: nowhere.pem cannot be read (entity not found); name a file that exists and that this user may read\n",
            ),
            (
                "tls_config: { cert_file: password }",
                "http.yml:1:13: error: tls_config has a certificate without its key, or a key alone; write cert_file and key_file\n",
            ),
        ] {
            let said = load(text).unwrap_err();
            assert_eq!(said, says, "{text}");
            assert!(!said.contains("invented"), "{said}");
        }
    }
}
