//! Whether a request is the gateway's own: Twilio signs the address it was given and every parameter.
//!
//! Given: the exact public address, the parameters as they came, the signature, the tokens that may have made it.
//! Gives: yes or no, in a time that does not depend on how nearly right it is.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use ring::hmac;
use secrecy::{ExposeSecret as _, SecretString};

/// Whether one of the tokens signed this.
#[must_use]
pub fn is_twilios<'t>(
    url: &str,
    params: &[(String, String)],
    signature: &str,
    tokens: impl IntoIterator<Item = &'t SecretString>,
) -> bool {
    let Ok(given) = BASE64_STANDARD.decode(signature.trim()) else { return false };
    let mut sorted: Vec<&(String, String)> = params.iter().collect();
    sorted.sort();
    sorted.dedup();
    let rest: String = sorted.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]).collect();
    let signed: Vec<String> = spellings(url).into_iter().map(|url| format!("{url}{rest}")).collect();
    tokens.into_iter().any(|token| {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.expose_secret().as_bytes());
        signed.iter().any(|text| hmac::verify(&key, text.as_bytes(), &given).is_ok())
    })
}

/// Whether an address names this hash of a body, as Twilio's do where the body is no form: `…?bodySHA256=…`.
#[must_use]
pub fn names_body(path_and_query: &str, sha256: &str) -> bool {
    let query = path_and_query.split_once('?').map_or("", |(_, query)| query);
    url::form_urlencoded::parse(query.as_bytes())
        .any(|(name, value)| name == "bodySHA256" && value.eq_ignore_ascii_case(sha256))
}

/// Twilio signs an address with its standard port now written out, now not.
fn spellings(url: &str) -> Vec<String> {
    let mut all = vec![url.to_owned()];
    let Some((scheme, rest)) = url.split_once("://") else { return all };
    let port = if scheme == "https" { ":443" } else { ":80" };
    let (host, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    match host.strip_suffix(port) {
        Some(bare) => all.push(format!("{scheme}://{bare}{path}")),
        None if !host.contains(':') => all.push(format!("{scheme}://{host}{port}{path}")),
        None => {}
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    /// The worked example of Twilio's page on webhook security, and the vectors of its public helper libraries: same token,
    /// address and parameters.
    #[test]
    fn twilios_own_examples_are_genuine_and_nothing_near_them_is() {
        let token = SecretString::from("12345");
        let url = "https://mycompany.com/myapp.php?foo=1&bar=2";
        let posted = params(&[
            ("CallSid", "CA1234567890ABCDE"),
            ("Caller", "+14158675309"),
            ("Digits", "1234"),
            ("From", "+14158675309"),
            ("To", "+18005551212"),
        ]);
        let signature = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";
        let is = |url: &str, params: &[(String, String)], signature: &str, token: &SecretString| {
            is_twilios(url, params, signature, [token])
        };
        assert!(is(url, &posted, signature, &token));
        let mut shuffled = posted.clone();
        shuffled.reverse();
        assert!(is(url, &shuffled, signature, &token), "their order does not matter");
        assert!(!is("https://mycompany.com/myapp.php?foo=1", &posted, signature, &token), "another address");
        assert!(!is("http://mycompany.com/myapp.php?foo=1&bar=2", &posted, signature, &token), "another scheme");
        assert!(!is(url, &posted[1..], signature, &token), "a parameter less");
        let mut more = posted.clone();
        more.push(("Extra".into(), String::new()));
        assert!(!is(url, &more, signature, &token), "an empty parameter more");
        let mut spaced = posted.clone();
        spaced[2].1.push(' ');
        assert!(!is(url, &spaced, signature, &token), "values are not trimmed");
        assert!(!is(url, &posted, "RSOYDt4T1cUTdK1PDd93/VVr8B9=", &token));
        assert!(!is(url, &posted, "", &token) && !is(url, &posted, "not base64!", &token));
        let other = SecretString::from("54321");
        assert!(!is(url, &posted, signature, &other));
        assert!(is_twilios(url, &posted, signature, [&other, &token]), "the token before still signs");
    }

    #[test]
    fn a_body_that_is_no_form_is_signed_by_its_hash() {
        let hash = "0a1b".repeat(16);
        assert!(names_body(&format!("/hooks/twilio?x=1&bodySHA256={hash}"), &hash));
        assert!(names_body(&format!("/hooks/twilio?bodySHA256={}", hash.to_uppercase()), &hash));
        for query in ["", "?bodySHA256=", "?bodySHA256=0a1b", "?x=1"] {
            assert!(!names_body(&format!("/hooks/twilio{query}"), &hash), "{query}");
        }
    }

    #[test]
    fn a_standard_port_may_be_written_out() {
        assert_eq!(spellings("https://a.example/x?y=1"), ["https://a.example/x?y=1", "https://a.example:443/x?y=1"]);
        assert_eq!(spellings("https://a.example:443/x"), ["https://a.example:443/x", "https://a.example/x"]);
        assert_eq!(spellings("https://a.example:8443/x"), ["https://a.example:8443/x"]);
        assert_eq!(spellings("http://a.example"), ["http://a.example", "http://a.example:80"]);
    }
}
