//! `web`: where the HTTP side listens, and how people reach it.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
};

use rustls::pki_types::CertificateDer;

use super::{
    Seen, Web, WebFile,
    address::parse_url,
    fault::Fault,
    reading::{Env, Fields, Reading, is_spoiled},
    secret,
    tree::{Node, Place, Value},
    web_tls::{self, Pem},
};

/// Longer hosts push texts with a link over 160 characters.
const HOST_CHARS_MAX: usize = 20;

/// Where it listens when nobody says: this machine only.
#[must_use]
pub fn default_listen() -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9847)
}

/// Where an agent is, for whoever asks it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listens {
    /// Where.
    pub at: SocketAddr,
    /// Whether it speaks TLS.
    pub tls: bool,
    /// The certificate that it shows, where it stands in a file or in the web file and may be read by us.
    pub certificate: Option<CertificateDer<'static>>,
}

/// Where a file says that the HTTP side listens, without reading anything else of it: whoever only asks a running agent
/// needs no secret of it, and a fault elsewhere in the file is no reason to ask another.
pub fn listens_of(path: &Path, env: Env<'_>) -> Result<Listens, Vec<Fault>> {
    let found = super::load::with_file(path, env, |root, cx| {
        let mut fields = Fields::of(root, "", cx)?;
        let web = fields.get("web").filter(|node| !matches!(node.value, Value::Null));
        if web.is_some_and(is_spoiled) {
            return None;
        }
        let faults_before = cx.faults.len();
        let (mut listen, mut file) = (None, None);
        if let Some(node) = web {
            let mut fields = Fields::of(node, "web", cx)?;
            listen = fields.get("listen").and_then(|node| read_listen(node, cx));
            let written = fields.get("config_file").and_then(|node| cx.word(node, "web.config_file"));
            file = written.map(|written| cx.path(&written));
        }
        let at = listen.unwrap_or_else(default_listen);
        (!cx.faults[faults_before..].iter().any(Fault::is_error)).then_some((at, file))
    });
    let (at, file) = found?;
    match file {
        None => Ok(Listens { at, tls: false, certificate: None }),
        Some(file) => tls_of(at, &file, env),
    }
}

/// Whether a web file means TLS; neither its key nor its hashes are looked at.
fn tls_of(at: SocketAddr, file: &Path, env: Env<'_>) -> Result<Listens, Vec<Fault>> {
    super::load::with_file(file, env, |root, cx| {
        let mut fields = Fields::of(root, "", cx)?;
        let Some(node) = fields.get("tls_server_config").filter(|node| web_tls::is_enabled(node)) else {
            return Some(Listens { at, tls: false, certificate: None });
        };
        let mut fields = Fields::of(node, "tls_server_config", cx)?;
        let certificate = Pem::of(["cert_file", "cert"], &mut fields, cx);
        let chain = certificate.and_then(|pem| pem.certificates(&mut Seen::default(), cx));
        Some(Listens { at, tls: true, certificate: chain.and_then(|chain| chain.into_iter().next()) })
    })
}

/// Reads `web:`.
pub fn read(node: Option<&Node>, cx: &mut Reading<'_>) -> Web {
    let mut web = Web { listen: default_listen(), external_url: None, file: None };
    let Some(node) = node else { return web };
    let Some(mut fields) = Fields::of(node, "web", cx) else { return web };
    let mut listen_at = fields.at;
    if let Some(node) = fields.get("listen")
        && let Some(listen) = read_listen(node, cx)
    {
        web.listen = listen;
        listen_at = node.at;
    }
    let file_node = fields.get("config_file");
    let faults_before = cx.faults.len();
    if let Some(node) = file_node
        && let Some(written) = cx.word(node, "web.config_file")
    {
        web.file = read_file(&written, node, cx);
    }
    if !cx.faults[faults_before..].iter().any(Fault::is_error) {
        warn_of_open_doors(&web, listen_at, file_node, cx);
    }
    if let Some(node) = fields.get("external_url")
        && let Some(text) = secret::setting(node, "web.external_url", cx)
    {
        match parse_url(&text) {
            Err(says) => cx.error(node.at, format!("web.external_url {says}"), "write it as https://watch.example.com"),
            Ok(url) if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() => {
                cx.error(
                    node.at,
                    "web.external_url holds more than a host and a path",
                    "write it as https://watch.example.com",
                );
            }
            Ok(url) => {
                let host = url.host_str().unwrap_or_default();
                if host.chars().count() > HOST_CHARS_MAX {
                    let what = format!("web.external_url: the host {host} has {} characters", host.chars().count());
                    cx.warn(
                        node.at,
                        what,
                        format!("texts with a link stay in one part with a host of up to {HOST_CHARS_MAX}"),
                    );
                }
                if !matches!(url.path(), "" | "/") {
                    cx.warn(
                        node.at,
                        format!("web.external_url has the path {}; the board's own links do not have it", url.path()),
                        "links in texts work under it; for the board behind a proxy give shiftwatch a host of its own",
                    );
                }
                web.external_url = Some(text.trim().trim_end_matches('/').to_owned());
            }
        }
    }
    fields.finish(&[], cx);
    web
}

/// The file that `config_file` names. Its faults join those of the configuration.
fn read_file(written: &str, node: &Node, cx: &mut Reading<'_>) -> Option<WebFile> {
    let path = cx.path(written);
    match WebFile::load(&path) {
        Ok((file, warnings)) => {
            cx.faults.extend(warnings);
            Some(file)
        }
        Err(refused) => {
            // What has no place of its own (the file is not there) stands where it is named.
            let (nowhere, somewhere): (Vec<_>, Vec<_>) =
                refused.faults.into_iter().partition(|fault| fault.line == 0 && fault.is_error());
            for fault in nowhere {
                cx.error(node.at, format!("web.config_file: {}: {}", path.display(), fault.what), fault.instead);
            }
            cx.faults.extend(somewhere);
            None
        }
    }
}

/// Warns where other machines can come in unasked, or where passwords cross the network for everybody to read.
fn warn_of_open_doors(web: &Web, listen_at: Place, file_node: Option<&Node>, cx: &mut Reading<'_>) {
    if web.listen.ip().is_loopback() {
        return;
    }
    let (listen, file) = (web.listen, web.file.as_ref());
    let tls = file.is_some_and(|file| file.tls.is_some());
    let sign_in = file.is_some_and(|file| !file.users.is_empty());
    let verified = file.is_some_and(|file| file.clients_are_verified);
    let at = file_node.map_or(listen_at, |node| node.at);
    if !sign_in && !verified {
        let what = format!("web.listen {listen} is reachable from other machines, and there is no sign-in");
        let instead = if file.is_some() {
            "write basic_auth_users in the web file, or listen on 127.0.0.1"
        } else {
            "write web.config_file with tls_server_config and basic_auth_users, as in examples/web.yml, or listen on 127.0.0.1"
        };
        cx.warn(at, what, instead);
    } else if sign_in && !tls {
        let what = format!(
            "web.listen {listen} is reachable from other machines, and passwords cross the network unencrypted"
        );
        cx.warn(at, what, "write tls_server_config in the web file, or listen on 127.0.0.1 behind a proxy with TLS");
    }
}

fn read_listen(node: &Node, cx: &mut Reading<'_>) -> Option<SocketAddr> {
    let text = secret::setting(node, "web.listen", cx)?;
    let listen = parse_listen(&text);
    if listen.is_none() {
        cx.error(node.at, format!("web.listen \"{text}\" is not address:port"), "write it as 127.0.0.1:9847");
    }
    listen
}

/// `127.0.0.1:9847`, `[::1]:9847`, `localhost:9847`, or `:9847` for every address.
fn parse_listen(text: &str) -> Option<SocketAddr> {
    if let Ok(listen) = text.parse() {
        return Some(listen);
    }
    let (host, port) = text.rsplit_once(':')?;
    let port = port.parse().ok()?;
    match host {
        "" => Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port)),
        "localhost" => Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listen_addresses() {
        for (text, is) in [
            ("127.0.0.1:9847", Some("127.0.0.1:9847")),
            ("localhost:1", Some("127.0.0.1:1")),
            (":9847", Some("0.0.0.0:9847")),
            ("[::1]:9847", Some("[::1]:9847")),
            ("127.0.0.1:0", Some("127.0.0.1:0")),
            ("9847", None),
            ("127.0.0.1", None),
            ("127.0.0.1:99999", None),
            ("http://127.0.0.1:9847", None),
        ] {
            assert_eq!(parse_listen(text), is.map(|is| is.parse().expect("an address")), "{text}");
        }
    }
}
