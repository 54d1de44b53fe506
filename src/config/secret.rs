//! Values that may come from elsewhere: written plainly, or `{env: NAME}`, `{file: path}`, `{command: [program, …]}`.

use std::{
    io::Read,
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::Duration,
};

use secrecy::SecretString;

use super::{
    reading::{COMMAND_TIME_IN_ALL, Fields, Reading},
    tree::{Node, Value},
};
use crate::clock;

/// A secret store that needs longer is waiting for a person.
const COMMAND_TIME_MAX: Duration = Duration::from_secs(10);
/// Longer is not a secret.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

const FORMS: &str = "write {env: NAME}, {file: /path} or {command: [program, argument]}";

/// A secret: accepted in plain text, with a warning.
pub fn secret(node: &Node, path: &str, cx: &mut Reading<'_>) -> Option<SecretString> {
    let value = value(node, path, cx)?;
    if matches!(node.value, Value::Scalar { .. }) {
        let what = format!("{path} stands in plain text in the file");
        cx.warn(node.at, what, "safer: {env: NAME}, {file: /path} or {command: [program, argument]}");
    }
    Some(SecretString::from(value))
}

/// A value that may come from elsewhere but is no secret; not shown again either.
pub fn value(node: &Node, path: &str, cx: &mut Reading<'_>) -> Option<String> {
    if let Value::Map(_) = node.value {
        return from_elsewhere(node, path, cx);
    }
    cx.hidden.insert(node.at);
    plainly(node, path, cx)
}

/// A value that may come from elsewhere and may be shown.
pub fn setting(node: &Node, path: &str, cx: &mut Reading<'_>) -> Option<String> {
    if let Value::Map(_) = node.value {
        return from_elsewhere(node, path, cx);
    }
    plainly(node, path, cx)
}

/// A value as it stands; `${NAME}` is another program's way of asking for a variable, and would be sent as it stands.
fn plainly(node: &Node, path: &str, cx: &mut Reading<'_>) -> Option<String> {
    let text = cx.word(node, path)?;
    let name = text.trim().strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    if let Some(name) = name.filter(|name| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_')) {
        cx.error(node.at, format!("{path} is ${{{name}}} as it stands"), format!("write {{env: {name}}}"));
        return None;
    }
    Some(text)
}

/// A value from a file, for Alertmanager's `…_file` keys.
pub fn file(node: &Node, path: &str, cx: &mut Reading<'_>) -> Option<SecretString> {
    let written = cx.word(node, path)?;
    from_file(&written, node, path, cx).map(SecretString::from)
}

fn from_elsewhere(node: &Node, path: &str, cx: &mut Reading<'_>) -> Option<String> {
    let mut fields = Fields::of(node, path, cx)?;
    if fields.entries().len() != 1 {
        cx.error(node.at, format!("{path} needs exactly one source"), FORMS);
        return None;
    }
    let (env, written, command) = (fields.get("env"), fields.get("file"), fields.get("command"));
    fields.finish(&[], cx);
    if let Some(env) = env {
        return from_env(env, path, cx);
    }
    if let Some(written) = written {
        let name = cx.word(written, &format!("{path}.file"))?;
        return from_file(&name, written, path, cx);
    }
    from_command(command?, path, cx)
}

fn from_env(node: &Node, path: &str, cx: &mut Reading<'_>) -> Option<String> {
    let name = cx.word(node, &format!("{path}.env"))?;
    match (cx.env)(&name) {
        Some(value) if !value.trim().is_empty() => Some(value),
        Some(_) => {
            cx.error(node.at, format!("{path}: the environment variable {name} is empty"), format!("set {name}"));
            None
        }
        None => {
            let instead = format!("set {name}, in the environment or in secrets.env beside the configuration");
            cx.error(node.at, format!("{path}: the environment variable {name} is not set"), instead);
            None
        }
    }
}

fn from_file(written: &str, node: &Node, path: &str, cx: &mut Reading<'_>) -> Option<String> {
    let name = cx.path(written);
    cx.reads(&name);
    let shown = name.display();
    let mut text = String::new();
    let read = std::fs::File::open(&name).and_then(|file| file.take(SECRET_BYTES_MAX).read_to_string(&mut text));
    if let Err(error) = read {
        let instead = "write a file that exists and that this user may read".to_owned();
        cx.error(node.at, format!("{path}: {shown} cannot be read ({})", error.kind()), instead);
        return None;
    }
    let text = text.trim_end_matches(['\n', '\r']).to_owned();
    if text.is_empty() {
        cx.error(node.at, format!("{path}: {shown} is empty"), "put the value into the file");
        return None;
    }
    Some(text)
}

fn from_command(node: &Node, path: &str, cx: &mut Reading<'_>) -> Option<String> {
    let words: Vec<String> = cx.words(node, &format!("{path}.command"))?.into_iter().map(|(word, _)| word).collect();
    let Some((program, arguments)) = words.split_first() else {
        cx.error(node.at, format!("{path}.command is empty"), "write [program, argument]");
        return None;
    };
    match run(program, arguments, cx) {
        Ok(text) if text.is_empty() => {
            cx.error(node.at, format!("{path}: {program} printed nothing"), "let it print the value");
            None
        }
        Ok(text) => Some(text),
        Err(says) => {
            cx.error(node.at, format!("{path}: {program} {says}"), "run it by hand as this user to see why");
            None
        }
    }
}

/// Runs a command and answers its first output, without the line's end. What it printed is in no message.
fn run(program: &str, arguments: &[String], cx: &Reading<'_>) -> Result<String, String> {
    let left = cx.shared.command_time.get();
    if left.is_zero() {
        return Err(format!("was not run: the commands before it took {} s", COMMAND_TIME_IN_ALL.as_secs()));
    }
    let limit = left.min(COMMAND_TIME_MAX);
    let began_at = clock::real_now();
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    if !cx.dir.as_os_str().is_empty() {
        command.current_dir(&cx.dir);
    }
    let mut child = command.spawn().map_err(|error| format!("cannot be started ({})", error.kind()))?;
    let printed = output_in_time(&mut child, limit);
    let took = (clock::real_now() - began_at).to_std().unwrap_or_default();
    cx.shared.command_time.set(left.saturating_sub(took));
    if printed.is_none() {
        // Its answer no longer matters; a child that cannot be killed has ended.
        let _ = child.kill();
    }
    let status = child.wait().map_err(|error| format!("could not be waited for ({})", error.kind()))?;
    let printed = printed.ok_or_else(|| format!("took longer than {} s", limit.as_secs()))?;
    if !status.success() {
        return Err(format!("failed ({status})"));
    }
    let text = String::from_utf8(printed).map_err(|_| "printed something that is not UTF-8".to_owned())?;
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}

/// Everything the child prints until it closes its output, or nothing when that takes too long.
fn output_in_time(child: &mut Child, limit: Duration) -> Option<Vec<u8>> {
    let stdout = child.stdout.take()?;
    let (done, read) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = stdout.take(SECRET_BYTES_MAX).read_to_end(&mut bytes);
        let _ = done.send(bytes);
    });
    read.recv_timeout(limit).ok()
}
