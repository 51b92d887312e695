//! Who is answered: the method, the name the request was sent to, and whether pages are open here at all.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use url::Url;

use super::Site;
use super::visitor::Visitor;
use crate::model::person::Role;

/// What machines ask; the rest is pages.
const PROBES: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

pub(super) async fn check(State(site): State<Arc<Site>>, mut request: Request, next: Next) -> Response {
    // Until people sign in, whoever is at this machine may do all.
    if site.local {
        let (name, none) = ("this machine".to_owned(), String::new());
        let visitor = Visitor { id: "local".into(), name, role: Role::Admin, session: none.clone(), token: none };
        request.extensions_mut().insert(visitor);
    }
    if ![Method::GET, Method::HEAD, Method::POST].contains(request.method()) {
        let words = "Nothing can be changed here: only GET and HEAD are answered.\n";
        return (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, HEAD")], words).into_response();
    }
    let is_probe = PROBES.contains(&request.uri().path());
    // Short links are for readers anywhere, pictures for platforms that fetch them.
    let path = request.uri().path();
    let is_public = is_probe || path.starts_with("/r/") || path.starts_with("/shown/");
    if !site.local && !is_public {
        let words = "The pages are closed here: nobody signs in yet, so they are served only where [web] listen is a \
                     loopback address, such as 127.0.0.1:8080.\n";
        return (StatusCode::FORBIDDEN, words).into_response();
    }
    check_name(State(site), request, next).await
}

/// Whether the request was sent to a name of ours.
pub(super) async fn check_name(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    // A port that the network reaches anyway has nothing to hide behind its name, and its probes are asked by names
    // we cannot know: `http://bugle:8080/metrics`.
    let public = site.state.view.borrow().public_url.clone();
    if site.local && !is_ours(request.headers(), request.uri(), public.as_ref()) {
        let words = "This name is not one of this service's: ask for localhost, for an address, or for the host of \
                     [web] public_url.\n";
        return (StatusCode::MISDIRECTED_REQUEST, words).into_response();
    }
    next.run(request).await
}

/// Whether every name in the request is one that a foreign site cannot point at us (DNS rebinding): `localhost`, an
/// address, or the host of the public URL.
fn is_ours(headers: &HeaderMap, uri: &Uri, public: Option<&Url>) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let Some(host) = host.to_str().ok().and_then(|text| text.parse::<Authority>().ok()) else { return false };
    is_our_name(&host, public) && uri.authority().is_none_or(|authority| is_our_name(authority, public))
}

fn is_our_name(authority: &Authority, public: Option<&Url>) -> bool {
    if authority.as_str().contains('@') {
        return false;
    }
    let host = authority.host().to_ascii_lowercase();
    let host = host.strip_suffix('.').unwrap_or(&host);
    let bracketed = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    host == "localhost"
        || host.parse::<IpAddr>().is_ok()
        || bracketed.is_some_and(|inner| inner.parse::<Ipv6Addr>().is_ok())
        || public.and_then(Url::host_str).is_some_and(|name| name == host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_to_its_own_names_only() {
        let public = Url::parse("https://desk.example/bugle").unwrap();
        for (host, ours) in [
            ("localhost", true),
            ("LOCALHOST:8080", true),
            ("localhost.", true),
            ("127.0.0.1:8080", true),
            ("192.168.1.7", true),
            ("[::1]:8080", true),
            ("desk.example", true),
            ("Desk.Example:443", true),
            ("evil.example", false),
            ("desk.example.evil.example", false),
            ("localhost.evil.example", false),
            ("127.0.0.1.nip.example", false),
            ("localhost@evil.example", false),
            ("evil@localhost", false),
            ("", false),
            ("a b", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            assert_eq!(is_ours(&headers, &Uri::from_static("/"), Some(&public)), ours, "{host}");
        }
        let mut headers = HeaderMap::new();
        assert!(!is_ours(&headers, &Uri::from_static("/"), None), "no host at all");
        headers.append(header::HOST, "localhost".parse().unwrap());
        assert!(!is_ours(&headers, &Uri::from_static("http://evil.example/"), None), "the target's name counts too");
        headers.append(header::HOST, "localhost".parse().unwrap());
        assert!(!is_ours(&headers, &Uri::from_static("/"), None), "two hosts");
    }
}
