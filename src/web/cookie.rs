//! The cookie of a signed-in browser.

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use secrecy::{ExposeSecret as _, SecretString};

use super::front::Front;
use crate::people::session::LIFE;

/// Its name over https: one that only this very host can set, and only over https.
const NAME: &str = "__Host-bugle-session";
/// Its name without: on this machine, or in a network without TLS.
const PLAIN: &str = "bugle-session";

const fn name(front: &Front) -> &'static str {
    if front.https { NAME } else { PLAIN }
}

/// The session's secret that a browser brings; `None` where there is none, or where there are two: one was planted.
pub(super) fn read(headers: &HeaderMap, front: &Front) -> Option<SecretString> {
    one(headers, name(front)).map(SecretString::from)
}

/// The value of the one cookie of that name.
pub(super) fn one<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut found = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(key, _)| *key == name)
        .map(|(_, value)| value);
    match (found.next(), found.next()) {
        (Some(value), None) if !value.is_empty() => Some(value),
        _ => None,
    }
}

/// Gives the browser a session.
pub(super) fn give(response: Response, front: &Front, secret: &SecretString) -> Response {
    set(response, front, secret.expose_secret(), LIFE.as_secs())
}

/// Takes it away.
pub(super) fn take(response: Response, front: &Front) -> Response {
    set(response, front, "", 0)
}

fn set(mut response: Response, front: &Front, value: &str, seconds: i64) -> Response {
    let secure = if front.https { "; Secure" } else { "" };
    // Lax: a link from elsewhere (a message, the sign-in service) leads to a signed-in page.
    let cookie = format!("{}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}", name(front));
    if let Ok(mut value) = HeaderValue::from_str(&cookie) {
        value.set_sensitive(true);
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn front(https: bool) -> Front {
        Front { address: "127.0.0.1".parse().unwrap(), https, host: None, agent: String::new() }
    }

    #[test]
    fn a_session_is_in_one_cookie_of_that_name() {
        for (https, cookies, expected) in [
            (true, &["a=b; __Host-bugle-session=s3ss; c=d"][..], Some("s3ss")),
            (false, &["bugle-session=s3ss"], Some("s3ss")),
            // A cookie that anybody in the network can set does not count over https.
            (true, &["bugle-session=s3ss"], None),
            (false, &["__Host-bugle-session=s3ss"], None),
            (true, &["__Host-bugle-session="], None),
            (true, &["__Host-bugle-session=a; __Host-bugle-session=b"], None),
            (true, &["__Host-bugle-session=a", "__Host-bugle-session=b"], None),
            (true, &["__host-bugle-session=a"], None),
            (true, &[], None),
        ] {
            let mut headers = HeaderMap::new();
            for cookie in cookies {
                headers.append(header::COOKIE, cookie.parse().unwrap());
            }
            let found = read(&headers, &front(https));
            assert_eq!(found.as_ref().map(|it| it.expose_secret()), expected, "{cookies:?}");
        }
    }

    #[test]
    fn the_cookie_is_for_this_host_and_no_script() {
        let made = |response: Response| response.headers()[header::SET_COOKIE].to_str().unwrap().to_owned();
        let empty = || Response::new(axum::body::Body::empty());
        let secret = SecretString::from("s3ss");
        assert_eq!(
            made(give(empty(), &front(true), &secret)),
            "__Host-bugle-session=s3ss; Path=/; Max-Age=604800; HttpOnly; SameSite=Lax; Secure"
        );
        assert_eq!(
            made(give(empty(), &front(false), &secret)),
            "bugle-session=s3ss; Path=/; Max-Age=604800; HttpOnly; SameSite=Lax"
        );
        assert_eq!(
            made(take(empty(), &front(true))),
            "__Host-bugle-session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure"
        );
    }
}
