//! The service's own files: those of `deploy/`, with the program's and the configuration's place filled in.

use std::path::Path;

/// The machine's unit, as shipped.
pub const SYSTEMD: &str = include_str!("../../../deploy/systemd/shiftwatch.service");
/// One account's unit, as shipped.
pub const SYSTEMD_USER: &str = include_str!("../../../deploy/systemd/user/shiftwatch.service");
/// The user that the machine's unit names.
pub const SYSUSERS: &str = include_str!("../../../deploy/systemd/shiftwatch.sysusers");
/// The property list, as shipped.
pub const LAUNCHD: &str = include_str!("../../../deploy/launchd/com.example.shiftwatch.plist");

/// How the shipped units begin the program.
const EXEC_START: &str = "ExecStart=/usr/local/bin/shiftwatch run --config /etc/shiftwatch/shiftwatch.yml ";
const PLIST_PROGRAM: &str = "<string>/usr/local/bin/shiftwatch</string>";
const PLIST_CONFIG: &str = "<string>/usr/local/etc/shiftwatch/shiftwatch.yml</string>";
const PLIST_LOG: &str = "<string>/usr/local/var/log/shiftwatch/shiftwatch.log</string>";
const PLIST_ACCOUNT: &str = "    <key>UserName</key>\n    <string>_shiftwatch</string>\n";

/// A shipped unit with this program and configuration.
#[must_use]
pub fn systemd(shipped: &str, program: &Path, config: &Path) -> String {
    let line = format!("ExecStart={} run --config {} ", systemd_word(program), systemd_word(config));
    shipped.replacen(EXEC_START, &line, 1)
}

/// The shipped property list with this program, configuration and log. `account`: whom it runs as; `None` = whoever
/// it belongs to.
#[must_use]
pub fn launchd(program: &Path, config: &Path, log: &Path, account: Option<&str>) -> String {
    let string = |path: &Path| format!("<string>{}</string>", xml(&path.to_string_lossy()));
    let account = account.map_or_else(String::new, |account| {
        format!("    <key>UserName</key>\n    <string>{}</string>\n", xml(account))
    });
    LAUNCHD
        .replacen(PLIST_ACCOUNT, &account, 1)
        .replacen(PLIST_PROGRAM, &string(program), 1)
        .replacen(PLIST_CONFIG, &string(config), 1)
        .replacen(PLIST_LOG, &string(log), 1)
}

/// One word of `ExecStart=`: `%` and `$` mean nothing, blanks and quotes part nothing.
fn systemd_word(path: &Path) -> String {
    let text = path.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@:,".contains(c);
    if text.chars().all(plain) {
        return text.into_owned();
    }
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%").replace('$', "$$");
    format!("\"{escaped}\"")
}

fn xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_files_hold_what_is_filled_in() {
        for unit in [SYSTEMD, SYSTEMD_USER] {
            assert_eq!(unit.matches(EXEC_START).count(), 1);
            let same =
                systemd(unit, Path::new("/usr/local/bin/shiftwatch"), Path::new("/etc/shiftwatch/shiftwatch.yml"));
            assert_eq!(same, unit, "the usual places are the shipped ones");
        }
        for part in [PLIST_PROGRAM, PLIST_CONFIG, PLIST_LOG, PLIST_ACCOUNT] {
            assert_eq!(LAUNCHD.matches(part).count(), 1, "{part}");
        }
    }

    #[test]
    fn a_place_with_blanks_and_signs_stays_one_word() {
        for (path, word) in [
            ("/etc/shiftwatch/shiftwatch.yml", "/etc/shiftwatch/shiftwatch.yml"),
            ("/opt/home care/a.yml", "\"/opt/home care/a.yml\""),
            ("/opt/100%/$x\"", "\"/opt/100%%/$$x\\\"\""),
        ] {
            assert_eq!(systemd_word(Path::new(path)), word);
        }
        let list = launchd(Path::new("/opt/a&b"), Path::new("/c<d"), Path::new("/l"), None);
        assert!(list.contains("<string>/opt/a&amp;b</string>") && list.contains("<string>/c&lt;d</string>"), "{list}");
        assert!(!list.contains("UserName"), "{list}");
    }
}
