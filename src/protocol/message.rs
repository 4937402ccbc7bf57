//! A client's message, read in one pass over its text. Keys come in any order, so the pass only notes where
//! everything stands; what it means is decided afterwards, in `decode`, when `type` is known.

use std::borrow::Cow;

use super::{
    ErrorCode, WireError, check,
    json::{Kind, Next, Scanner, Span, Syntax, Value},
    raw_event::RawEvent,
    strings::unescape,
};

/// Where everything stands.
#[derive(Default)]
pub(super) struct Message<'a> {
    pub text: &'a str,
    pub event: RawEvent,
    pub has_event: bool,
    pub kind: Option<Value>,
    pub events: Option<Value>,
    pub subscription: Option<Value>,
    pub subscription_id: Option<Value>,
    pub request_id: Option<Value>,
    pub echo: Option<Value>,
    pub ttl_ms: Option<Value>,
    pub receipt: Option<Value>,
    pub mandatory: Option<Value>,
    pub protocol: Option<Value>,
    pub client: Option<Value>,
    pub lean: Option<Value>,
    pub credit: Option<Value>,
    pub bytes: Option<Value>,
    pub delivery_id: Option<Value>,
    pub delay_ms: Option<Value>,
    pub reason: Option<Value>,
    pub forget: Option<Value>,
    /// A key that came twice.
    pub twice: Option<&'static str>,
}

impl<'a> Message<'a> {
    /// A message of which nothing is read yet.
    pub fn new(text: &'a str) -> Self {
        Self { text, ..Self::default() }
    }

    /// Finds out where everything stands. What came before a fault is there all the same.
    pub fn read(&mut self) -> Result<(), WireError> {
        let scanner = Scanner::new(self.text).map_err(not_json)?;
        let at = scanner.skip(0);
        if scanner.byte(at) != b'{' {
            scanner.value(at, 0).and_then(|end| scanner.finish(end.after())).map_err(not_json)?;
            return Err(WireError::new(ErrorCode::InvalidJson, "Invalid JSON: expected an object"));
        }
        self.members(scanner, at + 1).and_then(|end| scanner.finish(end)).map_err(not_json)
    }

    fn members(&mut self, scanner: Scanner<'a>, mut at: usize) -> Result<usize, Syntax> {
        let mut first = true;
        if let Some((kind, event)) = usual_head(scanner.rest(at)) {
            self.kind =
                Some(Value { span: Span::new(at + kind, at + kind + 9), kind: Kind::String, escaped: false });
            self.has_event = true;
            at = self.event.scan(scanner, at + event, 1)?;
            first = false;
        }
        loop {
            let key = match scanner.key(at, first)? {
                Next::One(key) => key,
                Next::End(end) => return Ok(end),
            };
            first = false;
            let name = scanner.str(key.name.span.inner());
            at = if key.name.escaped {
                self.member(&unescape(name).unwrap_or_default(), scanner, key.value)?
            } else {
                self.member(name, scanner, key.value)?
            };
        }
    }

    /// Takes a member's value and comes back with its end.
    #[inline]
    fn member(&mut self, name: &str, scanner: Scanner<'a>, at: usize) -> Result<usize, Syntax> {
        if name == "event" {
            if !self.has_event {
                self.has_event = true;
                return self.event.scan(scanner, at, 1);
            }
            self.twice = Some("event");
        }
        let value = scanner.whole(at, 1)?;
        let end = value.span.end as usize;
        let (name, slot) = match name {
            "type" => ("type", &mut self.kind),
            "events" => ("events", &mut self.events),
            "subscription" => ("subscription", &mut self.subscription),
            "subscription_id" => ("subscription_id", &mut self.subscription_id),
            "request_id" => ("request_id", &mut self.request_id),
            "echo" => ("echo", &mut self.echo),
            "ttl_ms" => ("ttl_ms", &mut self.ttl_ms),
            "receipt" => ("receipt", &mut self.receipt),
            "mandatory" => ("mandatory", &mut self.mandatory),
            "protocol" => ("protocol", &mut self.protocol),
            "client" => ("client", &mut self.client),
            "lean" => ("lean", &mut self.lean),
            "credit" => ("credit", &mut self.credit),
            "bytes" => ("bytes", &mut self.bytes),
            "delivery_id" => ("delivery_id", &mut self.delivery_id),
            "delay_ms" => ("delay_ms", &mut self.delay_ms),
            "reason" => ("reason", &mut self.reason),
            "forget" => ("forget", &mut self.forget),
            _ => return Ok(end),
        };
        if slot.replace(value).is_some() {
            self.twice = Some(name);
        }
        Ok(end)
    }

    /// A string's text; `None` if the value is none, or none that has a text.
    pub fn string(&self, value: Value) -> Option<Cow<'a, str>> {
        let inner = || value.span.inner().of(self.text);
        match value.kind {
            Kind::String if value.escaped => unescape(inner()).ok(),
            Kind::String => Some(Cow::Borrowed(inner())),
            _ => None,
        }
    }

    /// What was sent instead of what was expected, for an error.
    pub fn got(&self, value: Value) -> String {
        check::got(value.kind, value.span.of(self.text))
    }
}

/// If the rest of a message begins as publishing clients begin it: where the word `"publish"` stands, and the event.
fn usual_head(rest: &[u8]) -> Option<(usize, usize)> {
    if rest.starts_with(b"\"type\":\"publish\",\"event\":{") {
        Some((7, 25))
    } else if rest.starts_with(b"\"type\": \"publish\", \"event\": {") {
        Some((8, 28))
    } else {
        None
    }
}

/// The error for a text that is no JSON.
#[cold]
pub(super) fn not_json(problem: Syntax) -> WireError {
    WireError::new(ErrorCode::InvalidJson, format!("Invalid JSON: {problem}"))
}
