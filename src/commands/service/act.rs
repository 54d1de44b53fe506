//! Takes the steps of a plan, one by one.
//!
//! Does not: decide. Under a root (`--root DIR`) every path lies in that folder, and users are those of its `etc/passwd`.

use std::{
    fs, io,
    io::Write,
    os::unix::fs::{PermissionsExt as _, chown},
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    inside,
    plan::{Step, under},
};

/// A step that could not be taken. The ones before it were; taking them again does no harm.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    /// A file or folder.
    #[error("{} cannot be written; mend that and run this again, what is done already does no harm", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A program could not be started.
    #[error("{program} cannot be started; is it installed, and is this machine run by it?")]
    Start {
        /// Which.
        program: &'static str,
        /// Why.
        source: io::Error,
    },
    /// A program failed; what it printed stands above.
    #[error("{program} failed ({status}); what it printed says why. Run this again once that is mended")]
    Failed {
        /// Which.
        program: &'static str,
        /// How.
        status: std::process::ExitStatus,
    },
    /// A user is not there.
    #[error("there is no user {user}; did systemd-sysusers run?")]
    NoUser {
        /// Who.
        user: String,
    },
    /// What happens cannot be said.
    #[error("cannot write to the terminal")]
    Say(#[from] io::Error),
}

/// Takes one step.
pub fn take(step: &Step, root: Option<&Path>, is_root: bool, out: &mut dyn Write) -> Result<(), ActError> {
    let at = |path: &Path| inside(root, path);
    match step {
        Step::Folder { path } => make_folder(&at(path)),
        Step::Copy { from, to } => {
            let to = at(to);
            put(&to, 0o755, |new| fs::copy(from, new).map(|_| ()))
        }
        Step::Write { path, text } => put(&at(path), 0o644, |new| fs::write(new, text)),
        Step::Give { path, user } => {
            if root.is_some() && !is_root {
                writeln!(out, "note: only root can do that, and it is left to whoever installs these files")?;
                return Ok(());
            }
            let ids = ids_of(user, root)?.ok_or_else(|| ActError::NoUser { user: user.clone() })?;
            let path = at(path);
            chown(&path, Some(ids.0), Some(ids.1)).map_err(|source| ActError::Write { path, source })
        }
        Step::Remove { path } => {
            let path = at(path);
            match fs::remove_file(&path) {
                Err(fault) if fault.kind() == io::ErrorKind::NotFound => {
                    writeln!(out, "note: it was not there")?;
                    Ok(())
                }
                other => other.map_err(|source| ActError::Write { path, source }),
            }
        }
        Step::Run { program, args, may_fail } => run(program, args, *may_fail, root, out),
        Step::Note(_) => Ok(()),
    }
}

fn make_folder(path: &Path) -> Result<(), ActError> {
    fs::create_dir_all(path).map_err(|source| ActError::Write { path: path.to_owned(), source })
}

/// Puts a file in its place in one go: a program that runs can be replaced, and nobody sees half a file.
fn put(path: &Path, mode: u32, write: impl Fn(&Path) -> io::Result<()>) -> Result<(), ActError> {
    if let Some(folder) = path.parent() {
        make_folder(folder)?;
    }
    let new = path.with_extension("new");
    let put = || {
        write(&new)?;
        fs::set_permissions(&new, fs::Permissions::from_mode(mode))?;
        fs::rename(&new, path)
    };
    put().map_err(|source| ActError::Write { path: path.to_owned(), source })
}

fn run(
    program: &'static str,
    args: &[String],
    may_fail: bool,
    root: Option<&Path>,
    out: &mut dyn Write,
) -> Result<(), ActError> {
    // What the program prints comes after the line that names it.
    out.flush()?;
    let status =
        Command::new(program).args(under(args, root)).status().map_err(|source| ActError::Start { program, source })?;
    if status.success() {
        return Ok(());
    }
    if may_fail {
        writeln!(out, "note: it failed ({status}), as it does when the service was not there")?;
        return Ok(());
    }
    Err(ActError::Failed { program, status })
}

/// User and group of a name in the users' file.
fn ids_of(user: &str, root: Option<&Path>) -> Result<Option<(u32, u32)>, ActError> {
    let path = inside(root, Path::new("/etc/passwd"));
    let text = fs::read_to_string(&path).map_err(|source| ActError::Write { path, source })?;
    Ok(ids_in(&text, user))
}

fn ids_in(passwd: &str, user: &str) -> Option<(u32, u32)> {
    let line = passwd.lines().find(|line| line.split(':').next() == Some(user))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_the_whole_name() {
        let text = "root:x:0:0:root:/root:/bin/sh\nshiftwatch2:x:1:2::/:\nshiftwatch:x:995:994:shiftwatch:/var:/x\n";
        assert_eq!(ids_in(text, "shiftwatch"), Some((995, 994)));
        assert_eq!(ids_in(text, "shift"), None);
        assert_eq!(ids_in("shiftwatch:x:a:b::/:", "shiftwatch"), None);
    }

    #[test]
    fn a_file_is_replaced_and_what_is_missing_is_no_fault_to_remove() {
        let root = tempfile::tempdir().expect("a folder");
        let take = |step: &Step| {
            let mut said = Vec::new();
            take(step, Some(root.path()), false, &mut said).map(|()| String::from_utf8(said).expect("text"))
        };
        for text in ["one", "two"] {
            take(&Step::Write { path: "/etc/x/y.conf".into(), text: text.into() }).expect("written");
            assert_eq!(fs::read_to_string(root.path().join("etc/x/y.conf")).expect("there"), text);
        }
        let remove = Step::Remove { path: "/etc/x/y.conf".into() };
        assert_eq!(take(&remove).expect("removed"), "");
        assert_eq!(take(&remove).expect("gone already"), "note: it was not there\n");
        let failing = |may_fail| Step::Run { program: "false", args: Vec::new(), may_fail };
        assert!(take(&failing(true)).expect("may fail").contains("it failed"));
        assert!(matches!(take(&failing(false)), Err(ActError::Failed { program: "false", .. })));
    }
}
