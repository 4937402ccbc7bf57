"""Plants what `imports.py` has to find, and what it must not mistake for it."""

import unittest
from pathlib import Path

import imports


def problems(file, source):
    """(line, problem) of each thing that is wrong in this source."""
    return list(imports.check_source(Path(file), source))


class Finds(unittest.TestCase):
    def found(self, file, source, line=1):
        self.assertEqual([at for at, _ in problems(file, source)], [line], f"{file}: {source}")

    def test_each_import_against_the_direction(self):
        for room, allowed in imports.ROOMS.items():
            for other in imports.ROOMS:
                source = f"use crate::{other}::Thing;"
                if other in (room, *allowed, *imports.FOR_TESTS):
                    self.assertEqual(problems(f"{room}/mod.rs", source), [])
                else:
                    self.found(f"{room}/mod.rs", source)

    def test_each_way_to_write_it(self):
        for source in [
            "use crate::server;",
            "use crate::server as s;",
            "use crate::{protocol::Event, server::Listener};",
            "use crate::{protocol::{Event, Priority}, server};",
            "pub use crate::server::*;",
            "pub(crate) use crate::server::Listener;",
            "use super::server::Listener;",
            "use super::{protocol, server};",
            "use self::super::server::Listener;",
            "fn f(l: &crate::server::Listener) {}",
            "fn f() { crate::server::run::<u8>() }",
            "fn f() { g::<crate::server::Listener>() }",
            "impl crate::server::Listener for X {}",
            "type T = <X as crate::server::Listener>::Y;",
            "macro_rules! m { () => { $crate::server::run() } }",
            "use gadugi_router::server::Listener;",
            "use ::gadugi_router::server::Listener;",
            "use r#crate::server;",
        ]:
            self.found("router/mod.rs", source)

    def test_super_counts_modules_and_not_braces(self):
        self.found("router/index/mod.rs", "use super::super::server::Listener;")
        self.found("router/queue.rs", "use super::super::server::Listener;")
        self.found("router/queue.rs", "mod tests {\n fn f() { { super::super::super::server::run() } }\n}", 2)
        self.found("router/queue.rs", "mod tests {}\nuse super::super::server::run;", 2)
        self.assertEqual(problems("router/queue.rs", "mod tests { use super::super::server::run; }"), [])

    def test_the_line_it_stands_in(self):
        self.found("router/mod.rs", 'const A: &str = "\n";\n/* \n /* */ \n*/\nuse crate::server;', 6)
        self.found("router/mod.rs", "use crate::{\n    protocol::Event,\n    server::Listener,\n};", 3)

    def test_the_whole_crate(self):
        for source in ["use crate::*;", "use crate as all;", "use crate::{self};", "use super::*;", "use crate::run;"]:
            self.found("router/mod.rs", source)

    def test_sources_outside_the_rooms(self):
        self.found("other/mod.rs", "")
        self.found("helpers.rs", "")
        self.found("router/mod.rs", '#[path = "../server/mod.rs"]\nmod s;')

    def test_programs_that_do_more_than_start(self):
        for source in ["use gadugi_router::router::Router;", "use gadugi_router::*;", "use gadugi_router::{service, server};"]:
            self.found("bin/gadugi-router.rs", source)
        self.assertEqual(problems("bin/gadugi-router.rs", "fn main() { gadugi_router::service::main() }"), [])

    def test_what_reaches_outside_of_the_engine(self):
        for source in [
            "use std::net::TcpStream;",
            "use std::{fmt, fs};",
            "use std::{time::{Duration, Instant}};",
            "fn f() { let t = std::time::SystemTime::UNIX_EPOCH; }",
            "use std::time;",
            "use std::time::*;",
            "use std as s;",
            "use ::std::fs::File;",
            "use tokio::sync::Notify;",
            "use tokio as t;",
            "extern crate libc;",
            "fn f() { nix::unistd::getpid(); }",
            "fn f() { uuid::Uuid::new_v4(); }",
            "fn f() { jiff::Timestamp::now(); }",
            "fn f() { std::thread::sleep(x); }",
        ]:
            for room in imports.PURE:
                self.found(f"{room}/mod.rs", source)
            self.assertEqual(problems("server/mod.rs", source), [])

    def test_tests_in_the_engine_as_well(self):
        self.found("router/queue.rs", "#[cfg(test)]\nmod tests {\n    use std::time::Instant;\n}", 3)


class LeavesAlone(unittest.TestCase):
    def test_what_only_looks_like_an_import(self):
        for source in [
            "// use crate::server;\n/// [`crate::server`]\n//! crate::server::Listener",
            "/* crate::server::x /* crate::server::y */ crate::server::z */",
            'const A: &str = "crate::server::x \\" crate::server::y";',
            'const A: &str = r#"crate::server::x " crate::server::y"#; const B: &[u8] = br"crate::server::z";',
            "fn f<'a>(c: &'a str) -> bool { c.starts_with('\"') && c.ends_with('\\'') } // \" crate::server::x",
            "pub(crate) fn f() {} pub(super) fn g() {} pub(in crate::router) fn h() {}",
            "fn f() { let tokio = 1; tokio + clock.now().server; }",
            "use std::{fmt, time::Duration, collections::HashMap, sync::Arc, io::Write};",
            "use crate::{protocol::{self, Event}, router::queue::*};",
            "mod tests { use super::*; }",
        ]:
            self.assertEqual(problems("router/mod.rs", source), [], source)

    def test_the_table_of_contents(self):
        self.assertEqual(problems("lib.rs", "pub mod protocol;\npub mod server;"), [])


class Table(unittest.TestCase):
    def test_no_circle_is_allowed(self):
        above = set()
        for room, allowed in imports.ROOMS.items():
            self.assertLessEqual(set(allowed), above, f"{room} imports what stands below it")
            above.add(room)


if __name__ == "__main__":
    unittest.main()
