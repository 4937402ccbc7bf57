use proptest::prelude::*;

use super::*;

fn check(text: &str) -> Result<(), String> {
    let scanner = Scanner::new(text).map_err(|problem| problem.to_string())?;
    scanner
        .value(scanner.skip(0), 0)
        .and_then(|end| scanner.finish(end.after()))
        .map_err(|problem| problem.to_string())
}

#[test]
fn faults_are_named_with_their_place() {
    for (text, expected) in [
        ("", "expected a value at byte 0"),
        ("{\"a\":1 \"b\":2}", "expected `,` or `}` at byte 7"),
        ("[1 2]", "expected `,` or `]` at byte 3"),
        ("[1,]", "expected a value at byte 3"),
        ("{\"a\":1,}", "expected a key in double quotes at byte 7"),
        ("{a:1}", "expected a key in double quotes at byte 1"),
        ("{\"a\" 1}", "expected `:` at byte 5"),
        ("NaN", "NaN and Infinity are not JSON; expected a value at byte 0"),
        ("[-Infinity]", "NaN and Infinity are not JSON; expected a value at byte 2"),
        ("[1.]", "expected a digit of a number at byte 3"),
        ("\"abc", "the string that begins at byte 0 has no end"),
        ("\"a\nb\"", "control character in a string at byte 2; it has to be escaped"),
        ("\"\\x\"", "unknown escape in a string at byte 1"),
        ("{} x", "expected nothing more at byte 3"),
        ("[1}", "expected `,` or `]` at byte 2"),
        ("\u{feff}{}", "expected a value at byte 0"),
    ] {
        assert_eq!(check(text).unwrap_err(), expected, "{text}");
    }
}

/// JSON-like text: mostly right, often nearly.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(
        &[
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"a\"",
            "\"\\u00e9\"",
            "\"\\n\\\"\"",
            "\"\\x\"",
            "\"long enough for two words\"",
            "1",
            "-0",
            "0.5",
            "1e9",
            "1E+9",
            "-",
            "01",
            ".5",
            "1.",
            "1e",
            "true",
            "false",
            "null",
            "nul",
            "NaN",
            "-Infinity",
            " ",
            "\n",
            "\t",
            "\r",
            "\u{b}",
            "é",
            "\"é\u{7f}\"",
            "\"\u{1}\"",
            "\"",
            "\\",
            "\"k\":",
            "{}",
            "[]",
        ][..],
    );
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn any_json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        any::<i64>().prop_map(|value| value.to_string()),
        any::<f64>()
            .prop_filter("JSON has no others", |value| value.is_finite())
            .prop_map(|value| format!("{value:e}")),
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
    ];
    leaf.prop_recursive(6, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(|items| format!("[{}]", items.join(" , "))),
            prop::collection::vec((any::<String>(), inner), 0..6).prop_map(|members| {
                let members = members
                    .into_iter()
                    .map(|(key, value)| format!("{}:{value}", serde_json::to_string(&key).unwrap()));
                format!("{{{}}}", members.collect::<Vec<_>>().join(","))
            }),
        ]
    })
}

/// Whether `serde_json` takes it. Asked for no value, so that numbers may be as large and surrogates as lone as they
/// like.
fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn json_is_taken(text in any_json()) {
        prop_assert_eq!(check(&text), Ok(()));
    }

    #[test]
    fn the_scanner_takes_what_serde_json_takes(text in pieces()) {
        prop_assert_eq!(check(&text).is_ok(), is_json(&text), "{}", text);
    }

    #[test]
    fn so_it_does_when_json_is_spoilt(text in any_json(), at in any::<prop::sample::Index>(), with in pieces(), cut in 0..3_usize) {
        let mut at = at.index(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        let rest: String = text[at..].chars().skip(cut).collect();
        for text in [format!("{}{with}{rest}", &text[..at]), text[..at].to_owned(), format!("{}{rest}", &text[..at])] {
            prop_assert_eq!(check(&text).is_ok(), is_json(&text), "{}", text);
        }
    }

    #[test]
    fn any_text_at_all_is_answered(text in any::<String>()) {
        prop_assert_eq!(check(&text).is_ok(), is_json(&text));
    }
}

#[test]
fn numbers_follow_the_grammar() {
    for text in
        ["0", "-0", "10", "1.5", "-1.50e-10", "1E5", "0e0", "123456789012345678901234567890", "1e999999"]
    {
        assert_eq!(check(text), Ok(()), "{text}");
    }
    for text in
        ["", "-", "+1", "01", "-01", "1.", ".5", "1.e5", "1e", "1e+", "0x10", "1_000", "١", "--1", "1-1"]
    {
        assert!(check(text).is_err(), "{text}");
    }
}

#[test]
fn lone_surrogates_pass_and_other_escapes_are_checked() {
    for text in [r#""\ud800""#, r#""\udc00\ud800""#, r#""\uAbCd""#, r#""\"\\\/\b\f\n\r\t""#] {
        assert_eq!(check(text), Ok(()), "{text}");
    }
    for text in [r#""\u12""#, r#""\u12g4""#, r#""\U0041""#, r#""\'""#, r#""\"#, r#""\u"#, r#""\u00é""#] {
        assert!(check(text).is_err(), "{text}");
    }
}
