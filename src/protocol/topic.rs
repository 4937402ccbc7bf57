//! Topics, and the patterns that subscriptions name them by. The fast index over many patterns is the router's;
//! [`Pattern::matches`] is the plain meaning that it has to agree with.

/// The longest topic or pattern, in bytes. A topic is a name, not data: the index walks it part by part for each
/// event, and logs and dead letters carry it.
pub const MAX_TOPIC: usize = 1_024;

/// What the topics of events begin with that tell of dead letters; the reason follows.
pub const DEAD_TOPICS: &str = "$dead.";

/// Whether events on this topic tell of dead letters.
pub fn is_of_dead_letters(topic: &str) -> bool {
    topic.starts_with(DEAD_TOPICS)
}

/// Whether a text can be an event's topic; if not, why.
///
/// # Errors
/// Says what is wrong, to follow a field's name ("`topic` …").
pub fn check_topic(topic: &str) -> Result<(), String> {
    if topic.is_empty() {
        return Err("must not be empty".into());
    }
    if topic.len() > MAX_TOPIC {
        return Err(format!("is {} bytes long; at most {MAX_TOPIC} are allowed", topic.len()));
    }
    // Plain ASCII, which nearly every topic is, needs no decoding.
    let plain = topic.bytes().fold(true, |plain, byte| plain & (byte.wrapping_sub(0x20) < 0x5f));
    if !plain && let Some((at, control)) = topic.char_indices().find(|(_, c)| c.is_control()) {
        return Err(format!("must not hold control characters (U+{:04X} at byte {at})", u32::from(control)));
    }
    Ok(())
}

/// A checked topic pattern.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Pattern(Box<str>);

impl Pattern {
    /// The pattern that matches every topic.
    pub fn all() -> Self {
        Self("*".into())
    }

    /// Checks a pattern.
    ///
    /// # Errors
    /// Says what is wrong, to follow the pattern's place ("topics\[3\] …").
    pub fn parse(text: &str) -> Result<Self, String> {
        check_topic(text)?;
        if text.rsplit_once('.').is_some_and(|(before, _)| before.split('.').any(|part| part == "**")) {
            return Err(
                "has `**` before its last part; `**` stands for all remaining parts and can only be the last"
                    .into(),
            );
        }
        Ok(Self(text.into()))
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// It matches every topic.
    pub fn is_all(&self) -> bool {
        matches!(&*self.0, "*" | "**")
    }

    /// It matches one topic only: the one that reads the same.
    pub fn is_exact(&self) -> bool {
        !self.parts().any(|part| matches!(part, "*" | "**"))
    }

    /// Its last part is `**`.
    pub fn has_tail(&self) -> bool {
        &*self.0 == "**" || self.0.ends_with(".**")
    }

    /// Its dot-separated parts, `*` and `**` included.
    pub fn parts(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('.')
    }

    /// Whether it matches every topic that another pattern matches.
    pub fn covers(&self, other: &Self) -> bool {
        if self.is_all() || other.is_all() {
            return self.is_all();
        }
        let (mut mine, mut theirs) = (self.parts(), other.parts());
        loop {
            match (mine.next(), theirs.next()) {
                (None, None) | (Some("**"), Some(_)) => return true,
                (Some("*"), Some(part)) if part != "**" => {}
                (Some(part), Some(same)) if part == same => {}
                _ => return false,
            }
        }
    }

    /// Whether a topic is one that it means.
    pub fn matches(&self, topic: &str) -> bool {
        self.mismatch(topic).is_none()
    }

    /// Where a topic is not one that it means.
    pub fn mismatch<'a>(&'a self, topic: &'a str) -> Option<Mismatch<'a>> {
        if self.is_all() {
            return None;
        }
        let (mut wanted, mut given) = (self.parts(), topic.split('.'));
        for at in 1.. {
            match (wanted.next(), given.next()) {
                (None, None) | (Some("**"), Some(_)) => return None,
                (Some("*"), Some(_)) => {}
                (Some(part), Some(other)) if part == other => {}
                (wanted, given) => return Some(Mismatch { at, wanted, given }),
            }
        }
        None
    }
}

/// Where a topic leaves a pattern.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mismatch<'a> {
    /// The part, counted from 1.
    pub at: usize,
    /// What the pattern has there; `None` = it has ended.
    pub wanted: Option<&'a str>,
    /// What the topic has there; `None` = it has ended.
    pub given: Option<&'a str>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).unwrap()
    }

    #[test]
    fn a_pattern_covers_what_can_match_nothing_that_it_does_not() {
        for (wide, narrow) in [
            ("*", "a.**"),
            ("**", "*"),
            ("a.**", "a.b"),
            ("a.**", "a.*.c"),
            ("a.**", "a.**"),
            ("a.*", "a.b"),
            ("a", "a"),
            ("*.b", "a.b"),
            ("*.**", "a.b.**"),
        ] {
            assert!(pattern(wide).covers(&pattern(narrow)), "{wide} {narrow}");
        }
        for (one, other) in [
            ("a.*", "a.**"),
            ("a.b", "a.*"),
            ("a.**", "a"),
            ("a.**", "*"),
            ("a.**", "**"),
            ("a", "a.b"),
            ("a.b", "a"),
            ("*.b", "*.*"),
            ("a.**", "*.b"),
        ] {
            assert!(!pattern(one).covers(&pattern(other)), "{one} {other}");
        }
    }

    #[test]
    fn the_protocols_own_examples_hold() {
        assert!(pattern("*").matches("a") && pattern("*").matches("a.b.c"));
        assert!(pattern("task.*").matches("task.created"));
        assert!(!pattern("task.*").matches("task.review.done"));
        assert!(!pattern("task.*").matches("task"));
        assert!(pattern("*.failed").matches("agent.failed"));
        assert!(!pattern("task.cre*").matches("task.created"));
        assert!(pattern("task.cre*").matches("task.cre*"));
    }

    #[test]
    fn two_stars_at_the_end_stand_for_one_or_more_parts() {
        assert!(pattern("task.**").matches("task.a") && pattern("task.**").matches("task.a.b.c"));
        assert!(!pattern("task.**").matches("task") && !pattern("task.**").matches("tasks.a"));
        assert!(pattern("**").matches("task") && pattern("**").matches("a.b"));
        assert!(pattern("*.x.**").matches("a.x.c") && !pattern("*.x.**").matches("a.x"));
    }

    #[test]
    fn it_is_told_where_a_topic_leaves_a_pattern() {
        for (text, topic, at, wanted, given) in [
            ("task.*", "task.a.b", 3, None, Some("b")),
            ("task.*", "task", 2, Some("*"), None),
            ("task.**", "task", 2, Some("**"), None),
            ("task.creatd", "task.created", 2, Some("creatd"), Some("created")),
            ("*.failed.**", "agent.done.x", 2, Some("failed"), Some("done")),
        ] {
            assert_eq!(pattern(text).mismatch(topic), Some(Mismatch { at, wanted, given }), "{text} {topic}");
        }
        assert_eq!(pattern("task.**").mismatch("task.a.b"), None);
    }

    #[test]
    fn two_stars_elsewhere_are_refused() {
        for text in ["**.a", "a.**.b", "**.**", "a.**.**"] {
            let error = Pattern::parse(text).unwrap_err();
            assert!(error.contains("`**` before its last part"), "{text}: {error}");
        }
        for literal in ["a**", "a.b**", "**a", "***", "a.***", "****"] {
            assert!(pattern(literal).is_exact(), "{literal}");
        }
    }

    #[test]
    fn kinds_of_patterns_are_told_apart() {
        assert!(pattern("*").is_all() && pattern("**").is_all() && !pattern("*.*").is_all());
        assert!(pattern("a.b").is_exact() && !pattern("a.*").is_exact() && !pattern("a.**").is_exact());
        assert!(pattern("a.**").has_tail() && pattern("**").has_tail() && !pattern("a**").has_tail());
        assert_eq!(pattern("a.*.**").parts().collect::<Vec<_>>(), ["a", "*", "**"]);
    }

    #[test]
    fn empty_topics_are_refused() {
        assert!(check_topic("").unwrap_err().contains("empty"));
        assert!(Pattern::parse("").unwrap_err().contains("empty"));
    }

    #[test]
    fn control_characters_in_topics_are_refused() {
        for topic in ["a\nb", "\0", "a.\u{7f}", "é\u{85}", "\u{1f}"] {
            assert!(check_topic(topic).unwrap_err().contains("control"), "{topic:?}");
        }
        assert!(check_topic("é.日本.~ !").is_ok());
    }

    #[test]
    fn topics_over_the_bound_are_refused() {
        assert!(check_topic(&"x".repeat(MAX_TOPIC)).is_ok());
        assert!(check_topic(&"x".repeat(MAX_TOPIC + 1)).unwrap_err().contains("1025 bytes"));
    }

    /// A second reading of the rules, by recursion over lists of parts.
    fn naive(pattern: &[&str], topic: &[&str]) -> bool {
        match (pattern, topic) {
            ([], []) => true,
            (["**"], [_, ..]) => true,
            (["*", pattern @ ..], [_, topic @ ..]) => naive(pattern, topic),
            ([part, pattern @ ..], [given, topic @ ..]) => part == given && naive(pattern, topic),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn matching_agrees_with_a_naive_reading(text in "(\\*|a|b|a\\*|)(\\.(\\*|a|b|)){0,4}(\\.\\*\\*)?|\\*\\*", topic in "(a|b|)(\\.(a|b|a\\*|)){0,5}") {
            if let Ok(pattern) = Pattern::parse(&text) {
                let parts: Vec<_> = text.split('.').collect();
                let expected = text == "*" || naive(&parts, &topic.split('.').collect::<Vec<_>>());
                prop_assert_eq!(pattern.matches(&topic), expected);
            }
        }
    }
}
