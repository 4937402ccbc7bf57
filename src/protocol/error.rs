//! What can be wrong with a message: codes that programs read and texts that people read.

use std::fmt;

macro_rules! error_codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// The machine-readable side of an error. The names are part of the protocol and never change.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum ErrorCode {
            $($(#[$doc])* $name,)*
        }

        impl ErrorCode {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its name on the wire, `snake_case`.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

error_codes! {
    /// The text is not JSON, or not an object.
    InvalidJson = "invalid_json",
    /// `type` is missing or names no message.
    UnknownType = "unknown_type",
    /// A key beside `type` is missing or has the wrong type.
    InvalidMessage = "invalid_message",
    /// The published event breaks a rule.
    InvalidEvent = "invalid_event",
    /// The subscription breaks a rule.
    InvalidSubscription = "invalid_subscription",
    /// There is no such subscription.
    NotFound = "not_found",
    /// The subscription belongs to another client.
    NotOwner = "not_owner",
    /// The client sends more than it may.
    RateLimited = "rate_limited",
    /// A message, or a list in it, is over its bound.
    TooLarge = "too_large",
    /// The client has as many subscriptions as it may have.
    TooManySubscriptions = "too_many_subscriptions",
    /// The router has as many clients as it may have.
    MaxClientsReached = "max_clients_reached",
    /// Messages are text frames.
    BinaryNotSupported = "binary_not_supported",
    /// `hello` asked for a protocol this router does not speak.
    UnsupportedProtocol = "unsupported_protocol",
    /// The router is winding down and takes no more events.
    Draining = "draining",
}

/// An error as a client is told it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WireError {
    /// For programs.
    pub code: ErrorCode,
    /// For people; begins as part 1 of the protocol says, where it says so.
    pub text: String,
}

impl WireError {
    /// An error of this code and text.
    pub fn new(code: ErrorCode, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

impl std::error::Error for WireError {}

/// A message that could not be taken, with what its reply needs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused {
    /// What was wrong.
    pub error: WireError,
    /// The message's `request_id` as the JSON string it was, quotes included, if it came before the fault.
    pub request_id: Option<String>,
}
