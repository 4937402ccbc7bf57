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
