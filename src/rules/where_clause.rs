//! `where:`, a CEL expression over state. No clock inside: a verdict never changes by time alone because of it.
//!
//! CEL has no type check before it runs. An expression that errs or gives no bool counts as true, towards alerting,
//! and is counted.

use std::sync::atomic::{AtomicU64, Ordering};

use cel::{
    Context, IdedExpr, Program, Value,
    common::ast::{EntryExpr, Expr},
};
use serde::Serialize;

use crate::{
    mirror::Mirror,
    model::{CaregiverId, ClientId, Instant, Shift, ShiftStatus},
};

/// How many times an expression failed since the start; each counted as true.
pub static FAILED: AtomicU64 = AtomicU64::new(0);

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

#[derive(Debug, Clone, Serialize)]
struct ShiftState {
    id: String,
    #[serde(rename = "ref")]
    reference: String,
    start: String,
    end: String,
    minutes: i64,
    status: String,
    location: String,
}

#[derive(Debug, Clone, Serialize)]
struct ClientState {
    id: String,
    tags: Vec<String>,
    location: String,
    active: bool,
}

#[derive(Debug, Clone, Serialize)]
struct CaregiverState {
    id: String,
    tags: Vec<String>,
    active: bool,
    hired: bool,
}

#[derive(Debug, Clone, Serialize)]
struct VisitState {
    id: String,
    status: String,
    open: bool,
}

/// What an expression sees.
#[derive(Debug, Clone)]
pub struct State {
    shift: Option<ShiftState>,
    client: Option<ClientState>,
    caregiver: Option<CaregiverState>,
    visit: Option<VisitState>,
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
        match compiled.run(&State::sample()) {
            Ok(Value::Bool(_)) => Ok(compiled),
            Ok(other) => Err(WhereError::Sample { what: format!("gives a value of type {}", other.type_of()) }),
            Err(fault) => Err(WhereError::Sample { what: format!("fails ({fault})") }),
        }
    }

    /// Whether it picks this state.
    #[must_use]
    pub fn picks(&self, state: &State) -> bool {
        if let Ok(Value::Bool(picked)) = self.run(state) {
            return picked;
        }
        FAILED.fetch_add(1, Ordering::Relaxed);
        true
    }

    fn run(&self, state: &State) -> Result<Value, String> {
        let mut context = Context::default();
        let add = |name: &'static str, value: Result<(), String>| value.map_err(|fault| format!("{name}: {fault}"));
        add("shift", context.add_variable("shift", &state.shift).map_err(|fault| fault.to_string()))?;
        add("client", context.add_variable("client", &state.client).map_err(|fault| fault.to_string()))?;
        add("caregiver", context.add_variable("caregiver", &state.caregiver).map_err(|fault| fault.to_string()))?;
        add("visit", context.add_variable("visit", &state.visit).map_err(|fault| fault.to_string()))?;
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

impl State {
    /// Everything present, for trying an expression.
    #[must_use]
    pub fn sample() -> Self {
        Self {
            shift: Some(ShiftState {
                id: "90010001@2026-07-06T13:00:00Z".into(),
                reference: "90010001".into(),
                start: "2026-07-06T13:00:00Z".into(),
                end: "2026-07-06T17:00:00Z".into(),
                minutes: 240,
                status: "SCHEDULED".into(),
                location: "north".into(),
            }),
            client: Some(ClientState {
                id: "7000101".into(),
                tags: vec!["41".into(), "respite".into()],
                location: "north".into(),
                active: true,
            }),
            caregiver: Some(CaregiverState {
                id: "8000201".into(),
                tags: vec!["42".into()],
                active: true,
                hired: true,
            }),
            visit: Some(VisitState { id: "55000001".into(), status: "COMPLETE".into(), open: false }),
        }
    }

    /// The state around a shift.
    #[must_use]
    pub fn of_shift(mirror: &Mirror, shift: &Shift) -> Self {
        let visit = mirror.visits_of(&shift.key).next().map(|record| VisitState {
            id: record.visit.id.to_string(),
            status: record.visit.status.clone().unwrap_or_default(),
            open: record.visit.check_out.is_none(),
        });
        Self {
            shift: Some(shift_state(mirror, shift)),
            client: Some(client_state(mirror, &shift.key.client)),
            caregiver: shift.caregiver.as_ref().map(|id| caregiver_state(mirror, id)),
            visit,
        }
    }

    /// No subject of the schedule: endpoints, sections, the agency.
    #[must_use]
    pub const fn of_nothing() -> Self {
        Self { shift: None, client: None, caregiver: None, visit: None }
    }
}

fn shift_state(mirror: &Mirror, shift: &Shift) -> ShiftState {
    let seconds = |at: Instant| at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    ShiftState {
        id: shift.key.label(false),
        reference: shift.key.id.to_string(),
        start: seconds(shift.start()),
        end: seconds(shift.end),
        minutes: (shift.end - shift.start()).num_minutes(),
        status: match &shift.status {
            ShiftStatus::Active(raw) => raw.as_deref().unwrap_or_default().to_owned(),
            ShiftStatus::Cancelled => "CANCELLED".into(),
        },
        location: mirror.location_of(&shift.key.client),
    }
}

fn names(mirror: &Mirror, tags: &[crate::model::TagId]) -> Vec<String> {
    let mut all: Vec<String> = tags.iter().map(ToString::to_string).collect();
    all.extend(mirror.tag_names().iter().filter(|(_, id)| tags.contains(id)).map(|(name, _)| name.clone()));
    all
}

fn client_state(mirror: &Mirror, id: &ClientId) -> ClientState {
    let client = mirror.client_record(id).and_then(|record| record.client.as_ref());
    ClientState {
        id: id.to_string(),
        tags: client.map_or_else(Vec::new, |client| names(mirror, &client.tags)),
        location: mirror.location_of(id),
        active: client.and_then(|client| client.active).unwrap_or(true),
    }
}

fn caregiver_state(mirror: &Mirror, id: &CaregiverId) -> CaregiverState {
    let caregiver = mirror.caregiver_record(id).map(|record| &record.caregiver);
    CaregiverState {
        id: id.to_string(),
        tags: caregiver.map_or_else(Vec::new, |caregiver| names(mirror, &caregiver.tags)),
        active: caregiver.and_then(|caregiver| caregiver.active).unwrap_or(true),
        hired: caregiver.and_then(|caregiver| caregiver.hired).unwrap_or(true),
    }
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
                let run = move || clause.picks(&State::sample());
                std::thread::Builder::new().stack_size(1 << 20).spawn(run).unwrap().join().unwrap();
            }
        }
        assert_eq!(n_run, 8);
    }

    #[test]
    fn a_failure_counts_towards_alerting() {
        let clause = Where::compile("caregiver.hired").unwrap();
        assert!(clause.picks(&State::of_nothing()), "no caregiver: the expression fails and picks");
    }
}
