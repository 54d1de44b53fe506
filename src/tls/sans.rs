//! The alternative names of a certificate: DNS names, mail addresses, URIs and IP addresses, as Go writes them.
//!
//! Read straight from the DER, because webpki gives out DNS names only. A certificate that does not read has no names.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const SEQUENCE: u8 = 0x30;
const OBJECT_ID: u8 = 0x06;
const OCTETS: u8 = 0x04;
/// `[3]` of a certificate's body: its extensions.
const EXTENSIONS: u8 = 0xa3;
/// 2.5.29.17, subjectAltName.
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];

/// Every name of the four kinds. Names of other kinds are passed over.
pub(super) fn of(certificate: &[u8]) -> Vec<String> {
    names(certificate).unwrap_or_default()
}

fn names(certificate: &[u8]) -> Option<Vec<String>> {
    let mut certificate = Der(certificate).inside(SEQUENCE)?;
    let body = certificate.inside(SEQUENCE)?;
    let mut extensions = body.find(|tag, _| tag == EXTENSIONS)?.inside(SEQUENCE)?;
    while let Some((_, extension)) = extensions.next() {
        let mut parts = Der(extension);
        if parts.inside(OBJECT_ID)?.0 != SUBJECT_ALT_NAME {
            continue;
        }
        // A "critical" mark may stand between.
        let mut value = parts.find(|tag, _| tag == OCTETS)?;
        let mut entries = value.inside(SEQUENCE)?;
        let mut found = Vec::new();
        while let Some((tag, content)) = entries.next() {
            found.extend(name(tag, content));
        }
        return Some(found);
    }
    None
}

/// One entry: `[1]` mail, `[2]` DNS, `[6]` URI, `[7]` IP address.
fn name(tag: u8, content: &[u8]) -> Option<String> {
    match tag {
        0x81 | 0x82 | 0x86 => String::from_utf8(content.to_vec()).ok(),
        0x87 => match content.len() {
            4 => Some(Ipv4Addr::from(<[u8; 4]>::try_from(content).ok()?).to_string()),
            16 => Some(IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(content).ok()?)).to_canonical().to_string()),
            _ => None,
        },
        _ => None,
    }
}

/// What is left of a run of DER values.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The next value's tag and content.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, content))
    }

    /// The inside of the next value, which must have this tag.
    fn inside(&mut self, wanted: u8) -> Option<Self> {
        self.next().filter(|(tag, _)| *tag == wanted).map(|(_, content)| Self(content))
    }

    /// The inside of the first value that fits.
    fn find(mut self, fits: impl Fn(u8, &[u8]) -> bool) -> Option<Self> {
        while let Some((tag, content)) = self.next() {
            if fits(tag, content) {
                return Some(Self(content));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{CertificateParams, KeyPair, SanType};

    use super::*;

    fn certificate(sans: Vec<SanType>) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.subject_alt_names = sans;
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn the_four_kinds_of_names_are_read() {
        let der = certificate(vec![
            SanType::DnsName("scrape.example.com".try_into().unwrap()),
            SanType::Rfc822Name("ops@example.com".try_into().unwrap()),
            SanType::URI("spiffe://example.com/prometheus".try_into().unwrap()),
            SanType::IpAddress("192.0.2.7".parse().unwrap()),
            SanType::IpAddress("2001:db8::7".parse().unwrap()),
        ]);
        let want =
            ["scrape.example.com", "ops@example.com", "spiffe://example.com/prometheus", "192.0.2.7", "2001:db8::7"];
        assert_eq!(of(&der), want);
        assert!(of(&certificate(Vec::new())).is_empty(), "no names, and no panic");
        for cut in 0..der.len() {
            assert!(of(&der[..cut]).is_empty(), "half a certificate has no names");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in 0_usize..400, to: u8) {
            let _ = of(&bytes);
            let mut der = certificate(vec![SanType::DnsName("a.example.com".try_into().unwrap())]);
            if let Some(byte) = der.get_mut(at) {
                *byte = to;
            }
            let _ = of(&der);
        }
    }
}
