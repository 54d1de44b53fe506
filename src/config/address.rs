//! URLs, hosts, mail addresses and phone numbers: what they must look like, and which are this machine's own.

use std::net::IpAddr;

use url::{Host, Url};

/// Whether a host name or address is this machine's own.
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Whether a URL leads to this machine.
#[must_use]
pub fn url_is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// Reads an http or https URL. The message never repeats the URL: it may hold a secret.
pub fn parse_url(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "is not a URL")?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("is neither https:// nor http://");
    }
    if url.host().is_none() {
        return Err("names no host");
    }
    Ok(url)
}

/// Splits `host:port`, `[::1]:25`.
#[must_use]
pub fn host_and_port(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port > 0)?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let is_host = match bare.parse::<IpAddr>() {
        Ok(IpAddr::V6(_)) => host.starts_with('['),
        Ok(IpAddr::V4(_)) => host == bare,
        Err(_) => {
            host == bare && !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c))
        }
    };
    is_host.then(|| (bare.to_owned(), port))
}

/// Whether the text is a phone number as E.164 writes it: `+`, country code, 7 to 15 digits in all.
#[must_use]
pub fn is_e164(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len()) && !digits.starts_with('0') && digits.chars().all(|c| c.is_ascii_digit())
    })
}

/// What a number that is not E.164 was probably meant to be; never shown, only used to say how to write it.
#[must_use]
pub fn e164_advice(text: &str) -> &'static str {
    let n_digits = text.chars().filter(char::is_ascii_digit).count();
    match (text.trim().starts_with('+'), n_digits) {
        (false, 10) => "write + and the country code before it (+1 in the US), digits only, in quotation marks",
        (false, _) => "begin with + and the country code, digits only, in quotation marks: \"+12025550111\"",
        (true, _) => "write + and 7 to 15 digits, without spaces, dots or brackets",
    }
}

/// Whether the text is `local@domain` or `Name <local@domain>`.
#[must_use]
pub fn is_mail(text: &str) -> bool {
    let text = text.trim();
    let bare = match text.strip_suffix('>').and_then(|text| text.rsplit_once('<')) {
        Some((_, bare)) => bare,
        None => text,
    };
    bare.is_ascii() && bare.parse::<lettre::Address>().is_ok()
}

/// Splits a comma list of mail addresses; commas inside quotation marks belong to a name.
#[must_use]
pub fn split_mails(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut quoted = false;
    for c in text.chars() {
        quoted ^= c == '"';
        if c == ',' && !quoted {
            parts.push(String::new());
        } else if let Some(last) = parts.last_mut() {
            last.push(c);
        }
    }
    parts.iter().map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loopback() {
        for (host, is) in [
            ("localhost", true),
            ("LOCALHOST", true),
            ("127.0.0.1", true),
            ("127.8.8.8", true),
            ("::1", true),
            ("[::1]", true),
            ("128.0.0.1", false),
            ("0.0.0.0", false),
            ("localhost.example.com", false),
            ("127.0.0.1.example.com", false),
            ("", false),
        ] {
            assert_eq!(is_loopback(host), is, "{host}");
        }
        let loopback = |text| url_is_loopback(&parse_url(text).expect(text));
        assert!(loopback("http://localhost:8080/x"));
        assert!(loopback("http://[::1]:1"));
        assert!(loopback("http://2130706433/"), "the number of 127.0.0.1");
        assert!(!loopback("http://localhost@example.com/"), "a user name is not a host");
        assert!(!loopback("http://127.0.0.1.example.com/"));
    }

    #[test]
    fn phone_numbers_are_plus_and_digits() {
        for (text, is) in [
            ("+12025550111", true),
            ("+1202555", true),
            ("+120255", false),
            ("+123456789012345", true),
            ("+1234567890123456", false),
            ("12025550111", false),
            ("+02025550111", false),
            ("+1 202 555 0111", false),
            ("+1202555011x", false),
            ("+", false),
        ] {
            assert_eq!(is_e164(text), is, "{text}");
        }
    }

    #[test]
    fn mail_addresses_may_carry_a_name() {
        for (text, is) in [
            ("office@example.com", true),
            ("Office <office@example.com>", true),
            ("office@localhost", true),
            ("office", false),
            ("@example.com", false),
            ("office@", false),
            ("a b@example.com", false),
            ("<office@example.com", false),
        ] {
            assert_eq!(is_mail(text), is, "{text}");
        }
        assert_eq!(
            split_mails("a@example.com, \"B, C\" <b@example.com>,"),
            ["a@example.com", "\"B, C\" <b@example.com>"]
        );
    }

    #[test]
    fn a_host_needs_a_port() {
        assert_eq!(host_and_port("mail.example.com:587"), Some(("mail.example.com".into(), 587)));
        assert_eq!(host_and_port("[::1]:25"), Some(("::1".into(), 25)));
        for text in
            ["mail.example.com", "mail.example.com:", ":25", "::1:25", "a b:25", "x:0", "x:65536", "https://x:1"]
        {
            assert_eq!(host_and_port(text), None, "{text}");
        }
    }
}
