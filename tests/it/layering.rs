//! The layering table of `ARCHITECTURE.md`, held to what the `use` lines say.
//!
//! A room may use itself and the rooms in its row; nothing else. Rooms that decide may not use a crate that does I/O.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Room, and the rooms it may use. `notify_pure` is the half of `notify` that decides; `notify` is the rest.
const MAY_USE: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("clock", &["model"]),
    ("limits", &["model"]),
    ("details", &["model"]),
    ("source_fetched", &["model", "details"]),
    ("source", &["model", "clock", "details", "limits", "source_fetched", "config_types"]),
    ("mirror", &["model", "limits", "source_fetched", "config_types"]),
    ("rules", &["model", "limits", "mirror", "source_fetched", "alerts", "agenda"]),
    ("remind", &["model", "limits", "mirror", "on_call", "alerts", "notify_pure", "source_fetched", "config_types"]),
    ("on_call", &["model"]),
    ("agenda", &["model", "alerts"]),
    ("alerts", &["model", "limits", "on_call", "rules", "agenda", "source_fetched", "notify_pure"]),
    ("notify_pure", &["model", "limits", "on_call", "alerts", "rules", "config_types"]),
    ("pulse", &["model"]),
    (
        "notify",
        &["model", "clock", "limits", "on_call", "alerts", "notify_pure", "store", "pulse", "tls", "config_types"],
    ),
    ("report", &["model", "details", "alerts", "mirror", "notify_pure", "rules", "source_fetched"]),
    ("store", &["model", "details", "limits", "on_call", "alerts", "mirror", "notify_pure", "report", "config_types"]),
    ("config_types", &["model", "details", "on_call", "alerts", "notify_pure", "rules"]),
    ("tls", &[]),
    (
        "config",
        &["model", "details", "clock", "tls", "on_call", "alerts", "notify_pure", "report", "rules", "config_types"],
    ),
    (
        "rehearse",
        &[
            "model",
            "mirror",
            "rules",
            "alerts",
            "notify_pure",
            "source_fetched",
            "on_call",
            "config",
            "config_types",
            "pipeline",
            "reach",
            "watch",
        ],
    ),
    (
        "metrics",
        &["model", "on_call", "remind", "view", "pulse", "alerts", "notify_pure", "source_fetched", "source", "report"],
    ),
    (
        "view",
        &[
            "model",
            "details",
            "on_call",
            "alerts",
            "mirror",
            "notify_pure",
            "rules",
            "source",
            "source_fetched",
            "pulse",
            "config_types",
        ],
    ),
    ("board", &["model", "on_call", "alerts", "mirror", "notify_pure", "rules", "pulse", "report", "view"]),
    ("sim", &["model", "clock"]),
];

/// Crates that do I/O, tell the time or roll dice: not for rooms that decide.
const IO_CRATES: &[&str] =
    &["tokio", "reqwest", "axum", "sqlx", "lettre", "rand", "std::fs", "std::net", "std::env", "std::process"];
const DECIDERS: &[&str] = &[
    "model",
    "details",
    "on_call",
    "source_fetched",
    "mirror",
    "rules",
    "agenda",
    "alerts",
    "notify_pure",
    "remind",
    "report",
    "board",
    "rehearse",
];

/// Files that only tests are compiled from.
const TEST_FILES: &[&str] = &["tests", "contract", "stage", "stories", "properties", "law", "fixture"];

/// Files of `notify` that decide.
const NOTIFY_PURE: &[&str] = &[
    "calls",
    "message",
    "notice",
    "page_texts",
    "receiver",
    "record_note",
    "render",
    "spoken",
    "texts",
    "template",
    "gsm7",
    "voice",
    "fill",
    "words",
    "email",
    "former",
    "cover_list",
    "webhook_payload",
    "shadow",
    "send_on",
    "mod",
];

fn room_of(path: &[&str]) -> String {
    match path {
        ["source", "fetched", ..] => "source_fetched".into(),
        ["notify", file, ..] if NOTIFY_PURE.contains(file) => "notify_pure".into(),
        ["notify"] => "notify_pure".into(),
        // What a configuration says, as plain values, is not the reading of it.
        ["config", item, ..] if item.starts_with(char::is_uppercase) => "config_types".into(),
        ["config", "mod"] => "config".into(),
        [room, ..] => (*room).to_owned(),
        [] => "lib".into(),
    }
}

fn rust_files(dir: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("src is readable") {
        let path = entry.expect("src is readable").path();
        if path.is_dir() {
            rust_files(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// Code without tests, comments and strings' quotes: good enough to read `use` lines and paths from.
fn code_of(text: &str) -> String {
    let production = text.split("#[cfg(test)]").next().unwrap_or_default();
    production.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// Every `crate::a::b` path, with `use crate::{a::{b, c}, d}` spread out.
fn crate_paths(code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        spread(&code[at + "crate::".len()..], &mut Vec::new(), &mut found);
    }
    found
}

fn spread<'a>(mut rest: &'a str, prefix: &mut Vec<String>, found: &mut Vec<Vec<String>>) -> &'a str {
    let depth = prefix.len();
    loop {
        if let Some(inner) = rest.strip_prefix('{') {
            rest = inner.trim_start();
            while !rest.starts_with('}') && !rest.is_empty() {
                let mut branch = prefix.clone();
                rest = spread(rest, &mut branch, found).trim_start();
                // `name as other`: the new name is nobody's room.
                if let Some(renamed) = rest.strip_prefix("as ") {
                    rest = renamed.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_').trim_start();
                }
                rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
            }
            return rest.strip_prefix('}').unwrap_or(rest);
        }
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        if end == 0 {
            if prefix.len() > depth {
                found.push(prefix.clone());
            }
            return &rest[rest.chars().next().map_or(0, char::len_utf8)..];
        }
        prefix.push(rest[..end].to_owned());
        rest = &rest[end..];
        let Some(next) = rest.strip_prefix("::") else {
            found.push(prefix.clone());
            return rest;
        };
        rest = next;
    }
}

#[test]
fn every_room_uses_only_the_rooms_it_may() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let table: BTreeMap<&str, BTreeSet<&str>> =
        MAY_USE.iter().map(|(room, may)| (*room, may.iter().copied().collect())).collect();
    let mut files = Vec::new();
    rust_files(&src, &mut files);
    assert!(files.len() > 40, "the source tree was not found");

    let mut faults = Vec::new();
    for file in files {
        let relative = file.strip_prefix(&src).expect("under src").with_extension("");
        let parts: Vec<&str> = relative.iter().filter_map(|part| part.to_str()).collect();
        if parts.iter().any(|part| TEST_FILES.contains(part)) {
            continue;
        }
        let room = room_of(&parts);
        let Some(may) = table.get(room.as_str()) else { continue };
        let text = fs::read_to_string(&file).expect("a source file is readable");
        let code = code_of(&text);
        for path in crate_paths(&code) {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            let used = room_of(&path);
            if used != room && !may.contains(used.as_str()) {
                faults.push(format!("{}: {room} may not use {used} (crate::{})", relative.display(), path.join("::")));
            }
        }
        if DECIDERS.contains(&room.as_str()) {
            for name in IO_CRATES {
                if code.contains(&format!("{name}::")) {
                    faults.push(format!("{}: {room} decides, and may not use {name}", relative.display()));
                }
            }
        }
    }
    faults.sort();
    faults.dedup();
    assert!(faults.is_empty(), "layering is broken:\n{}", faults.join("\n"));
}

#[test]
fn the_reader_of_use_lines_sees_nested_and_inline_paths() {
    let code = "use crate::{\n    alerts::{alert::Alert, step::{Step, Why}},\n    store,\n};\nfn f() -> crate::http::Router {}";
    let seen: BTreeSet<String> = crate_paths(code).iter().map(|path| path.join("::")).collect();
    let want = ["alerts::alert::Alert", "alerts::step::Step", "alerts::step::Why", "store", "http::Router"];
    assert_eq!(seen, want.iter().map(ToString::to_string).collect());
}
