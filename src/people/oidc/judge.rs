//! Who may come in by the sign-in service, and as what: decided from the config and what the service vouches for. Pure.
//! Whether its word is its own is `mod.rs`'s to find out first.

use serde_json::{Map, Value};

use super::Settings;
use crate::model::person::Role;

/// The most characters of an address. Source: RFC 5321 section 4.5.3.1.3, 254 with its brackets taken off.
const EMAIL_MOST: usize = 254;

/// What the service says of a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// Its unchanging word for them.
    pub subject: String,
    /// Their address.
    pub email: Option<String>,
    /// Whether it has found out that the address is theirs.
    pub verified: Option<bool>,
    /// What they are called.
    pub name: Option<String>,
    /// All else.
    pub claims: Map<String, Value>,
}

/// Who comes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// The service's unchanging word for them.
    pub subject: String,
    /// Their address, which the service has verified.
    pub email: String,
    /// What they are called there, if it can be a name here.
    pub name: Option<String>,
    /// What they may do when they are new here.
    pub role: Role,
    /// Whether `role` is the service's word, which counts at every sign-in.
    pub is_told: bool,
}

/// Why somebody may not come in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It says nothing of an address.
    #[error("the sign-in service tells no e-mail address of this account")]
    NoEmail,
    /// It does not vouch for the address.
    #[error("the sign-in service has not verified the e-mail address of this account")]
    Unverified,
    /// The address is not on the list.
    #[error("this account may not sign in here: ask an administrator to add its address to `allow`")]
    NotAllowed,
}

/// Decides.
pub(super) fn admit(settings: &Settings, told: &Told) -> Result<Who, Refused> {
    let email = told.email.as_deref().and_then(address).ok_or(Refused::NoEmail)?;
    if told.verified != Some(true) {
        return Err(Refused::Unverified);
    }
    if !settings.allow.iter().any(|entry| is_allowed(entry, &email)) {
        return Err(Refused::NotAllowed);
    }
    let (role, is_told) = match &settings.role_claim {
        Some(claim) => (told_role(settings, claim, &told.claims).unwrap_or(settings.role), true),
        None => (settings.role, false),
    };
    let name = told.name.as_deref().and_then(|name| super::super::name::read(name).ok());
    Ok(Who { subject: told.subject.clone(), email, name, role, is_told })
}

/// An address in the one form it is compared in; `None` where it is none.
fn address(text: &str) -> Option<String> {
    let (local, domain) = text.rsplit_once('@')?;
    let is_plain =
        |part: &str| !part.is_empty() && !part.chars().any(|c| c.is_whitespace() || c.is_control() || c == '@');
    (is_plain(local) && is_plain(domain) && text.len() <= EMAIL_MOST).then(|| text.to_ascii_lowercase())
}

/// Whether an entry of `allow` lets that address in: the address itself, or `@` and its whole domain.
fn is_allowed(entry: &str, email: &str) -> bool {
    let entry = entry.to_ascii_lowercase();
    match entry.strip_prefix('@') {
        Some(domain) => email.rsplit_once('@').is_some_and(|(_, found)| found == domain),
        None => entry == email,
    }
}

/// The highest role that one of the claim's values stands for.
fn told_role(settings: &Settings, claim: &str, claims: &Map<String, Value>) -> Option<Role> {
    let values: Vec<&str> = match find(claim, claims) {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let roles = &settings.roles;
    let of = [(Role::Admin, &roles.admin), (Role::Editor, &roles.editor), (Role::Viewer, &roles.viewer)];
    let given = |words: &[String]| words.iter().any(|word| values.contains(&word.as_str()));
    of.into_iter().find(|(_, words)| given(words)).map(|(role, _)| role)
}

/// A claim by its name; where no claim has it whole, its parts between dots lead inwards (`realm_access.roles`).
pub(super) fn find<'a>(claim: &str, claims: &'a Map<String, Value>) -> Option<&'a Value> {
    if let Some(found) = claims.get(claim) {
        return Some(found);
    }
    let mut parts = claim.split('.');
    let first = claims.get(parts.next()?)?;
    parts.try_fold(first, |value, part| value.get(part))
}

#[cfg(test)]
mod tests {
    use super::super::Roles;
    use super::*;

    fn settings(allow: &[&str]) -> Settings {
        Settings { allow: allow.iter().map(|it| (*it).to_owned()).collect(), ..super::super::tests::settings() }
    }

    fn told(email: &str) -> Told {
        Told { subject: "s".to_owned(), email: Some(email.to_owned()), verified: Some(true), ..Told::default() }
    }

    #[test]
    fn only_listed_and_verified_addresses_come_in() {
        let settings = settings(&["ann@news.example", "@desk.example"]);
        for (email, verified, expected) in [
            ("ann@news.example", Some(true), Ok("ann@news.example")),
            ("Ann@News.Example", Some(true), Ok("ann@news.example")),
            ("anybody@desk.example", Some(true), Ok("anybody@desk.example")),
            ("ann@news.example", Some(false), Err(Refused::Unverified)),
            ("ann@news.example", None, Err(Refused::Unverified)),
            ("bob@news.example", Some(true), Err(Refused::NotAllowed)),
            ("ann@news.example.evil.example", Some(true), Err(Refused::NotAllowed)),
            ("x@evildesk.example", Some(true), Err(Refused::NotAllowed)),
            ("x@sub.desk.example", Some(true), Err(Refused::NotAllowed)),
            ("x@desk.example.", Some(true), Err(Refused::NotAllowed)),
            ("ann@desk.example@evil.example", Some(true), Err(Refused::NoEmail)),
            ("\"ann@desk.example\"@evil.example", Some(true), Err(Refused::NoEmail)),
            ("ann@news.example\n", Some(true), Err(Refused::NoEmail)),
            ("ann @news.example", Some(true), Err(Refused::NoEmail)),
            ("@desk.example", Some(true), Err(Refused::NoEmail)),
            ("desk.example", Some(true), Err(Refused::NoEmail)),
            ("ann@", Some(true), Err(Refused::NoEmail)),
            ("", Some(true), Err(Refused::NoEmail)),
        ] {
            let found = admit(&settings, &Told { verified, ..told(email) });
            assert_eq!(found.map(|who| who.email), expected.map(str::to_owned), "{email:?} {verified:?}");
        }
        assert_eq!(admit(&settings, &Told { email: None, ..told("") }), Err(Refused::NoEmail));
        let long = format!("{}@desk.example", "a".repeat(300));
        assert_eq!(admit(&settings, &told(&long)), Err(Refused::NoEmail));
    }

    #[test]
    fn a_role_is_the_configs_or_the_highest_that_the_service_tells() {
        let words = |words: &[&str]| words.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        let mapped = Settings {
            role_claim: Some("realm.groups".to_owned()),
            roles: Roles { admin: words(&["chief", "it"]), editor: words(&["desk"]), viewer: words(&["all"]) },
            role: Role::Viewer,
            ..settings(&["@desk.example"])
        };
        let plain = Settings { role: Role::Editor, ..settings(&["@desk.example"]) };
        for (settings, claims, expected) in [
            (&plain, serde_json::json!({"realm": {"groups": ["it"]}}), (Role::Editor, false)),
            (&mapped, serde_json::json!({"realm": {"groups": ["all", "it", "desk"]}}), (Role::Admin, true)),
            (&mapped, serde_json::json!({"realm": {"groups": "desk"}}), (Role::Editor, true)),
            (&mapped, serde_json::json!({"realm.groups": ["chief"], "realm": {"groups": []}}), (Role::Admin, true)),
            (&mapped, serde_json::json!({"realm": {"groups": ["IT", "chiefs", 1, null]}}), (Role::Viewer, true)),
            (&mapped, serde_json::json!({"realm": "groups"}), (Role::Viewer, true)),
            (&mapped, serde_json::json!({"groups": ["it"]}), (Role::Viewer, true)),
            (&mapped, serde_json::json!({}), (Role::Viewer, true)),
        ] {
            let claims = claims.as_object().unwrap().clone();
            let who = admit(settings, &Told { claims: claims.clone(), ..told("a@desk.example") }).unwrap();
            assert_eq!((who.role, who.is_told), expected, "{claims:?}");
        }
    }

    #[test]
    fn a_name_that_cannot_be_one_is_not_taken() {
        let settings = settings(&["@desk.example"]);
        for (name, expected) in
            [("Günay  Əliyeva", Some("Günay Əliyeva")), ("<b>", None), ("a\u{202e}b", None), ("", None)]
        {
            let who = admit(&settings, &Told { name: Some(name.to_owned()), ..told("a@desk.example") }).unwrap();
            assert_eq!(who.name.as_deref(), expected, "{name:?}");
        }
    }
}
