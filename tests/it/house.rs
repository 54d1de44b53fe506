//! What the documents promise and a program can check: commands that exist, files that load.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what is wrong by failing")]

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use shiftwatch::config::Config;

use crate::agent::Agent;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap()
}

fn yml_files(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|it| it == "yml")).collect();
    files.sort();
    files
}

/// Stands for secrets, which no file here holds.
fn environment(name: &str) -> Option<String> {
    (!name.starts_with("SHIFTWATCH_") && name != "WELLSKY_BASE_URL").then(|| "example".to_owned())
}

#[test]
fn the_commands_of_the_readme_are_there_and_can_be_run() {
    let readme = read("README.md");
    let commands: Vec<&str> = readme
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|word| word.starts_with("scripts/"))
        .collect();
    assert_eq!(commands, ["scripts/demo", "scripts/test"], "the two commands of a fresh machine");
    for command in commands.iter().chain(&[".ci/run"]) {
        let mode = fs::metadata(root().join(command)).unwrap().permissions().mode();
        assert_eq!(mode & 0o111, 0o111, "{command} is not executable");
    }
    assert!(read(".ci/run").contains("scripts/test"), ".ci/run calls the README's command");
}

#[test]
fn links_of_the_readme_lead_somewhere() {
    let readme = read("README.md");
    let links: Vec<&str> = readme
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter(|link| !link.contains("://"))
        .collect();
    assert!(!links.is_empty());
    for link in links {
        assert!(root().join(link).exists(), "README.md links to {link}");
    }
}

#[test]
fn every_shipped_rule_file_and_example_loads() {
    let folder = tempfile::tempdir().unwrap();
    let mut n_rules = 0;
    // `*.test.yml` beside them are their tests: `rule_tests` plays those.
    let is_test = |path: &Path| path.to_string_lossy().ends_with(".test.yml");
    for rules in yml_files("rules").into_iter().filter(|path| !is_test(path)) {
        let file = folder.path().join("shiftwatch.yml");
        let text = read("examples/minimal.yml")
            + &format!("\nrule_files: [ {} ]\nheartbeat: {{ url: https://beat.example.com }}\n", rules.display());
        fs::write(&file, text).unwrap();
        let (config, faults) = Config::load(Some(&file), &environment).unwrap_or_else(|faults| panic!("{faults:?}"));
        assert!(!config.rules.is_empty(), "{} holds no rule", rules.display());
        assert_eq!(faults.len(), 0, "{}: {faults:?}", rules.display());
        n_rules += config.rules.len();
    }
    assert!(n_rules >= 12, "{n_rules} rules");
    let examples = yml_files("examples");
    assert!(!examples.is_empty());
    // examples/web.yml is no configuration: `config::web_file` reads it, with a certificate beside it.
    for example in examples.into_iter().filter(|path| !path.ends_with("web.yml")) {
        if let Err(faults) = Config::load(Some(&example), &environment) {
            panic!("{}: {faults:?}", example.display());
        }
    }
}

#[test]
fn the_changelog_names_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let (status, lines) = Agent::start(&["--help"], folder.path()).end();
    assert!(status.success());
    let commands: Vec<&str> = lines
        .iter()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .filter(|command| *command != "help")
        .collect();
    assert!(commands.len() >= 9, "{commands:?}");
    let changelog = read("CHANGELOG.md");
    for command in commands {
        assert!(changelog.contains(&format!("`{command}`")), "CHANGELOG.md does not name `{command}`");
    }
}
