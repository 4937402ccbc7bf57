"""Plants what `files.py` has to find, and what it must not mistake for it."""

import unittest
from pathlib import Path

import files


def problems(name, text):
    return [line for line, _ in files.problems_of(Path(name), text)]


class Files(unittest.TestCase):
    def test_marks_are_found(self):
        for name, text in [
            ("a.rs", "// FIX" + "ME: later"),
            ("a.md", "TO" + "DO"),
            ("run", "# XX" + "X"),
            ("a.rs", "db" + "g!(x);"),
            ("a.rs", "to" + "do!()"),
            ("a.rs", "unimple" + "mented!()"),
            ("a.rs", "#[ign" + "ore]"),
            ("a.rs", '#[cfg_attr(windows, ign' + 'ore = "slow")]'),
            ("a.rs", "#![allow(dead" + "_code)]"),
            ("a.rs", "#[allow(clippy::x, unus" + "ed)]"),
            ("a.toml", "<" * 7 + " HEAD"),
            ("a.md", "see /ho" + "me/me/notes"),
            ("a.py", 'open("/ro' + 'ot/x")'),
        ]:
            self.assertEqual(problems(name, "\n" + text), [2], text)

    def test_ordinary_text_is_not(self):
        for name, text in [
            ("a.rs", "ignored(); debug!(x); // the ignore list, a todo item"),
            ("a.rs", "#[allow(clippy::unwrap_used)]"),
            ("a.md", "https://example.org/home/x and a/work/b, $HOME/x"),
            ("a.md", "=======\nsetext heading"),
        ]:
            self.assertEqual(problems(name, text), [], text)

    def test_a_file_may_be_long_but_not_too_long(self):
        self.assertEqual(problems("a.rs", "x\n" * files.LONGEST), [])
        self.assertEqual(problems("a.rs", "x\n" * (files.LONGEST + 1)), [files.LONGEST + 1])
        self.assertEqual(problems("a.md", "x\n" * 1000), [])

    def test_this_repository_is_read(self):
        listed = files.files_of(Path(__file__).parents[2])
        self.assertIn(Path(".ci/checks/files.py"), listed)


if __name__ == "__main__":
    unittest.main()
