//! The one task that writes. Whatever waits is merged into one transaction, so that a burst costs a few syncs of the
//! disk and not one each.
//!
//! Each write stands behind its own savepoint: one that fails takes nothing else with it. Posted orders, which
//! cannot fail one by one, are inserted together. Every answer is given after the transaction's end.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use chrono::NaiveDate;
use secrecy::SecretString;
use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::sync::{Mutex, mpsc, oneshot};

use super::{
    Attempted, Claimed, Closing, Commit, HeardText, Old, PastDay, Report, Room, Scheduled, WayWent, api_rows, archive,
    audit, book, calendars,
    calendars::CalendarCopy,
    contacts, details,
    error::{StoreError, commit_surely_failed},
    heard,
    lock::FileLock,
    mirror_rows, on_call_log, orders, outbox, phone_log, scheduled, secrets,
    silences::{self, SilenceChange},
    sql::{Value, execute, fetch, get},
};
use crate::{
    alerts::orders::Ask,
    details::rows::DetailRow,
    mirror::row::{ArchiveDelta, MirrorDelta},
    model::{AddressMark, AgencyName, Instant, PersonName},
    notify::{
        calls::KeptCall,
        message::{Channel, Message, MessageId},
    },
    report::{api_log::Unkept, audit::AuditRow},
};

/// Writes merged into one transaction at most. Bounds how long the first of them waits for the last.
const BATCH: usize = 1024;
/// Orders merged into one transaction at most.
const BATCH_ORDERS: usize = 8192;

pub(super) type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// Something to write.
pub(super) enum Job {
    Commit(Box<Commit>, Reply<()>),
    Orders {
        agency: AgencyName,
        at: Instant,
        asks: Vec<Ask>,
        reply: Reply<Vec<i64>>,
    },
    Mirror {
        agency: AgencyName,
        delta: MirrorDelta,
        at: Instant,
        reply: Reply<()>,
    },
    Claim {
        now: Instant,
        room: Room,
        lease_until: Instant,
        reply: Reply<Claimed>,
    },
    Finish(Vec<Attempted>, Reply<()>),
    /// Both, in this order.
    Turn {
        attempted: Vec<Attempted>,
        now: Instant,
        room: Room,
        lease_until: Instant,
        reply: Reply<Claimed>,
    },
    Recover {
        now: Instant,
        reply: Reply<usize>,
    },
    Report(Report, Reply<bool>),
    KeepWays(BTreeSet<String>, Reply<()>),
    PollLater {
        polls: Vec<(MessageId, Option<Instant>)>,
        reply: Reply<()>,
    },
    Heard {
        heard: HeardText,
        orders: Vec<(AgencyName, Vec<Ask>)>,
        reply: Reply<bool>,
    },
    Listening {
        gateway: String,
        until: Instant,
        reply: Reply<()>,
    },
    Stops {
        mark: AddressMark,
        at: Instant,
        reply: Reply<()>,
    },
    TakesAgain {
        mark: AddressMark,
        via: Channel,
        reply: Reply<()>,
    },
    Verified {
        mark: AddressMark,
        via: Channel,
        at: Instant,
        reply: Reply<()>,
    },
    Audit(Vec<AuditRow>, Reply<()>),
    Prune(Old, Reply<u64>),
    Past {
        agency: AgencyName,
        delta: ArchiveDelta,
        days: Vec<PastDay>,
        at: Instant,
        reply: Reply<()>,
    },
    CloseHours {
        agency: AgencyName,
        closing: Box<Closing>,
        reply: Reply<bool>,
    },
    Api {
        agency: AgencyName,
        unkept: Unkept,
        reply: Reply<()>,
    },
    Silences(SilenceChange, Reply<()>),
    Calendar(CalendarCopy, Reply<()>),
    Details {
        agency: AgencyName,
        rows: Vec<DetailRow>,
        reply: Reply<()>,
    },
    Morning {
        agency: AgencyName,
        day: NaiveDate,
        at: Instant,
        people: Vec<PersonName>,
        asks: Vec<Ask>,
        reply: Reply<bool>,
    },
    Scheduled {
        decided: Scheduled,
        messages: Vec<Message>,
        way: Option<WayWent>,
        reply: Reply<bool>,
    },
    Calls {
        agency: AgencyName,
        calls: Vec<KeptCall>,
        read: (String, Instant),
        reply: Reply<()>,
    },
    CallsDecided {
        agency: AgencyName,
        decided: Scheduled,
        day: NaiveDate,
        messages: Vec<Message>,
        reply: Reply<bool>,
    },
    Way {
        way: WayWent,
        at: Instant,
        reply: Reply<()>,
    },
    Secret {
        name: &'static str,
        fresh: [u8; 32],
        reply: Reply<[u8; 32]>,
    },
    KeepSecret {
        name: String,
        body: SecretString,
        reply: Reply<()>,
    },
    Probe {
        now: Instant,
        reply: Reply<()>,
    },
    Close(oneshot::Sender<()>),
    /// Sets a limit on the writing connection.
    #[cfg(test)]
    Pragma(&'static str, Reply<()>),
}

/// What the writer remembers between transactions. All of it can be read back from the tables.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// The last numbers given out. They grow; gaps do not matter.
    numbers: HashMap<(AgencyName, Counted), i64>,
    /// No stored time limit passes before this; `None` = not known, look.
    pub(super) next_at: Option<Instant>,
    /// False when no message waits for another.
    pub(super) none_held: bool,
    /// Ways whose last word is stored: whether it worked, and when.
    pub(super) ways: HashMap<String, (bool, Instant)>,
    /// True when nobody is marked as not reached.
    pub(super) none_marked: bool,
    /// True when no address is known to take nothing.
    pub(super) none_bad: bool,
}

/// What is numbered within an agency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Counted {
    Orders,
    Receipts,
    Blobs,
    Audit,
}

impl Memory {
    /// The memory of a store as it stands.
    pub(super) async fn read(connection: &mut SqliteConnection) -> Result<Self, StoreError> {
        // Consumed and pruned rows must not give their numbers again: the cursors would pass over the new ones.
        const LAST: [(Counted, &str); 4] = [
            (
                Counted::Orders,
                "SELECT agency, max(n) FROM (SELECT agency, n FROM orders
                 UNION ALL SELECT agency, orders_done FROM agencies) GROUP BY agency",
            ),
            (
                Counted::Receipts,
                "SELECT agency, max(n) FROM (SELECT agency, n FROM receipts
                 UNION ALL SELECT agency, receipts_done FROM agencies) GROUP BY agency",
            ),
            (Counted::Blobs, "SELECT agency, max(n) FROM blobs GROUP BY agency"),
            (Counted::Audit, "SELECT agency, max(n) FROM audit GROUP BY agency"),
        ];
        let mut memory = Self::default();
        for (counted, text) in LAST {
            for row in fetch(connection, "opening", text, Vec::new()).await? {
                let agency = AgencyName::new(get::<&str>(&row, "agencies", 0)?);
                memory.numbers.insert((agency, counted), get(&row, "agencies", 1)?);
            }
        }
        Ok(memory)
    }

    /// The next number.
    pub(super) fn next(&mut self, agency: &AgencyName, counted: Counted) -> i64 {
        let n = self.numbers.entry((agency.clone(), counted)).or_insert(0);
        *n += 1;
        *n
    }

    /// Something becomes due at `at`.
    pub(super) fn wake(&mut self, at: Instant) {
        if let Some(next_at) = &mut self.next_at {
            *next_at = (*next_at).min(at);
        }
    }

    /// Something was rolled back: what was concluded from it no longer holds.
    fn forget(&mut self) {
        self.next_at = None;
        self.none_held = false;
        self.none_marked = false;
        self.none_bad = false;
        self.ways.clear();
    }
}

/// Gives an answer once the transaction's end is known.
type Answer = Box<dyn FnOnce(Result<(), &StoreError>) + Send>;

pub(super) struct Writer {
    pub(super) connection: Arc<Mutex<SqliteConnection>>,
    /// How to open the file again after the connection broke; `None` for a store in memory.
    pub(super) options: Option<SqliteConnectOptions>,
    pub(super) memory: Memory,
    pub(super) jobs: mpsc::Receiver<Job>,
    /// Held as long as anything can be written.
    pub(super) lock: Option<FileLock>,
}

impl Writer {
    /// Writes until every [`super::Store`] is gone or one was closed.
    pub(super) async fn run(mut self) {
        let mut waiting = Vec::new();
        while self.jobs.recv_many(&mut waiting, BATCH_ORDERS).await > 0 {
            let mut closing = None;
            let mut jobs = Vec::new();
            for job in waiting.drain(..) {
                match job {
                    Job::Close(reply) => closing = Some(reply),
                    job => jobs.push(job),
                }
            }
            while !jobs.is_empty() {
                let rest = jobs.split_off(cut(&jobs));
                self.batch(jobs).await;
                jobs = rest;
            }
            if let Some(reply) = closing {
                drop(self.jobs);
                let mut connection = Arc::clone(&self.connection).lock_owned().await;
                // The last chance to leave one file behind instead of three; nothing is lost when it fails.
                let _ = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut *connection).await;
                drop(connection);
                drop(self.lock);
                let _ = reply.send(());
                return;
            }
        }
    }

    async fn batch(&mut self, jobs: Vec<Job>) {
        let mut connection = Arc::clone(&self.connection).lock_owned().await;
        let mut answers = Vec::with_capacity(jobs.len());
        let result = transact(&mut connection, &mut self.memory, jobs, &mut answers).await;
        if let Err(error) = &result {
            self.memory.forget();
            let _ = sqlx::query("ROLLBACK").execute(&mut *connection).await;
            tracing::warn!(
                error = %error, cause = %std::error::Error::source(error).map(ToString::to_string).unwrap_or_default(),
                n_writes = answers.len(), "store: a transaction failed; its writers decide what to do again"
            );
            if !error.is_full()
                && let Some(options) = &self.options
                && let Ok(fresh) = SqliteConnection::connect_with(options).await
            {
                *connection = fresh;
            }
        }
        drop(connection);
        for answer in answers {
            answer(result.as_ref().copied());
        }
    }
}

/// How many of the waiting jobs go into the next transaction.
fn cut(jobs: &[Job]) -> usize {
    let mut n_others = 0;
    jobs.iter()
        .position(|job| {
            n_others += usize::from(!matches!(job, Job::Orders { .. }));
            n_others > BATCH
        })
        .unwrap_or(jobs.len())
}

async fn transact(
    connection: &mut SqliteConnection,
    memory: &mut Memory,
    jobs: Vec<Job>,
    answers: &mut Vec<Answer>,
) -> Result<(), StoreError> {
    // Every job gets an answer whatever happens, so the answers are made before anything can fail for all.
    let alone = jobs.iter().filter(|job| !matches!(job, Job::Orders { .. })).count() < 2;
    let begun = sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await;
    let mut broken = begun.err().map(|source| StoreError::Failed { what: "beginning a transaction", source });
    let mut posted = Vec::new();
    for job in jobs {
        if let Job::Orders { agency, at, asks, reply } = job {
            posted.push((agency, at, asks, reply));
            continue;
        }
        if let Some(error) = &broken {
            answers.push(refuse(job, error));
            continue;
        }
        match behind_savepoint(connection, memory, job, alone).await {
            Ok(answer) => answers.push(answer),
            Err((answer, error)) => {
                answers.push(answer);
                broken = Some(error);
            }
        }
    }
    if broken.is_none() && !posted.is_empty() {
        broken = orders::put(connection, memory, posted, answers).await.err();
    } else {
        for (.., reply) in posted {
            answers.push(later(reply, Ok(Vec::new())));
        }
    }
    if let Some(error) = broken {
        return Err(error);
    }
    sqlx::query("COMMIT").execute(&mut *connection).await.map(drop).map_err(|source| {
        if commit_surely_failed(&source) {
            StoreError::Failed { what: "a transaction", source }
        } else {
            StoreError::Unknown { what: "a transaction", source }
        }
    })
}

/// One write. `Err` means that the whole transaction is lost.
async fn behind_savepoint(
    connection: &mut SqliteConnection,
    memory: &mut Memory,
    job: Job,
    alone: bool,
) -> Result<Answer, (Answer, StoreError)> {
    if !alone && let Err(error) = execute(connection, "a savepoint", "SAVEPOINT write_one", Vec::new()).await {
        return Err((refuse(job, &error), error));
    }
    let (answer, failed) = one(connection, memory, job).await;
    if failed {
        memory.forget();
        // A full disk may already have rolled everything back, and then this fails too.
        let back = if alone {
            execute(connection, "a savepoint", "ROLLBACK", Vec::new())
                .await
                .and(execute(connection, "beginning a transaction", "BEGIN IMMEDIATE", Vec::new()).await)
        } else {
            execute(connection, "a savepoint", "ROLLBACK TO write_one", Vec::new()).await
        };
        if let Err(error) = back {
            return Err((answer, error));
        }
    }
    if !alone && let Err(error) = execute(connection, "a savepoint", "RELEASE write_one", Vec::new()).await {
        return Err((answer, error));
    }
    Ok(answer)
}

async fn one(connection: &mut SqliteConnection, memory: &mut Memory, job: Job) -> (Answer, bool) {
    match job {
        Job::Commit(commit, reply) => done(reply, book::commit(connection, memory, *commit).await),
        Job::Mirror { agency, delta, at, reply } => {
            done(reply, mirror_rows::save(connection, memory, &agency, delta, at).await)
        }
        Job::Claim { now, room, lease_until, reply } => {
            done(reply, outbox::claim(connection, memory, now, &room, lease_until).await)
        }
        Job::Finish(attempted, reply) => done(reply, outbox::finish(connection, memory, attempted).await),
        Job::Turn { attempted, now, room, lease_until, reply } => {
            let result = match outbox::finish(connection, memory, attempted).await {
                Ok(()) => outbox::claim(connection, memory, now, &room, lease_until).await,
                Err(error) => Err(error),
            };
            done(reply, result)
        }
        Job::Recover { now, reply } => done(reply, outbox::recover(connection, memory, now).await),
        Job::Report(report, reply) => done(reply, outbox::report(connection, memory, report).await),
        Job::KeepWays(names, reply) => done(reply, outbox::keep_ways(connection, memory, &names).await),
        Job::PollLater { polls, reply } => done(reply, outbox::poll_later(connection, polls).await),
        Job::Heard { heard, orders, reply } => done(reply, heard::put(connection, memory, heard, orders).await),
        Job::Listening { gateway, until, reply } => done(reply, heard::listening(connection, &gateway, until).await),
        Job::Stops { mark, at, reply } => done(reply, outbox::stops(connection, memory, &mark, at).await),
        Job::TakesAgain { mark, via, reply } => {
            done(reply, contacts::takes_again(connection, memory, &mark, via).await)
        }
        Job::Verified { mark, via, at, reply } => done(reply, contacts::put_verified(connection, &mark, via, at).await),
        Job::Audit(rows, reply) => done(reply, audit::put(connection, memory, rows).await),
        Job::Prune(old, reply) => done(reply, outbox::prune(connection, old).await),
        Job::Past { agency, delta, days, at, reply } => {
            done(reply, archive::save(connection, &agency, delta, days, at).await)
        }
        Job::CloseHours { agency, closing, reply } => done(reply, archive::close(connection, &agency, *closing).await),
        Job::Api { agency, unkept, reply } => done(reply, api_rows::add(connection, &agency, &unkept).await),
        Job::Silences(change, reply) => done(reply, silences::put(connection, memory, change).await),
        Job::Calendar(copy, reply) => done(reply, calendars::put(connection, copy).await),
        Job::Details { agency, rows, reply } => done(reply, details::put(connection, &agency, rows).await),
        Job::Morning { agency, day, at, people, asks, reply } => {
            done(reply, on_call_log::put_morning(connection, memory, &agency, day, at, &people, &asks).await)
        }
        Job::Scheduled { decided, messages, way, reply } => {
            done(reply, scheduled::put(connection, memory, decided, messages, way).await)
        }
        Job::Calls { agency, calls, read, reply } => {
            done(reply, phone_log::put(connection, &agency, calls, read).await)
        }
        Job::CallsDecided { agency, decided, day, messages, reply } => {
            done(reply, phone_log::decide(connection, memory, &agency, decided, day, messages).await)
        }
        Job::Way { way, at, reply } => done(reply, scheduled::mark(connection, memory, Some(way), at).await),
        Job::Secret { name, fresh, reply } => done(reply, secrets::made_once(connection, name, fresh).await),
        Job::KeepSecret { name, body, reply } => done(reply, secrets::put(connection, name, &body).await),
        Job::Probe { now, reply } => {
            // A page of the file that means nothing to anybody else; it goes through the log like every write.
            let text = format!("PRAGMA user_version = {}", now.timestamp().rem_euclid(i64::from(i32::MAX)));
            let written = sqlx::query(sqlx::AssertSqlSafe(text)).execute(&mut *connection).await;
            done(reply, written.map(drop).map_err(|source| StoreError::Failed { what: "a probe", source }))
        }
        #[cfg(test)]
        Job::Pragma(text, reply) => done(reply, execute(connection, "a limit", text, Vec::new()).await.map(drop)),
        Job::Orders { reply, .. } => done(reply, Ok(Vec::new())),
        Job::Close(reply) => (
            Box::new(move |_| {
                let _ = reply.send(());
            }),
            false,
        ),
    }
}

fn done<T: Send + 'static>(reply: Reply<T>, result: Result<T, StoreError>) -> (Answer, bool) {
    let failed = result.is_err();
    (later(reply, result), failed)
}

/// The answer to one write, kept until the transaction's end: its own failure, or the transaction's, or its result.
pub(super) fn later<T: Send + 'static>(reply: Reply<T>, result: Result<T, StoreError>) -> Answer {
    Box::new(move |end| {
        // A caller that no longer waits has its answer in the store.
        let _ = reply.send(result.and_then(|value| end.map(|()| value).map_err(StoreError::again)));
    })
}

/// The answer to a write that was never tried.
fn refuse(job: Job, error: &StoreError) -> Answer {
    let error = error.again();
    match job {
        Job::Commit(_, reply)
        | Job::Mirror { reply, .. }
        | Job::Finish(_, reply)
        | Job::KeepWays(_, reply)
        | Job::PollLater { reply, .. }
        | Job::Calendar(_, reply)
        | Job::Details { reply, .. }
        | Job::KeepSecret { reply, .. }
        | Job::Probe { reply, .. }
        | Job::Api { reply, .. }
        | Job::Silences(_, reply)
        | Job::Listening { reply, .. }
        | Job::Way { reply, .. }
        | Job::Calls { reply, .. }
        | Job::Stops { reply, .. }
        | Job::TakesAgain { reply, .. }
        | Job::Verified { reply, .. }
        | Job::Past { reply, .. }
        | Job::Audit(_, reply) => later(reply, Err(error)),
        Job::CloseHours { reply, .. } => later(reply, Err(error)),
        #[cfg(test)]
        Job::Pragma(_, reply) => later(reply, Err(error)),
        Job::Orders { reply, .. } => later(reply, Err(error)),
        Job::Claim { reply, .. } | Job::Turn { reply, .. } => later(reply, Err(error)),
        Job::Recover { reply, .. } => later(reply, Err(error)),
        Job::Secret { reply, .. } => later(reply, Err(error)),
        Job::Report(_, reply)
        | Job::Heard { reply, .. }
        | Job::Morning { reply, .. }
        | Job::CallsDecided { reply, .. }
        | Job::Scheduled { reply, .. } => later(reply, Err(error)),
        Job::Prune(_, reply) => later(reply, Err(error)),
        Job::Close(reply) => Box::new(move |_| {
            let _ = reply.send(());
        }),
    }
}

/// One order as it waits: agency, when, what, and who asked.
pub(super) type PostedOrder = (AgencyName, Instant, Vec<Ask>, Reply<Vec<i64>>);
/// The answers of a transaction.
pub(super) type Answers = Vec<Answer>;
/// A row of values.
pub(super) type Values = Vec<Value>;
