//! `explain`: why an event would reach a subscriber, or did not.

mod verdict;

use clap::ArgGroup;
use serde::Serialize;

use super::connection::Connection;
use super::failure::{Failure, UNAVAILABLE};
use super::output::{Output, count, plain};
use super::publish::{priority, types};
use crate::admin::messages::{Answer, Explanation, Fate, Located, Outline, Question, Request, Step};
use crate::config::parse_size;
use crate::protocol::{EventType, Priority, check_topic};
use verdict::Verdict;

/// Which event, and for whom.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
#[command(group = ArgGroup::new("which").required(true).args(["event", "topic"]))]
pub(super) struct ExplainArgs {
    /// The id of an event that came already, or the beginning of that
    #[arg(conflicts_with_all = ["priority", "kind", "source", "target", "size"])]
    pub event: Option<String>,

    /// The topic of an event that might come
    #[arg(short, long, value_parser = topic)]
    pub topic: Option<String>,

    /// Its priority: 1 to 10, or LOWEST, LOW, NORMAL, HIGH, CRITICAL, SYSTEM [default: NORMAL]
    #[arg(short, long, value_name = "P", value_parser = priority)]
    pub priority: Option<Priority>,

    /// What it is about [default: custom]
    #[arg(long = "type", value_name = "TYPE", hide_possible_values = true, value_parser = types())]
    pub kind: Option<String>,

    /// Who sends it [default: its publisher's id]
    #[arg(long, value_name = "NAME")]
    pub source: Option<String>,

    /// Whom it is meant for
    #[arg(long, value_name = "NAME")]
    pub target: Option<String>,

    /// How large its JSON text is, as 64KiB
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub size: Option<usize>,

    /// Only for this client: its id or the beginning of that, or its address
    #[arg(short, long)]
    pub client: Option<String>,

    /// Only for this subscription
    #[arg(short, long, value_name = "ID", conflicts_with = "client")]
    pub subscription: Option<String>,

    /// How many subscriptions at most are shown
    #[arg(short = 'n', long, value_name = "N", default_value_t = 100)]
    pub limit: usize,
}

const EXAMPLES: &str = "\
Examples:
  gadugi-routerctl explain --topic task.created --priority LOW --client 4b1d
  gadugi-routerctl explain 5f0c7d52-6c3e-4f0e-9d1b-0f4b8e1f2a77

Ends with 0 if it would reach one of those who are asked about, or waits for one; with 1 if not.";

fn topic(word: &str) -> Result<String, String> {
    check_topic(word).map(|()| word.to_owned())
}

/// What is printed as JSON.
#[derive(Serialize)]
struct Explained {
    reaches: bool,
    event: Asked,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fates: Vec<Fate>,
    #[serde(flatten)]
    told: Told,
    /// There are more subscriptions than are shown.
    more: bool,
}

/// What the router says.
#[derive(Serialize)]
struct Told {
    steps: Vec<Step>,
    notes: Vec<String>,
    subscriptions: Vec<Verdict>,
}

/// The event that is asked about.
#[derive(Serialize)]
#[serde(untagged)]
enum Asked {
    Came(Outline),
    MightCome(Box<Question>),
}

pub(super) fn run(router: &mut Connection, out: &mut Output, args: ExplainArgs) -> Result<(), Failure> {
    let limit = args.limit;
    let (asked, question, fates) = match args.event {
        Some(id) => {
            let (event, fates) = locate(router, id)?;
            let question = again(&event, args.client, args.subscription);
            (Asked::Came(event), question, fates)
        }
        None => {
            let question = Question {
                topic: args.topic.unwrap_or_default(),
                // What is not said is what a publisher need not say: whoever reads the answer sees what was assumed.
                priority: Some(args.priority.unwrap_or(Priority::NORMAL).get()),
                kind: Some(args.kind.unwrap_or_else(|| EventType::default().as_str().to_owned())),
                source: args.source,
                target: args.target,
                size: args.size,
                client: args.client,
                subscription: args.subscription,
                from: 0,
            };
            (Asked::MightCome(Box::new(question.clone())), question, Vec::new())
        }
    };
    let mut told = explain(router, question, &fates)?;
    let reaches = told.subscriptions.iter().any(Verdict::reaches);
    told.subscriptions.sort_by_key(Verdict::rank);
    let more = told.subscriptions.len() > limit;
    let counts = (told.subscriptions.iter().filter(|it| it.reaches()).count(), told.subscriptions.len());
    told.subscriptions.truncate(limit);
    let explained = Explained { reaches, event: asked, fates, told, more };
    if out.json {
        out.document(&explained)?;
    } else {
        print(&explained, counts, out)?;
    }
    if reaches { Ok(()) } else { Err(Failure::answered_no()) }
}

/// What would become of the same event if it came now.
fn again(event: &Outline, client: Option<String>, subscription: Option<String>) -> Question {
    let event = event.clone();
    Question {
        topic: event.topic,
        priority: Some(event.priority),
        kind: Some(event.kind),
        source: Some(event.source),
        target: event.target,
        size: Some(event.size),
        client,
        subscription,
        from: 0,
    }
}

fn locate(router: &mut Connection, id: String) -> Result<(Outline, Vec<Fate>), Failure> {
    let (mut event, mut fates, mut next) = (None::<Outline>, Vec::new(), Some((0, 0)));
    while let Some(from) = next {
        let request = Request::Locate { id: id.clone(), from };
        let Answer::Located(Located { event: found, fates: some, next: on }) = router.ask(&request)? else {
            return Err(router.not_understood("it does not say where the event is"));
        };
        if let (Some(one), Some(other)) = (&event, &found)
            && one.id != other.id
        {
            let text = format!("several events have an id that begins with {id:?}: write more of it");
            return Err(Failure::new(UNAVAILABLE, "ambiguous", text));
        }
        event = event.or(found);
        fates.extend(some);
        next = on;
    }
    let found = event.map(|event| (event, fates));
    found.ok_or_else(|| {
        let text = format!(
            "the router knows nothing of the event {id:?}: it never came, or it was delivered, or its dead letter is not kept \
             any more; it remembers no event that is gone. Ask what would become of one like it: explain --topic T --priority P"
        );
        Failure::new(UNAVAILABLE, "not_found", text)
    })
}

/// Asks page by page. What came already is not told by what would become of it now.
fn explain(router: &mut Connection, mut question: Question, fates: &[Fate]) -> Result<Told, Failure> {
    let mut told = Told { steps: Vec::new(), notes: Vec::new(), subscriptions: Vec::new() };
    loop {
        let answer = match router.ask(&Request::Explain(Box::new(question.clone())))? {
            Answer::Explained(explanation) => explanation,
            _ => return Err(router.not_understood("it does not explain")),
        };
        let Explanation { steps, notes, subscriptions, next } = answer;
        if question.from == 0 {
            let came = !fates.is_empty();
            told.steps = steps.into_iter().filter(|step| !came || step.step != "limit").collect();
            told.notes = if came { Vec::new() } else { notes };
        }
        let is_refused = !told.steps.is_empty();
        told.subscriptions.extend(subscriptions.into_iter().map(|row| Verdict::new(row, fates, is_refused)));
        match next {
            Some(from) => question.from = from,
            None => return Ok(told),
        }
    }
}

fn print(explained: &Explained, (reached, asked): (usize, usize), out: &mut Output) -> Result<(), Failure> {
    out.line(described(&explained.event))?;
    for fate in &explained.fates {
        out.line(verdict::words(fate))?;
    }
    for Step { step, reason, message } in &explained.told.steps {
        out.line(format_args!("{} {step} ({reason}): {}", out.good("no:", false), plain(message)))?;
    }
    for note in &explained.told.notes {
        out.line(format_args!("note: {}", plain(note)))?;
    }
    for verdict in &explained.told.subscriptions {
        for line in verdict.lines(out) {
            out.line(line)?;
        }
    }
    if explained.more {
        out.line(format_args!("… and more: --limit {asked} shows all"))?;
    }
    if asked > 0 {
        let would = if explained.fates.is_empty() { "would get it" } else { "get it, or would" };
        out.line(format_args!("{reached} of {} {would}", count(asked as u64, "subscription")))?;
    }
    Ok(())
}

fn described(event: &Asked) -> String {
    let (head, topic, priority, kind, source, target) = match event {
        Asked::Came(it) => {
            let head = format!("event {}", plain(&it.id));
            (head, &it.topic, it.priority, it.kind.as_str(), Some(&it.source), it.target.as_ref())
        }
        Asked::MightCome(it) => {
            let priority = it.priority.unwrap_or(Priority::NORMAL.get());
            let kind = it.kind.as_deref().unwrap_or("custom");
            ("an event".to_owned(), &it.topic, priority, kind, it.source.as_ref(), it.target.as_ref())
        }
    };
    let source = source.map_or("its publisher's id".to_owned(), |name| plain(name));
    let target = target.map_or("none".to_owned(), |name| plain(name));
    format!(
        "{head}: topic {}, priority {priority}, type {kind}, source {source}, target {target}",
        plain(topic)
    )
}
