//! A mail server: connect, TLS, login, and out again.

use std::time::Duration;

use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{Mailbox, header::ContentType},
    transport::smtp::{
        Error,
        authentication::Credentials,
        client::{Tls, TlsParameters},
        extension::ClientId,
    },
};
use secrecy::ExposeSecret;

use super::Line;
use crate::notify::{message::SmtpTarget, receiver::SmtpAuth};

const TIMEOUT: Duration = Duration::from_secs(15);
/// Implicit TLS; every other port begins plain and upgrades.
const SMTPS: u16 = 465;

/// Logs in and leaves.
pub(super) async fn examine(target: &SmtpTarget, auth: Option<&SmtpAuth>) -> Line {
    let server = format!("{}:{}", target.host, target.port);
    let how = match (target.require_tls, auth.is_some()) {
        (true, true) => "TLS and login work",
        (true, false) => "TLS works, no login is configured",
        (false, true) => "login works, without TLS",
        (false, false) => "answers, without TLS and login",
    };
    let transport = match transport(target, auth) {
        Ok(transport) => transport,
        Err(error) => return Line::fail("mail server", format!("{server}: {}", meaning(&error))),
    };
    match transport.test_connection().await {
        Ok(true) => Line::ok("mail server", format!("{server}: {how}")),
        Ok(false) => Line::fail("mail server", format!("{server}: answers, but is not ready; try again later")),
        Err(error) => Line::fail("mail server", format!("{server}: {}", meaning(&error))),
    }
}

/// Sends one test mail.
pub(super) async fn send(target: &SmtpTarget, auth: Option<&SmtpAuth>, from: &str, to: &str, title: &str) -> Line {
    let what = "test mail";
    let (Ok(from), Ok(to)) = (from.parse::<Mailbox>(), to.parse::<Mailbox>()) else {
        return Line::fail(what, "the sender or the recipient is no mail address");
    };
    let mail = Message::builder()
        .from(from)
        .to(to)
        .subject(format!("{title}: test of shiftwatch"))
        .header(ContentType::TEXT_PLAIN)
        .body("This is a test of shiftwatch. Nothing is wrong and nothing needs doing.\n".to_owned());
    let Ok(mail) = mail else { return Line::fail(what, "the mail could not be made from these addresses") };
    let sent = match transport(target, auth) {
        Ok(transport) => transport.send(mail).await.map(drop),
        Err(error) => Err(error),
    };
    match sent {
        Ok(()) => Line::ok(what, "taken by the mail server; look whether it arrives, and not as spam"),
        Err(error) => Line::fail(what, meaning(&error)),
    }
}

fn transport(target: &SmtpTarget, auth: Option<&SmtpAuth>) -> Result<AsyncSmtpTransport<Tokio1Executor>, Error> {
    let tls = match (target.require_tls, target.port) {
        (false, _) => Tls::None,
        (true, SMTPS) => Tls::Wrapper(TlsParameters::new(target.host.clone())?),
        (true, _) => Tls::Required(TlsParameters::new(target.host.clone())?),
    };
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&target.host)
        .port(target.port)
        .tls(tls)
        .timeout(Some(TIMEOUT));
    if let Some(name) = &target.hello {
        builder = builder.hello_name(ClientId::Domain(name.clone()));
    }
    if let Some(auth) = auth {
        let password = auth.password.expose_secret().to_owned();
        builder = builder.credentials(Credentials::new(auth.username.clone(), password));
    }
    Ok(builder.build())
}

/// What went wrong, from its kind and code: a server's own words may hold addresses.
fn meaning(error: &Error) -> String {
    let code = error.status().map(|code| code.to_string());
    let text = if error.is_timeout() {
        "no answer in time; check host, port and firewall"
    } else if error.is_tls() {
        "TLS failed; check the port (587 upgrades, 465 is TLS from the start) and the server's certificate"
    } else {
        match code.as_deref() {
            Some("535" | "534" | "530" | "538") => "login refused; check smtp_auth_username and smtp_auth_password",
            Some(code) if code.starts_with('4') => "not now; try again later",
            Some(_) => "refused; check sender, recipient and login",
            None if error.is_client() => {
                "the server does not offer what is needed (STARTTLS or a login); check the port"
            }
            None => "no connection; check host, port and firewall",
        }
    };
    code.map_or_else(|| text.to_owned(), |code| format!("{code}: {text}"))
}
