//! `where:`, a CEL expression over state (no clock inside, so it is evaluated on change only).
//!
//! It sees `shift{id, ref, start, end, minutes, status, location}`, `client{id, tags, location, active}`,
//! `caregiver{id, tags, active, hired}` or null, and `visit{id, status, open}` or null. Times are RFC 3339 text in
//! UTC, which compares as time does; tags are the vendor's ids and, where they have one, their configured names.
//!
//! CEL has no type check before it runs, so a new expression is tried on a full sample. A fault later, or an answer
//! that is no bool, counts as true: an alert too many, never one too few.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use cel::{
    Context, Env, IdedExpr, Program, Value,
    common::ast::{EntryExpr, Expr},
};
use chrono::SecondsFormat;

use crate::{
    mirror::{Mirror, shifts::ShiftEntry, visits::VisitEntry},
    model::{CaregiverId, ClientId, ShiftStatus},
};

/// How deep an expression may nest. Running it spends up to 40 kB of stack on each level (measured without
/// optimisation), and a runtime's thread has two megabytes in all. Chains of `&&` and `||` are balanced and stay flat.
pub const DEPTH_MAX: usize = 24;

/// A compiled expression with its source.
#[derive(Debug)]
pub struct Where {
    /// As written.
    pub source: String,
    /// Compiled.
    pub program: Program,
}

/// Why an expression is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WhereError {
    /// It does not parse.
    #[error("the expression does not read at its character {column}: {what}")]
    Syntax {
        /// Within the expression, from 1.
        column: usize,
        /// In CEL's words.
        what: String,
    },
    /// It nests deeper than the stack of an ordinary thread allows.
    #[error("the expression nests {depth} levels deep, and {DEPTH_MAX} are the most")]
    Deep {
        /// Levels.
        depth: usize,
    },
    /// It runs on a full sample to something else than true or false, or not at all.
    #[error("on a full sample it {what}")]
    Sample {
        /// What happened.
        what: String,
    },
}

/// Why an expression gave no bool.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WhereFault {
    /// It stopped with an error.
    #[error("the expression failed: {0}")]
    Failed(String),
    /// It gave something else.
    #[error("the expression gives {0}, write one that is true or false")]
    NotBool(&'static str),
}

/// The values an expression sees.
#[derive(Debug, Clone)]
pub struct WhereFacts {
    shift: Value,
    client: Value,
    caregiver: Value,
    visit: Value,
}

impl Where {
    /// Compiles, and tries it on a full sample.
    ///
    /// A long or deep source needs a deep stack to be read: that is the caller's to have.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn compile(source: &str) -> Result<Self, WhereError> {
        let program = Program::compile(source).map_err(|faults| {
            let first = faults.errors.first();
            let column = first.map_or(1, |fault| usize::try_from(fault.pos.1).unwrap_or(1).max(1));
            let what = first.map_or_else(|| "it cannot be read".to_owned(), |fault| fault.msg.clone());
            WhereError::Syntax { column, what }
        })?;
        let depth = depth(program.expression());
        if depth > DEPTH_MAX {
            return Err(WhereError::Deep { depth });
        }
        let compiled = Self { source: source.to_owned(), program };
        match compiled.run(&WhereFacts::sample()) {
            Ok(Value::Bool(_)) => Ok(compiled),
            Ok(other) => Err(WhereError::Sample { what: format!("gives a value of type {}", other.type_of()) }),
            Err(fault) => Err(WhereError::Sample { what: format!("fails ({fault})") }),
        }
    }

    /// Whether it holds.
    pub fn holds(&self, facts: &WhereFacts) -> Result<bool, WhereFault> {
        match self.run(facts) {
            Ok(Value::Bool(holds)) => Ok(holds),
            Ok(other) => Err(WhereFault::NotBool(type_name(&other))),
            Err(fault) => Err(WhereFault::Failed(fault)),
        }
    }

    fn run(&self, facts: &WhereFacts) -> Result<Value, String> {
        let mut context = Context::with_env(env());
        context.add_variable_from_value("shift", facts.shift.clone());
        context.add_variable_from_value("client", facts.client.clone());
        context.add_variable_from_value("caregiver", facts.caregiver.clone());
        context.add_variable_from_value("visit", facts.visit.clone());
        // The message names types and keys; values of a mirror without PHI are all it could quote.
        self.program.execute(&context).map_err(|fault| fault.to_string())
    }
}

fn depth(expression: &IdedExpr) -> usize {
    let entry = |entry: &EntryExpr| match entry {
        EntryExpr::StructField(field) => depth(&field.value),
        EntryExpr::MapEntry(entry) => depth(&entry.key).max(depth(&entry.value)),
    };
    let deepest = match &expression.expr {
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => 0,
        Expr::Call(call) => {
            call.target.iter().map(|target| depth(target)).chain(call.args.iter().map(depth)).max().unwrap_or(0)
        }
        Expr::Comprehension(inner) => {
            let parts = [&inner.iter_range, &inner.accu_init, &inner.loop_cond, &inner.loop_step, &inner.result];
            parts.into_iter().map(depth).max().unwrap_or(0)
        }
        Expr::List(list) => list.elements.iter().map(depth).max().unwrap_or(0),
        Expr::Map(map) => map.entries.iter().map(|one| entry(&one.expr)).max().unwrap_or(0),
        Expr::Select(select) => depth(&select.operand),
        Expr::Struct(fields) => fields.entries.iter().map(|one| entry(&one.expr)).max().unwrap_or(0),
    };
    deepest + 1
}

/// The standard functions, built once.
fn env() -> Arc<Env> {
    static ENV: OnceLock<Arc<Env>> = OnceLock::new();
    Arc::clone(ENV.get_or_init(|| Arc::new(Env::stdlib())))
}

const fn type_name(value: &Value) -> &'static str {
    match value {
        Value::List(_) => "a list",
        Value::Map(_) => "a map",
        Value::Int(_) | Value::UInt(_) | Value::Float(_) => "a number",
        Value::String(_) => "text",
        Value::Null => "null",
        _ => "no bool",
    }
}

impl WhereFacts {
    /// Of a shift and its visit.
    #[must_use]
    pub fn of_shift(mirror: &Mirror, entry: &ShiftEntry) -> Self {
        let visit = mirror.visits_of(entry).next();
        let shift = &entry.shift;
        Self {
            shift: shift_value(mirror, entry),
            client: client_value(mirror, &shift.key.client),
            caregiver: shift.caregiver.as_ref().map_or(Value::Null, |id| caregiver_value(mirror, id)),
            visit: visit.map_or(Value::Null, visit_value),
        }
    }

    /// Of a visit and its shift.
    #[must_use]
    pub fn of_visit(mirror: &Mirror, entry: &VisitEntry) -> Self {
        let shift = entry.shift.as_ref().and_then(|key| mirror.shift(key));
        Self {
            shift: shift.map_or(Value::Null, |shift| shift_value(mirror, shift)),
            client: entry.visit.client.as_ref().map_or(Value::Null, |id| client_value(mirror, id)),
            caregiver: entry.visit.caregiver.as_ref().map_or(Value::Null, |id| caregiver_value(mirror, id)),
            visit: visit_value(entry),
        }
    }

    /// Of a client.
    #[must_use]
    pub fn of_client(mirror: &Mirror, id: &ClientId) -> Self {
        Self { shift: Value::Null, client: client_value(mirror, id), caregiver: Value::Null, visit: Value::Null }
    }

    /// Of a caregiver.
    #[must_use]
    pub fn of_caregiver(mirror: &Mirror, id: &CaregiverId) -> Self {
        Self { shift: Value::Null, client: Value::Null, caregiver: caregiver_value(mirror, id), visit: Value::Null }
    }

    /// An invented full sample, to try an expression on before any data is there.
    #[must_use]
    pub fn sample() -> Self {
        let people = |id: &str| {
            vec![
                ("id", text(id)),
                ("tags", Value::List(Arc::new(vec![text("41"), text("respite")]))),
                ("location", text("north")),
                ("active", Value::Bool(true)),
                ("hired", Value::Bool(true)),
            ]
        };
        let mut client = people("7000101");
        client.pop();
        let mut caregiver = people("8000201");
        caregiver.remove(2);
        Self {
            shift: map(vec![
                ("id", text("90010001@2026-07-06T13:00:00Z")),
                ("ref", text("90010001")),
                ("start", text("2026-07-06T13:00:00Z")),
                ("end", text("2026-07-06T17:00:00Z")),
                ("minutes", Value::Int(240)),
                ("status", text("SCHEDULED")),
                ("location", text("north")),
            ]),
            client: map(client),
            caregiver: map(caregiver),
            visit: map(vec![("id", text("55000001")), ("status", text("IN_PROGRESS")), ("open", Value::Bool(true))]),
        }
    }

    /// The same sample with nobody on the shift and no visit: an expression must bear that too.
    #[must_use]
    pub fn sample_uncovered() -> Self {
        Self { caregiver: Value::Null, visit: Value::Null, ..Self::sample() }
    }
}

fn text(text: &str) -> Value {
    Value::String(Arc::new(text.to_owned()))
}

fn map(fields: Vec<(&'static str, Value)>) -> Value {
    Value::Map(fields.into_iter().collect::<HashMap<&str, Value>>().into())
}

fn shift_value(mirror: &Mirror, entry: &ShiftEntry) -> Value {
    let shift = &entry.shift;
    let status = match &shift.status {
        ShiftStatus::Active(status) => status.as_deref().unwrap_or(""),
        ShiftStatus::Cancelled => "CANCELLED",
    };
    map(vec![
        ("id", text(&shift.key.label(false))),
        ("ref", text(&shift.key.id.to_string())),
        ("start", text(&shift.start().to_rfc3339_opts(SecondsFormat::Secs, true))),
        ("end", text(&shift.end.to_rfc3339_opts(SecondsFormat::Secs, true))),
        ("minutes", Value::Int((shift.end - shift.start()).num_minutes())),
        ("status", text(status)),
        ("location", text(&mirror.location_of(&shift.key.client))),
    ])
}

fn tags(mirror: &Mirror, tags: &[crate::model::TagId]) -> Value {
    let names = mirror.settings().tags.iter().filter(|(_, id)| tags.contains(id)).map(|(name, _)| text(name));
    Value::List(Arc::new(tags.iter().map(|tag| text(tag.as_str())).chain(names).collect()))
}

fn client_value(mirror: &Mirror, id: &ClientId) -> Value {
    let client = mirror.client(id);
    map(vec![
        ("id", text(id.as_str())),
        ("tags", tags(mirror, client.map_or(&[], |client| &client.tags))),
        ("location", text(&mirror.location_of(id))),
        ("active", Value::Bool(client.and_then(|client| client.active).unwrap_or(true))),
    ])
}

fn caregiver_value(mirror: &Mirror, id: &CaregiverId) -> Value {
    let caregiver = mirror.caregiver(id);
    map(vec![
        ("id", text(id.as_str())),
        ("tags", tags(mirror, caregiver.map_or(&[], |caregiver| &caregiver.tags))),
        ("active", Value::Bool(caregiver.and_then(|caregiver| caregiver.active).unwrap_or(true))),
        ("hired", Value::Bool(caregiver.and_then(|caregiver| caregiver.hired).unwrap_or(true))),
    ])
}

fn visit_value(entry: &VisitEntry) -> Value {
    map(vec![
        ("id", text(entry.visit.id.as_str())),
        ("status", text(entry.visit.status.as_deref().unwrap_or(""))),
        ("open", Value::Bool(entry.visit.check_out.is_none())),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compiles_what_the_rules_need_and_refuses_the_rest() {
        for (source, fine, shows) in [
            (r#"!client.tags.exists(t, t == "respite")"#, true, "the shipped example"),
            ("shift.minutes > 60", true, "a number"),
            ("caregiver == null || caregiver.hired", true, "null is a value"),
            ("shift.minutes >", false, "half an expression"),
            ("shift.minutes + 1", false, "no bool"),
            ("shift.nobody == 1", false, "an unknown field"),
            ("", false, "nothing"),
        ] {
            assert_eq!(Where::compile(source).is_ok(), fine, "{shows}: {:?}", Where::compile(source).err());
        }
    }

    /// Everything that is let through runs on the stack of a runtime's thread, and ordinary conditions are let through.
    #[test]
    fn what_compiles_runs_on_an_ordinary_stack() {
        let n = DEPTH_MAX;
        let exists = |n: usize| format!("{}true{}", "[1].exists(a, ".repeat(n), ")".repeat(n));
        let mut n_run = 0;
        for (source, fine) in [
            (format!("{}true", r#"client.location == "north" && "#.repeat(60)), true),
            (format!("{}false", r#"client.location == "north" || "#.repeat(60)), true),
            (format!("{}1 > 0", "1+".repeat(n - 2)), true),
            (format!("{}1 > 0", "1+".repeat(n - 1)), false),
            (format!("{}true", "true?true:".repeat(n - 1)), true),
            (format!("{}true", "false?true:".repeat(n - 1)), true),
            (format!("{}1{} != []", "[".repeat(n - 2), "]".repeat(n - 2)), true),
            (format!("{}1{} != []", "[".repeat(n), "]".repeat(n)), false),
            (exists(8), true),
            (exists(40), false),
            (format!("{}true", "!".repeat(4000)), true),
        ] {
            // Reading it needs more than running it.
            let read = std::thread::Builder::new().stack_size(256 << 20).spawn(move || Where::compile(&source));
            let read = read.unwrap().join().unwrap();
            assert_eq!(read.is_ok(), fine, "{:?}", read.err());
            if let Ok(clause) = read {
                n_run += 1;
                let run = move || clause.holds(&WhereFacts::sample()).is_ok();
                std::thread::Builder::new().stack_size(1 << 20).spawn(run).unwrap().join().unwrap();
            }
        }
        assert_eq!(n_run, 8);
    }

    #[test]
    fn what_is_on_the_sample_is_what_an_expression_sees() {
        let cases = [
            ("a tag by name", r#"client.tags.exists(t, t == "respite")"#, true),
            ("a tag by id", r#"client.tags.exists(t, t == "41")"#, true),
            ("the example of the manual", r#"!client.tags.exists(t, t == "respite")"#, false),
            ("minutes", "shift.minutes >= 240 && shift.minutes < 241", true),
            ("times as text", r#"shift.start < "2026-07-06T13:00:01Z""#, true),
            ("location", r#"shift.location in ["north", "south"]"#, true),
            ("text functions", r#"shift.ref.startsWith("9001")"#, true),
        ];
        for (what, source, expected) in cases {
            let holds = Where::compile(source).unwrap().holds(&WhereFacts::sample());
            assert_eq!(holds, Ok(expected), "{what}: {source}");
        }
        let nobody = Where::compile("caregiver == null || !caregiver.hired").unwrap();
        assert_eq!(nobody.holds(&WhereFacts::sample()), Ok(false));
        assert_eq!(nobody.holds(&WhereFacts::sample_uncovered()), Ok(true), "nobody on the shift is null");
        let hired = Where::compile("caregiver.hired").unwrap();
        assert!(hired.holds(&WhereFacts::sample_uncovered()).is_err(), "nobody has no field");
    }
}
