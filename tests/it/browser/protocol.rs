//! The little of the WebDriver protocol that the tests speak: one JSON request, one JSON answer.
//!
//! Given: the address of a driver. Gives: a session, and what its commands answer.
//! Does not: start anything, wait for anything, or know what is tested.

use std::time::Duration;

use serde_json::{Value, json};

/// A session with a driver.
pub struct Session {
    http: reqwest::Client,
    url: String,
}

/// An element of a page.
pub struct Element(pub String);

/// A window of a browser.
pub struct Window(pub String);

/// What the protocol calls an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

impl Element {
    /// An element that a script gave.
    pub fn of(given: &Value) -> Option<Self> {
        Some(Self(given[ELEMENT].as_str()?.to_owned()))
    }
}

impl Session {
    /// A session, and what the driver says of its browser.
    pub async fn open(driver: &str, capabilities: &Value) -> (Self, Value) {
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_mins(2)).build().expect("a client");
        let mut session = Self { http, url: format!("{driver}/session") };
        let wanted = json!({ "capabilities": { "alwaysMatch": capabilities } });
        let given = session.answer(session.http.post(&session.url).json(&wanted)).await.expect("a browser starts");
        let id = given["sessionId"].as_str().expect("a session");
        session.url = format!("{}/{id}", session.url);
        (session, given["capabilities"].clone())
    }

    /// Ends the browser.
    pub async fn end(&self) {
        self.answer(self.http.delete(&self.url)).await.expect("the browser ends");
    }

    /// What a command answers; `Err` is the driver's word on what went wrong.
    pub async fn post(&self, command: &str, body: Value) -> Result<Value, String> {
        self.answer(self.http.post(format!("{}/{command}", self.url)).json(&body)).await
    }

    /// What the driver says about something.
    pub async fn get(&self, what: &str) -> Result<Value, String> {
        self.answer(self.http.get(format!("{}/{what}", self.url))).await
    }

    /// What a script's `return` gives.
    pub async fn run(&self, script: &str, arguments: Vec<Value>) -> Result<Value, String> {
        self.post("execute/sync", json!({ "script": script, "args": arguments })).await
    }

    /// What a script gives to the function that it gets as its last argument.
    pub async fn run_async(&self, script: &str, arguments: Vec<Value>) -> Result<Value, String> {
        self.post("execute/async", json!({ "script": script, "args": arguments })).await
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> Result<Value, String> {
        let response = request.send().await.map_err(|fault| fault.to_string())?;
        let well = response.status().is_success();
        let mut answer: Value = response.json().await.map_err(|fault| fault.to_string())?;
        let value = answer["value"].take();
        if well { Ok(value) } else { Err(format!("{}: {}", value["error"], value["message"])) }
    }
}
