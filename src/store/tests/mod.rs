//! The room as a whole, through the handle and through the trait.

mod alike;
mod durables;
mod files;
mod intake;
mod kit;
mod retention;
mod trouble;
mod working;
