//! The release archive, made around the program that is tested: what is in it, that it is the same twice, and that what
//! is unpacked works.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what is wrong by failing")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::compose::root;

/// Packs this program into a folder; gives the archive.
fn release(binary: &str, out: &Path) -> PathBuf {
    let output =
        Command::new(root().join("scripts/release")).args(["--binary", binary, "--out"]).arg(out).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let archives = fs::read_dir(out).unwrap().map(|entry| entry.unwrap().path());
    archives.into_iter().find(|path| path.extension().is_some_and(|it| it == "gz")).expect("an archive")
}

/// Runs a program in a folder and gives what it printed.
fn run(program: &str, arguments: &[&str], folder: &Path) -> String {
    let output = Command::new(program).args(arguments).current_dir(folder).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {said}");
    said
}

#[test]
fn the_archive_holds_what_it_should_and_works_where_it_is_unpacked() {
    let folder = tempfile::tempdir().unwrap();
    let archive = release(env!("CARGO_BIN_EXE_shiftwatch"), folder.path());
    let file = archive.file_name().unwrap().to_str().unwrap().to_owned();
    let name = file.strip_suffix(".tar.gz").unwrap();
    let version = env!("CARGO_PKG_VERSION");
    assert!(name.starts_with(&format!("shiftwatch-{version}-")) && name.matches('-').count() >= 4, "{name}");
    run("sha256sum", &["--check", "SHA256SUMS"], folder.path());

    let listing = run("tar", &["tzf", &file], folder.path());
    let names: BTreeSet<&str> = listing.lines().filter_map(|line| line.strip_prefix(&format!("{name}/"))).collect();
    assert!(listing.lines().all(|line| line.starts_with(&format!("{name}/"))), "all of it in one folder: {listing}");
    for needed in [
        "shiftwatch",
        "LICENSE",
        "README.md",
        "CHANGELOG.md",
        "THIRD-PARTY-LICENSES.txt",
        "examples/minimal.yml",
        "examples/shiftwatch.yml",
        "rules/coverage.yml",
        "rules/visits.yml",
        "rules/office.yml",
        "rules/api.yml",
        "rules/on_call.yml",
        "rules/watchdog.yml",
        "deploy/systemd/shiftwatch.service",
        "deploy/systemd/shiftwatch.sysusers",
        "deploy/systemd/user/shiftwatch.service",
        "deploy/launchd/com.example.shiftwatch.plist",
        "src/ARCHITECTURE.md",
    ] {
        assert!(names.contains(needed), "{needed} is missing: {names:?}");
    }
    for unwanted in ["secrets", "target", ".db", "Cargo.lock"] {
        assert!(!names.iter().any(|name| name.contains(unwanted)), "{unwanted}: {names:?}");
    }

    run("tar", &["xzf", &file], folder.path());
    let unpacked = folder.path().join(name);
    let said = run("./shiftwatch", &["--version"], &unpacked);
    assert_eq!(said.trim(), format!("shiftwatch {version}"));
    let secrets = "WELLSKY_CLIENT_ID=x\nWELLSKY_CLIENT_SECRET=x\nSMTP_PASSWORD=x\n";
    fs::write(unpacked.join("examples/secrets.env"), secrets).unwrap();
    run("./shiftwatch", &["check", "--config", "examples/minimal.yml"], &unpacked);

    // Every crate of the lock file that is built in is named with its licence, and the texts are there.
    let notices = fs::read_to_string(unpacked.join("THIRD-PARTY-LICENSES.txt")).unwrap();
    for krate in ["tokio v", "rustls v", "sqlx v", "libsqlite3-sys v"] {
        assert!(notices.lines().any(|line| line.starts_with(krate) && line.contains("MIT")), "{krate}");
    }
    assert!(notices.lines().filter(|line| line.starts_with("==== ")).count() > 150, "the licences' texts");
    assert!(!notices.lines().take(300).any(|line| line.starts_with("tempfile v")), "what only tests use is not in it");
}

#[test]
fn the_same_commit_gives_the_same_archive() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let archives = [&one, &other].map(|folder| release("/bin/true", folder.path()));
    let bytes = archives.each_ref().map(|archive| fs::read(archive).unwrap());
    assert!(bytes[0] == bytes[1], "{}", archives[0].display());
    let owners = run("tar", &["tvzf", archives[0].to_str().unwrap()], one.path());
    assert!(owners.lines().all(|line| line.split_whitespace().nth(1) == Some("0/0")), "{owners}");
}
