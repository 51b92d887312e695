//! Whether a changing request was sent by a page of ours: by what a browser itself says of where it comes from and cannot
//! be made to say otherwise, `Origin` and `Sec-Fetch-Site`; where neither is there, by a token of the session.

use axum::http::HeaderMap;
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;

use crate::people::hash;

/// The name of the field that holds the token.
pub(super) const FIELD: &str = "token";

/// What the headers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A page of ours sent it.
    Own,
    /// Another site did, or somebody plays with the headers; why, for a person.
    Foreign(&'static str),
    /// Nothing: a browser of before 2020, or a program.
    Unsaid,
}

/// Judges by the headers; `own` are the origins under which our pages are reached.
pub(super) fn judge(headers: &HeaderMap, own: &[String]) -> Verdict {
    let one = |name: &str| {
        let mut all = headers.get_all(name).iter();
        match (all.next(), all.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => value.to_str().map(Some).map_err(|_| "a header is no text"),
            _ => Err("a header came twice"),
        }
    };
    let (origin, site) = match (one("origin"), one("sec-fetch-site")) {
        (Ok(origin), Ok(site)) => (origin, site),
        (Err(why), _) | (_, Err(why)) => return Verdict::Foreign(why),
    };
    match (site, origin) {
        (Some(site), _) if site != "same-origin" => {
            Verdict::Foreign("the form was sent by another site (Sec-Fetch-Site)")
        }
        (_, Some(origin)) if !own.iter().any(|it| it == origin) => {
            Verdict::Foreign("the form was sent by another site (Origin), or [web] public_url is not this address")
        }
        (None, None) => Verdict::Unsaid,
        _ => Verdict::Own,
    }
}

/// The token of a session's forms. From it the session's secret cannot be found.
pub(super) fn token(session: &SecretString) -> String {
    hash(&format!("forms of {}", session.expose_secret()))
}

/// Whether a form holds that token.
pub(super) fn holds(form: &[u8], token: &str) -> bool {
    let found = url::form_urlencoded::parse(form).find(|(name, _)| name == FIELD);
    found.is_some_and(|(_, value)| value.as_bytes().ct_eq(token.as_bytes()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_form_of_our_own_page_counts() {
        let desk = ["https://desk.example".to_owned(), "http://127.0.0.1:8080".to_owned()];
        let own = ("origin", "https://desk.example");
        let (good, unsaid) = (Some(Verdict::Own), Some(Verdict::Unsaid));
        for (list, expected) in [
            (&[own][..], good),
            (&[("origin", "http://127.0.0.1:8080")], good),
            (&[own, ("sec-fetch-site", "same-origin")], good),
            (&[("sec-fetch-site", "same-origin")], good),
            (&[], unsaid),
            (&[own, ("sec-fetch-site", "cross-site")], None),
            (&[own, ("sec-fetch-site", "same-site")], None),
            (&[own, ("sec-fetch-site", "none")], None),
            (&[("sec-fetch-site", "cross-site")], None),
            (&[("sec-fetch-site", "")], None),
            (&[("origin", "null")], None),
            (&[("origin", "")], None),
            (&[("origin", "https://evil.example")], None),
            (&[("origin", "https://evil.example"), ("sec-fetch-site", "same-origin")], None),
            (&[("origin", "http://desk.example")], None),
            (&[("origin", "https://desk.example:8443")], None),
            (&[("origin", "https://desk.example.evil.example")], None),
            (&[own, ("origin", "https://evil.example")], None),
            (&[own, own], None),
            (&[own, ("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")], None),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in list {
                headers.append(*name, value.parse().unwrap());
            }
            let found = judge(&headers, &desk);
            assert_eq!(Some(found).filter(|it| !matches!(it, Verdict::Foreign(_))), expected, "{list:?}");
        }
    }

    #[test]
    fn a_token_is_that_of_one_session() {
        let (one, two) = (token(&SecretString::from("one")), token(&SecretString::from("two")));
        assert!(holds(format!("a=b&token={one}&c=d").as_bytes(), &one));
        for form in [format!("token={two}"), "token=".to_owned(), String::new(), format!("tokens={one}"), one.clone()] {
            assert!(!holds(form.as_bytes(), &one), "{form}");
        }
    }
}
