//! The vendor's API as the poll loop sees it: a [`Read`] goes in, a [`Fetched`] comes out.
//!
//! Given: reads from the planner, one at a time or up to four at once.
//! Gives: rows in model types and whether they are all there is; or the fault; and every request that was made.
//! Does not: retry on its own beyond one read, remember rows, or write to the vendor.

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chrono_tz::Tz;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::{
    access::{Access, Trace, agent_instant},
    auth::BodyForm,
    breaker::State,
    budget::Priority,
    exchange::{Asker, EndpointState, Question, Target, is_not_offered},
    fetched::{Batch, Extent, Fetched, Read, ReadFault, RejectedRow, RequestRecord, Rows, Span},
    paging::{End, Next, PAGE_ROWS, PageBase, PageSeen, Paging},
    request::{Asks, Search, asks, one_path, visit_span},
    status::{BreakerStatus, EncounterScope, EndpointStatus, SourceStatus, TokenStatus},
    wire::{appointment, bundle, encounter, location, people, value},
};
use crate::{
    clock::Clock,
    config::Agency,
    details::rows::ShiftTasksBody,
    model::{AgencyName, Endpoint, Instant, ShiftKey, VisitTime, local_time::instant_of},
};

/// After a second read that did not add up either, so long passes before one is tried again.
const REREAD_PAUSE: Duration = Duration::from_mins(15);

/// One agency's way to its rows.
#[derive(Debug)]
pub struct Source {
    agency: AgencyName,
    zone: Tz,
    access: Arc<Access>,
    endpoints: Mutex<HashMap<Endpoint, EndpointState>>,
    pub(super) pinned_base: Option<PageBase>,
    pub(super) agency_id: Option<SecretString>,
    send_agency_id: bool,
    fhir: bool,
    scope: Mutex<EncounterScope>,
    /// True once a row carried the configured agency id: only then does another id mean another agency.
    own_agency_seen: Mutex<bool>,
    /// Whether what is to be done in shifts is kept.
    keeps_tasks: bool,
}

/// What the start-up probe of visit searches brought.
#[derive(Debug, Clone)]
pub struct ScopeProbe {
    /// The finding.
    pub scope: EncounterScope,
    /// The requests it made.
    pub requests: Vec<RequestRecord>,
}

impl Source {
    /// A source for one agency on a credential (see [`Access::for_all`]). Sends nothing yet.
    #[must_use]
    pub fn new(agency: &Agency, access: Arc<Access>) -> Self {
        let wellsky = &agency.wellsky;
        Self {
            agency: agency.name.clone(),
            zone: agency.timezone,
            access,
            endpoints: Mutex::default(),
            pinned_base: match wellsky.page_base {
                Some(0) => Some(PageBase::Zero),
                Some(1) => Some(PageBase::One),
                _ => None,
            },
            agency_id: wellsky.agency_id.clone(),
            send_agency_id: wellsky.send_agency_id,
            fhir: wellsky.content_type.contains("fhir"),
            scope: Mutex::new(EncounterScope::Unknown),
            own_agency_seen: Mutex::new(false),
            keeps_tasks: wellsky.sections.shift_tasks.is_some(),
        }
    }

    /// A source for one agency; the `held` one when the configuration says the same as before, so that what was
    /// learned of the vendor (breakers, page bases, ways that work) stands over a reload.
    #[must_use]
    pub fn renewed(held: Option<&Arc<Self>>, agency: &Agency, access: Arc<Access>) -> Arc<Self> {
        let new = Self::new(agency, access);
        match held {
            Some(held) if held.is_like(&new) => Arc::clone(held),
            _ => Arc::new(new),
        }
    }

    fn is_like(&self, other: &Self) -> bool {
        let id = |source: &Self| source.agency_id.as_ref().map(|id| id.expose_secret().to_owned());
        self.agency == other.agency
            && self.zone == other.zone
            && Arc::ptr_eq(&self.access, &other.access)
            && self.pinned_base == other.pinned_base
            && id(self) == id(other)
            && (self.send_agency_id, self.fhir, self.keeps_tasks)
                == (other.send_agency_id, other.fhir, other.keeps_tasks)
    }

    /// The credential it reads with.
    #[must_use]
    pub const fn access(&self) -> &Arc<Access> {
        &self.access
    }

    /// Whether visits can be searched without an id, as far as it was found out.
    #[must_use]
    pub fn encounter_scope(&self) -> EncounterScope {
        *self.scope.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads. Never fails as a call: what went wrong is in the outcome. `now` is the instant used when nothing
    /// was sent; evidence is dated by the instant the first request left that brought rows.
    pub async fn fetch(&self, read: &Read, now: Instant, clock: &Clock) -> Fetched {
        let mut trace = Trace::new(clock);
        let mut shift_tasks = Vec::new();
        let outcome = self.rows(read, &mut trace, &mut shift_tasks).await;
        if let Err(fault) = &outcome {
            tracing::debug!(agency = %self.agency, %fault, "source: a read brought nothing");
            if *read == Read::Locations && is_not_offered(Endpoint::Locations, fault) {
                trace.answered(Endpoint::Locations);
            }
        }
        Fetched {
            agency: self.agency.clone(),
            read: read.clone(),
            started_at: trace.started_at.unwrap_or(now),
            finished_at: clock.now(),
            outcome,
            shift_tasks,
            requests: trace.requests,
        }
    }

    /// Finds out whether visits can be searched without an id: yesterday and today, one row. Rows that name a
    /// client mean yes; a refusal means no; nothing means no until asked again; anything else stays unknown.
    pub async fn probe_encounter_scope(&self, now: Instant, clock: &Clock) -> ScopeProbe {
        let mut trace = Trace::new(clock);
        let span = visit_span(now, self.zone);
        let read = Read::Visits { client: None, span: Span { until: now.max(span.from), ..span }, confirming: false };
        let Asks::Searches(searches) = asks(&read, self.zone) else {
            return ScopeProbe { scope: EncounterScope::Unknown, requests: Vec::new() };
        };
        let filters = searches.first().map(|search| search.filters.clone()).unwrap_or_default();
        let question = Question {
            endpoint: Endpoint::Encounter,
            target: Target::Search { filters: &filters, query: &[("_count", "1".to_owned())] },
            priority: Priority::Normal,
            whose: 0,
            patient: false,
            probe: true,
        };
        let answered = self.asker().ask(question, &mut trace, bundle::read).await;
        let scope = match answered {
            Ok(page) if page.rows.iter().any(|row| encounter::visit(row, None).is_ok()) => EncounterScope::AgencyWide,
            Ok(_)
            | Err(
                ReadFault::Request { .. } | ReadFault::Route { .. } | ReadFault::Permission { .. } | ReadFault::Gone,
            ) => EncounterScope::PerClient,
            Err(_) => EncounterScope::Unknown,
        };
        tracing::info!(agency = %self.agency, ?scope, "source: visit searches probed");
        *self.scope.lock().unwrap_or_else(PoisonError::into_inner) = scope;
        ScopeProbe { scope, requests: trace.requests }
    }

    /// How the source is doing.
    #[must_use]
    pub fn status(&self, clock: &Clock) -> SourceStatus {
        let budget = &self.access.budget;
        let wire_now = budget.now();
        let at = |wire| agent_instant(clock, wire_now, wire);
        let asker = self.asker();
        let endpoints = Endpoint::ALL.into_iter().filter(|endpoint| *endpoint != Endpoint::Token).map(|endpoint| {
            asker.with(endpoint, |state| EndpointStatus {
                endpoint,
                breaker: match state.breaker.state() {
                    State::Closed => BreakerStatus::Closed,
                    State::Open { until, why } => BreakerStatus::Open { until: at(until), why },
                    State::Probing { why } => BreakerStatus::Probing { why },
                },
                page_base: self.pinned_base.or(state.page_base),
                way: state.way.name(),
            })
        });
        let (requests_per_second, n_in_flight, n_waiting, budget_wait) = budget.figures();
        let token = self.access.token_view(|state, now| match (state.blocked(now), state.held()) {
            (Some(blocked), _) if blocked.refused => {
                TokenStatus::Refused { until: at(blocked.until), code: blocked.code.clone() }
            }
            (_, Some((renew_at, form))) => {
                TokenStatus::Held { renew_at: at(renew_at), body: if form == BodyForm::Json { "json" } else { "form" } }
            }
            (Some(blocked), None) => TokenStatus::Failing { until: at(blocked.until), code: blocked.code.clone() },
            (None, None) => TokenStatus::None,
        });
        SourceStatus {
            endpoints: endpoints.collect(),
            token: token.unwrap_or(TokenStatus::None),
            throttled_until: budget.paused().map(at),
            requests_per_second,
            n_in_flight,
            n_waiting,
            budget_wait,
            encounter_scope: self.encounter_scope(),
        }
    }

    async fn rows(
        &self,
        read: &Read,
        trace: &mut Trace<'_>,
        tasks: &mut Vec<(ShiftKey, ShiftTasksBody)>,
    ) -> Result<Rows, ReadFault> {
        match asks(read, self.zone) {
            Asks::One { endpoint, id } => self.one(read, endpoint, &id, trace).await,
            Asks::Searches(searches) => {
                let (pages, complete) = self.searches(read, &searches, trace).await?;
                let empty = pages.iter().all(Vec::is_empty);
                if *read == Read::Caregivers(Extent::Full) && empty {
                    // The filter answers nothing for clients; should it do so here one day, read without it.
                    let unfiltered: Vec<Search> =
                        searches.iter().map(|search| Search { filters: Vec::new(), ..search.clone() }).collect();
                    let (pages, complete) = self.searches(read, &unfiltered, trace).await?;
                    return Ok(self.assemble(read, &pages, complete));
                }
                let rows = self.assemble(read, &pages, complete);
                if let (true, Read::Shifts { client, .. }, Batch::Shifts(shifts)) =
                    (self.keeps_tasks, read, &rows.batch)
                {
                    *tasks = appointment::tasks(&pages, client, shifts);
                }
                Ok(rows)
            }
        }
    }

    async fn one(&self, read: &Read, endpoint: Endpoint, id: &str, trace: &mut Trace<'_>) -> Result<Rows, ReadFault> {
        let kind = one_path(endpoint).map_or("", |(_, kind)| kind);
        let question = Question {
            endpoint,
            target: Target::One { id },
            priority: Priority::Normal,
            whose: hash(&id),
            patient: false,
            probe: false,
        };
        let row = self.asker().ask(question, trace, |body| bundle::read_one(body, kind, id)).await?;
        let row = with_id(row, id);
        Ok(self.assemble(read, &[vec![row]], true))
    }

    /// All pages of all searches. A fault after the first page makes the read incomplete; what came is evidence.
    async fn searches(
        &self,
        read: &Read,
        searches: &[Search],
        trace: &mut Trace<'_>,
    ) -> Result<(Vec<Vec<Value>>, bool), ReadFault> {
        let mut pages = Vec::new();
        let mut complete = true;
        for search in searches {
            let end = self.pages(read, search, &mut pages, trace).await;
            let end = match end {
                Ok(End::Mismatch) => self.reread(read, search, &mut pages, trace).await,
                end => end,
            };
            match end {
                Ok(End::Complete) => {}
                Ok(End::Mismatch | End::Incomplete) => complete = false,
                Err(fault) if pages.is_empty() => return Err(fault),
                Err(_) => return Ok((pages, false)),
            }
        }
        Ok((pages, complete))
    }

    /// The numbers moved while we read: once more, unless that did not help lately.
    async fn reread(
        &self,
        read: &Read,
        search: &Search,
        pages: &mut Vec<Vec<Value>>,
        trace: &mut Trace<'_>,
    ) -> Result<End, ReadFault> {
        let asker = self.asker();
        let now = self.access.budget.now();
        let helps = asker.with(search.endpoint, |state| {
            // What was learned of the page base may be what was wrong.
            state.page_base = None;
            now >= state.no_reread_until
        });
        if !helps {
            return Ok(End::Mismatch);
        }
        // A failing second read takes nothing from the first; its pages come later and so win.
        let end = self.pages(read, search, pages, trace).await.unwrap_or(End::Mismatch);
        if end != End::Complete {
            asker.with(search.endpoint, |state| state.no_reread_until = now + REREAD_PAUSE);
        }
        Ok(end)
    }

    /// One search, page by page. `_sort` only saves pages: refused with it, the search is made once without, and
    /// from then on always, if that is answered.
    async fn pages(
        &self,
        read: &Read,
        search: &Search,
        pages: &mut Vec<Vec<Value>>,
        trace: &mut Trace<'_>,
    ) -> Result<End, ReadFault> {
        let n_before = pages.len();
        let sorts = search.sort.is_some() && !self.asker().with(search.endpoint, |state| state.sort_refused);
        if sorts {
            match self.pages_as(read, search, pages, trace).await {
                Err(ReadFault::Request { .. }) if pages.len() == n_before => {}
                end => return end,
            }
        }
        let unsorted = Search { sort: None, ..search.clone() };
        let end = self.pages_as(read, &unsorted, pages, trace).await;
        if sorts && pages.len() > n_before {
            tracing::info!(agency = %self.agency, endpoint = search.endpoint.as_str(), "source: sorting is refused; reading unsorted from now on");
            self.asker().with(search.endpoint, |state| state.sort_refused = true);
        }
        end
    }

    async fn pages_as(
        &self,
        read: &Read,
        search: &Search,
        pages: &mut Vec<Vec<Value>>,
        trace: &mut Trace<'_>,
    ) -> Result<End, ReadFault> {
        let asker = self.asker();
        let known = self.pinned_base.or_else(|| asker.with(search.endpoint, |state| state.page_base));
        let mut paging = Paging::new(known, search.pages_max);
        let mut number = None;
        let mut order = NewestFirst::default();
        loop {
            let query = query(search, number);
            let question = Question {
                endpoint: search.endpoint,
                target: Target::Search { filters: &search.filters, query: &query },
                priority: priority(read),
                whose: whose(read),
                patient: matches!(read, Read::Clients(_) | Read::Caregivers(_)),
                probe: false,
            };
            let page = asker.ask(question, trace, bundle::read).await?;
            let seen = PageSeen {
                keys: page.rows.iter().map(|row| page_key(search.endpoint, row)).collect(),
                total: page.total,
            };
            let enough = search.sort.is_some() && order.is_past(&page.rows, read, self.zone);
            pages.push(page.rows);
            let next = paging.take(seen);
            if let Some(learned) = paging.learned() {
                asker.with(search.endpoint, |state| state.page_base = Some(learned));
            }
            match next {
                Next::Ask(_) if enough => return Ok(End::Complete),
                Next::Ask(page) => number = Some(page),
                Next::Done(end) => return Ok(end),
            }
        }
    }

    fn assemble(&self, read: &Read, pages: &[Vec<Value>], complete: bool) -> Rows {
        let (batch, rejected) = match read {
            Read::Clients(_) | Read::Client(_) => {
                let (clients, rejected) = each(pages, people::client, |client| client.id.clone());
                let mine = self.own_agency(clients.iter().map(|client| client.vendor_agency.as_deref()));
                let clients = clients.into_iter().zip(mine).filter_map(|(client, mine)| mine.then_some(client));
                (Batch::Clients(clients.collect()), rejected)
            }
            Read::Caregivers(_) | Read::Caregiver(_) => {
                let (caregivers, rejected) = each(pages, people::caregiver, |caregiver| caregiver.id.clone());
                (Batch::Caregivers(caregivers), rejected)
            }
            Read::Shifts { client, span, .. } => {
                let (shifts, rejected) = appointment::shifts(pages, client, *span);
                (Batch::Shifts(shifts), rejected)
            }
            Read::Visits { client, span, .. } => {
                let (visits, rejected) = encounter::visits(pages, client.as_ref(), *span, self.zone);
                (Batch::Visits(visits), rejected)
            }
            Read::Visit(_) => {
                let (visits, rejected) = each(pages, |row| encounter::visit(row, None), |visit| visit.id.clone());
                (Batch::Visits(visits), rejected)
            }
            Read::Locations => {
                let (locations, rejected) = each(pages, location::location, |(id, _)| id.clone());
                (Batch::Locations(locations), rejected)
            }
        };
        Rows { batch, complete, rejected: once(rejected) }
    }

    /// Which rows are this agency's, by their `agencyId` tags. Without a tag, without a configured id, or before
    /// the configured id was seen on any row, a row is ours: a mistyped id must not empty the roster.
    fn own_agency<'a>(&self, tags: impl Iterator<Item = Option<&'a str>> + Clone) -> Vec<bool> {
        let Some(own) = self.agency_id.as_ref().map(ExposeSecret::expose_secret) else {
            return tags.map(|_| true).collect();
        };
        let mut seen = self.own_agency_seen.lock().unwrap_or_else(PoisonError::into_inner);
        *seen |= tags.clone().any(|tag| tag == Some(own));
        tags.map(|tag| !*seen || tag.is_none_or(|tag| tag == own)).collect()
    }

    pub(super) fn asker(&self) -> Asker<'_> {
        Asker {
            agency: &self.agency,
            access: &self.access,
            endpoints: &self.endpoints,
            agency_id: self.agency_id.as_ref().filter(|_| self.send_agency_id),
            fhir: self.fhir,
        }
    }
}

/// Whether pages really come newest first, and whether we are past the span we need.
#[derive(Default)]
struct NewestFirst {
    last: Option<chrono::NaiveDateTime>,
    broken: bool,
}

impl NewestFirst {
    /// Takes in a page. True when all check-ins so far came newest first and this page's are all before the span:
    /// what follows is older still. A server that ignores `_sort` never gets here.
    fn is_past(&mut self, rows: &[Value], read: &Read, zone: Tz) -> bool {
        let Read::Visits { span, .. } = read else { return false };
        let mut past = !rows.is_empty();
        for row in rows {
            let Some(time) = encounter::check_in(row) else {
                past = false;
                continue;
            };
            let as_written = match time {
                VisitTime::Instant(at) => at.naive_utc(),
                VisitTime::Naive(local) => local,
            };
            self.broken |= self.last.is_some_and(|last| as_written > last);
            self.last = Some(as_written);
            past &= match time {
                VisitTime::Instant(at) => at < span.from,
                // Nobody knows which of the two is meant, so both must be past.
                VisitTime::Naive(local) => local.and_utc() < span.from && instant_of(zone, local) < span.from,
            };
        }
        past && !self.broken
    }
}

fn query(search: &Search, page: Option<u32>) -> Vec<(&'static str, String)> {
    let mut query = vec![("_count", PAGE_ROWS.to_string())];
    query.extend(page.map(|page| ("_page", page.to_string())));
    query.extend(search.sort.map(|sort| ("_sort", sort.to_owned())));
    query
}

fn priority(read: &Read) -> Priority {
    match read {
        Read::Shifts { confirming: true, .. } | Read::Visits { confirming: true, .. } => Priority::Confirming,
        _ => Priority::Normal,
    }
}

/// Tells one client's trouble from everybody's.
fn whose(read: &Read) -> u64 {
    match read {
        Read::Shifts { client, .. } | Read::Visits { client: Some(client), .. } => hash(client),
        _ => 0,
    }
}

/// The key by which pages are compared: the row's identity, or all of it where it has none.
fn page_key(endpoint: Endpoint, row: &Value) -> String {
    let key = match endpoint {
        Endpoint::Appointment => appointment::page_key(row),
        Endpoint::Encounter => encounter::page_key(row),
        _ => value::usable_id(row.get("id")),
    };
    key.unwrap_or_else(|| format!("#{:x}", hash(&row.to_string())))
}

/// Reads every row; of rows with one id the last one stays.
fn each<T, K: Hash + Eq>(
    pages: &[Vec<Value>],
    read: impl Fn(&Value) -> Result<T, RejectedRow>,
    id: impl Fn(&T) -> K,
) -> (Vec<T>, Vec<RejectedRow>) {
    let mut rejected = Vec::new();
    let mut rows: Vec<T> = Vec::new();
    let mut place: HashMap<K, usize> = HashMap::new();
    for row in pages.iter().flatten() {
        match read(row) {
            Err(refused) => rejected.push(refused),
            Ok(row) => {
                if let Some(&at) = place.get(&id(&row)) {
                    rows[at] = row;
                } else {
                    place.insert(id(&row), rows.len());
                    rows.push(row);
                }
            }
        }
    }
    (rows, rejected)
}

/// A bad row seen twice (a second reading, overlapping pages) counts once.
fn once(rejected: Vec<RejectedRow>) -> Vec<RejectedRow> {
    let mut once: Vec<RejectedRow> = Vec::new();
    for row in rejected {
        if row.id.is_none() || !once.contains(&row) {
            once.push(row);
        }
    }
    once
}

/// A resource read by id may leave the id out; it is the one that was asked for.
fn with_id(mut row: Value, id: &str) -> Value {
    if let Value::Object(map) = &mut row
        && value::usable_id(map.get("id")).is_none()
    {
        map.insert("id".to_owned(), Value::from(id));
    }
    row
}

fn hash(what: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}
