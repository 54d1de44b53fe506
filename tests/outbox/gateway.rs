//! Gateways to send to, on loopback: a Twilio-shaped server that is also a webhook receiver, and a mail server.
//!
//! Written to the sockets, so that an answer can be lost at any byte and so that they cost little beside the agent.

#![allow(dead_code, clippy::unwrap_used, missing_docs, reason = "test support; each user needs a part of it")]

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Instant,
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

/// What the server does with the next message.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Takes it and says so.
    Take,
    /// Answers this status with this body, and takes nothing.
    Status(u16, &'static str),
    /// 429 with `Retry-After`.
    TooMany(u32),
    /// Takes it and never answers.
    TakeThenHang,
    /// Takes the text, and something on the way answers in its place.
    TakeThenStatus(u16),
    /// Takes it and closes the connection.
    TakeThenClose,
    /// Closes the connection without taking it.
    Close,
    /// Never answers, takes nothing.
    Hang,
}

#[derive(Debug, Clone)]
pub struct Taken {
    pub sid: String,
    pub to: String,
    pub body: String,
    /// Other form fields, or headers for webhooks.
    pub fields: HashMap<String, String>,
    pub at: Instant,
    pub created: String,
}

#[derive(Debug, Default)]
pub struct State {
    pub script: VecDeque<Fault>,
    pub always: Option<Fault>,
    /// The list answers 503.
    pub list_down: bool,
    pub taken: Vec<Taken>,
    pub n_posts: usize,
    pub n_lists: usize,
    pub n_gets: usize,
    pub paths: Vec<String>,
    /// How long it takes to read a message, and again to answer.
    pub delay: Option<std::time::Duration>,
    /// What befalls texts in whose form this stands, always.
    pub of_texts: Vec<(&'static str, Fault)>,
    /// The date on new texts; the machine's by default.
    pub created: Option<String>,
    /// What the status of a text is; "queued" otherwise.
    pub statuses: HashMap<String, String>,
}

#[derive(Debug, Clone)]
pub struct Gateway {
    pub address: SocketAddr,
    pub state: Arc<Mutex<State>>,
}

impl Gateway {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let gateway = Self { address: listener.local_addr().unwrap(), state: Arc::default() };
        let state = Arc::clone(&gateway.state);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                socket.set_nodelay(true).unwrap();
                tokio::spawn(serve(socket, Arc::clone(&state)));
            }
        });
        gateway
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn script(&self, faults: impl IntoIterator<Item = Fault>) {
        self.state.lock().unwrap().script.extend(faults);
    }

    pub fn taken(&self) -> Vec<Taken> {
        self.state.lock().unwrap().taken.clone()
    }

    pub fn n_taken(&self) -> usize {
        self.state.lock().unwrap().taken.len()
    }
}

async fn serve(socket: TcpStream, state: Arc<Mutex<State>>) {
    let mut socket = BufReader::new(socket);
    loop {
        let mut line = String::new();
        if socket.read_line(&mut line).await.unwrap_or(0) == 0 {
            return;
        }
        let mut words = line.split_whitespace();
        let (method, target) = (words.next().unwrap_or("").to_owned(), words.next().unwrap_or("").to_owned());
        let mut headers = HashMap::new();
        loop {
            let mut line = String::new();
            if socket.read_line(&mut line).await.unwrap_or(0) == 0 {
                return;
            }
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':') {
                headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
            }
        }
        let length = headers.get("content-length").and_then(|n| n.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        if socket.read_exact(&mut body).await.is_err() {
            return;
        }
        let body = String::from_utf8(body).unwrap();
        let Some((status, extra, answer)) = answer(&state, &method, &target, headers, &body).await else { return };
        let text = format!(
            "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{extra}Content-Length: {}\r\n\r\n{answer}",
            answer.len()
        );
        if socket.get_mut().write_all(text.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// `None` closes the connection.
async fn answer(
    state: &Mutex<State>,
    method: &str,
    target: &str,
    headers: HashMap<String, String>,
    body: &str,
) -> Option<(u16, String, String)> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if method == "GET" && path.ends_with("/Messages.json") {
        return Some(list(&mut state.lock().unwrap(), query));
    }
    if method == "GET" {
        let sid = path.rsplit('/').next().unwrap_or("").trim_end_matches(".json");
        let mut state = state.lock().unwrap();
        state.n_gets += 1;
        if state.list_down {
            return Some((503, String::new(), String::new()));
        }
        let status = state.statuses.get(sid).map_or("queued", String::as_str);
        let (status, code) = status.split_once(' ').unwrap_or((status, "null"));
        return Some((200, String::new(), format!(r#"{{"sid":"{sid}","status":"{status}","error_code":{code}}}"#)));
    }
    let fault = {
        let mut state = state.lock().unwrap();
        state.n_posts += 1;
        state.paths.push(path.to_owned());
        let for_it = state.of_texts.iter().find(|(part, _)| body.contains(part)).map(|(_, fault)| fault.clone());
        let next = for_it.or_else(|| state.script.pop_front());
        next.or_else(|| state.always.clone()).unwrap_or(Fault::Take)
    };
    let delay = state.lock().unwrap().delay;
    pause(delay).await;
    let mut sid = String::new();
    if matches!(fault, Fault::Take | Fault::TakeThenClose | Fault::TakeThenHang | Fault::TakeThenStatus(_)) {
        sid = take(&mut state.lock().unwrap(), path, headers, body);
    }
    pause(delay).await;
    match fault {
        Fault::Take => Some((201, String::new(), format!(r#"{{"sid":"{sid}","status":"queued"}}"#))),
        Fault::TakeThenStatus(status) => Some((status, String::new(), String::new())),
        Fault::Status(status, body) => Some((status, String::new(), body.to_owned())),
        Fault::TooMany(seconds) => Some((429, format!("Retry-After: {seconds}\r\n"), r#"{"code":20429}"#.to_owned())),
        Fault::TakeThenHang | Fault::Hang => std::future::pending().await,
        Fault::TakeThenClose | Fault::Close => None,
    }
}

async fn pause(delay: Option<std::time::Duration>) {
    if let Some(delay) = delay {
        tokio::time::sleep_until(tokio::time::Instant::now() + delay).await;
    }
}

fn take(state: &mut State, path: &str, headers: HashMap<String, String>, body: &str) -> String {
    let n = state.taken.len();
    let created = shiftwatch::clock::real_now();
    let mut fields: HashMap<String, String> = if path.ends_with("/Messages.json") {
        url::form_urlencoded::parse(body.as_bytes()).into_owned().collect()
    } else {
        let mut fields = headers;
        fields.insert("To".into(), path.to_owned());
        fields.insert("Body".into(), body.to_owned());
        fields
    };
    let sid = format!("SM{n:032x}");
    state.taken.push(Taken {
        sid: sid.clone(),
        to: fields.remove("To").unwrap_or_default(),
        body: fields.remove("Body").unwrap_or_default(),
        fields,
        at: Instant::now(),
        created: state.created.clone().unwrap_or_else(|| created.to_rfc2822()),
    });
    sid
}

fn list(state: &mut State, query: &str) -> (u16, String, String) {
    state.n_lists += 1;
    if state.list_down {
        return (503, String::new(), String::new());
    }
    let query: HashMap<_, _> = url::form_urlencoded::parse(query.as_bytes()).collect();
    let page: usize = query.get("Page").map_or(0, |page| page.parse().unwrap());
    let size: usize = query.get("PageSize").map_or(50, |size| size.parse().unwrap());
    let to = query.get("To").map(ToString::to_string).unwrap_or_default();
    let fitting: Vec<&Taken> = state.taken.iter().rev().filter(|taken| taken.to == to).collect();
    let more = fitting.len() > (page + 1) * size;
    let messages: Vec<_> = fitting
        .into_iter()
        .skip(page * size)
        .take(size)
        .map(|taken| {
            serde_json::json!({
                "sid": taken.sid, "to": taken.to, "body": taken.body, "direction": "outbound-api",
                "date_created": taken.created, "status": "sent",
            })
        })
        .collect();
    let to: String = url::form_urlencoded::byte_serialize(to.as_bytes()).collect();
    let next = more.then(|| format!("/2010-04-01/Accounts/AC/Messages.json?To={to}&PageSize={size}&Page={}", page + 1));
    (200, String::new(), serde_json::json!({"messages": messages, "next_page_uri": next}).to_string())
}

/// A mail server's misbehaviour: at this command answer that, or close when the answer is empty.
#[derive(Debug, Clone)]
pub struct MailFault {
    /// `EHLO`, `MAIL`, `RCPT`, `DATA`, or `.` for the end of the content.
    pub at: &'static str,
    pub answer: &'static str,
    /// Takes the mail before it misbehaves (only at `.`).
    pub takes: bool,
}

#[derive(Debug, Default)]
pub struct MailState {
    pub script: VecDeque<MailFault>,
    pub taken: Vec<String>,
    pub taken_at: Vec<Instant>,
    pub commands: Vec<String>,
    pub n_connections: usize,
}

#[derive(Debug, Clone)]
pub struct MailServer {
    pub address: SocketAddr,
    pub state: Arc<Mutex<MailState>>,
}

impl MailServer {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self { address: listener.local_addr().unwrap(), state: Arc::default() };
        let state = Arc::clone(&server.state);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                socket.set_nodelay(true).unwrap();
                state.lock().unwrap().n_connections += 1;
                tokio::spawn(converse(socket, Arc::clone(&state)));
            }
        });
        server
    }
}

async fn converse(socket: TcpStream, state: Arc<Mutex<MailState>>) -> Option<()> {
    let mut socket = BufReader::new(socket);
    socket.get_mut().write_all(b"220 mail.example.com ready\r\n").await.ok()?;
    loop {
        let mut line = String::new();
        if socket.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let verb = line.get(..4).unwrap_or("").to_ascii_uppercase();
        state.lock().unwrap().commands.push(line.trim_end().to_owned());
        let fault = fault_at(&state, &verb);
        let answer = match (&fault, verb.as_str()) {
            (Some(fault), _) => fault.answer,
            (None, "EHLO") => "250-mail.example.com\r\n250 8BITMIME",
            (None, "DATA") => "354 go on",
            (None, "QUIT") => "221 bye",
            (None, _) => "250 ok",
        };
        if answer.is_empty() {
            return None;
        }
        socket.get_mut().write_all(format!("{answer}\r\n").as_bytes()).await.ok()?;
        if verb == "QUIT" {
            return None;
        }
        if verb == "DATA" && fault.is_none() {
            let mut mail = String::new();
            loop {
                let mut line = String::new();
                if socket.read_line(&mut line).await.ok()? == 0 {
                    return None;
                }
                if line == ".\r\n" {
                    break;
                }
                mail.push_str(&line);
            }
            let fault = fault_at(&state, ".");
            if fault.as_ref().is_none_or(|fault| fault.takes) {
                let mut state = state.lock().unwrap();
                state.taken.push(mail);
                state.taken_at.push(Instant::now());
            }
            let answer = fault.map_or("250 taken", |fault| fault.answer);
            if answer.is_empty() {
                return None;
            }
            socket.get_mut().write_all(format!("{answer}\r\n").as_bytes()).await.ok()?;
        }
    }
}

fn fault_at(state: &Mutex<MailState>, place: &str) -> Option<MailFault> {
    let mut state = state.lock().unwrap();
    if state.script.front().is_some_and(|fault| fault.at == place) { state.script.pop_front() } else { None }
}
