//! What is asked for, and its answer.

use std::fmt::Write as _;
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::{Body, Bytes};
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};

use super::super::guests::Office;
use super::super::orders::Phase;
use super::exposition::Format;
use super::host::{self, HostError};
use super::metrics::Metrics;
use super::pace::Pace;
use super::process::Process;
use super::snapshot::Snapshot;

type Answer = Response<Full<Bytes>>;

/// What the answers are made of.
pub struct Desk {
    office: Arc<Office>,
    hosts: Vec<String>,
    process: Process,
    pace: Pace,
}

/// Something that can be asked for.
struct Page {
    path: &'static str,
    about: &'static str,
    answer: fn(&Desk, &HeaderMap) -> Answer,
}

const PAGES: [Page; 5] = [
    Page { path: "/", about: "this list", answer: |_, _| text(StatusCode::OK, list()) },
    Page { path: "/healthz", about: "200 as long as the router lives", answer: Desk::healthz },
    Page {
        path: "/readyz",
        about: "200 when it is ready; 503 while it starts or winds down",
        answer: Desk::readyz,
    },
    Page {
        path: "/metrics",
        about: "metrics, in the format of OpenMetrics or Prometheus",
        answer: Desk::metrics,
    },
    Page {
        path: "/status",
        about: "the status as JSON, as of gadugi-routerctl status --json",
        answer: Desk::status,
    },
];

impl Desk {
    /// It shares the office with the admin socket, and may be addressed by `hosts`, beside IP addresses and `localhost`.
    pub fn new(office: Arc<Office>, hosts: Vec<String>, process: Process) -> Self {
        Self { office, hosts, process, pace: Pace::default() }
    }

    /// Answers a request.
    pub(super) async fn answer(&self, request: &Request<impl Body>) -> Answer {
        self.pace.turn().await;
        let has_body = !request.body().is_end_stream();
        let mut answer = self.look_up(request, has_body);
        let headers = answer.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if has_body {
            // Nobody reads it, so the next request could not be found behind it.
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        answer
    }

    fn look_up(&self, request: &Request<impl Body>, has_body: bool) -> Answer {
        if let Err(error) = host::check(request.headers(), request.uri(), request.version(), &self.hosts) {
            return misdirected(&error);
        }
        let path = request.uri().path();
        let Some(page) = PAGES.iter().find(|page| page.path == path) else {
            return text(StatusCode::NOT_FOUND, format!("There is nothing at this path.\n\n{}", list()));
        };
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let said = "Only GET and HEAD are understood here: nothing can be changed.\n".to_owned();
            return with(text(StatusCode::METHOD_NOT_ALLOWED, said), ALLOW, "GET, HEAD");
        }
        if has_body {
            return text(StatusCode::PAYLOAD_TOO_LARGE, "A request has no body here.\n".to_owned());
        }
        (page.answer)(self, request.headers())
    }

    fn healthz(&self, _: &HeaderMap) -> Answer {
        // Who waits for an engine that does not come back gets no answer, which is one.
        self.office.hub.with(|_| ());
        text(StatusCode::OK, "ok\n".to_owned())
    }

    fn readyz(&self, _: &HeaderMap) -> Answer {
        match self.office.life.borrow().doing {
            Phase::Running => text(StatusCode::OK, "ready\n".to_owned()),
            other => text(StatusCode::SERVICE_UNAVAILABLE, format!("{}\n", other.as_str())),
        }
    }

    fn metrics(&self, headers: &HeaderMap) -> Answer {
        let format = Format::wanted(headers);
        let metrics = Metrics {
            engine: self.office.hub.with(|router| Snapshot::of(router)),
            store: self.office.hub.store().map(|store| store.health()),
            phase: self.office.life.borrow().doing,
            usage: self.process.usage(),
        };
        match format.write(metrics) {
            Ok(body) => with(text(StatusCode::OK, body), CONTENT_TYPE, format.content_type()),
            Err(error) => failed(&error),
        }
    }

    fn status(&self, _: &HeaderMap) -> Answer {
        match serde_json::to_string(&self.office.status()) {
            Ok(body) => with(text(StatusCode::OK, body + "\n"), CONTENT_TYPE, "application/json"),
            Err(error) => failed(&error),
        }
    }
}

fn misdirected(error: &HostError) -> Answer {
    match error {
        HostError::Unclear => {
            text(StatusCode::BAD_REQUEST, "A request has to have one Host header.\n".to_owned())
        }
        HostError::Foreign(host) => {
            let host: String = host.chars().take(80).flat_map(char::escape_default).collect();
            let said = format!(
                "This router does not go by the name \"{host}\": use an IP address or localhost, \
                 or add the name to admin.http_hosts in its settings.\n"
            );
            text(StatusCode::MISDIRECTED_REQUEST, said)
        }
    }
}

fn failed(error: &dyn std::error::Error) -> Answer {
    text(StatusCode::INTERNAL_SERVER_ERROR, format!("The answer could not be written: {error}\n"))
}

/// What there is, a line each.
fn list() -> String {
    let mut list = "This is the administration of a gadugi-router:\n".to_owned();
    for page in &PAGES {
        // A String takes everything.
        writeln!(list, "  {:<10}{}", page.path, page.about).ok();
    }
    list
}

fn text(status: StatusCode, body: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    with(answer, CONTENT_TYPE, "text/plain; charset=utf-8")
}

fn with(mut answer: Answer, name: HeaderName, value: &'static str) -> Answer {
    answer.headers_mut().insert(name, HeaderValue::from_static(value));
    answer
}
