//! The terminal: drawn on, listened to, and left as it was found.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::state::{Order, State, TopicOrder};
use super::view::View;
use super::watch::{Router, Seen};
use crate::ctl::failure::{Failure, SYSTEM};

/// How long a key is waited for before answers and signals are looked at.
const TURN: Duration = Duration::from_millis(50);

/// Gives the terminal back, however this ends. After a panic ratatui's own hook does it first, so that its message can
/// be read.
struct Borrowed;

impl Drop for Borrowed {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing back.
        drop(ratatui::try_restore());
    }
}

/// Shows the screen until the viewer has had enough.
pub(super) fn run(router: Router, first: Seen, interval: Duration, colour: bool) -> Result<(), Failure> {
    let told_to_end = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&told_to_end)).map_err(failed)?;
    }
    let _borrowed = Borrowed;
    let mut terminal = ratatui::try_init().map_err(failed)?;
    let mut state = State::new(interval);
    state.saw(first);
    let answers = router.look_regularly(interval);
    let mut is_new = true;
    while !told_to_end.load(Relaxed) {
        if is_new {
            let view = View { state: &state, colour, keys: true };
            terminal.draw(|frame| frame.render_widget(view, frame.area())).map_err(failed)?;
        }
        is_new = hear(&answers, &mut state)?;
        match next_event()? {
            Some(Event::Key(key)) if key.kind == KeyEventKind::Press => {
                if is_end(key) {
                    return Ok(());
                }
                press(key.code, &mut state);
                is_new = true;
            }
            Some(Event::Resize(..)) => is_new = true,
            _ => {}
        }
    }
    Ok(())
}

/// Whether an answer came.
fn hear(answers: &Receiver<Result<Seen, Failure>>, state: &mut State) -> Result<bool, Failure> {
    match answers.try_recv() {
        Ok(Ok(seen)) => state.saw(seen),
        Ok(Err(failure)) => state.missed(failure.to_string()),
        Err(TryRecvError::Empty) => return Ok(false),
        Err(TryRecvError::Disconnected) => {
            return Err(Failure::new(SYSTEM, "system", "the thread that asks the router has ended"));
        }
    }
    Ok(true)
}

fn next_event() -> Result<Option<Event>, Failure> {
    let found = event::poll(TURN).and_then(|is_there| is_there.then(event::read).transpose());
    match found {
        // A signal: it is looked at in the next turn.
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(None),
        found => found.map_err(failed),
    }
}

fn is_end(key: KeyEvent) -> bool {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    matches!(key.code, KeyCode::Char('q') | KeyCode::Esc) || control && key.code == KeyCode::Char('c')
}

fn press(key: KeyCode, state: &mut State) {
    match key {
        KeyCode::Char('p' | ' ') => state.paused = !state.paused,
        KeyCode::Char('?' | 'h') => state.help = !state.help,
        KeyCode::Char('e') => state.order = Order::Events,
        KeyCode::Char('b') => state.order = Order::Bytes,
        KeyCode::Char('s') => state.order = Order::Seconds,
        KeyCode::Char('t') => {
            state.topic_order = match state.topic_order {
                TopicOrder::Rate => TopicOrder::Name,
                TopicOrder::Name => TopicOrder::Rate,
            }
        }
        _ => {}
    }
}

fn failed(error: io::Error) -> Failure {
    Failure::new(SYSTEM, "system", format!("cannot use the terminal: {error}; try it with --json"))
}
