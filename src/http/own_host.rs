//! Whether a browser asked for us by a name that is ours.
//!
//! Given: the `Host` of a request, the outside address. Gives: yes or no. Does not: look names up. A page of somebody else can let a
//! name of its own lead to this machine (DNS rebinding), and is then a page of the same site; it cannot do so with an IP address,
//! `localhost` or a name that is not its own.

use std::net::IpAddr;

use axum::http::uri::Authority;
use reqwest::Url;

/// Whether `host` (`name:port`, as the request has it) is an IP address, `localhost`, or the host of `external_url`. The address
/// that we listen at is an IP address.
pub(super) fn is_ours(host: Option<&str>, external_url: Option<&str>) -> bool {
    let Some(authority) = host.and_then(|host| host.parse::<Authority>().ok()) else { return false };
    let name = authority.host();
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    if bare.parse::<IpAddr>().is_ok() || name.eq_ignore_ascii_case("localhost") {
        return true;
    }
    let outside = external_url.and_then(|url| Url::parse(url).ok());
    outside.as_ref().and_then(Url::host_str).is_some_and(|outside| outside.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_and_names_that_nobody_else_can_lead_here_are_ours() {
        for (host, is) in [
            ("127.0.0.1:9847", true),
            ("192.0.2.7", true),
            ("[::1]:9847", true),
            ("localhost:9847", true),
            ("LOCALHOST", true),
            ("watch.example.com", true),
            ("Watch.Example.com:8443", true),
            ("evil.example", false),
            ("evil.example:9847", false),
            ("127.0.0.1.evil.example", false),
            ("localhost.evil.example", false),
            ("watch.example.com.evil.example", false),
            ("watch.example.com@evil.example", false),
            ("", false),
            ("a b", false),
        ] {
            assert_eq!(is_ours(Some(host), Some("https://watch.example.com/watch")), is, "{host}");
        }
        assert!(!is_ours(Some("watch.example.com"), None), "of no name is known that it is ours");
        assert!(!is_ours(None, Some("https://watch.example.com")));
        assert!(is_ours(Some("xn--wtch-loa.example"), Some("https://w\u{e4}tch.example")), "as browsers write it");
    }
}
