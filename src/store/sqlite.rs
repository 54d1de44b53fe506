//! The store on SQLite: one file, one process, one writer, a few readers.
//!
//! WAL with `synchronous = FULL`: what was answered is on the disk. Clones share one writer; the file is free again
//! after [`Store::close`], or once every clone is gone.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use chrono::NaiveDate;
use secrecy::SecretString;
use sqlx::{
    ConnectOptions as _, Connection as _, SqliteConnection, SqlitePool,
    pool::PoolConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::sync::{Mutex, OwnedMutexGuard, mpsc, oneshot};

use super::{
    Attempted, BadContact, Claimed, Closing, Commit, CommitError, GatewayHealth, HeardText, Loaded, MessageState,
    Morning, NoteRow, Old, OutboxStats, PastDay, Place, Poll, Report, Room, Scheduled, VerifiedContact, WayWent, Whose,
    api_rows, archive, audit, book, calendars,
    calendars::CalendarCopy,
    contacts,
    details::{self, DetailStamp},
    error::StoreError,
    heard, lives,
    lock::{FileLock, make_private},
    mirror_rows, on_call_log, orders, outbox, outbox_read, phone_log, reminders, scheduled, secrets,
    silences::{self, SilenceChange},
    writer::{Job, Memory, Reply, Writer},
};
use crate::{
    alerts::{
        alert::AlertKey,
        disposition::Said,
        orders::{Ask, Inputs},
        silence::Silence,
        step::Transition,
    },
    config::StoreUrl,
    details::{DetailSection, rows::DetailRow},
    mirror::{
        past_line::PastLine,
        row::{ArchiveDelta, MirrorDelta, MirrorRow, StoredLine, VisitEdit},
    },
    model::{AddressMark, AgencyName, Instant, PersonName, Phi},
    notify::{
        calls::KeptCall,
        message::{Channel, Message, MessageId},
        record_note::RecordNote,
    },
    on_call::Marks,
    report::{
        alert_story::AlertRows, api_log::Unkept, api_record::ApiRows, audit::AuditRow, history::LifeRow, life::Life,
        on_call_log::PageRow,
    },
};

pub(super) static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("src/store/migrations/sqlite");

/// Writes that may wait for the writer; whoever comes later waits for room.
const WAITING: usize = 16_384;
/// Reading connections.
const READERS: u32 = 3;

/// What must survive. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    jobs: mpsc::Sender<Job>,
    readers: Readers,
    path: Option<Arc<Path>>,
}

#[derive(Debug, Clone)]
enum Readers {
    /// A file: readers see the last commit while the writer works.
    Pool(SqlitePool),
    /// In memory there is only the one connection.
    Shared(Arc<Mutex<SqliteConnection>>),
}

pub(super) enum Reader {
    Pooled(PoolConnection<sqlx::Sqlite>),
    Shared(OwnedMutexGuard<SqliteConnection>),
}

impl Reader {
    pub(super) fn connection(&mut self) -> &mut SqliteConnection {
        match self {
            Self::Pooled(connection) => connection,
            Self::Shared(connection) => connection,
        }
    }
}

impl Store {
    /// Opens the file, makes it when it is not there, and brings its tables up to date. Takes its lock.
    pub async fn open(url: &StoreUrl, now: Instant) -> Result<Self, StoreError> {
        let StoreUrl::Sqlite(path) = url;
        make_private(path)?;
        let lock = FileLock::take(path, now)?;
        let options = options_of(path);
        let mut connection =
            SqliteConnection::connect_with(&options).await.map_err(|source| open_failed(path, source))?;
        MIGRATIONS.run(&mut connection).await.map_err(|source| migrate_failed(path, source))?;
        let memory = Memory::read(&mut connection).await?;
        let pool = SqlitePoolOptions::new()
            .max_connections(READERS)
            .connect_lazy_with(options.clone().read_only(true).create_if_missing(false));
        let connection = Arc::new(Mutex::new(connection));
        let jobs = start(connection, Some(options), memory, Some(lock));
        Ok(Self { jobs, readers: Readers::Pool(pool), path: Some(path.as_path().into()) })
    }

    /// Opens the file to look at, beside the process that has it or alone. Every write answers [`StoreError::Closed`].
    pub async fn open_read_only(url: &StoreUrl) -> Result<Self, StoreError> {
        let StoreUrl::Sqlite(path) = url;
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_with(options_of(path).read_only(true).create_if_missing(false))
            .await
            .map_err(|source| open_failed(path, source))?;
        let (jobs, _) = mpsc::channel(1);
        Ok(Self { jobs, readers: Readers::Pool(pool), path: Some(path.as_path().into()) })
    }

    /// A store that is gone with its last clone. Real SQLite, without a disk.
    pub async fn in_memory() -> Result<Self, StoreError> {
        let path = PathBuf::from(":memory:");
        let options = SqliteConnectOptions::new().in_memory(true).statement_cache_capacity(512);
        let mut connection =
            SqliteConnection::connect_with(&options).await.map_err(|source| open_failed(&path, source))?;
        MIGRATIONS.run(&mut connection).await.map_err(|source| StoreError::Migrate { path, source })?;
        let connection = Arc::new(Mutex::new(connection));
        let jobs = start(Arc::clone(&connection), None, Memory::default(), None);
        Ok(Self { jobs, readers: Readers::Shared(connection), path: None })
    }

    /// The file; `None` in memory.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Stores what waits, then frees the file. Later writes answer [`StoreError::Closed`].
    pub async fn close(&self) {
        if let Readers::Pool(pool) = &self.readers {
            pool.close().await;
        }
        let (reply, answer) = oneshot::channel();
        if self.jobs.send(Job::Close(reply)).await.is_ok() {
            let _ = answer.await;
        }
    }

    /// Everything of one agency that a start needs.
    pub async fn load(&self, agency: &AgencyName) -> Result<Loaded, StoreError> {
        book::load(self.reader().await?.connection(), agency).await
    }

    /// Every agency that ever had a commit, in order.
    pub async fn agencies(&self) -> Result<Vec<AgencyName>, StoreError> {
        book::agencies(self.reader().await?.connection()).await
    }

    /// The addresses that these messages went to, as far as they are still kept.
    pub async fn addresses(
        &self,
        agency: &AgencyName,
        messages: BTreeSet<MessageId>,
    ) -> Result<Vec<Phi<String>>, StoreError> {
        outbox::addresses(self.reader().await?.connection(), agency, &messages).await
    }

    /// The number of the agency's last commit; 0 before the first.
    pub async fn last_commit(&self, agency: &AgencyName) -> Result<i64, StoreError> {
        Ok(book::position(self.reader().await?.connection(), agency).await?.0)
    }

    /// Stores one step whole, or nothing of it.
    pub async fn commit(&self, commit: Commit) -> Result<(), CommitError> {
        let agency = commit.agency.clone();
        self.write(|reply| Job::Commit(Box::new(commit), reply))
            .await
            .map_err(|error| CommitError::from_store(agency, error))
    }

    /// Stores what one read changed in the mirror. `at` dates the archive.
    pub async fn save_mirror(&self, agency: &AgencyName, delta: MirrorDelta, at: Instant) -> Result<(), StoreError> {
        let agency = agency.clone();
        self.write(|reply| Job::Mirror { agency, delta, at, reply }).await
    }

    /// The first note on the record that tells of this life of an alert.
    pub async fn note_of(
        &self,
        agency: &AgencyName,
        fingerprint: &str,
        active_at: Instant,
    ) -> Result<Option<RecordNote>, StoreError> {
        outbox_read::note_of(self.reader().await?.connection(), agency, fingerprint, active_at).await
    }

    /// A secret that the installation makes for itself, once: the stored one, else `fresh` from now on.
    pub async fn secret(&self, name: &'static str, fresh: &[u8; 32]) -> Result<[u8; 32], StoreError> {
        let fresh = *fresh;
        self.write(|reply| Job::Secret { name, fresh, reply }).await
    }

    /// Keeps something that somebody lent us, such as a token, in the place of what was kept under this name. Kept in
    /// plain text: whoever can read the file can read it.
    pub async fn keep_secret(&self, name: &str, body: SecretString) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.write(|reply| Job::KeepSecret { name, body, reply }).await
    }

    /// What is kept under this name.
    pub async fn kept_secret(&self, name: &str) -> Result<Option<SecretString>, StoreError> {
        secrets::kept(self.reader().await?.connection(), name).await
    }

    /// Writes a little and takes it to the disk: whether the store takes writes at all, after it refused some.
    pub async fn probe(&self, now: Instant) -> Result<(), StoreError> {
        self.write(|reply| Job::Probe { now, reply }).await
    }

    /// Stores orders and gives their numbers. They are on the disk when this answers.
    pub async fn put_orders(&self, agency: &AgencyName, at: Instant, asks: Vec<Ask>) -> Result<Vec<i64>, StoreError> {
        let agency = agency.clone();
        self.write(|reply| Job::Orders { agency, at, asks, reply }).await
    }

    /// Orders and receipts that no commit has consumed, oldest first, at most 5 000 of each.
    pub async fn pending_inputs(&self, agency: &AgencyName) -> Result<Inputs, StoreError> {
        orders::pending(self.reader().await?.connection(), agency).await
    }

    /// Claims messages that are due, as far as there is room. The claim is on the disk when this answers; a claim
    /// without an outcome by `lease_until` counts as uncertain.
    pub async fn claim(&self, now: Instant, room: Room, lease_until: Instant) -> Result<Claimed, StoreError> {
        self.write(|reply| Job::Claim { now, room, lease_until, reply }).await
    }

    /// Records what came of attempts, and writes the receipts. May be said twice.
    pub async fn finish(&self, attempted: Vec<Attempted>) -> Result<(), StoreError> {
        if attempted.is_empty() {
            return Ok(());
        }
        self.write(|reply| Job::Finish(attempted, reply)).await
    }

    /// [`Store::finish`] and [`Store::claim`] in one transaction: what was recorded makes room for what is claimed.
    pub async fn finish_and_claim(
        &self,
        attempted: Vec<Attempted>,
        now: Instant,
        room: Room,
        lease_until: Instant,
    ) -> Result<Claimed, StoreError> {
        self.write(|reply| Job::Turn { attempted, now, room, lease_until, reply }).await
    }

    /// To be called once at a start, before the first claim: sends without an outcome become uncertain. Gives how many.
    pub async fn recover(&self, now: Instant) -> Result<usize, StoreError> {
        self.write(|reply| Job::Recover { now, reply }).await
    }

    /// Records a delivery report. False when it changes nothing (reported before, or not ours).
    pub async fn report(&self, report: Report) -> Result<bool, StoreError> {
        self.write(|reply| Job::Report(report, reply)).await
    }

    /// To be called when the ways out were built: what is not among these names is not failing any more.
    pub async fn keep_ways(&self, names: BTreeSet<String>) -> Result<(), StoreError> {
        self.write(|reply| Job::KeepWays(names, reply)).await
    }

    /// Texts whose delivery is to be asked for now, and when the next one is.
    pub async fn polls(&self, now: Instant, limit: u32) -> Result<(Vec<Poll>, Option<Instant>), StoreError> {
        outbox_read::polls(self.reader().await?.connection(), now, limit).await
    }

    /// The message that a gateway took under this id, while what became of it is not known.
    pub async fn poll_of(&self, provider_id: &str) -> Result<Option<Poll>, StoreError> {
        outbox_read::poll_of(self.reader().await?.connection(), provider_id).await
    }

    /// Stores the orders that a reply makes, once: false when it was heard before, and then nothing is stored. They are on
    /// the disk when this answers.
    pub async fn put_heard(&self, heard: HeardText, orders: Vec<(AgencyName, Vec<Ask>)>) -> Result<bool, StoreError> {
        self.write(|reply| Job::Heard { heard, orders, reply }).await
    }

    /// Until when a gateway was listened to, on the machine's clock; `None` = never.
    pub async fn listened(&self, gateway: &str) -> Result<Option<Instant>, StoreError> {
        heard::listened(self.reader().await?.connection(), gateway).await
    }

    /// Notes until when a gateway was listened to, on the machine's clock.
    pub async fn listening(&self, gateway: &str, until: Instant) -> Result<(), StoreError> {
        let gateway = gateway.to_owned();
        self.write(|reply| Job::Listening { gateway, until, reply }).await
    }

    /// Whether a text went to somebody in `people` since then, so that a reply may come.
    pub async fn awaits_reply(&self, since: Instant) -> Result<bool, StoreError> {
        heard::awaits_reply(self.reader().await?.connection(), since).await
    }

    /// Every address that takes nothing: opted out, a landline, no such number. A message that arrives, or START, clears
    /// it.
    pub async fn bad_contacts(&self) -> Result<Vec<BadContact>, StoreError> {
        contacts::bad(self.reader().await?.connection()).await
    }

    /// An address takes messages again, as its owner said.
    pub async fn takes_again(&self, mark: AddressMark, via: Channel) -> Result<(), StoreError> {
        self.write(|reply| Job::TakesAgain { mark, via, reply }).await
    }

    /// The owner of a phone wants no more texts: it takes none from now on, and reminders that have not left are withdrawn.
    pub async fn stops(&self, mark: AddressMark, at: Instant) -> Result<(), StoreError> {
        self.write(|reply| Job::Stops { mark, at, reply }).await
    }

    /// Every address from which a test was answered, and when last.
    pub async fn verified_contacts(&self) -> Result<Vec<VerifiedContact>, StoreError> {
        contacts::verified(self.reader().await?.connection()).await
    }

    /// A test was answered from this address.
    pub async fn verify(&self, mark: AddressMark, via: Channel, at: Instant) -> Result<(), StoreError> {
        self.write(|reply| Job::Verified { mark, via, at, reply }).await
    }

    /// Sets when each text's delivery is asked for next; `None` = no more.
    pub async fn poll_later(&self, polls: Vec<(MessageId, Option<Instant>)>) -> Result<(), StoreError> {
        if polls.is_empty() {
            return Ok(());
        }
        self.write(|reply| Job::PollLater { polls, reply }).await
    }

    /// Those of the provider's ids that no stored message has, in the order given.
    pub async fn unbound(&self, provider_ids: Vec<String>) -> Result<Vec<String>, StoreError> {
        outbox_read::unbound(self.reader().await?.connection(), provider_ids).await
    }

    /// How full the outbox is.
    pub async fn outbox_stats(&self) -> Result<OutboxStats, StoreError> {
        outbox_read::stats(self.reader().await?.connection()).await
    }

    /// What became of these messages; unknown ones are left out.
    pub async fn messages(&self, agency: &AgencyName, ids: &[MessageId]) -> Result<Vec<MessageState>, StoreError> {
        outbox_read::messages(self.reader().await?.connection(), agency, ids).await
    }

    /// The latest notes on records, the newest first.
    pub async fn notes(&self, limit: u32) -> Result<Vec<NoteRow>, StoreError> {
        outbox_read::notes(self.reader().await?.connection(), limit).await
    }

    /// Each way out that was ever used, and whoever refused a message, and since when they have been failing. What was
    /// not tried for long, while nothing waits for it, is not failing any more.
    pub async fn gateway_health(&self, now: Instant) -> Result<Vec<GatewayHealth>, StoreError> {
        outbox_read::health(self.reader().await?.connection(), now).await
    }

    /// The agency's latest transitions, newest first.
    pub async fn transitions(
        &self,
        agency: &AgencyName,
        before: Option<Instant>,
        limit: u32,
    ) -> Result<Vec<Transition>, StoreError> {
        book::transitions(self.reader().await?.connection(), agency, before, limit).await
    }

    /// Everything that is kept of an agency's shifts and visits, and the history of its shifts, oldest first.
    pub async fn past(&self, agency: &AgencyName) -> Result<(Vec<MirrorRow>, Vec<StoredLine>), StoreError> {
        mirror_rows::past(self.reader().await?.connection(), agency).await
    }

    /// What happened to an agency's shifts since `from`, oldest first.
    pub async fn shift_history(&self, agency: &AgencyName, from: Instant) -> Result<Vec<StoredLine>, StoreError> {
        mirror_rows::history_since(self.reader().await?.connection(), agency, from).await
    }

    /// How many reminders to caregivers were decided since `from`, by moment and outcome.
    pub async fn reminders_since(
        &self,
        agency: &AgencyName,
        from: Instant,
    ) -> Result<Vec<(String, String, u64)>, StoreError> {
        reminders::counts_since(self.reader().await?.connection(), agency, from).await
    }

    /// The rows of the archive whose planned start or check-in lies in `[from, until)`, by start, without those that left the
    /// schedule. A check-in written without an offset stands as though it were UTC, so ask for a day more on both sides. A
    /// row that came back to the mirror stands in both, and the mirror's counts.
    pub async fn past_range(
        &self,
        agency: &AgencyName,
        from: Instant,
        until: Instant,
    ) -> Result<Vec<MirrorRow>, StoreError> {
        let mut rows = Vec::new();
        for (from, until) in days_between(from, until) {
            rows.extend(archive::range(self.reader().await?.connection(), agency, from, until).await?);
        }
        Ok(rows)
    }

    /// The same in a few columns, many times as fast.
    pub async fn past_lines(
        &self,
        agency: &AgencyName,
        from: Instant,
        until: Instant,
    ) -> Result<Vec<PastLine>, StoreError> {
        let (mut lines, mut unpacking) = (Vec::new(), archive::Unpacking::default());
        for (from, until) in days_between(from, until) {
            let packed = archive::packed(self.reader().await?.connection(), agency, from, until).await?;
            unpacking.lines(&packed, &mut lines);
        }
        Ok(lines)
    }

    /// The same of one client or caregiver.
    pub async fn past_lines_of(
        &self,
        agency: &AgencyName,
        whose: Whose<'_>,
        from: Instant,
        until: Instant,
    ) -> Result<Vec<PastLine>, StoreError> {
        let (mut lines, mut unpacking) = (Vec::new(), archive::Unpacking::default());
        let packed = archive::packed_of(self.reader().await?.connection(), agency, whose, from, until).await?;
        unpacking.lines(&packed, &mut lines);
        Ok(lines)
    }

    /// What changed in visits that begin in `[from, until)` after they were complete, the newest change last.
    pub async fn visit_edits(
        &self,
        agency: &AgencyName,
        from: Instant,
        until: Instant,
    ) -> Result<Vec<VisitEdit>, StoreError> {
        archive::edits(self.reader().await?.connection(), agency, from, until).await
    }

    /// An instant by which the vendor had been asked for an agency, as early as is kept; `None` before the first.
    pub async fn watched_since(&self, agency: &AgencyName) -> Result<Option<Instant>, StoreError> {
        api_rows::earliest(self.reader().await?.connection(), agency).await
    }

    /// Which of these days were read after they were over, both ends included.
    pub async fn past_days(
        &self,
        agency: &AgencyName,
        from: NaiveDate,
        to: NaiveDate,
    ) -> Result<Vec<PastDay>, StoreError> {
        archive::days(self.reader().await?.connection(), agency, from, to).await
    }

    /// Stores what a read of the past brought, and which days it was.
    pub async fn save_past(
        &self,
        agency: &AgencyName,
        delta: ArchiveDelta,
        days: Vec<PastDay>,
        at: Instant,
    ) -> Result<(), StoreError> {
        let agency = agency.clone();
        self.write(|reply| Job::Past { agency, delta, days, at, reply }).await
    }

    /// Closes a period for good; false when a closed one has a day in common with it.
    pub async fn close_hours(&self, agency: &AgencyName, closing: Closing) -> Result<bool, StoreError> {
        let agency = agency.clone();
        self.write(|reply| Job::CloseHours { agency, closing: Box::new(closing), reply }).await
    }

    /// What the closed periods froze that have a day in common with these, as JSON, oldest first.
    pub async fn closed_hours(
        &self,
        agency: &AgencyName,
        from: NaiveDate,
        to: NaiveDate,
    ) -> Result<Vec<String>, StoreError> {
        archive::closed(self.reader().await?.connection(), agency, from, to).await
    }

    /// Which periods are closed, as JSON, oldest first.
    pub async fn closed_periods(&self, agency: &AgencyName) -> Result<Vec<String>, StoreError> {
        archive::closed_heads(self.reader().await?.connection(), agency).await
    }

    /// What is kept of one alert's lives, turns and messages, newest first and bounded.
    pub async fn alert_rows(&self, fingerprint: &str) -> Result<AlertRows, StoreError> {
        lives::alert(self.reader().await?.connection(), fingerprint).await
    }

    /// The alerts that fired at or after `from`, newest first, at most `limit`; those before `place`, where an earlier slice
    /// ended, when given. With the place where this one ends; `None` = nothing was left.
    pub async fn fired(
        &self,
        from: Instant,
        place: Option<Place>,
        limit: u32,
    ) -> Result<(Vec<LifeRow>, Option<Place>), StoreError> {
        lives::fired(self.reader().await?.connection(), from, place, limit).await
    }

    /// The newest of the alerts that fired at or after `from`, whole, at most `limit`; and how many fired.
    pub async fn latest_fired(&self, from: Instant, limit: u32) -> Result<(Vec<Life>, u64), StoreError> {
        lives::latest(self.reader().await?.connection(), from, limit).await
    }

    /// The alerts of some names that fired at or after `from` or live still, newest first and at most `limit`, each with the
    /// last word on it; and how many more there are.
    pub async fn lives_named(
        &self,
        names: &[String],
        from: Instant,
        limit: u32,
    ) -> Result<(Vec<(Life, Option<Said>)>, u64), StoreError> {
        lives::named(self.reader().await?.connection(), names, from, limit).await
    }

    /// The lives of an agency's alerts that fired and ended at or after `from`, the latest end first, each with its key.
    pub async fn ended_lives(
        &self,
        agency: &AgencyName,
        from: Instant,
        limit: u32,
    ) -> Result<Vec<(AlertKey, Life)>, StoreError> {
        lives::ended(self.reader().await?.connection(), agency, from, limit).await
    }

    /// What somebody said last became of an agency's alerts, the earliest first.
    pub async fn said_lately(&self, agency: &AgencyName, limit: u32) -> Result<Vec<Said>, StoreError> {
        on_call_log::said_lately(self.reader().await?.connection(), agency, limit).await
    }

    /// What somebody said became of an alert, in all its lives, the latest word first.
    pub async fn said_of(&self, fingerprint: &str, limit: u32) -> Result<Vec<Said>, StoreError> {
        on_call_log::said_of(self.reader().await?.connection(), fingerprint, limit).await
    }

    /// The pages that opened at or after `from`, the newest first, at most `limit`, with what is kept about each; and how
    /// many more there are.
    pub async fn page_log(&self, from: Instant, limit: u32) -> Result<(Vec<PageRow>, u64), StoreError> {
        on_call_log::pages(self.reader().await?.connection(), from, limit).await
    }

    /// What the list of a morning is made from: alerts about shifts that ended after `from` and until `until`, each with the
    /// last word on it; and who was told of a page in that time, or had one.
    pub async fn night(
        &self,
        agency: &AgencyName,
        from: Instant,
        until: Instant,
    ) -> Result<(Vec<(Life, Option<Said>)>, Vec<PersonName>), StoreError> {
        on_call_log::night(self.reader().await?.connection(), agency, from, until).await
    }

    /// How it stands with a day's list.
    pub async fn last_morning(&self, agency: &AgencyName, day: NaiveDate) -> Result<Morning, StoreError> {
        on_call_log::morning(self.reader().await?.connection(), agency, day).await
    }

    /// Stores that a day's list is decided for these people, and its orders, in one transaction; false when it was before.
    pub async fn put_morning(
        &self,
        agency: &AgencyName,
        day: NaiveDate,
        at: Instant,
        people: Vec<PersonName>,
        asks: Vec<Ask>,
    ) -> Result<bool, StoreError> {
        let agency = agency.clone();
        self.write(|reply| Job::Morning { agency, day, at, people, asks, reply }).await
    }

    /// Stores that something is decided up to an instant, and its messages, in one transaction; false, and nothing is
    /// stored, when as much was decided before.
    pub async fn put_scheduled(
        &self,
        decided: Scheduled,
        messages: Vec<Message>,
        way: Option<WayWent>,
    ) -> Result<bool, StoreError> {
        self.write(|reply| Job::Scheduled { decided, messages, way, reply }).await
    }

    /// Stores calls and texts with clients, each once, and up to when the list of this name was read.
    pub async fn put_calls(
        &self,
        agency: &AgencyName,
        calls: Vec<KeptCall>,
        read: (String, Instant),
    ) -> Result<(), StoreError> {
        let agency = agency.clone();
        self.write(|reply| Job::Calls { agency, calls, read, reply }).await
    }

    /// Stores that the notes about a day's calls are decided, with the notes, in one transaction. False, and nothing is stored,
    /// when that was decided before.
    pub async fn put_calls_decided(
        &self,
        agency: &AgencyName,
        decided: Scheduled,
        day: NaiveDate,
        messages: Vec<Message>,
    ) -> Result<bool, StoreError> {
        let agency = agency.clone();
        self.write(|reply| Job::CallsDecided { agency, decided, day, messages, reply }).await
    }

    /// The calls and texts of these days, both included, that no note was decided with.
    pub async fn open_calls(
        &self,
        agency: &AgencyName,
        days: (NaiveDate, NaiveDate),
    ) -> Result<Vec<KeptCall>, StoreError> {
        phone_log::open(self.reader().await?.connection(), agency, days).await
    }

    /// Notes whether a way that is no outbox's works.
    pub async fn mark_way(&self, way: WayWent, at: Instant) -> Result<(), StoreError> {
        self.write(|reply| Job::Way { way, at, reply }).await
    }

    /// How far what is sent by the clock is decided, by name.
    pub async fn scheduled(&self) -> Result<BTreeMap<String, Scheduled>, StoreError> {
        scheduled::all(self.reader().await?.connection()).await
    }

    /// Adds what was seen of an agency's API to what is stored.
    pub async fn add_api(&self, agency: &AgencyName, unkept: Unkept) -> Result<(), StoreError> {
        let agency = agency.clone();
        self.write(|reply| Job::Api { agency, unkept, reply }).await
    }

    /// What is stored of an agency's API, as far as a record at `now` needs it.
    pub async fn api_rows(&self, agency: &AgencyName, now: Instant) -> Result<ApiRows, StoreError> {
        api_rows::read(self.reader().await?.connection(), agency, now).await
    }

    /// Stores what changes about silences and the orders that follow from it, in one transaction: all of it or none.
    pub async fn put_silences(&self, change: SilenceChange) -> Result<(), StoreError> {
        self.write(|reply| Job::Silences(change, reply)).await
    }

    /// Every silence that is kept.
    pub async fn silences(&self) -> Result<Vec<Silence>, StoreError> {
        silences::read(self.reader().await?.connection()).await
    }

    /// Keeps a calendar's copy in the place of the one before.
    pub async fn keep_calendar(&self, copy: CalendarCopy) -> Result<(), StoreError> {
        self.write(|reply| Job::Calendar(copy, reply)).await
    }

    /// Keeps rows that were read beside the watch, in the place of those with the same key.
    pub async fn put_details(&self, agency: &AgencyName, rows: Vec<DetailRow>) -> Result<(), StoreError> {
        let agency = agency.clone();
        self.write(|reply| Job::Details { agency, rows, reply }).await
    }

    /// When the details that are asked for one by one were read, since `from`.
    pub async fn detail_stamps(&self, agency: &AgencyName, from: Instant) -> Result<Vec<DetailStamp>, StoreError> {
        details::stamps(self.reader().await?.connection(), agency, from).await
    }

    /// One row that was read beside the watch; `None` when it never was.
    pub async fn detail(
        &self,
        agency: &AgencyName,
        section: DetailSection,
        key: &str,
    ) -> Result<Option<DetailRow>, StoreError> {
        details::one(self.reader().await?.connection(), agency, section, key).await
    }

    /// The rows of a section whose keys lie in `[from, until)`, by key.
    pub async fn details_between(
        &self,
        agency: &AgencyName,
        section: DetailSection,
        (from, until): (&str, &str),
    ) -> Result<Vec<DetailRow>, StoreError> {
        details::between(self.reader().await?.connection(), agency, section, from, until).await
    }

    /// The last good copy of each calendar.
    pub async fn calendars(&self) -> Result<Vec<CalendarCopy>, StoreError> {
        calendars::all(self.reader().await?.connection()).await
    }

    /// What is known of people's addresses.
    pub async fn marks(&self) -> Result<Marks, StoreError> {
        contacts::marks(self.reader().await?.connection()).await
    }

    /// Writes audit rows: who saw or did what, about whom. No PHI in any of them. They are on the disk when this answers.
    pub async fn audit(&self, rows: Vec<AuditRow>) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        self.write(|reply| Job::Audit(rows, reply)).await
    }

    /// The audit rows from `from` until `until` (not included) in all agencies, the newest first, at most `limit`.
    pub async fn audit_log(&self, from: Instant, until: Instant, limit: u32) -> Result<Vec<AuditRow>, StoreError> {
        audit::log(self.reader().await?.connection(), from, until, limit).await
    }

    /// Forgets a few thousand rows of what is old. Gives how many; call it again until it gives 0. Visits in the archive
    /// stay.
    pub async fn prune(&self, old: Old) -> Result<u64, StoreError> {
        self.write(|reply| Job::Prune(old, reply)).await
    }

    #[cfg(test)]
    pub(super) async fn pragma(&self, text: &'static str) {
        self.write(|reply| Job::Pragma(text, reply)).await.unwrap();
    }

    async fn write<T>(&self, job: impl FnOnce(Reply<T>) -> Job) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.jobs.send(job(reply)).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    pub(super) async fn reader(&self) -> Result<Reader, StoreError> {
        match &self.readers {
            Readers::Pool(pool) => pool
                .acquire()
                .await
                .map(Reader::Pooled)
                .map_err(|source| StoreError::Failed { what: "opening a reading connection", source }),
            Readers::Shared(connection) => Ok(Reader::Shared(Arc::clone(connection).lock_owned().await)),
        }
    }
}

/// Stretches of a day at most.
fn days_between(from: Instant, until: Instant) -> impl Iterator<Item = (Instant, Instant)> {
    let day = chrono::TimeDelta::days(1);
    std::iter::successors(Some(from), move |from| from.checked_add_signed(day))
        .take_while(move |from| *from < until)
        .map(move |from| (from, until.min(from + day)))
}

fn options_of(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(5))
        .statement_cache_capacity(512)
        // Rows cross a thread; larger batches make a cold start of 100 k rows several times faster.
        .row_buffer_size(1_024)
        .pragma("cache_size", "-16384")
        .pragma("wal_autocheckpoint", "4000")
        .pragma("journal_size_limit", "67108864")
        // Its lines are long, many, and say nothing that ours do not.
        .disable_statement_logging()
}

fn migrate_failed(path: &Path, source: sqlx::migrate::MigrateError) -> StoreError {
    match source {
        sqlx::migrate::MigrateError::Execute(source) if is_foreign(&source) => open_failed(path, source),
        source => StoreError::Migrate { path: path.to_owned(), source },
    }
}

/// `SQLITE_CORRUPT` and `SQLITE_NOTADB`.
fn is_foreign(fault: &sqlx::Error) -> bool {
    fault
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code)
        .is_some_and(|code| matches!(&*code, "11" | "26"))
}

fn open_failed(path: &Path, source: sqlx::Error) -> StoreError {
    if is_foreign(&source) {
        return StoreError::Foreign { path: path.to_owned(), source: source.into() };
    }
    StoreError::Open { path: path.to_owned(), source: source.into() }
}

fn start(
    connection: Arc<Mutex<SqliteConnection>>,
    options: Option<SqliteConnectOptions>,
    memory: Memory,
    lock: Option<FileLock>,
) -> mpsc::Sender<Job> {
    let (sender, jobs) = mpsc::channel(WAITING);
    tokio::spawn(Writer { connection, options, memory, jobs, lock }.run());
    sender
}
