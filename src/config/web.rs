//! `web`: where the HTTP side listens, and how people reach it.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
};

use super::{
    Web,
    address::parse_url,
    fault::Fault,
    reading::{Env, Fields, Reading, is_spoiled},
    secret,
    tree::{Node, Value},
};

/// Longer hosts push texts with a link over 160 characters.
const HOST_CHARS_MAX: usize = 20;

/// Where it listens when nobody says: this machine only.
#[must_use]
pub fn default_listen() -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9847)
}

/// Where a file says that the HTTP side listens, without reading anything else of it: whoever only asks a running agent
/// needs no secret of it, and a fault elsewhere in the file is no reason to ask another.
pub fn listen_of(path: &Path, env: Env<'_>) -> Result<SocketAddr, Vec<Fault>> {
    super::load::with_file(path, env, |root, cx| {
        let mut fields = Fields::of(root, "", cx)?;
        let web = fields.get("web").filter(|node| !matches!(node.value, Value::Null));
        if web.is_some_and(is_spoiled) {
            return None;
        }
        let faults_before = cx.faults.len();
        let listen = match web {
            Some(node) => {
                let mut fields = Fields::of(node, "web", cx)?;
                fields
                    .get("listen")
                    .map_or_else(default_listen, |node| read_listen(node, cx).unwrap_or(default_listen()))
            }
            None => default_listen(),
        };
        (!cx.faults[faults_before..].iter().any(Fault::is_error)).then_some(listen)
    })
}

/// Reads `web:`.
pub fn read(node: Option<&Node>, cx: &mut Reading<'_>) -> Web {
    let mut web = Web { listen: default_listen(), external_url: None };
    let Some(node) = node else { return web };
    let Some(mut fields) = Fields::of(node, "web", cx) else { return web };
    if let Some(node) = fields.get("listen")
        && let Some(listen) = read_listen(node, cx)
    {
        web.listen = listen;
        if !listen.ip().is_loopback() {
            let what = format!("web.listen {listen} is reachable from other machines, and there is no sign-in");
            cx.warn(node.at, what, "listen on 127.0.0.1 and put a proxy with sign-in before it");
        }
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
                web.external_url = Some(text.trim().trim_end_matches('/').to_owned());
            }
        }
    }
    fields.finish(&[("config_file", "TLS and sign-in are not offered yet: put a proxy before it")], cx);
    web
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
