//! How the program ends: exit codes, which scripts and service managers rely on, and the reason in words.

use std::process::ExitCode;

macro_rules! exits {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal,)+) => {
        /// An exit code, as in BSD's sysexits.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u8)]
        pub enum Exit {
            $($(#[doc = $doc])+ $name = $code,)+
        }

        impl Exit {
            /// All of them with what they mean, for the help text.
            pub const ALL: &'static [(Self, &'static str)] = &[$((Self::$name, concat!($($doc),+).trim_ascii()),)+];
        }
    };
}

exits! {
    /// Fine.
    Fine = 0,
    /// Wrong usage: a flag or its value.
    Usage = 64,
    /// A needed address or file is not available.
    Unavailable = 69,
    /// Internal error: please report it.
    Software = 70,
    /// Operating system error.
    System = 71,
    /// Cannot create the PID file or a directory (another instance included).
    CannotCreate = 73,
    /// A mistake in the configuration.
    Config = 78,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why the program could not start or go on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// How it ends.
    pub code: Exit,
    /// Why, in one line that says what would help.
    pub message: String,
}

impl Failure {
    /// A failure with this code and reason.
    pub fn new(code: Exit, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}
