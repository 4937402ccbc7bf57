//! What the operating system gives names to: files, accounts, permissions.

use std::path::PathBuf;

use super::super::value::{Given, Value, Wrong};
use super::{Rule, list, toml_list, toml_string, wrong};

/// A file's path; "" for none.
pub(in crate::config) struct FilePath;

impl Rule for FilePath {
    type Value = Option<PathBuf>;

    fn expected(&self) -> String {
        "the path of a file such as \"/var/lib/gadugi-router/x\", or \"\" for none".to_owned()
    }

    fn read(&self, given: &Given<'_>) -> Result<Option<PathBuf>, Vec<Wrong>> {
        match given.text() {
            Some("") => Ok(None),
            Some(text) if text.contains('\0') => wrong(given, &self.expected(), Some("it has a NUL byte")),
            Some(text) if text.ends_with('/') => {
                wrong(given, &self.expected(), Some("this names a directory"))
            }
            Some(text) => Ok(Some(PathBuf::from(text))),
            None => wrong(given, &self.expected(), None),
        }
    }

    fn write(&self, value: &Option<PathBuf>) -> String {
        // What was read was text, so nothing is lost here.
        toml_string(&value.as_deref().unwrap_or("".as_ref()).to_string_lossy())
    }
}

/// A user's or a group's name or number; "" for none.
pub(in crate::config) struct Account;

impl Rule for Account {
    type Value = Option<String>;

    fn expected(&self) -> String {
        "a name or a number of an account, or \"\" for none".to_owned()
    }

    fn read(&self, given: &Given<'_>) -> Result<Option<String>, Vec<Wrong>> {
        match (given.text(), &given.value) {
            (Some(""), _) => Ok(None),
            (Some(text), _) if is_account(text) => Ok(Some(text.to_owned())),
            (_, Value::Integer(number)) if u32::try_from(*number).is_ok() => Ok(Some(number.to_string())),
            _ => wrong(given, &self.expected(), None),
        }
    }

    fn write(&self, value: &Option<String>) -> String {
        toml_string(value.as_deref().unwrap_or_default())
    }
}

fn is_account(text: &str) -> bool {
    !text.is_empty() && !text.contains(['\0', ':', '/', ' ', '\n'])
}

/// Names or numbers of users, and of groups with a @ before them.
pub(in crate::config) struct Accounts;

impl Rule for Accounts {
    type Value = Vec<String>;

    fn expected(&self) -> String {
        "a list of users such as \"alice\" and of groups such as \"@ops\"".to_owned()
    }

    fn read(&self, given: &Given<'_>) -> Result<Vec<String>, Vec<Wrong>> {
        let one = |item: &Given<'_>| match item.text() {
            Some(text) if is_account(text.strip_prefix('@').unwrap_or(text)) => Ok(text.to_owned()),
            _ => Err(item.not("the name or number of a user, or of a group with a @ before it")),
        };
        list::read(given, &self.expected(), one)
    }

    fn write(&self, value: &Vec<String>) -> String {
        toml_list(value)
    }
}

/// Permission bits in octal, as umask(1) takes them.
pub(in crate::config) struct Octal;

impl Rule for Octal {
    type Value = u32;

    fn expected(&self) -> String {
        "permission bits in octal from \"000\" to \"777\"".to_owned()
    }

    fn read(&self, given: &Given<'_>) -> Result<u32, Vec<Wrong>> {
        if let Value::Integer(_) = given.value {
            return wrong(given, &self.expected(), Some("in quotes, so that nobody takes it for decimal"));
        }
        let octal =
            |text: &&str| (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        let digits = given.text().filter(octal);
        let bits = digits.and_then(|text| u32::from_str_radix(text, 8).ok());
        match bits.filter(|bits| *bits <= 0o777) {
            Some(bits) => Ok(bits),
            None => wrong(given, &self.expected(), None),
        }
    }

    fn write(&self, value: &u32) -> String {
        toml_string(&format!("{value:03o}"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{complaint, integer, text};
    use super::*;

    #[test]
    fn a_path_is_any_text_and_the_empty_one_is_none() {
        assert_eq!(FilePath.read(&text("/a/b c")).unwrap(), Some(PathBuf::from("/a/b c")));
        assert_eq!(FilePath.read(&text("")).unwrap(), None);
        assert_eq!(FilePath.write(&None), "\"\"");
        assert_eq!(FilePath.write(&Some(PathBuf::from("a\"b"))), "'a\"b'");
        assert!(complaint(&FilePath, &text("/a/")).ends_with("this names a directory"));
        assert!(FilePath.read(&integer(3)).is_err());
    }

    #[test]
    fn an_account_is_a_name_or_a_number() {
        assert_eq!(Account.read(&text("nobody")).unwrap().as_deref(), Some("nobody"));
        assert_eq!(Account.read(&integer(65_534)).unwrap().as_deref(), Some("65534"));
        assert_eq!(Account.read(&text("")).unwrap(), None);
        for bad in ["a:b", "a b", "../x"] {
            assert!(Account.read(&text(bad)).is_err(), "{bad}");
        }
        assert!(Account.read(&integer(-1)).is_err());
    }

    #[test]
    fn accounts_are_users_and_groups_in_a_list() {
        assert_eq!(Accounts.read(&Given::word("alice, @ops,1000")).unwrap(), ["alice", "@ops", "1000"]);
        assert_eq!(Accounts.write(&vec!["alice".to_owned(), "@ops".to_owned()]), "[\"alice\", \"@ops\"]");
        assert!(complaint(&Accounts, &text("@ops")).ends_with("write [\"@ops\"]"));
        for bad in ["@", "a b", "@@/x", "a:b"] {
            assert!(complaint(&Accounts, &Given::word(bad)).contains("a group with a @"), "{bad}");
        }
    }

    #[test]
    fn permission_bits_are_octal_digits_in_quotes() {
        assert_eq!(Octal.read(&text("0027")).unwrap(), 0o27);
        assert_eq!(Octal.write(&0o27), "\"027\"");
        assert!(complaint(&Octal, &integer(27)).ends_with("nobody takes it for decimal"));
        for bad in ["", "8", "1000", "+7", "-1", "0x1", "rwx"] {
            assert!(Octal.read(&text(bad)).is_err(), "{bad}");
        }
    }
}
