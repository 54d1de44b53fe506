//! The mail server, driven by a client that speaks SMTP for real and by one that speaks it by hand.

use std::time::Duration;

use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{MultiPart, SinglePart, header::ContentType},
    transport::smtp::authentication::Credentials,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

use super::{Bench, PATIENCE};
use crate::sim::{SmtpFault, SmtpFaultAnswer, SmtpStage};

fn transport(bench: &Bench) -> AsyncSmtpTransport<Tokio1Executor> {
    let addr = bench.sim.smtp_addr();
    AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(addr.ip().to_string())
        .port(addr.port())
        .credentials(Credentials::new("watch".into(), "secret".into()))
        .build()
}

fn message(to: &str) -> Message {
    Message::builder()
        .from("watch@example.com".parse().expect("an address"))
        .to(to.parse().expect("an address"))
        .subject("Kein Pfleger: Dienstag, für 07:00 — bitte sofort eine Vertretung suchen")
        .message_id(Some("<abc@example.com>".into()))
        .multipart(
            MultiPart::alternative()
                .singlepart(SinglePart::builder().header(ContentType::TEXT_PLAIN).body(
                    ".a line with a dot\n..two\nÜber 76 Zeichen lange Zeilen werden umbrochen, und am Ende steht alles wieder da.\n".to_owned(),
                ))
                .singlepart(SinglePart::builder().header(ContentType::TEXT_HTML).body("<p>Über</p>".to_owned())),
        )
        .expect("a message")
}

#[tokio::test]
async fn a_mail_arrives_as_it_was_sent() {
    let bench = Bench::new().await;
    transport(&bench).send(message("lead@example.com")).await.expect("sent");
    let mails = bench.sim.mails();
    assert_eq!(mails.len(), 1);
    let mail = &mails[0];
    assert_eq!(
        (mail.from.as_str(), mail.to.as_slice()),
        ("watch@example.com", ["lead@example.com".to_owned()].as_slice())
    );
    assert_eq!(mail.user, "watch");
    assert_eq!(mail.subject(), "Kein Pfleger: Dienstag, für 07:00 — bitte sofort eine Vertretung suchen");
    assert_eq!(mail.message_id(), "<abc@example.com>");
    let text = mail.text().replace("\r\n", "\n");
    assert_eq!(
        text,
        ".a line with a dot\n..two\nÜber 76 Zeichen lange Zeilen werden umbrochen, und am Ende steht alles wieder da."
    );
    assert_eq!(mail.html(), "<p>Über</p>");
}

#[tokio::test]
async fn mail_fails_at_the_stage_told() {
    use SmtpFaultAnswer::{Code, Drop, DropUntaken, Hang};
    let bench = Bench::new().await;
    // (stage, what, whether it was taken all the same)
    let table = [
        (SmtpStage::Connect, Code(421), false),
        (SmtpStage::Hello, Code(550), false),
        (SmtpStage::Auth, Code(535), false),
        (SmtpStage::Mail, Code(451), false),
        (SmtpStage::Rcpt, Code(550), false),
        (SmtpStage::Data, Code(554), false),
        (SmtpStage::Content, Code(452), false),
        (SmtpStage::Connect, Drop, false),
        (SmtpStage::Rcpt, Drop, false),
        (SmtpStage::Content, Drop, true),
        (SmtpStage::Content, DropUntaken, false),
        (SmtpStage::Mail, Hang, false),
        (SmtpStage::Content, Hang, true),
    ];
    for (stage, answer, taken) in table {
        let before = bench.sim.mails().len();
        bench.sim.smtp_faults([SmtpFault::new(stage, answer.clone()).times(1)]);
        // lettre's own time-out ends with the connect: a server that hangs later is for the caller to give up on.
        let transport_now = transport(&bench);
        let sending = transport_now.send(message("lead@example.com"));
        let patience = if answer == Hang { Duration::from_millis(400) } else { PATIENCE };
        let sent = tokio::time::timeout(patience, sending).await;
        let error = match sent {
            Err(_elapsed) => {
                assert_eq!(answer, Hang, "{stage:?}");
                assert_eq!(bench.sim.mails().len() - before, usize::from(taken), "{stage:?} {answer:?}");
                continue;
            }
            Ok(sent) => sent.err().unwrap_or_else(|| panic!("{stage:?} {answer:?} went through")),
        };
        match answer {
            Code(code) => {
                let status = error.status().map(u16::from);
                assert_eq!(status, Some(code), "{stage:?}");
                assert_eq!((error.is_transient(), error.is_permanent()), (code < 500, code >= 500));
            }
            Hang => panic!("{stage:?}: answered {error:?}"),
            _ => assert!(error.status().is_none() && !error.is_timeout(), "{stage:?}: {error:?}"),
        }
        assert_eq!(bench.sim.mails().len() - before, usize::from(taken), "{stage:?} {answer:?}");
        transport(&bench).send(message("lead@example.com")).await.expect("the next one goes through");
    }
    bench.sim.smtp_faults([SmtpFault::new(SmtpStage::Rcpt, Code(550)).to("gone@example.com")]);
    assert!(transport(&bench).send(message("gone@example.com")).await.is_err());
    transport(&bench).send(message("lead@example.com")).await.expect("another recipient is fine");
}

#[tokio::test]
async fn a_mail_server_that_is_down_refuses() {
    let bench = Bench::new().await;
    bench.sim.smtp_down();
    assert!(transport(&bench).send(message("lead@example.com")).await.is_err());
    bench.sim.smtp_up();
    let mut sent = false;
    for _ in 0..2_000 {
        if transport(&bench).send(message("lead@example.com")).await.is_ok() {
            sent = true;
            break;
        }
        tokio::task::yield_now().await;
    }
    assert!(sent);
}

#[tokio::test]
async fn a_session_by_hand() {
    let bench = Bench::new().await;
    let mut wire = BufReader::new(TcpStream::connect(bench.sim.smtp_addr()).await.expect("connected"));
    // (what is said, the code answered)
    let table = [
        ("", "220"),
        ("HELO me", "250"),
        ("DATA", "503"),
        ("RCPT TO:<a@example.com>", "503"),
        ("AUTH LOGIN", "334"),
        ("d2F0Y2g=", "334"),
        ("c2VjcmV0", "235"),
        ("AUTH PLAIN AHdhdGNoAHNlY3JldA==", "235"),
        ("MAIL FROM:<w@example.com> SIZE=10", "250"),
        ("RCPT TO:<a@example.com>", "250"),
        ("RSET", "250"),
        ("DATA", "503"),
        ("NOOP", "250"),
        ("STARTTLS", "454"),
        ("WHAT", "502"),
        ("mail from:<>", "250"),
        ("rcpt to:<a@example.com>", "250"),
        ("rcpt to:<b@example.com>", "250"),
        ("DATA", "354"),
        ("Subject: hi\r\n\r\n..stuffed\r\n.", "250"),
        ("QUIT", "221"),
    ];
    for (said, code) in table {
        if !said.is_empty() {
            wire.get_mut().write_all(format!("{said}\r\n").as_bytes()).await.expect("written");
        }
        let mut line = String::new();
        tokio::time::timeout(PATIENCE, wire.read_line(&mut line)).await.expect("in time").expect("read");
        assert_eq!(line.get(..3), Some(code), "{said:?} was answered {line:?}");
    }
    let mail = bench.sim.mails()[0].clone();
    assert_eq!((mail.from.as_str(), mail.to.len(), mail.user.as_str()), ("", 2, "watch"));
    assert_eq!((mail.subject().as_str(), mail.text().as_str()), ("hi", ".stuffed"));
}
