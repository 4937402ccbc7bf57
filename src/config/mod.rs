//! The settings: what there is, what each may be, and where a value came from.
//!
//! `settings` holds the one table of all settings; everything else reads that table: loading (TOML, the old
//! `router_config.json`, environment, flags), checking, printing, comparing. What a setting does belongs elsewhere,
//! and so does ending the program because of a mistake.

mod difference;
mod load;
mod mistake;
pub mod place;
mod print;
mod rules;
mod schema;
mod settings;
mod sources;
mod value;

pub use difference::Change;
pub use load::{Inputs, Loaded, check, load};
pub use mistake::{Cause, Mistake, Mistakes, Origin};
pub use print::{example, wrapped};
pub use rules::{Endpoint, StoreRule, parse_duration, parse_size};
pub use schema::{Setting, joined};
pub use settings::{
    Admin, Config, Drain, Limits, Log, LogFormat, LogTarget, Process, SETTINGS, SlowConsumer, Store,
    StoreKind, TABLES,
};
pub use sources::{fetch, unknown};

/// Read when no other file is named, if it exists.
pub const STANDARD_FILE: &str = "/etc/gadugi-router/config.toml";
