//! The board in a real browser: Debian's Chromium, driven through chromedriver.
//!
//! Given: the real program, its demo, and pages over hand-made pictures. Gives: what a person sees and can do, on a
//! phone and at a desk, and pictures of it in `target/screenshots`.
//! Does not: test what a page says in every case; the rooms' own tests do, without a browser.

mod acts;
mod axe;
mod demo;
mod driver;
mod eyes;
pub mod hand_made;
mod office;
mod past;
mod protocol;
mod stage;
mod states;
mod story;
