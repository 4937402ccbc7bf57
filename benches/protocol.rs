//! What a publish and its deliveries cost in the protocol alone: one message in, and the bytes that go out.

use std::hint::black_box;

use divan::{Bencher, counter::BytesCount};
use gadugi_router::protocol::{
    Event, Fill, Publish, Request, Time, decode, delivery,
    reply::{Outcome, Reply},
};
use uuid::Uuid;

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    divan::main();
}

/// A clock that stands and ids that count, so that only the protocol is measured.
struct Fixed(u128);

impl Fill for Fixed {
    fn client_id(&self) -> &str {
        "c0ffee00-0000-4000-8000-000000000001"
    }

    fn now(&mut self) -> Time {
        Time::from_micros(1_769_860_800_123_456)
    }

    fn new_id(&mut self) -> Uuid {
        self.0 += 1;
        Uuid::from_u128(self.0)
    }
}

/// All fourteen fields with a payload of 256 bytes, as a client's library writes them.
fn complete(separators: [&str; 2]) -> String {
    let payload = format!("{{\"n\":1,\"data\":\"{}\"}}", "x".repeat(239));
    assert_eq!(payload.len(), 256);
    let compact = format!(
        "{{\"type\":\"publish\",\"event\":{{\"id\":\"0b5e4f0e-7a3c-4a5e-9d51-0f2d8f6a1b3c\",\
         \"topic\":\"task.created\",\"type\":\"task.created\",\"priority\":7,\"source\":\"bench\",\"target\":null,\
         \"payload\":{payload},\"metadata\":{{\"created_at\":\"2026-01-31T12:00:00.123456+00:00\",\
         \"correlation_id\":null,\"causation_id\":null,\"user_id\":null,\"session_id\":null,\"trace_id\":null,\
         \"span_id\":null,\"tags\":{{}},\"headers\":{{}}}},\"timestamp\":\"2026-01-31T12:00:00.123456+00:00\",\
         \"version\":\"1.0\",\"delivery_status\":\"pending\",\"delivery_attempts\":0,\
         \"last_delivery_attempt\":null,\"delivery_error\":null}}}}"
    );
    let [comma, colon] = separators;
    // No value in it holds a `:"` or a `,"` of its own, apart from those between tokens.
    compact.replace(",\"", &format!("{comma}\"")).replace("\":", &format!("\"{colon}"))
}

const COMPACT: [&str; 2] = [",", ":"];
const SPACED: [&str; 2] = [", ", ": "];

fn sparse() -> String {
    let data = "x".repeat(239);
    format!(
        "{{\"type\":\"publish\",\"event\":{{\"type\":\"task.created\",\"priority\":7,\
         \"payload\":{{\"n\":1,\"data\":\"{data}\"}}}}}}"
    )
}

fn decoding(bencher: Bencher<'_, '_>, text: &str) {
    let mut fill = Fixed(0);
    // Dropped inside, so that the allocator's work counts too.
    bencher
        .counter(BytesCount::of_str(text))
        .bench_local(|| drop(black_box(decode(black_box(text), &mut fill))));
}

#[divan::bench]
fn decode_complete_event(bencher: Bencher<'_, '_>) {
    decoding(bencher, &complete(COMPACT));
}

#[divan::bench]
fn decode_complete_event_with_python_spaces(bencher: Bencher<'_, '_>) {
    decoding(bencher, &complete(SPACED));
}

#[divan::bench]
fn decode_sparse_event(bencher: Bencher<'_, '_>) {
    decoding(bencher, &sparse());
}

/// No field holds its default, so that none is guessed.
#[divan::bench]
fn decode_event_without_defaults(bencher: Bencher<'_, '_>) {
    let text = complete(COMPACT)
        .replace("\"correlation_id\":null", "\"correlation_id\":\"4e1f8a52\"")
        .replace("\"trace_id\":null", "\"trace_id\":\"4bf92f3577b34da6a3ce929d0e0e4736\"")
        .replace("\"tags\":{}", "\"tags\":{\"team\":\"blue\"}")
        .replace("\"version\":\"1.0\"", "\"version\":\"1.1\"")
        .replace("\"target\":null", "\"target\":\"someone\"");
    decoding(bencher, &text);
}

/// As a language whose maps have no order writes it: `type` last, the fields anywhere.
#[divan::bench]
fn decode_event_in_another_order(bencher: Bencher<'_, '_>) {
    let text = complete(COMPACT);
    let Ok(serde_json::Value::Object(message)) = serde_json::from_str(&text) else { panic!("{text}") };
    let fields = message["event"].as_object().into_iter().flatten().rev();
    let fields: Vec<_> = fields.map(|(name, value)| format!("\"{name}\":{value}")).collect();
    decoding(bencher, &format!("{{\"event\":{{{}}},\"type\":\"publish\"}}", fields.join(",")));
}

/// A payload of many small values instead of one long string.
#[divan::bench]
fn decode_event_with_nested_payload(bencher: Bencher<'_, '_>) {
    let item = "{\"step\":12,\"ok\":true,\"name\":\"lint\",\"took\":0.25},";
    let payload = format!("\"data\":[{}null]", item.repeat(5));
    let text = complete(COMPACT).replace(&format!("\"data\":\"{}\"", "x".repeat(239)), &payload);
    decoding(bencher, &text);
}

#[divan::bench]
fn decode_batch_of_ten_sparse_events(bencher: Bencher<'_, '_>) {
    let events = ["{\"type\":\"task.progress\",\"payload\":{\"done\":7}}"; 10].join(",");
    decoding(bencher, &format!("{{\"type\":\"publish_batch\",\"events\":[{events}]}}"));
}

#[divan::bench]
fn decode_ping(bencher: Bencher<'_, '_>) {
    decoding(bencher, r#"{"type":"ping"}"#);
}

#[divan::bench]
fn serde_json_validating_the_complete_event(bencher: Bencher<'_, '_>) {
    let text = complete(COMPACT);
    bencher
        .counter(BytesCount::of_str(&text))
        .bench_local(|| serde_json::from_str::<serde::de::IgnoredAny>(black_box(&text)));
}

#[divan::bench]
fn copy_of_the_complete_event(bencher: Bencher<'_, '_>) {
    let text = complete(COMPACT);
    bencher.counter(BytesCount::of_str(&text)).bench_local(|| Box::<str>::from(black_box(&*text)));
}

fn event(text: &str) -> std::sync::Arc<Event> {
    match decode(text, &mut Fixed(0)).map(|incoming| incoming.request) {
        Ok(Request::Publish(Publish { event, .. })) => event,
        other => panic!("{other:?}"),
    }
}

#[divan::bench]
fn encode_published(bencher: Bencher<'_, '_>) {
    let event = event(&complete(COMPACT));
    let mut out = Vec::with_capacity(256);
    bencher.bench_local(|| {
        out.clear();
        Reply::Published(Outcome::queued(event.id_json())).write(black_box(None), &mut out);
        black_box(out.len())
    });
}

#[divan::bench]
fn encode_full_tail(bencher: Bencher<'_, '_>) {
    let id = Uuid::from_u128(7);
    bencher.bench_local(|| delivery::full_tail(black_box(id)));
}

fn leaning(bencher: Bencher<'_, '_>, text: &str) {
    bencher.with_inputs(|| event(text)).bench_local_values(|event| {
        black_box(event.lean().len());
        event
    });
}

#[divan::bench]
fn encode_lean(bencher: Bencher<'_, '_>) {
    leaning(bencher, &complete(COMPACT));
}

#[divan::bench]
fn encode_lean_with_python_spaces(bencher: Bencher<'_, '_>) {
    leaning(bencher, &complete(SPACED));
}

#[divan::bench]
fn encode_lean_of_a_sparse_event(bencher: Bencher<'_, '_>) {
    leaning(bencher, &sparse());
}
