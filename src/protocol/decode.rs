//! What a client's message means, by its `type`. Where everything stands in it, `message` has found out.

use std::{borrow::Cow, sync::Arc};

use super::{
    Acknowledge, Credit, ErrorCode, Event, Fill, Hello, Incoming, MAX_BATCH, MAX_CLIENT_NAME, MAX_REASON,
    MAX_REQUEST_ID, Publish, PublishBatch, PublishOptions, Receipt, Refused, Request, Subscription,
    WireError, check, fill,
    json::{Kind, Next, Scanner, Syntax, Value},
    message::{Message, not_json},
    raw_event::RawEvent,
    subscription,
};

/// Reads one message. `fill` is asked for what a published event leaves out.
///
/// # Errors
/// If the text is no JSON, no object, or not what its `type` asks for.
pub fn decode<'a, F: Fill>(text: &'a str, fill: &mut F) -> Result<Incoming<'a>, Refused> {
    let mut message = Message::new(text);
    match message.read().and_then(|()| message.request(fill)) {
        Ok(request) => Ok(Incoming { request, request_id: message.request_id_json() }),
        Err(error) => Err(Refused { error, request_id: message.request_id_json().map(String::from) }),
    }
}

impl<'a> Message<'a> {
    /// Decides by `type`.
    fn request<F: Fill>(&self, fill: &mut F) -> Result<Request<'a>, WireError> {
        let kind = self.kind()?;
        self.check_request_id()?;
        if let Some(key) = self.twice {
            return Err(invalid(format!("`{key}` is given twice")));
        }
        Ok(match &*kind {
            "publish" => Request::Publish(self.publish(fill)?),
            "publish_batch" => Request::PublishBatch(self.publish_batch(fill)?),
            "ping" => Request::Ping { echo: self.echo.map(|echo| echo.span.of(self.text)) },
            "subscribe" => Request::Subscribe(self.subscribe()?),
            "unsubscribe" => {
                Request::Unsubscribe { subscription_id: self.unsubscribe()?, forget: self.forget()? }
            }
            "get_health" => Request::GetHealth,
            "hello" => Request::Hello(self.hello()?),
            "credit" => Request::Credit(self.credit()?),
            "ack" => self.acknowledge(Acknowledge::Done)?,
            "nack" => self.acknowledge(self.failed()?)?,
            "in_progress" => self.acknowledge(Acknowledge::InProgress)?,
            other => {
                let text = format!("Unknown message type: {}", check::shortened(other));
                return Err(WireError::new(ErrorCode::UnknownType, text));
            }
        })
    }

    fn kind(&self) -> Result<Cow<'a, str>, WireError> {
        const PREFIX: &str = "Unknown message type: ";
        let unknown = |problem: String| WireError::new(ErrorCode::UnknownType, format!("{PREFIX}{problem}"));
        match self.kind {
            None => Err(unknown("`type` is missing".into())),
            Some(value) => self
                .string(value)
                .ok_or_else(|| unknown(format!("`type` must be a string; got {}", self.got(value)))),
        }
    }

    fn check_request_id(&self) -> Result<(), WireError> {
        let Some(value) = self.request_id else { return Ok(()) };
        if value.kind != Kind::String {
            return Err(invalid(format!("`request_id` must be a string; got {}", self.got(value))));
        }
        let length = value.span.of(self.text).len();
        if length > MAX_REQUEST_ID {
            return Err(invalid(format!(
                "`request_id` is {length} bytes long; at most {MAX_REQUEST_ID} are allowed"
            )));
        }
        Ok(())
    }

    /// The `request_id`, if it is one that can be sent back.
    fn request_id_json(&self) -> Option<&'a str> {
        self.check_request_id().ok()?;
        self.request_id.map(|value| value.span.of(self.text))
    }

    #[inline]
    fn publish<F: Fill>(&self, fill: &mut F) -> Result<Publish, WireError> {
        if !self.has_event {
            return Err(fill::invalid("`event` is missing"));
        }
        let options = self.options()?;
        Ok(Publish { event: fill::event(self.text, &self.event, fill)?, options })
    }

    fn publish_batch<F: Fill>(&self, fill: &mut F) -> Result<PublishBatch, WireError> {
        let Some(value) = self.events else { return Err(fill::invalid("`events` is missing")) };
        if value.kind != Kind::Array {
            return Err(fill::invalid(format!("`events` must be an array; got {}", self.got(value))));
        }
        let options = self.options()?;
        let count = self.count(value).map_err(not_json)?;
        if count > MAX_BATCH {
            let text = format!("{count} events; at most {MAX_BATCH} are allowed in one batch");
            return Err(WireError::new(ErrorCode::TooLarge, format!("{}{text}", fill::PREFIX)));
        }
        Ok(PublishBatch { events: self.batch(value, count, fill).map_err(not_json)?, options })
    }

    fn count(&self, list: Value) -> Result<usize, Syntax> {
        let scanner = Scanner::new(self.text)?;
        let (mut at, mut count) = (list.span.start as usize + 1, 0);
        while let Next::One(start) = scanner.element(at, count == 0)? {
            at = scanner.value(start, 2)?.after();
            count += 1;
        }
        Ok(count)
    }

    fn batch<F: Fill>(
        &self,
        list: Value,
        count: usize,
        fill: &mut F,
    ) -> Result<Vec<Result<Arc<Event>, WireError>>, Syntax> {
        let mut events = Vec::with_capacity(count);
        let scanner = Scanner::new(self.text)?;
        let mut at = list.span.start as usize + 1;
        while let Next::One(start) = scanner.element(at, events.is_empty())? {
            let mut raw = RawEvent::default();
            at = raw.scan(scanner, start, 2)?;
            events.push(fill::event(self.text, &raw, fill));
        }
        Ok(events)
    }

    fn options(&self) -> Result<PublishOptions, WireError> {
        let wrong =
            |problem: String| WireError::new(ErrorCode::InvalidMessage, format!("{}{problem}", fill::PREFIX));
        let ttl_ms = match given(self.ttl_ms) {
            None => None,
            Some(value) => match value.span.of(self.text).parse() {
                Ok(ttl) if ttl > 0 => Some(ttl),
                _ => {
                    let got = self.got(value);
                    return Err(wrong(format!(
                        "`ttl_ms` must be a whole number of milliseconds from 1; got {got}"
                    )));
                }
            },
        };
        let receipt = match given(self.receipt) {
            None => Receipt::Queued,
            Some(value) => match self.string(value).as_deref() {
                Some("queued") => Receipt::Queued,
                Some("dispatched") => Receipt::Dispatched,
                _ => {
                    let got = self.got(value);
                    return Err(wrong(format!("`receipt` must be \"queued\" or \"dispatched\"; got {got}")));
                }
            },
        };
        let mandatory = match given(self.mandatory) {
            None => false,
            Some(value) if value.kind == Kind::Bool => value.span.of(self.text) == "true",
            Some(value) => {
                return Err(wrong(format!("`mandatory` must be true or false; got {}", self.got(value))));
            }
        };
        Ok(PublishOptions { ttl_ms, receipt, mandatory })
    }

    fn subscribe(&self) -> Result<Subscription, WireError> {
        let wanted = match self.subscription {
            Some(value) => subscription::parse(self.text, value),
            None => Err("`subscription` is missing".into()),
        };
        wanted.map_err(|problem| {
            WireError::new(ErrorCode::InvalidSubscription, format!("Failed to subscribe: {problem}"))
        })
    }

    fn forget(&self) -> Result<bool, WireError> {
        match given(self.forget) {
            None => Ok(false),
            Some(value) if value.kind == Kind::Bool => Ok(value.span.of(self.text) == "true"),
            Some(value) => Err(invalid(format!("`forget` must be true or false; got {}", self.got(value)))),
        }
    }

    fn acknowledge(&self, what: Acknowledge<'a>) -> Result<Request<'a>, WireError> {
        let Some(value) = self.delivery_id else { return Err(invalid("`delivery_id` is missing")) };
        let delivery_id = self.string(value).ok_or_else(|| {
            invalid(format!(
                "`delivery_id` must be the string that came with the event; got {}",
                self.got(value)
            ))
        })?;
        Ok(Request::Acknowledge { delivery_id, what })
    }

    fn failed(&self) -> Result<Acknowledge<'a>, WireError> {
        let delay_ms = match given(self.delay_ms) {
            None => None,
            Some(value) => Some(value.span.of(self.text).parse().map_err(|_| {
                let got = self.got(value);
                invalid(format!("`delay_ms` must be a whole number of milliseconds from 0; got {got}"))
            })?),
        };
        let reason = match given(self.reason) {
            None => None,
            Some(value) if value.span.of(self.text).len() > MAX_REASON => {
                return Err(invalid(format!("`reason` is longer than {MAX_REASON} bytes")));
            }
            Some(value) => Some(
                self.string(value)
                    .ok_or_else(|| invalid(format!("`reason` must be a string; got {}", self.got(value))))?,
            ),
        };
        Ok(Acknowledge::Failed { delay_ms, reason })
    }

    fn unsubscribe(&self) -> Result<Cow<'a, str>, WireError> {
        let Some(value) = self.subscription_id else { return Err(invalid("`subscription_id` is missing")) };
        self.string(value)
            .ok_or_else(|| invalid(format!("`subscription_id` must be a string; got {}", self.got(value))))
    }

    fn hello(&self) -> Result<Hello<'a>, WireError> {
        let Some(protocol) = self.protocol else { return Err(invalid("`protocol` is missing")) };
        let Ok(version) = protocol.span.of(self.text).parse() else {
            return Err(invalid(format!("`protocol` must be a whole number; got {}", self.got(protocol))));
        };
        let client = match given(self.client) {
            None => None,
            Some(value) if value.span.of(self.text).len() > MAX_CLIENT_NAME => {
                return Err(invalid(format!("`client` is longer than {MAX_CLIENT_NAME} bytes")));
            }
            Some(value) => Some(self.string(value).ok_or_else(|| {
                invalid(format!("`client` must be a string like \"name/version\"; got {}", self.got(value)))
            })?),
        };
        let lean = match given(self.lean) {
            None => false,
            Some(value) if value.kind == Kind::Bool => value.span.of(self.text) == "true",
            Some(value) => {
                return Err(invalid(format!("`lean` must be true or false; got {}", self.got(value))));
            }
        };
        let credit = match given(self.credit) {
            None => None,
            Some(value) => Some(serde_json::from_str(value.span.of(self.text)).map_err(|_| {
                let got = self.got(value);
                invalid(format!(
                    "`credit` must be an object like {{\"events\": 32, \"bytes\": 65536}}; got {got}"
                ))
            })?),
        };
        Ok(Hello { protocol: version, client, lean, credit })
    }

    fn credit(&self) -> Result<Credit, WireError> {
        let number = |name, value| match given(value) {
            None => Ok(None),
            Some(value) => value.span.of(self.text).parse().map(Some).map_err(|_| {
                invalid(format!("`{name}` must be a whole number from 0; got {}", self.got(value)))
            }),
        };
        Ok(Credit { events: number("events", self.events)?, bytes: number("bytes", self.bytes)? })
    }
}

/// A wish that is null is none.
fn given(value: Option<Value>) -> Option<Value> {
    value.filter(|value| value.kind != Kind::Null)
}

#[cold]
fn invalid(problem: impl AsRef<str>) -> WireError {
    WireError::new(ErrorCode::InvalidMessage, format!("Invalid message: {}", problem.as_ref()))
}
