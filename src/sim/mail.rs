//! Mails that reached the inbox, read well enough for a test to see what a person would.
//!
//! Given: a raw message. Gives: headers (unfolded, encoded words decoded), the text part, the HTML part.
//! Does not: handle every mail there is; only what RFC 5322, 2045 and 2047 make common.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Serialize;

use crate::model::Instant;

/// A mail somebody was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mail {
    /// When it was taken, on the simulator's clock.
    pub at: Instant,
    /// The envelope's sender.
    pub from: String,
    /// The envelope's recipients.
    pub to: Vec<String>,
    /// The user name it was sent with; empty = none.
    pub user: String,
    /// The message as it came, dots unstuffed.
    pub raw: String,
}

impl Mail {
    /// A header of the message, decoded; the first of that name, in any case.
    pub fn header(&self, name: &str) -> Option<String> {
        header_of(head_and_body(&self.raw).0, name)
    }

    /// The subject; empty when there is none.
    pub fn subject(&self) -> String {
        self.header("subject").unwrap_or_default()
    }

    /// The `Message-ID`; empty when there is none.
    pub fn message_id(&self) -> String {
        self.header("message-id").unwrap_or_default()
    }

    /// The plain-text part; empty when there is none.
    pub fn text(&self) -> String {
        part(&self.raw, "text/plain").unwrap_or_default()
    }

    /// The HTML part; empty when there is none.
    pub fn html(&self) -> String {
        part(&self.raw, "text/html").unwrap_or_default()
    }
}

fn head_and_body(message: &str) -> (&str, &str) {
    message.split_once("\r\n\r\n").or_else(|| message.split_once("\n\n")).unwrap_or((message, ""))
}

fn header_of(head: &str, name: &str) -> Option<String> {
    let mut found: Option<String> = None;
    for line in head.lines() {
        if line.starts_with([' ', '\t']) {
            if let Some(value) = &mut found {
                value.push(' ');
                value.push_str(line.trim());
            }
            continue;
        }
        if found.is_some() {
            break;
        }
        if let Some((key, value)) = line.split_once(':')
            && key.eq_ignore_ascii_case(name)
        {
            found = Some(value.trim().to_owned());
        }
    }
    found.map(|value| decode_words(&value))
}

/// Encoded words, `=?utf-8?b?…?=` and `=?utf-8?Q?…?=`; white space between two of them goes.
fn decode_words(value: &str) -> String {
    let mut out = String::new();
    let mut rest = value;
    let mut after_word = false;
    while let Some(start) = rest.find("=?") {
        let (before, word) = rest.split_at(start);
        let mut fields = word.splitn(5, '?');
        let (_, _charset, kind, text, tail) =
            (fields.next(), fields.next(), fields.next(), fields.next(), fields.next());
        let bytes = match (kind, text, tail) {
            (Some("b" | "B"), Some(text), Some(tail)) if tail.starts_with('=') => BASE64_STANDARD.decode(text).ok(),
            (Some("q" | "Q"), Some(text), Some(tail)) if tail.starts_with('=') => {
                Some(quoted_printable(&text.replace('_', " ")))
            }
            _ => None,
        };
        let (Some(bytes), Some(tail)) = (bytes, tail) else {
            out.push_str(before);
            out.push_str("=?");
            rest = word.get(2..).unwrap_or_default();
            after_word = false;
            continue;
        };
        if !(after_word && before.trim().is_empty()) {
            out.push_str(before);
        }
        out.push_str(&String::from_utf8_lossy(&bytes));
        rest = tail.get(1..).unwrap_or_default();
        after_word = true;
    }
    out.push_str(rest);
    out
}

/// The first part of a content type, decoded.
fn part(message: &str, wanted: &str) -> Option<String> {
    let (head, body) = head_and_body(message);
    let content_type = header_of(head, "content-type").unwrap_or_else(|| "text/plain".into());
    let lower = content_type.to_ascii_lowercase();
    if lower.starts_with("multipart/") {
        let at = lower.find("boundary=")? + "boundary=".len();
        let boundary = content_type.get(at..)?.split(';').next()?.trim().trim_matches('"');
        let line = format!("--{boundary}");
        let mut parts = body.split(line.as_str());
        let _preamble = parts.next();
        return parts
            .take_while(|it| !it.starts_with("--"))
            .find_map(|it| part(it.strip_prefix("\r\n").or_else(|| it.strip_prefix('\n')).unwrap_or(it), wanted));
    }
    if !lower.starts_with(wanted) {
        return None;
    }
    let encoding = header_of(head, "content-transfer-encoding").unwrap_or_default().to_ascii_lowercase();
    let bytes = match encoding.as_str() {
        "base64" => {
            let packed: String = body.chars().filter(|c| !c.is_whitespace()).collect();
            BASE64_STANDARD.decode(packed).unwrap_or_default()
        }
        "quoted-printable" => quoted_printable(body),
        _ => body.as_bytes().to_vec(),
    };
    Some(String::from_utf8_lossy(&bytes).trim_end_matches(['\r', '\n']).to_owned())
}

fn quoted_printable(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes().peekable();
    while let Some(byte) = bytes.next() {
        if byte != b'=' {
            out.push(byte);
            continue;
        }
        match bytes.next() {
            Some(b'\n') | None => {}
            Some(b'\r') => {
                let _newline = bytes.next_if_eq(&b'\n');
            }
            Some(high) => {
                let low = bytes.next();
                let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|it| u8::try_from(it).ok());
                if let (Some(high), Some(low)) = (digit(high), low.and_then(digit)) {
                    out.push(high * 16 + low);
                } else {
                    out.extend([b'=', high]);
                    out.extend(low);
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::Mail;

    fn mail(raw: &str) -> Mail {
        Mail {
            at: DateTime::UNIX_EPOCH,
            from: String::new(),
            to: Vec::new(),
            user: String::new(),
            raw: raw.replace('\n', "\r\n"),
        }
    }

    #[test]
    fn a_plain_mail_is_read() {
        let it = mail("Subject: no caregiver\n Tue 07:00\nMessage-ID: <a@b>\n\nFirst line\n.dot\n");
        assert_eq!(it.subject(), "no caregiver Tue 07:00");
        assert_eq!(it.message_id(), "<a@b>");
        assert_eq!(it.text(), "First line\r\n.dot");
        assert_eq!(it.html(), "");
        assert_eq!(it.header("x-none"), None);
    }

    #[test]
    fn both_parts_of_an_alternative_are_read() {
        let it = mail(
            "Subject: =?utf-8?b?w5xiZXI=?= =?utf-8?Q?_fa=C3=A4llig?= now\nContent-Type: multipart/alternative;\n boundary=\"xYz\"\n\npreamble\n--xYz\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\nA long li=\nne =E2=82=AC =3D\n--xYz\nContent-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: base64\n\nPGI+aGk8\nL2I+\n--xYz--\n",
        );
        assert_eq!(it.subject(), "Über faällig now");
        assert_eq!(it.text(), "A long line € =");
        assert_eq!(it.html(), "<b>hi</b>");
    }

    #[test]
    fn nonsense_is_read_as_what_it_is() {
        assert_eq!(mail("Subject: =?utf-8?x?abc?= =? =?\n\n").subject(), "=?utf-8?x?abc?= =? =?");
        assert_eq!(mail("").text(), "");
        assert_eq!(mail("Content-Type: multipart/mixed\n\nx").text(), "");
        assert_eq!(mail("Content-Transfer-Encoding: quoted-printable\n\n50=% =G1 =").text(), "50=% =G1 ");
    }
}
