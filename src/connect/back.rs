//! What comes back from a platform's page, and whether it may be believed. Pure: the consent's row, the session and the
//! time come from the caller. Nothing here but `code`, `state`, `iss` and the error's words is ever read: an `error_uri`
//! or a place to return to leads nowhere.

use jiff::Timestamp;
use secrecy::SecretString;
use url::Url;

use super::{Fault, secret};
use crate::platform::consent::SHOWN;
use crate::store::consent::ConsentRow;

/// The most bytes of what comes back. 8 KiB, ours: codes of some platforms have one or two.
const CAP: usize = 8 * 1024;

/// What came back.
pub(super) struct Back {
    /// Whose it says it is.
    pub state: String,
    /// The issuer it names.
    pub iss: Option<String>,
    /// The code, or why there is none.
    pub result: Result<SecretString, Fault>,
}

/// Reads a query.
pub(super) fn read(query: &str) -> Result<Back, Fault> {
    if query.len() > CAP {
        return Err(Fault::NoCode);
    }
    let mut found = [const { None::<String> }; 5];
    const NAMES: [&str; 5] = ["code", "state", "iss", "error", "error_description"];
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let Some(at) = NAMES.iter().position(|known| *known == name) else { continue };
        // RFC 6749 section 3.1: none may come twice. Which of two would count is what an attacker plays with.
        if found[at].replace(value.into_owned()).is_some() {
            return Err(Fault::Twice(NAMES[at].to_owned()));
        }
    }
    let [code, state, iss, error, description] = found;
    let state = state.filter(|state| !state.is_empty()).ok_or(Fault::NoState)?;
    let result = match (code.filter(|code| !code.is_empty()), error) {
        (Some(_), Some(_)) => Err(Fault::Refused("both a code and an error".to_owned())),
        (Some(code), None) => Ok(SecretString::from(code)),
        (None, Some(error)) if error == "access_denied" => Err(Fault::Denied),
        (None, Some(error)) => {
            let more = description.map(|text| format!(": {text}")).unwrap_or_default();
            Err(Fault::Refused(crate::platform::wire::excerpt(&format!("{error}{more}"))))
        }
        (None, None) => Err(Fault::NoCode),
    };
    Ok(Back { state, iss, result })
}

/// Reads what a person pasted: the whole address that the browser ended on, or the code that a page showed. A bare code
/// has no state of its own: it is taken only where no address was there to come back to, and PKCE binds it to us.
pub(super) fn pasted(text: &str, redirect: &str, state: &str) -> Result<Back, Fault> {
    let text = text.trim();
    if redirect == SHOWN {
        return match text {
            "" => Err(Fault::NoCode),
            code => Ok(Back { state: state.to_owned(), iss: None, result: Ok(SecretString::from(code)) }),
        };
    }
    let not_it = || Fault::NotTheAddress(redirect.to_owned());
    let url = Url::parse(text).map_err(|_| not_it())?;
    let mut place = url.clone();
    place.set_query(None);
    place.set_fragment(None);
    // The whole of it: an address that only begins alike is another place.
    if place.as_str() != redirect {
        return Err(not_it());
    }
    read(url.query().unwrap_or_default())
}

/// Whether a consent may be taken by that session at that channel's address now.
pub(super) fn judge(row: &ConsentRow, channel: &str, bound: Option<&str>, now: Timestamp) -> Result<(), Fault> {
    if row.choosing {
        return Err(Fault::Unknown);
    }
    if row.expires <= now {
        return Err(Fault::Late);
    }
    if row.channel != channel {
        return Err(Fault::Elsewhere);
    }
    match bound {
        Some(bound) if bound == row.bound => Ok(()),
        _ if secret::is_terminal(&row.bound) => Err(Fault::Terminal),
        _ => Err(Fault::Foreign),
    }
}

/// Whether the answer comes from who was asked (RFC 9207). Where the platform states no issuer, one that is named all
/// the same must at least be of the host whose page the person saw.
pub(super) fn issuer(row: &ConsentRow, iss: Option<&str>) -> Result<(), Fault> {
    let differs = |expected: &str, found: Option<&str>| Fault::Issuer {
        expected: expected.to_owned(),
        found: found.map_or_else(|| "no issuer".to_owned(), crate::platform::wire::excerpt),
    };
    match (&row.issuer, iss) {
        (Some(expected), Some(found)) if expected == found => Ok(()),
        (Some(expected), found) => Err(differs(expected, found)),
        (None, None) => Ok(()),
        (None, Some(found)) => {
            let page = Url::parse(&row.page).ok();
            let same = |url: &Url| page.as_ref().is_some_and(|page| page.origin() == url.origin());
            match Url::parse(found) {
                Ok(url) if same(&url) => Ok(()),
                _ => Err(differs(&row.page, Some(found))),
            }
        }
    }
}
