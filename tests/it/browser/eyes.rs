//! How the browser looks at a page, and what it sees: sizes, schemes, pictures, complaints.
//!
//! Given: a page in a browser. Gives: what a person would see of it, and `target/screenshots`.
//! Does not: load or touch anything.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::driver::Browser;

impl Browser {
    /// The size of a phone in the hand.
    pub async fn phone(&self) {
        self.size(390, 844).await;
    }

    /// The narrowest phone there is.
    pub async fn narrow(&self) {
        self.size(360, 740).await;
    }

    /// A desk.
    pub async fn desk(&self) {
        self.size(1280, 900).await;
    }

    async fn size(&self, width: u32, height: u32) {
        let mobile = width < 600;
        self.cdp(
            "Emulation.setDeviceMetricsOverride",
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile }),
        )
        .await;
        self.cdp("Emulation.setTouchEmulationEnabled", json!({ "enabled": mobile })).await;
    }

    /// `light` or `dark`, as the device asks for.
    pub async fn scheme(&self, scheme: &str) {
        let features = json!([
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        self.cdp("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// What a person reads.
    pub async fn text(&self) -> String {
        self.js("return document.body.innerText").await.as_str().unwrap_or_default().to_owned()
    }

    /// No part of the page lies beside the screen.
    pub async fn fits(&self, what: &str) {
        // A phone's window grows with what does not fit into it: innerWidth would be as wide.
        let widths =
            self.js("return [document.scrollingElement.scrollWidth, document.documentElement.clientWidth]").await;
        assert!(widths[0].as_u64() <= widths[1].as_u64(), "{what} scrolls sideways: {widths}");
    }

    /// Writes `target/screenshots/<name>.png`, the whole page, for a person to look at.
    pub async fn shot(&self, name: &str) {
        let height = self.js("return document.documentElement.scrollHeight").await.as_u64().unwrap_or(900);
        self.shot_of(name, height.min(3000)).await;
    }

    /// The same of so many pixels from the top.
    pub async fn shot_of(&self, name: &str, height: u64) {
        let width = self.js("return innerWidth").await;
        let clip = json!({ "x": 0, "y": 0, "width": width, "height": height, "scale": 1 });
        let how = json!({ "captureBeyondViewport": true, "clip": clip });
        let shot = self.cdp("Page.captureScreenshot", how).await;
        let data = shot["data"].as_str().expect("a picture");
        let png = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, data).expect("base64");
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
        std::fs::create_dir_all(&folder).expect("a folder for pictures");
        std::fs::write(folder.join(format!("{name}.png")), png).expect("a picture is written");
    }

    /// What the browser complained of since this was last asked: errors of scripts, refused styles, lost files.
    pub async fn complaints(&self) -> Vec<String> {
        let log = self.session.post("se/log", json!({ "type": "browser" })).await.expect("the browser's log");
        let said = |one: &Value, what: &str| one[what].as_str().unwrap_or_default().to_owned();
        let lines = log.as_array().expect("lines").iter().map(|one| (said(one, "level"), said(one, "message")));
        let bad = lines.filter(|(level, line)| level == "SEVERE" || line.contains("Content Security"));
        bad.map(|(_, line)| line).collect()
    }

    /// Nothing was complained of.
    pub async fn is_content(&self, what: &str) {
        let complaints = self.complaints().await;
        assert!(complaints.is_empty(), "{what}: {complaints:?}");
    }
}
