use std::fs;

use proptest::prelude::*;
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_ED25519};

use super::*;

const HASH: &str = "$2b$04$abcdefghijklmnopqrstuuINEu0.fL6TmOr.GOngyVnjNLH3aX75y";

/// A folder with a certificate, its key, another key, and a web file.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        let (pem, key) = pair(&KeyPair::generate().unwrap());
        folder.write("cert.pem", &pem);
        folder.write("key.pem", &key);
        folder.write("other.key", &KeyPair::generate().unwrap().serialize_pem());
        folder
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).unwrap();
    }

    fn load(&self, text: &str) -> Result<(WebFile, String), String> {
        self.write("web.yml", text);
        let dir = format!("{}/", self.0.path().display());
        let said = |faults: &[Fault]| {
            let lines: Vec<String> = faults.iter().map(|fault| fault.to_string().replace(&dir, "")).collect();
            lines.join("\n")
        };
        match WebFile::load(&self.0.path().join("web.yml")) {
            Ok((file, warnings)) => Ok((file, said(&warnings))),
            Err(refused) => Err(said(&refused.faults)),
        }
    }
}

fn pair(key: &KeyPair) -> (String, String) {
    let params = CertificateParams::new(vec!["watch.example.com".to_owned()]).unwrap();
    (params.self_signed(key).unwrap().pem(), key.serialize_pem())
}

const TLS: &str = "tls_server_config: { cert_file: cert.pem, key_file: key.pem";

#[test]
fn sound_files_mean_what_exporter_toolkit_says() {
    let folder = Folder::new();
    for (text, tls, users, shows) in [
        (format!("{TLS} }}"), true, 0, "TLS alone"),
        (format!("basic_auth_users: {{ alice: {HASH}, bob: {HASH} }}"), false, 2, "sign-in alone"),
        ("tls_server_config:\nbasic_auth_users: {}\n".to_owned(), false, 0, "empty sections say nothing"),
        (
            format!("{TLS}, client_auth_type: NoClientCert, prefer_server_cipher_suites: false }}"),
            true,
            0,
            "by its name",
        ),
        (
            format!("{TLS}, min_version: TLS12, max_version: TLS13 }}\nhttp_server_config: {{ http2: false }}"),
            true,
            0,
            "the defaults",
        ),
        (
            format!(
                "{TLS}, cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256], curve_preferences: [CurveP256] }}"
            ),
            true,
            0,
            "lists",
        ),
        (
            format!(
                "{TLS}, client_auth_type: RequireAndVerifyClientCert, client_ca_file: cert.pem, client_allowed_sans: [a] }}"
            ),
            true,
            0,
            "clients",
        ),
        (format!("{TLS}, client_auth_type: RequestClientCert }}"), true, 0, "clients that may show something"),
    ] {
        let (file, warnings) = folder.load(&text).expect(shows);
        assert_eq!((file.tls.is_some(), file.users.len(), warnings.as_str()), (tls, users, ""), "{shows}");
        assert_eq!(file.clients_are_verified, text.contains("RequireAndVerify"), "{shows}");
    }
    let (file, _) = folder.load(&format!("{TLS} }}")).unwrap();
    assert_eq!(
        file.tls.unwrap().alpn_protocols,
        [b"h2".to_vec(), b"http/1.1".to_vec()],
        "HTTP/2 unless told otherwise"
    );
    let (file, _) = folder.load(&format!("{TLS} }}\nhttp_server_config: {{ http2: false }}")).unwrap();
    assert_eq!(file.tls.unwrap().alpn_protocols, [b"http/1.1".to_vec()]);
}

/// The example with the certificate it asks for, as it stands and with its comments taken as settings.
#[test]
fn the_example_loads_also_with_what_it_leaves_out() {
    let folder = Folder::new();
    for (from, to) in [("cert.pem", "server.pem"), ("key.pem", "server.key"), ("cert.pem", "clients.pem")] {
        fs::copy(folder.0.path().join(from), folder.0.path().join(to)).unwrap();
    }
    let text = include_str!("../../../examples/web.yml");
    let (file, warnings) = folder.load(text).unwrap();
    assert_eq!((file.users.len(), file.headers.len(), warnings.as_str()), (2, 1, ""));
    assert!(file.tls.is_some() && file.rate_limit.is_some() && !file.clients_are_verified);
    let (file, warnings) = folder.load(&text.replace("  # client_", "  client_")).unwrap();
    assert!(file.clients_are_verified && warnings.is_empty(), "{warnings}");
}

#[test]
fn headers_and_the_rate_are_read() {
    let folder = Folder::new();
    let text = "http_server_config:\n  headers:\n    Content-Security-Policy:\n    X-Frame-Options: sameorigin\nrate_limit: { interval: 100ms, burst: 20 }\n";
    let (file, _) = folder.load(text).unwrap();
    let want = vec![("Content-Security-Policy", String::new()), ("X-Frame-Options", "sameorigin".to_owned())];
    assert_eq!(file.headers, want);
    assert_eq!(file.rate_limit, Some(RateLimit { interval: Duration::from_millis(100), burst: 20 }));
    for off in [
        "rate_limit: { interval: 0 }",
        "rate_limit: { interval: 0s, burst: 0 }",
        "rate_limit: { burst: 3 }",
        "rate_limit:\nbasic_auth_users:\n",
    ] {
        assert_eq!(folder.load(off).unwrap().0.rate_limit, None, "{off}");
    }
}

#[test]
fn certificates_of_every_kind_of_key_and_inline_are_taken() {
    let folder = Folder::new();
    for kind in [&PKCS_ED25519, &PKCS_ECDSA_P384_SHA384] {
        let (pem, key) = pair(&KeyPair::generate_for(kind).unwrap());
        let indented = |pem: &str| pem.lines().map(|line| format!("    {line}\n")).collect::<String>();
        let text = format!("tls_server_config:\n  cert: |\n{}  key: |\n{}", indented(&pem), indented(&key));
        assert!(folder.load(&text).unwrap().0.tls.is_some(), "{kind:?}");
    }
}

#[test]
fn what_reads_well_and_does_not_go_together_is_a_fault_at_its_place() {
    let folder = Folder::new();
    folder.write("empty.pem", "");
    folder.write("cut.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n");
    folder.write("garbage.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    folder.write("locked.key", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n");
    for (cert, key, says) in [
        (
            "cert.pem",
            "other.key",
            "web.yml:1:33: error: tls_server_config.cert_file: the certificate and the key do not belong together; name the key it was made with",
        ),
        (
            "key.pem",
            "key.pem",
            "web.yml:1:33: error: tls_server_config.cert_file: key.pem holds no certificate; it must be PEM: -----BEGIN CERTIFICATE-----",
        ),
        (
            "empty.pem",
            "key.pem",
            "web.yml:1:33: error: tls_server_config.cert_file: empty.pem holds no certificate; it must be PEM: -----BEGIN CERTIFICATE-----",
        ),
        (
            "cut.pem",
            "key.pem",
            "web.yml:1:33: error: tls_server_config.cert_file: cut.pem is no PEM; it must be PEM: -----BEGIN CERTIFICATE-----",
        ),
        (
            "garbage.pem",
            "key.pem",
            "web.yml:1:33: error: tls_server_config.cert_file: a certificate does not read; make it anew; the server's own must be the first in the file",
        ),
        (
            "cert.pem",
            "cert.pem",
            "web.yml:1:53: error: tls_server_config.key_file: cert.pem holds no private key in PEM; it must be PEM without a passphrase: -----BEGIN PRIVATE KEY-----",
        ),
        (
            "cert.pem",
            "locked.key",
            "web.yml:1:53: error: tls_server_config.key_file: locked.key is locked by a passphrase; it must be PEM without a passphrase: -----BEGIN PRIVATE KEY-----",
        ),
    ] {
        let text = format!("tls_server_config: {{ cert_file: {cert}, key_file: {key} }}");
        let said = folder.load(&text).expect_err(says);
        assert_eq!(said, says);
    }
}

#[test]
fn what_is_odd_and_works_is_a_warning() {
    let folder = Folder::new();
    for (text, says) in [
        (
            "tls_server_config: { min_version: TLS13 }".to_owned(),
            "web.yml:1:20: warning: tls_server_config names no certificate: connections are not encrypted",
        ),
        (
            format!("{TLS}, cert: unread }}"),
            "web.yml:1:68: warning: tls_server_config.cert_file and tls_server_config.cert are both set: the file counts",
        ),
        (
            format!("{TLS}, client_auth_type: RequireAnyClientCert }}"),
            "web.yml:1:80: warning: anybody can make the certificate that this asks of clients",
        ),
        (format!("{TLS}, client_auth_type: RequireClientCert }}"), "web.yml:1:80: warning: anybody can make"),
    ] {
        let (_, warnings) = folder.load(&text).unwrap();
        assert!(warnings.starts_with(says), "{text}: {warnings}");
    }
}

#[test]
fn what_was_read_is_what_is_watched() {
    let folder = Folder::new();
    let (file, _) = folder.load(&format!("{TLS} }}")).unwrap();
    assert_eq!(file.seen.again(), file.seen);
    let (pem, _) = pair(&KeyPair::generate().unwrap());
    folder.write("cert.pem", &pem);
    assert_ne!(file.seen.again(), file.seen, "a new certificate, with the old key still");
    let refused = WebFile::load(&file.path).unwrap_err();
    assert_eq!(refused.seen.again(), refused.seen, "a refused file is not read again until it changes");
    folder.write("key.pem", "");
    assert_ne!(refused.seen.again(), refused.seen);
    fs::remove_file(&file.path).unwrap();
    assert!(WebFile::load(&file.path).is_err(), "gone is not empty");
}

#[test]
fn doors_that_stand_open_are_warned_about() {
    let folder = Folder::new();
    let users = format!("basic_auth_users: {{ alice: {HASH} }}\n");
    let verified = "tls_server_config: { cert_file: cert.pem, key_file: key.pem, client_auth_type: RequireAndVerifyClientCert, client_ca_file: cert.pem }\n";
    folder.write("users.yml", &users);
    folder.write("both.yml", &format!("{users}{TLS} }}\n"));
    folder.write("tls.yml", &format!("{TLS} }}\n"));
    folder.write("verified.yml", verified);
    for (listen, file, says) in [
        ("127.0.0.1:9847", "", ""),
        ("127.0.0.1:9847", "users.yml", ""),
        ("[::1]:9847", "tls.yml", ""),
        (
            "0.0.0.0:9847",
            "",
            "web.listen 0.0.0.0:9847 is reachable from other machines, and there is no sign-in; write web.config_file",
        ),
        ("0.0.0.0:9847", "tls.yml", "and there is no sign-in; write basic_auth_users"),
        ("0.0.0.0:9847", "users.yml", "and passwords cross the network unencrypted; write tls_server_config"),
        ("192.0.2.1:9847", "both.yml", ""),
        ("192.0.2.1:9847", "verified.yml", ""),
    ] {
        let file = if file.is_empty() { String::new() } else { format!(", config_file: {file}") };
        let text = format!(
            "agencies: [ {{ name: main, timezone: UTC, wellsky: {{ client_id: a, client_secret: {{ env: X }} }} }} ]\nweb: {{ listen: '{listen}'{file} }}\n"
        );
        folder.write("c.yml", &text);
        let env = |name: &str| (name == "X").then(|| "invented".to_owned());
        let (_, warnings) = crate::config::Config::load(Some(&folder.0.path().join("c.yml")), &env).unwrap();
        let said: Vec<String> =
            warnings.iter().map(ToString::to_string).filter(|said| said.contains("c.yml:2:")).collect();
        assert_eq!(said.is_empty(), says.is_empty(), "{listen} {file}: {said:?}");
        assert!(said.iter().all(|said| said.contains(says)), "{listen} {file}: {said:?}");
    }
}

#[test]
fn whoever_asks_learns_of_tls_without_the_key() {
    let folder = Folder::new();
    folder.write("web.yml", "tls_server_config: { cert_file: cert.pem, key_file: not-ours-to-read.key }\n");
    folder.write("c.yml", "web: { listen: '127.0.0.1:9999', config_file: web.yml }\n");
    let path = folder.0.path().join("c.yml");
    let listens = crate::config::Config::listens(&path, &|_| None).unwrap();
    assert!(listens.tls && listens.certificate.is_some(), "{listens:?}");
    folder.write("web.yml", "tls_server_config: { cert_file: not-ours.pem, key_file: key.pem }\n");
    let listens = crate::config::Config::listens(&path, &|_| None).unwrap();
    assert!(listens.tls && listens.certificate.is_none(), "{listens:?}");
    folder.write("web.yml", &format!("basic_auth_users: {{ alice: {HASH} }}\n"));
    assert!(!crate::config::Config::listens(&path, &|_| None).unwrap().tls);
    fs::remove_file(folder.0.path().join("web.yml")).unwrap();
    assert!(crate::config::Config::listens(&path, &|_| None).is_err(), "nobody knows");
}

#[test]
fn no_hash_and_no_key_is_ever_shown() {
    let folder = Folder::new();
    let (file, _) = folder.load(&format!("{TLS} }}\nbasic_auth_users: {{ alice: {HASH} }}")).unwrap();
    assert!(!format!("{file:?}").contains("$2b$"), "{file:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_damaged_web_file_is_read_without_a_panic(at in 0_usize..900, cut in 0_usize..40, put in "\\PC{0,6}") {
        let whole = format!(
            "{TLS}, client_auth_type: VerifyClientCertIfGiven, client_ca_file: cert.pem, cipher_suites: [TLS_AES_128_GCM_SHA256], curve_preferences: [X25519], min_version: TLS12 }}\nhttp_server_config:\n  http2: true\n  headers: {{ X-Frame-Options: deny }}\nbasic_auth_users:\n  alice: {HASH}\nrate_limit: {{ interval: 1s, burst: 5 }}\n"
        );
        let mut chars: Vec<char> = whole.chars().collect();
        let at = at.min(chars.len());
        let end = (at + cut).min(chars.len());
        chars.splice(at..end, put.chars());
        let folder = Folder(tempfile::tempdir().unwrap());
        let _ = folder.load(&chars.into_iter().collect::<String>());
    }
}
