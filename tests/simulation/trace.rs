//! The last steps of a run, for whoever has to find out what went wrong.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

/// How many are kept.
const KEPT: usize = 30;

/// Shared, so that it outlives a run that panics.
#[derive(Clone)]
pub struct Trace {
    lines: Rc<RefCell<VecDeque<String>>>,
    aloud: bool,
}

impl Trace {
    /// With `aloud` everything is printed as it happens.
    pub fn new(aloud: bool) -> Self {
        Self { lines: Rc::default(), aloud }
    }

    pub fn note(&self, line: impl FnOnce() -> String) {
        let line = line();
        if self.aloud {
            println!("{line}");
        }
        let mut lines = self.lines.borrow_mut();
        if lines.len() == KEPT {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    pub fn last(&self) -> String {
        self.lines.borrow().iter().map(|line| format!("  {line}\n")).collect()
    }
}
