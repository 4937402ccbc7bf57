//! What a client shows to be let in.

use std::error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::Error;

/// What a client shows to be let in. It is not shown to anybody else: not in logs, not by `{:?}`.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// A token as the router's operator has given it out.
    pub fn new(token: impl Into<String>) -> Self {
        Self(token.into())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// What a function that gives a token may say instead.
pub type NoToken = Box<dyn error::Error + Send + Sync>;

type Asked = Pin<Box<dyn Future<Output = Result<Token, NoToken>> + Send>>;

/// Where the token comes from.
#[derive(Clone, Default)]
pub(super) enum Source {
    #[default]
    None,
    /// It stays the same.
    Fixed(Token),
    /// It is asked for anew at each attempt.
    Function(Arc<dyn Fn() -> Asked + Send + Sync>),
}

impl Source {
    pub fn function<F, T>(function: F) -> Self
    where
        F: Fn() -> T + Send + Sync + 'static,
        T: Future<Output = Result<Token, NoToken>> + Send + 'static,
    {
        Self::Function(Arc::new(move || Box::pin(function())))
    }

    /// Whether another attempt may show another one.
    pub fn is_asked_for(&self) -> bool {
        matches!(self, Self::Function(_))
    }

    pub async fn ask(&self, within: Duration) -> Result<Option<Token>, Error> {
        let asked = match self {
            Self::None => return Ok(None),
            Self::Fixed(token) => return Ok(Some(token.clone())),
            Self::Function(function) => function(),
        };
        match timeout(within, asked).await {
            Ok(Ok(token)) => Ok(Some(token)),
            Ok(Err(error)) => Err(Error::NoToken(error.to_string())),
            Err(_) => Err(Error::NoToken(format!("nothing came within {} s", within.as_secs_f64()))),
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Fixed(_) => "Fixed(…)",
            Self::Function(_) => "Function(…)",
        })
    }
}
