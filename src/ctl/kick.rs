//! `kick`: closes the connection of a client.

use super::connection::Connection;
use super::failure::Failure;
use super::output::{Output, plain};
use crate::admin::messages::{Answer, Request};

pub(super) fn run(router: &mut Connection, out: &mut Output, client: String) -> Result<(), Failure> {
    match router.ask(&Request::Kick { client })? {
        Answer::Kicked(kicked) if out.json => out.document(&kicked),
        Answer::Kicked(kicked) => {
            out.line(format_args!("disconnected {} from {}", kicked.id, plain(&kicked.remote)))
        }
        _ => Err(router.not_understood("it does not say who was disconnected")),
    }
}
