//! `global`: the mail server and sender that receivers inherit, and `resolve_timeout`; names as in Alertmanager.

use std::time::Duration;

use secrecy::SecretString;

use super::{
    MailDefaults,
    address::{host_and_port, is_loopback, is_mail},
    reading::{Fields, Reading},
    secret,
    tree::Node,
};
use crate::notify::{message::SmtpTarget, receiver::SmtpAuth};

/// `resolve_timeout`, when nobody says.
pub const RESOLVE_TIMEOUT: Duration = Duration::from_mins(5);

/// What a mail integration needs to know about the way out; each may come from `global` or from the receiver.
#[derive(Clone, Default)]
pub struct MailSettings {
    /// Sender.
    pub from: Option<String>,
    /// Server.
    pub smarthost: Option<(String, u16)>,
    /// HELO name.
    pub hello: Option<String>,
    /// Login name.
    pub username: Option<String>,
    /// Password.
    pub password: Option<SecretString>,
    /// Whether TLS is required; `None` = unless the host is this machine.
    pub require_tls: Option<bool>,
    /// Some of it could not be read: what is missing was complained about.
    pub in_doubt: bool,
}

/// `global:` as read.
pub struct Global {
    /// Mail.
    pub mail: MailSettings,
    /// How long a posted alert without `endsAt` lives.
    pub resolve_timeout: Duration,
}

/// The keys of mail settings, as `global` and as receivers call them.
pub struct MailKeys {
    from: &'static str,
    smarthost: &'static str,
    hello: &'static str,
    username: &'static str,
    password: &'static str,
    password_file: &'static str,
    require_tls: &'static str,
}

/// In `global`.
pub const GLOBAL_KEYS: MailKeys = MailKeys {
    from: "smtp_from",
    smarthost: "smtp_smarthost",
    hello: "smtp_hello",
    username: "smtp_auth_username",
    password: "smtp_auth_password",
    password_file: "smtp_auth_password_file",
    require_tls: "smtp_require_tls",
};

/// In `email_configs`.
pub const RECEIVER_KEYS: MailKeys = MailKeys {
    from: "from",
    smarthost: "smarthost",
    hello: "hello",
    username: "auth_username",
    password: "auth_password",
    password_file: "auth_password_file",
    require_tls: "require_tls",
};

/// What to say of Alertmanager's other mail keys.
pub const MAIL_KEYS_ELSEWHERE: [(&str, &str); 6] = [
    ("smtp_auth_secret", "CRAM-MD5 is not spoken: use smtp_auth_username and smtp_auth_password"),
    ("smtp_auth_identity", "it is not needed: remove it"),
    ("smtp_tls_config", "the system's certificates are used: remove it"),
    ("auth_secret", "CRAM-MD5 is not spoken: use auth_username and auth_password"),
    ("auth_identity", "it is not needed: remove it"),
    ("tls_config", "the system's certificates are used: remove it"),
];

/// Reads `global:`.
pub fn read(node: Option<&Node>, cx: &mut Reading<'_>) -> Global {
    let nothing = |in_doubt| Global {
        mail: MailSettings { in_doubt, ..MailSettings::default() },
        resolve_timeout: RESOLVE_TIMEOUT,
    };
    let Some(node) = node else { return nothing(false) };
    let Some(mut fields) = Fields::of(node, "global", cx) else { return nothing(true) };
    let mail = read_mail(&mut fields, &GLOBAL_KEYS, cx);
    let resolve_timeout = fields.positive("resolve_timeout", cx).unwrap_or(RESOLVE_TIMEOUT);
    fields.finish(&MAIL_KEYS_ELSEWHERE, cx);
    Global { mail, resolve_timeout }
}

/// Reads the mail keys of a mapping.
pub fn read_mail(fields: &mut Fields<'_>, keys: &MailKeys, cx: &mut Reading<'_>) -> MailSettings {
    let mut mail = MailSettings::default();
    let n_faults = cx.faults.iter().filter(|fault| fault.is_error()).count();
    if let Some(node) = fields.get(keys.from) {
        let path = fields.path(keys.from);
        mail.from = secret::value(node, &path, cx);
        if mail.from.as_deref().is_some_and(|from| !is_mail(from)) {
            cx.error(node.at, format!("{path} is not a mail address"), "write it as watch@example.com");
        }
    }
    if let Some(node) = fields.get(keys.smarthost) {
        let path = fields.path(keys.smarthost);
        if let Some(text) = secret::setting(node, &path, cx) {
            mail.smarthost = host_and_port(&text);
            if mail.smarthost.is_none() {
                // A login may stand before an @, and is nobody's to read.
                let shown = if text.contains('@') { String::new() } else { format!(" \"{text}\"") };
                cx.error(node.at, format!("{path}{shown} is not host:port"), "write it as mail.example.com:587");
            }
        }
    }
    mail.hello = fields.word(keys.hello, cx);
    if let Some(node) = fields.get(keys.username) {
        mail.username = secret::value(node, &fields.path(keys.username), cx);
    }
    let (plain, file) = (fields.get(keys.password), fields.get(keys.password_file));
    match (plain, file) {
        (Some(_), Some(node)) => {
            let what = format!("{} and {} are both set", fields.path(keys.password), keys.password_file);
            cx.error(node.at, what, "keep one of the two");
        }
        (Some(node), None) => mail.password = secret::secret(node, &fields.path(keys.password), cx),
        (None, Some(node)) => mail.password = secret::file(node, &fields.path(keys.password_file), cx),
        (None, None) => {}
    }
    mail.require_tls = fields.flag(keys.require_tls, cx);
    if let (Some(false), Some(node)) = (mail.require_tls, fields.get(keys.require_tls))
        && mail.smarthost.as_ref().is_some_and(|(host, _)| !is_loopback(host))
    {
        let what = format!("{} is false, and the mail server is not this machine", fields.path(keys.require_tls));
        cx.error(node.at, what, "remove the line: mail leaves this machine encrypted or not at all");
    }
    mail.in_doubt = cx.faults.iter().filter(|fault| fault.is_error()).count() > n_faults;
    mail
}

/// Mail over TLS from the first byte.
const SMTPS: u16 = 465;

impl MailSettings {
    /// What is said here, else what `global` says.
    #[must_use]
    pub fn or(self, global: &Self) -> Self {
        // A server named here is logged in to with what is written here: a password goes only where it was meant to.
        let own_server = self.smarthost.is_some() && self.smarthost != global.smarthost;
        let (username, password) = if own_server {
            (self.username, self.password)
        } else {
            (self.username.or_else(|| global.username.clone()), self.password.or_else(|| global.password.clone()))
        };
        Self {
            from: self.from.or_else(|| global.from.clone()),
            smarthost: self.smarthost.or_else(|| global.smarthost.clone()),
            hello: self.hello.or_else(|| global.hello.clone()),
            username,
            password,
            require_tls: self.require_tls.or(if own_server { None } else { global.require_tls }),
            in_doubt: self.in_doubt || global.in_doubt,
        }
    }

    /// Everything needed to send, else what is missing, as `global` calls it.
    pub fn complete(&self) -> Result<MailDefaults, &'static str> {
        let (host, port) = self.smarthost.clone().ok_or(GLOBAL_KEYS.smarthost)?;
        let from = self.from.clone().ok_or(GLOBAL_KEYS.from)?;
        // Port 465 begins with TLS wherever it is; only an explicit `false` takes it for something else.
        let require_tls = self.require_tls.unwrap_or_else(|| port == SMTPS || !is_loopback(&host));
        let auth = match (&self.username, &self.password) {
            (Some(username), Some(password)) => {
                Some(SmtpAuth { username: username.clone(), password: password.clone() })
            }
            (Some(_), None) => return Err(GLOBAL_KEYS.password),
            (None, Some(_)) => return Err(GLOBAL_KEYS.username),
            (None, None) => None,
        };
        Ok(MailDefaults { from, smarthost: SmtpTarget { host, port, require_tls, hello: self.hello.clone() }, auth })
    }
}
