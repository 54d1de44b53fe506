//! `tls_server_config` of a web file, read to rustls' configuration with the certificate and the key inside.

use std::sync::Arc;

use rustls::{
    ProtocolVersion,
    pki_types::{CertificateDer, PrivateKeyDer},
};

use super::{
    reading::{Fields, Reading},
    seen::Seen,
    suggest::nearest,
    tree::{Node, Place, Value},
};
use crate::tls::{
    self,
    client_auth::{ClientAuth, KINDS, Kind},
    server::{self, Choices, Known},
};

/// TLS as a web file says.
pub(super) struct WebTls {
    pub(super) config: Arc<rustls::ServerConfig>,
    /// True when nobody connects without a certificate that our authority signed.
    pub(super) clients_are_verified: bool,
}

/// The keys whose presence means TLS, as in exporter-toolkit.
pub(super) const ENABLES: [&str; 7] =
    ["cert", "cert_file", "key", "key_file", "client_ca", "client_ca_file", "client_auth_type"];

/// True when a section means TLS, whether or not it is complete.
pub(super) fn is_enabled(node: &Node) -> bool {
    let Value::Map(entries) = &node.value else { return false };
    let says = |node: &Node| match &node.value {
        Value::Null => false,
        Value::Scalar { text, .. } => !text.is_empty(),
        _ => true,
    };
    entries.iter().any(|(key, node)| ENABLES.contains(&key.text.as_str()) && says(node))
}

/// Reads it. `None`: there is a fault, or nothing in it means TLS.
pub(super) fn read(node: &Node, http2: bool, seen: &mut Seen, cx: &mut Reading<'_>) -> Option<WebTls> {
    let faults_before = cx.faults.len();
    let mut fields = Fields::of(node, "tls_server_config", cx)?;
    let at = fields.at;
    let (certificate, key, authorities) = (
        Pem::of(["cert_file", "cert"], &mut fields, cx),
        Pem::of(["key_file", "key"], &mut fields, cx),
        Pem::of(["client_ca_file", "client_ca"], &mut fields, cx),
    );
    let kind_node = fields.get("client_auth_type");
    let kind = kind_node.map_or(Some(Kind::None), |node| {
        let name = cx.one_of(node, "tls_server_config.client_auth_type", &KINDS.map(|(name, _)| name))?;
        KINDS.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
    });
    let sans_node = fields.get("client_allowed_sans").filter(|node| !matches!(node.value, Value::Null));
    let allowed_sans: Option<Vec<String>> = sans_node.map(|node| {
        let names = cx.words(node, "tls_server_config.client_allowed_sans").unwrap_or_default();
        names.into_iter().map(|(name, _)| name).collect()
    });
    let (suites_node, curves_node) = (fields.get("cipher_suites"), fields.get("curve_preferences"));
    let suites = list(suites_node, "cipher_suites", server::SUITES, cx);
    let curves = list(curves_node, "curve_preferences", server::CURVES, cx);
    let (least_node, most_node) = (fields.get("min_version"), fields.get("max_version"));
    let least = version(least_node, "min_version", ProtocolVersion::TLSv1_2, cx);
    let most = version(most_node, "max_version", ProtocolVersion::TLSv1_3, cx);
    let prefer_own_suites = fields.flag("prefer_server_cipher_suites", cx).unwrap_or(true);
    fields.finish(&[], cx);

    if !is_enabled(node) {
        let what = "tls_server_config names no certificate: connections are not encrypted";
        cx.warn(at, what, "write cert_file and key_file, or remove the section");
        return None;
    }
    if certificate.is_none() {
        cx.error(at, "tls_server_config names no certificate", "write cert_file, or cert");
    }
    if key.is_none() {
        cx.error(at, "tls_server_config names no key", "write key_file, or key");
    }
    let chain = certificate.as_ref().and_then(|pem| pem.certificates(seen, cx));
    let private = key.as_ref().and_then(|pem| pem.private_key(seen, cx));
    let signers = authorities.as_ref().map(|pem| pem.certificates(seen, cx).unwrap_or_default());
    if let Some(kind) = kind {
        check_clients(kind, &Clients { kind_node, authorities: authorities.as_ref(), sans_node, at }, cx);
    }
    if let (Some((least, _)), Some((most, most_at))) = (least, most)
        && u16::from(least) > u16::from(most)
    {
        let at = most_at.or(least_node.map(|node| node.at)).unwrap_or(at);
        cx.error(at, "tls_server_config: min_version is above max_version, which fits no client", "turn them round");
    }
    if let (Some(suites), Some((ProtocolVersion::TLSv1_2, _))) = (&suites, most)
        && !server::serve_tls12(suites)
    {
        let at = suites_node.map_or(at, |node| node.at);
        let what = "tls_server_config.cipher_suites has none for TLS 1.2, and max_version allows nothing newer";
        cx.error(at, what, "add TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 or another of TLS 1.2");
    }
    if cx.faults[faults_before..].iter().any(super::fault::Fault::is_error) {
        return None;
    }
    let (kind, certificate) = (kind?, certificate?);
    let choices = Choices {
        chain: chain?,
        key: private?,
        versions: (least?.0, most?.0),
        suites: suites?,
        curves: curves?,
        prefer_own_suites,
        clients: ClientAuth { kind, authorities: signers.unwrap_or_default(), allowed_sans },
        http2,
    };
    match server::build(choices) {
        Ok(config) => Some(WebTls { config: Arc::new(config), clients_are_verified: kind == Kind::RequireAndVerify }),
        Err(fault) => {
            let (what, instead) = unfit(&fault);
            cx.error(certificate.node.at, format!("{}: {what}", certificate.path), instead);
            None
        }
    }
}

/// What rustls says about parts that read well and do not go together.
fn unfit(fault: &rustls::Error) -> (String, &'static str) {
    match fault {
        rustls::Error::InconsistentKeys(_) => {
            ("the certificate and the key do not belong together".to_owned(), "name the key it was made with")
        }
        rustls::Error::InvalidCertificate(_) => {
            ("a certificate does not read".to_owned(), "make it anew; the server's own must be the first in the file")
        }
        other => (
            format!("TLS cannot be served with this ({other})"),
            "keys that are taken: RSA of 2048 bits or more, ECDSA with P-256 or P-384, Ed25519",
        ),
    }
}

/// What speaks about clients.
struct Clients<'n> {
    kind_node: Option<&'n Node>,
    authorities: Option<&'n Pem<'n>>,
    sans_node: Option<&'n Node>,
    at: Place,
}

fn check_clients(kind: Kind, said: &Clients<'_>, cx: &mut Reading<'_>) {
    let kind_at = said.kind_node.map_or(said.at, |node| node.at);
    if let (Some(pem), Kind::None) = (said.authorities, kind) {
        let what = format!("{} is set, and client_auth_type asks clients for nothing", pem.path);
        cx.error(pem.node.at, what, "write client_auth_type: RequireAndVerifyClientCert");
    }
    if kind.verifies() && said.authorities.is_none() {
        let what = "clients' certificates are verified, and no authority is named that signs them";
        cx.error(kind_at, what, "write client_ca_file");
    }
    if let Some(node) = said.sans_node
        && !kind.requires()
    {
        let what = "tls_server_config.client_allowed_sans: clients need not show a certificate";
        cx.error(node.at, what, "write client_auth_type: RequireAndVerifyClientCert");
    }
    if kind == Kind::RequireAny {
        let what = "anybody can make the certificate that this asks of clients";
        cx.warn(kind_at, what, "write RequireAndVerifyClientCert, with client_ca_file");
    }
}

/// PEM in a file or in the web file itself.
pub(super) struct Pem<'n> {
    node: &'n Node,
    path: String,
    in_file: bool,
    text: String,
}

impl<'n> Pem<'n> {
    /// By its two keys, that of the file first, which also goes before the other.
    pub(super) fn of([file, inline]: [&'static str; 2], fields: &mut Fields<'n>, cx: &mut Reading<'_>) -> Option<Self> {
        let set = |node: &&Node| !matches!(&node.value, Value::Null);
        let (file_node, inline_node) = (fields.get(file).filter(set), fields.get(inline).filter(set));
        if let (Some(_), Some(both)) = (file_node, inline_node) {
            let what = format!("{} and {} are both set: the file counts", fields.path(file), fields.path(inline));
            cx.warn(both.at, what, "remove one of them");
        }
        let (node, key) = file_node.map(|node| (node, file)).or_else(|| inline_node.map(|node| (node, inline)))?;
        let path = fields.path(key);
        let text = cx.word(node, &path)?;
        Some(Self { node, path, in_file: file_node.is_some(), text })
    }

    pub(super) fn certificates(&self, seen: &mut Seen, cx: &mut Reading<'_>) -> Option<Vec<CertificateDer<'static>>> {
        let pem = self.bytes(seen, cx)?;
        self.said(tls::certificates(&pem), "it must be PEM: -----BEGIN CERTIFICATE-----", cx)
    }

    pub(super) fn private_key(&self, seen: &mut Seen, cx: &mut Reading<'_>) -> Option<PrivateKeyDer<'static>> {
        let pem = self.bytes(seen, cx)?;
        self.said(tls::private_key(&pem), "it must be PEM without a passphrase: -----BEGIN PRIVATE KEY-----", cx)
    }

    fn said<T>(&self, read: Result<T, &'static str>, instead: &str, cx: &mut Reading<'_>) -> Option<T> {
        read.map_err(|says| cx.error(self.node.at, format!("{}: {}{says}", self.path, self.shown(cx)), instead)).ok()
    }

    /// The file's name and a space; nothing of what stands inline.
    fn shown(&self, cx: &Reading<'_>) -> String {
        if self.in_file { format!("{} ", cx.path(&self.text).display()) } else { String::new() }
    }

    fn bytes(&self, seen: &mut Seen, cx: &mut Reading<'_>) -> Option<Vec<u8>> {
        if !self.in_file {
            return Some(self.text.clone().into_bytes());
        }
        let file = cx.path(&self.text);
        match seen.read(&file) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                let what = format!("{}: {} cannot be read ({})", self.path, file.display(), error.kind());
                cx.error(self.node.at, what, "name a file that exists and that this user may read");
                None
            }
        }
    }
}

fn version(
    node: Option<&Node>,
    key: &str,
    default: ProtocolVersion,
    cx: &mut Reading<'_>,
) -> Option<(ProtocolVersion, Option<Place>)> {
    let Some(node) = node.filter(|node| !matches!(node.value, Value::Null)) else { return Some((default, None)) };
    let found = one(node, &format!("tls_server_config.{key}"), server::VERSIONS, cx)?;
    Some((found, Some(node.at)))
}

/// A list of names that Go knows.
fn list<T: Copy>(node: Option<&Node>, key: &str, known: Known<T>, cx: &mut Reading<'_>) -> Option<Vec<T>> {
    let Some(node) = node.filter(|node| !matches!(node.value, Value::Null)) else { return Some(Vec::new()) };
    let path = format!("tls_server_config.{key}");
    let items = cx.list(node, &path)?.iter().enumerate();
    Some(items.filter_map(|(n, item)| one(item, &format!("{path}[{n}]"), known, cx)).collect())
}

/// What stands behind a name. Only what is served is ever recommended.
fn one<T: Copy>(node: &Node, path: &str, known: Known<T>, cx: &mut Reading<'_>) -> Option<T> {
    let name = cx.word(node, path)?;
    let served = || known.iter().filter(|(_, has)| has.is_some()).map(|(name, _)| *name);
    let (what, near) = match known.iter().find(|(known, _)| *known == name) {
        Some((_, Some(has))) => return Some(*has),
        Some((_, None)) => (format!("{path}: {name} is not served here"), None),
        None => (format!("{path} is \"{name}\""), nearest(&name, served())),
    };
    let instead = match near {
        Some(near) => format!("did you mean {near}?"),
        None => format!("write one of: {}", served().collect::<Vec<_>>().join(", ")),
    };
    cx.error(node.at, what, instead);
    None
}
