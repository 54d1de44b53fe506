//! The board's style sheet and script, as the binary holds them.

use std::sync::LazyLock;

/// A file that browsers may keep for as long as its address stays the same.
#[derive(Debug)]
pub struct Asset {
    /// Its name under `/static/`.
    pub name: &'static str,
    /// What it holds.
    pub text: &'static str,
    /// Its `Content-Type`.
    pub kind: &'static str,
    version: LazyLock<String>,
}

/// How the board looks.
pub static STYLES: Asset = Asset {
    name: "board.css",
    text: include_str!("static/board.css"),
    kind: "text/css; charset=utf-8",
    version: LazyLock::new(|| super::hash(include_str!("static/board.css"))),
};

/// What keeps an open page up to date.
pub static SCRIPT: Asset = Asset {
    name: "board.js",
    text: include_str!("static/board.js"),
    kind: "text/javascript; charset=utf-8",
    version: LazyLock::new(|| super::hash(include_str!("static/board.js"))),
};

/// The icon in the window's tab.
pub static ICON: Asset = Asset {
    name: "icon.svg",
    text: include_str!("static/icon.svg"),
    kind: "image/svg+xml",
    version: LazyLock::new(|| super::hash(include_str!("static/icon.svg"))),
};

/// Every one.
#[must_use]
pub fn all() -> [&'static Asset; 3] {
    [&STYLES, &SCRIPT, &ICON]
}

impl Asset {
    /// Its address; another one when its content is another.
    #[must_use]
    pub fn link(&self) -> String {
        format!("/static/{}?v={}", self.name, *self.version)
    }
}
