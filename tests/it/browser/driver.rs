//! A real Chromium, driven through chromedriver.
//!
//! Given: Debian's `chromium` and `chromedriver` on the `PATH`. Gives: one browser per [`Browser`], its profile in a
//! folder of its own, on free ports, and what it complained of.
//! Does not: outlive the test, however that ends; wait for a duration where a state can be waited for.

use std::{
    io::{BufRead as _, BufReader},
    os::unix::process::CommandExt as _,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use super::protocol::{Element, Session, Window};
use crate::agent::pause;
use serde_json::{Value, json};

/// Real time after which a state that should have come is not coming, on a loaded machine.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// A browser.
pub struct Browser {
    pub session: Session,
    // Killed before the profile goes.
    _processes: Processes,
    _profile: tempfile::TempDir,
}

/// What was started; gone when this is.
struct Processes {
    chromedriver: Child,
    browser: Option<u64>,
}

impl Drop for Processes {
    fn drop(&mut self) {
        // The browser leads a group of its own, and so does its driver.
        let groups = self.browser.into_iter().chain([u64::from(self.chromedriver.id())]);
        for group in groups {
            let _ = Command::new("kill").args(["-KILL", "--", &format!("-{group}")]).stderr(Stdio::null()).status();
        }
        let _ = self.chromedriver.kill();
        let _ = self.chromedriver.wait();
    }
}

fn installed(name: &str, package: &str) -> PathBuf {
    let found = Command::new("sh").args(["-c", &format!("command -v {name}")]).output().expect("a shell");
    let path = String::from_utf8_lossy(&found.stdout).trim().to_owned();
    assert!(
        found.status.success() && !path.is_empty(),
        "{name} is missing; install Debian's package {package}, or run scripts/test, which does"
    );
    path.into()
}

impl Browser {
    /// A browser with one empty window.
    pub async fn open() -> Self {
        // The client of the driver's protocol builds its own; whichever test is first decides for all.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let chromium = installed("chromium", "chromium");
        let profile = tempfile::tempdir().expect("a folder for the browser's profile");
        let mut chromedriver = Command::new(installed("chromedriver", "chromium-driver"))
            .arg("--port=0")
            // What the browser leaves behind goes with its profile.
            .env("TMPDIR", profile.path())
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver starts");
        let output = chromedriver.stdout.take().expect("its output");
        let mut processes = Processes { chromedriver, browser: None };
        let (say, said) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let port = line
                    .rsplit_once("started successfully on port ")
                    .and_then(|(_, rest)| rest.trim_end_matches('.').parse().ok());
                let _ = port.map(|port: u16| say.send(port));
            }
        });
        let port = said.recv_timeout(PATIENCE).expect("chromedriver says its port");
        let args = vec![
            "--headless=new".to_owned(),
            // The sandbox refuses root, and containers refuse what it is made of. Only our own pages are opened.
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            "--disable-background-timer-throttling".to_owned(),
            "--disable-renderer-backgrounding".to_owned(),
            "--no-first-run".to_owned(),
            "--no-proxy-server".to_owned(),
            "--lang=en-US".to_owned(),
            "--force-device-scale-factor=1".to_owned(),
            format!("--user-data-dir={}", profile.path().display()),
        ];
        let capabilities = json!({
            "browserName": "chrome",
            "goog:chromeOptions": { "binary": chromium, "args": args },
            "goog:loggingPrefs": { "browser": "ALL" },
            "timeouts": { "script": 60_000, "pageLoad": 60_000 },
        });
        let (session, given) = Session::open(&format!("http://127.0.0.1:{port}"), &capabilities).await;
        processes.browser = given["goog:processID"].as_u64();
        let browser = Self { session, _processes: processes, _profile: profile };
        browser.phone().await;
        browser
    }

    /// Ends it in the ordinary way.
    pub async fn close(self) {
        self.session.end().await;
    }

    /// A command of Chromium's own protocol.
    pub async fn cdp(&self, method: &str, params: Value) -> Value {
        let answer = self.session.post("goog/cdp/execute", json!({ "cmd": method, "params": params })).await;
        answer.unwrap_or_else(|fault| panic!("{method}: {fault}"))
    }

    /// Loads an address.
    pub async fn go(&self, url: &str) {
        self.session.post("url", json!({ "url": url })).await.unwrap_or_else(|fault| panic!("{url}: {fault}"));
    }

    /// What a script's `return` gives.
    pub async fn js(&self, script: &str) -> Value {
        self.js_with(script, Vec::new()).await
    }

    /// With `arguments`.
    pub async fn js_with(&self, script: &str, arguments: Vec<Value>) -> Value {
        self.session.run(script, arguments).await.unwrap_or_else(|fault| panic!("{script}: {fault}"))
    }

    /// Waits until an expression is true, and gives what it is.
    pub async fn until(&self, what: &str, expression: &str) -> Value {
        self.until_within(PATIENCE, what, expression).await
    }

    /// As [`Self::until`], with another patience.
    pub async fn until_within(&self, patience: Duration, what: &str, expression: &str) -> Value {
        let began = Instant::now();
        let script = format!("return ({expression});");
        loop {
            // Between two pages there is nothing to ask.
            let shown = self.session.run(&script, Vec::new()).await.unwrap_or(Value::Null);
            if !matches!(&shown, Value::Null | Value::Bool(false)) {
                return shown;
            }
            if began.elapsed() > patience {
                self.shot(&format!("failed-{}", what.replace(|c: char| !c.is_ascii_alphanumeric(), "-"))).await;
                panic!("never seen: {what} ({expression}); the page says:\n{}", self.text().await);
            }
            pause(Duration::from_millis(100)).await;
        }
    }

    /// Sets something that a navigation would wipe out.
    pub async fn mark(&self) {
        self.js("window.untouched = true").await;
    }

    /// Nothing was loaded since [`Self::mark`].
    pub async fn is_the_same_page(&self, why: &str) {
        assert_eq!(self.js("return window.untouched === true").await, json!(true), "{why}: the page was loaded again");
    }

    /// Presses keys, one after another, on whatever has the focus.
    pub async fn press(&self, keys: &str) {
        let strokes = keys
            .chars()
            .flat_map(|key| ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": key.to_string() })));
        let actions = json!([{ "type": "key", "id": "keyboard", "actions": strokes.collect::<Vec<_>>() }]);
        self.session.post("actions", json!({ "actions": actions })).await.expect("keys are pressed");
    }

    async fn element(&self, expression: &str) -> Element {
        let found = self.js(&format!("return {expression};")).await;
        Element::of(&found).unwrap_or_else(|| panic!("{expression} is not on the page: {found}"))
    }

    /// Taps what an expression names, where it is on the screen.
    pub async fn tap(&self, expression: &str) {
        let element = self.element(expression).await;
        let tapped = self.session.post(&format!("element/{}/click", element.0), json!({})).await;
        tapped.unwrap_or_else(|fault| panic!("{expression} cannot be tapped: {fault}"));
    }

    /// Types into a field.
    pub async fn fill(&self, selector: &str, text: &str) {
        let field = self.element(&format!("document.querySelector('{selector}')")).await;
        for (verb, body) in [("clear", json!({})), ("value", json!({ "text": text }))] {
            let done = self.session.post(&format!("element/{}/{verb}", field.0), body).await;
            done.unwrap_or_else(|fault| panic!("{selector} cannot be filled: {fault}"));
        }
    }

    /// Selects an option by its value.
    pub async fn choose(&self, selector: &str, value: &str) {
        self.tap(&format!("document.querySelector('{selector} option[value=\"{value}\"]')")).await;
    }

    /// A second window beside this one, which is in front from now on.
    pub async fn another_window(&self) -> Window {
        let made = self.session.post("window/new", json!({ "type": "tab" })).await.expect("a window");
        let window = Window(made["handle"].as_str().expect("its handle").to_owned());
        self.look_at(&window).await;
        window
    }

    /// The window in front.
    pub async fn window(&self) -> Window {
        Window(self.session.get("window").await.expect("a window").as_str().expect("its handle").to_owned())
    }

    /// Brings a window to the front.
    pub async fn look_at(&self, window: &Window) {
        self.session.post("window", json!({ "handle": window.0 })).await.expect("the window");
    }
}
