//! From the command line to the command: loads what it needs, runs it, gives its exit code.

use std::{
    collections::BTreeMap,
    future::Future,
    io::{self, BufReader, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};

use super::{
    Exit, ack,
    agent::{Agent, AgentError},
    alerts, check, demo, disposition, doctor, exceptions, healthcheck, hooks, init,
    lookup::{self, Asked},
    notes,
    offline::Offline,
    on_call, on_call_log,
    output::Output,
    routes, silence, status, terminal,
};
use crate::{
    app::{self, Launch, LoadConfig},
    cli::{Asking, CONFIG_VARIABLE, Cli, Command, HTTP_CONFIG_VARIABLE, OnCall, OnCallCommand, RoutesAction},
    clock::{self, Clock},
    config::{Config, HttpClient, Listens, StoreUrl, fault::Fault},
    http::{DispositionBody, Viewer, lookup::LookupBody},
    logging::LogFormat,
    sim, view,
};

/// Reads the environment; the one place besides `config` that may.
#[expect(
    clippy::disallowed_methods,
    reason = "the command line hands the environment to the configuration as a function"
)]
fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// True for commands that print for a person and keep no log, unless one was asked for.
#[must_use]
pub const fn is_quiet(command: &Command) -> bool {
    !matches!(command, Command::Run(_) | Command::Sim(_))
}

/// True when the reader of our output went away.
#[must_use]
pub fn is_broken_pipe(fault: &anyhow::Error) -> bool {
    fault.downcast_ref::<io::Error>().is_some_and(|fault| fault.kind() == io::ErrorKind::BrokenPipe)
}

/// Runs the command.
pub async fn dispatch(cli: Cli) -> anyhow::Result<Exit> {
    let Cli { common, command } = cli;
    let width = common.width(terminal::width());
    let config = common.config.or_else(|| env(CONFIG_VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from));
    let config = config.as_deref();
    let mut out = io::stdout();
    match command {
        Command::Init(args) => {
            let path = args.dir.join("shiftwatch.yml");
            let given = init::Given::default();
            let at_terminal = io::stdin().is_terminal();
            init::init(&path, args.force, &given, &env, at_terminal, &mut BufReader::new(io::stdin()), &mut out)?;
            let shown = path.display();
            writeln!(out, "\nTrying it now, as shiftwatch doctor --config {shown} does:")?;
            let Some((config, _)) = load_or_say(Some(&path))? else { return Ok(Exit::Failed) };
            let wish = doctor::Wish { n_clients: 5, ..doctor::Wish::default() };
            let exit = doctor::run(&config, &wish, &mut out).await?;
            match exit {
                Exit::Done => writeln!(out, "\nNext:  shiftwatch run --config {shown}")?,
                Exit::Failed => writeln!(
                    out,
                    "\nBoth files are written. Next: mend what FAILs, try again with shiftwatch doctor --config {shown}"
                )?,
            }
            Ok(exit)
        }
        Command::Run(_) => run(config.map(Path::to_owned), common.log_format == Some(LogFormat::Json)).await,
        Command::Service(args) => super::service::here(&args, config, &env, &mut out, &mut io::stderr()),
        Command::Demo(args) => Box::pin(demo::run(&args, &mut out, stopped())).await,
        Command::Sim(args) => {
            sim::command::run(&args, drill_clock()?, &mut out, stopped()).await?;
            Ok(Exit::Done)
        }
        Command::Check(args) => {
            let how = if args.output == Output::Json { check::Output::Json } else { check::Output::Human };
            let calendars = check::at_hand(config, &env, args.fetch).await;
            let code = check::check(config, &env, &calendars, how, &mut out, &mut io::stderr())?;
            Ok(if code == 0 { Exit::Done } else { Exit::Failed })
        }
        Command::Routes(args) => {
            let Some(path) = config else {
                writeln!(io::stderr(), "routes: no file to look at; name one with --config or {CONFIG_VARIABLE}")?;
                return Ok(Exit::Failed);
            };
            let (routing, warnings) = match Config::routing(path, &env) {
                Ok(read) => read,
                Err(faults) => {
                    say(&faults, false)?;
                    return Ok(Exit::Failed);
                }
            };
            say(&warnings, false)?;
            match args.action {
                None | Some(RoutesAction::Show) => Ok(routes::show(&routing.route, &mut out)?),
                Some(RoutesAction::Test { labels, verify_receivers, tree }) => {
                    let wish = routes::Wish { labels: labels.into_iter().collect(), verify: verify_receivers, tree };
                    Ok(routes::test(&routing.route, &wish, &mut out)?)
                }
            }
        }
        Command::Test(args) => Ok(super::test::run(&args, config, &env, &mut out, &mut io::stderr())?),
        Command::Drill(args) => {
            let Some(agent) = agent(&args.asking, config)? else { return Ok(Exit::Failed) };
            Ok(super::drill::run(&agent, &args.who, args.timeout, args.asking.output, &mut out).await?)
        }
        Command::Replay(args) => {
            let Some((config, _)) = load_or_say(config)? else { return Ok(Exit::Failed) };
            Ok(super::replay::run(&args, &config, width, &Clock::System, &mut out, &mut io::stderr()).await?)
        }
        Command::Status(asking) => {
            let Some(agent) = agent(&asking, config)? else { return Ok(Exit::Failed) };
            Ok(status::run(&agent, async { None }, clock::real_now(), asking.output, width, &mut out).await?)
        }
        Command::Doctor(args) => {
            let Some((config, _)) = load_or_say(config)? else { return Ok(Exit::Failed) };
            let wish = doctor::Wish { send_to: args.send_to, text: args.text, n_clients: args.clients };
            Ok(doctor::run(&config, &wish, &mut out).await?)
        }
        Command::Hooks(args) => {
            let Some((config, _)) = load_or_say(config)? else { return Ok(Exit::Failed) };
            Ok(hooks::run(&config, &args.action, width, &mut out, &mut io::stderr()).await?)
        }
        Command::Notes(args) => {
            let Some(agent) = agent(&args.asking, config)? else { return Ok(Exit::Failed) };
            Ok(notes::run(&agent, args.dry_run.then_some(args.days), args.asking.output, width, &mut out).await?)
        }
        Command::Alerts(args) => {
            let Some(agent) = agent(&args.asking, config)? else { return Ok(Exit::Failed) };
            let pick = alerts::Pick {
                states: args.state.clone(),
                severities: args.severity.clone(),
                labels: args.labels.clone(),
                all: args.all,
            };
            Ok(alerts::run(&agent, &pick, args.asking.output, width, &mut out).await?)
        }
        Command::Ack(args) => {
            let Some(agent) = agent(&args.asking, config)? else { return Ok(Exit::Failed) };
            let wish = ack::Wish { alert: args.alert, by: args.by, note: args.note, for_: args.for_ };
            Ok(ack::run(&agent, &wish, args.asking.output, width, &mut out).await?)
        }
        Command::Disposition(args) => {
            let Some(agent) = agent(&args.asking, config)? else { return Ok(Exit::Failed) };
            let body = DispositionBody {
                by: args.by,
                disposition: args.what,
                approver: args.approver,
                covered_by: args.covered_by,
                note: args.note,
                active_at: None,
            };
            let wish = disposition::Wish { alert: args.alert, body };
            Ok(disposition::run(&agent, &wish, args.asking.output, &mut out).await?)
        }
        Command::Exceptions(args) => {
            let Some(agent) = agent(&args.asking, config)? else { return Ok(Exit::Failed) };
            Ok(exceptions::run(&agent, args.days, args.open, args.asking.output, width, &mut out).await?)
        }
        Command::Kpis(args) => {
            let Some(agent) = agent(&args.asking, config)? else { return Ok(Exit::Failed) };
            Ok(exceptions::kpis(&agent, args.days, args.asking.output, width, &mut out).await?)
        }
        Command::OnCall(OnCall { command: Some(OnCallCommand::Log(args)), .. }) => {
            let Some(agent) = agent(&args.asking, config)? else { return Ok(Exit::Failed) };
            Ok(on_call_log::run(&agent, args.days, args.asking.output, width, &mut out).await?)
        }
        Command::Lookup(args) => {
            let body = LookupBody { q: args.words.join(" "), agency: args.agency, since: args.since };
            let how = lookup::How { output: args.asking.output, width, real_now: clock::real_now() };
            asking(&args.asking, config, async |asked, out| lookup::lookup(asked, &body, how, out).await).await
        }
        Command::Shifts(args) => {
            let how = lookup::How { output: args.asking.output, width, real_now: clock::real_now() };
            let asked = [
                ("client", args.client),
                ("caregiver", args.caregiver),
                ("day", args.day),
                ("from", args.from.map(|date| date.to_string())),
                ("to", args.to.map(|date| date.to_string())),
                ("state", args.state),
                ("agency", args.agency),
            ];
            let query: BTreeMap<String, String> =
                asked.into_iter().filter_map(|(key, text)| Some((key.to_owned(), text?))).collect();
            asking(&args.asking, config, async |asked, out| lookup::list(asked, query.clone(), how, out).await).await
        }
        Command::Cover(args) => {
            let how = lookup::How { output: args.asking.output, width, real_now: clock::real_now() };
            asking(&args.asking, config, async |asked, out| super::cover::run(asked, &args, how, out).await).await
        }
        Command::Briefing(args) => {
            let Some(agent) = agent_as_user(&args.asking(), config).await? else { return Ok(Exit::Failed) };
            Ok(super::briefing::run(&agent, &args, &mut out).await?)
        }
        Command::Audit(args) => {
            let Some(agent) = agent_as_user(&args.asking, config).await? else { return Ok(Exit::Failed) };
            Ok(super::audit::run(&agent, &args, clock::real_now(), width, &mut out).await?)
        }
        Command::Sections(args) => {
            let Some(agent) = agent(&args.asking, config)? else { return Ok(Exit::Failed) };
            Ok(super::tasks::sections(&agent, args.asking.output, clock::real_now(), width, &mut out).await?)
        }
        Command::Tasks(args) => {
            let Some(agent) = agent_as_user(&args.asking, config).await? else { return Ok(Exit::Failed) };
            Ok(super::tasks::tasks(&agent, &args, width, &mut out).await?)
        }
        Command::Silence(args) => {
            let Some(agent) = agent(&args.asking, config)? else { return Ok(Exit::Failed) };
            Ok(silence::run(&agent, &args, width, &mut out).await?)
        }
        Command::OnCall(args) => {
            let asking = Asking { url: args.url, http_config: args.http_config, output: Output::Table };
            let Some(agent) = agent(&asking, config)? else { return Ok(Exit::Failed) };
            let wish = on_call::Wish { schedule: args.schedule, at: args.at, output: args.output };
            Ok(on_call::run(&agent, &wish, width, &mut out).await?)
        }
        Command::Hours(args) => {
            let Some(agent) = agent_as_user(&args.asking, config).await? else { return Ok(Exit::Failed) };
            Ok(super::hours::run(&agent, &args, width, &mut out).await?)
        }
        Command::Healthcheck(args) => {
            let url = args.url.as_deref().filter(|url| !url.trim().is_empty());
            let (Some(how), Some(listens)) = (http_client(args.http_config)?, listens(url, config)?) else {
                return Ok(Exit::Failed);
            };
            let agent = Agent::ourselves(url, listens.as_ref(), how)?;
            Ok(healthcheck::run(&agent, args.alive, &mut out).await?)
        }
    }
}

/// What the file of `--http-config` says. `None`: its faults were printed.
fn http_client(path: Option<PathBuf>) -> io::Result<Option<HttpClient>> {
    let path = path.or_else(|| env(HTTP_CONFIG_VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from));
    let Some(path) = path else { return Ok(Some(HttpClient::default())) };
    match HttpClient::load(&path, &env) {
        Ok(client) => Ok(Some(client)),
        Err(faults) => {
            for fault in &faults {
                writeln!(io::stderr(), "{fault}")?;
            }
            Ok(None)
        }
    }
}

/// Where the configuration listens, if there is one. `None`: it does not say, and nothing goes before it.
#[expect(clippy::option_option, reason = "nothing named is not the same as named and unreadable")]
fn listens(url: Option<&str>, path: Option<&Path>) -> io::Result<Option<Option<Listens>>> {
    match path.map(|path| Config::listens(path, &env)) {
        None => Ok(Some(None)),
        Some(Ok(listens)) => Ok(Some(Some(listens))),
        // What the file says matters only where nothing goes before it.
        Some(Err(_)) if url.is_some() => Ok(Some(None)),
        Some(Err(faults)) => {
            for fault in &faults {
                writeln!(io::stderr(), "{fault}")?;
            }
            Ok(None)
        }
    }
}

/// The running agent: where `--url` says, else where the configuration says it listens, else where one listens when
/// nobody says. `None`: the file that was named does not say; its faults were printed.
fn agent(asking: &Asking, path: Option<&Path>) -> anyhow::Result<Option<Agent>> {
    let mut err = io::stderr();
    let url = asking.url.as_deref().filter(|url| !url.trim().is_empty());
    let (Some(how), Some(listens)) = (http_client(asking.http_config.clone())?, listens(url, path)?) else {
        return Ok(None);
    };
    let agent = Agent::find_with(url, listens.as_ref(), how)?;
    // Another agent's answer would look just the same.
    let configured =
        listens.map(|listens| Agent::find_with(None, Some(&listens), HttpClient::default())).transpose()?;
    match (path, configured) {
        (Some(path), Some(configured)) if configured.base() != agent.base() => {
            writeln!(err, "asking {}, not the agent of {} ({})", agent.base(), path.display(), configured.base())?;
        }
        (None, _) if url.is_none() => {
            writeln!(err, "asking {}; name another with --config or --url", agent.base())?;
        }
        _ => {}
    }
    Ok(Some(agent))
}

/// Asks the running agent as a user of this machine; while none runs, the store that it left.
async fn asking(
    how: &Asking,
    path: Option<&Path>,
    ask: impl AsyncFn(&Asked<'_>, &mut io::Stdout) -> anyhow::Result<Exit>,
) -> anyhow::Result<Exit> {
    let Some(agent) = agent_as_user(how, path).await? else { return Ok(Exit::Failed) };
    let mut out = io::stdout();
    let fault = match ask(&Asked::Agent(&agent), &mut out).await {
        Ok(exit) => return Ok(exit),
        Err(fault) => fault,
    };
    let is_away = matches!(fault.downcast_ref::<AgentError>(), Some(AgentError::NotRunning(_)));
    let is_own = how.url.as_deref().is_none_or(|url| url.trim().is_empty());
    if !(is_away && is_own) {
        return Err(fault);
    }
    let Ok((config, _)) = Config::load(path, &env) else { return Err(fault) };
    let StoreUrl::Sqlite(file) = &config.store;
    if !file.is_file() {
        return Err(fault);
    }
    let now = clock::real_now();
    let store = Offline::open(&config, now).await?;
    let age = store.as_of().map_or_else(|| "nothing was ever read".to_owned(), |at| view::words::relative(at, now));
    writeln!(io::stderr(), "no agent runs; this is what its store held, last read {age}")?;
    let viewer = Viewer::Local { user: super::local_user::name() };
    let exit = ask(&Asked::Store(&store, &viewer), &mut out).await;
    store.close().await;
    exit
}

/// The running agent, asked by a user of this machine as far as its store can be read: for commands that show names.
async fn agent_as_user(asking: &Asking, path: Option<&Path>) -> anyhow::Result<Option<Agent>> {
    let Some(agent) = agent(asking, path)? else { return Ok(None) };
    let Ok(url) = Config::kept_in(path, &env) else { return Ok(Some(agent)) };
    Ok(Some(match super::local_user::key_in(&url).await {
        Some(key) => agent.with_local_key(key, super::local_user::name()),
        None => agent,
    }))
}

fn load_or_say(path: Option<&Path>) -> anyhow::Result<Option<(Config, Vec<Fault>)>> {
    let mut err = io::stderr();
    match Config::load(path, &env) {
        Ok((config, faults)) => {
            for fault in &faults {
                writeln!(err, "{fault}")?;
            }
            Ok(Some((config, faults)))
        }
        Err(faults) => {
            for fault in &faults {
                writeln!(err, "{fault}")?;
            }
            Ok(None)
        }
    }
}

/// Says what is wrong with a configuration: as a compiler would, or as lines of a log that a machine reads.
fn say(faults: &[Fault], json: bool) -> io::Result<()> {
    for fault in faults {
        match (json, fault.is_error()) {
            (false, _) => writeln!(io::stderr(), "{fault}")?,
            (true, true) => tracing::error!("{fault}"),
            (true, false) => tracing::warn!("{fault}"),
        }
    }
    Ok(())
}

async fn run(path: Option<PathBuf>, json: bool) -> anyhow::Result<Exit> {
    let loaded = Config::load(path.as_deref(), &env);
    say(loaded.as_ref().map_or_else(|faults| faults, |(_, warnings)| warnings), json)?;
    let Ok((config, _)) = loaded else {
        tracing::error!(
            "config: not started; mend what is listed above and start again, `shiftwatch check` finds the same"
        );
        return Ok(Exit::Failed);
    };
    let clock = match config.clock(&env) {
        Ok(clock) => clock,
        Err(fault) => {
            say(&[fault], json)?;
            return Ok(Exit::Failed);
        }
    };
    for office in &config.offices_lost {
        tracing::error!(file = %office.file.display(), n_errors = office.n_errors, "config: this office is NOT watched until its file is mended; the others are");
    }
    // With a file, `store:` is there to be read; that nobody is told was said above in either case.
    if config.file.is_none() {
        let StoreUrl::Sqlite(path) = &config.store;
        tracing::info!(file = %path.display(), "store: everything is kept in this file; another is named by store: in a configuration");
    }
    let load: LoadConfig = Arc::new(move || Config::load(path.as_deref(), &env));
    let seed = u64::from(std::process::id());
    app::run(Launch { config, load, clock, seed, listening: None, hangups: true }, stopped()).await?;
    Ok(Exit::Done)
}

/// The clock of `SHIFTWATCH_CLOCK` for the simulator alone, whose every address is loopback.
fn drill_clock() -> anyhow::Result<Clock> {
    match env("SHIFTWATCH_CLOCK") {
        None => Ok(Clock::System),
        Some(text) => {
            let (at, speed) =
                crate::config::parse_drill_clock(&text).map_err(anyhow::Error::msg).context("SHIFTWATCH_CLOCK")?;
            Ok(Clock::drill(at, speed))
        }
    }
}

/// Returns on Ctrl-C or SIGTERM.
async fn stopped() {
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        tracing::error!("signals cannot be heard; stop with kill -9");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    if io::stderr().is_terminal() {
        let _ = writeln!(io::stderr(), "\nstopping …");
    }
}

/// Returns when the first of the two does.
pub(super) async fn either(a: impl Future<Output = ()>, b: impl Future<Output = ()>) {
    tokio::select! {
        () = a => {}
        () = b => {}
    }
}
