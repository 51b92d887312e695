//! X's own machine-readable contract, as far as Bugle's calls go: the names in `openapi.json` beside this file (where they
//! are from, and when, stands in it). What a request names beyond it is refused, as X does
//! (`additionalProperties: false`).

use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;

use crate::fakes::http::Request;

/// One call of the document.
#[derive(Debug, Deserialize)]
pub struct Call {
    method: String,
    path: String,
    /// The scopes that a token of OAuth 2.0 needs for it.
    pub scopes: Vec<String>,
    query: Vec<String>,
    body: Vec<String>,
    required: Vec<String>,
    types: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Document {
    version: String,
    calls: Vec<Call>,
}

static DOCUMENT: LazyLock<Document> =
    LazyLock::new(|| serde_json::from_str(include_str!("openapi.json")).expect("the fixture is JSON of that shape"));

/// The document of 2.167 names the parameter `post.fields`; every page beside it, of the same day, still writes
/// `tweet.fields`, and so do the clients that are in use. Both are taken, the same values with it.
const ALSO: &[(&str, &str)] = &[("tweet.fields", "post.fields")];

/// The call that a request is.
pub fn call(request: &Request) -> Option<&'static Call> {
    let words = |path: &str| path.trim_matches('/').split('/').map(str::to_owned).collect::<Vec<_>>();
    let is = |template: &str| {
        let (template, path) = (words(template), words(&request.path));
        let fits = |(t, p): (&String, &String)| t == p || (t.starts_with('{') && !p.is_empty());
        template.len() == path.len() && template.iter().zip(&path).all(fits)
    };
    // A path without a variable comes first: `/2/users/me` is nobody's id.
    let mut all: Vec<&Call> = DOCUMENT.calls.iter().filter(|it| it.method == request.method && is(&it.path)).collect();
    all.sort_by_key(|call| call.path.contains('{'));
    all.first().copied()
}

/// What of a request is not in the document.
pub fn fault(request: &Request) -> Option<String> {
    let call = call(request)?;
    let document = |name: &str| {
        let also = ALSO.iter().find(|(ours, _)| *ours == name).map_or(name, |(_, theirs)| *theirs);
        call.query.iter().any(|known| known == also)
    };
    if let Some((name, _)) = request.query.iter().find(|(name, _)| !document(name)) {
        return Some(format!("The query parameter [{name}] is not one of [{}]", call.query.join(",")));
    }
    if call.types.is_empty() {
        return (!request.body.is_empty()).then(|| "a body where none belongs".to_owned());
    }
    let kind = request.content_type();
    if !call.types.contains(&kind) {
        return Some(format!("Content-Type is {kind}, not one of {}", call.types.join(", ")));
    }
    let names = match request.multipart() {
        Some(parts) => parts.into_iter().map(|(name, _, _)| name).collect(),
        None => match request.json() {
            Some(body @ Value::Object(_)) => names(&body, ""),
            _ => return Some("the body is no JSON object".to_owned()),
        },
    };
    if let Some(name) = names.iter().find(|name| !call.body.contains(name)) {
        return Some(format!("[$.{name}: is not defined in the schema]"));
    }
    let missing = call.required.iter().find(|name| !names.contains(name));
    missing.map(|name| format!("[$.{name}: is missing but it is required]"))
}

/// The names in an object, with those inside of what it holds behind a dot.
fn names(value: &Value, before: &str) -> Vec<String> {
    let fields = value.as_object().into_iter().flatten();
    fields
        .flat_map(|(name, inner)| {
            let full = format!("{before}{name}");
            let deeper = names(inner, &format!("{full}."));
            std::iter::once(full).chain(deeper)
        })
        .collect()
}

#[test]
fn the_contract_is_the_one_the_adapter_was_written_from_and_refuses_what_is_not_in_it() {
    assert_eq!(DOCUMENT.version, "2.167");
    let request = |method: &str, target: &str, body: &str| {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Request {
            method: method.to_owned(),
            path: path.to_owned(),
            target: target.to_owned(),
            query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: body.as_bytes().to_vec(),
        }
    };
    for (method, target, body, part) in [
        ("POST", "/2/tweets", r#"{"text":"a","media":{"media_ids":["1"]},"reply":{"in_reply_to_tweet_id":"1"}}"#, None),
        ("POST", "/2/tweets", r#"{"text":"a","colour":1}"#, Some("$.colour")),
        ("POST", "/2/tweets", r#"{"text":"a","media":{"ids":["1"]}}"#, Some("$.media.ids")),
        ("POST", "/2/tweets", r#"["a"]"#, Some("no JSON object")),
        ("POST", "/2/media/metadata", r#"{"metadata":{"alt_text":{"text":"a"}}}"#, Some("$.id: is missing")),
        ("POST", "/2/media/metadata", r#"{"id":"1","metadata":{"alt_text":{"text":"a"}}}"#, None),
        ("GET", "/2/users/7/tweets?max_results=5&tweet.fields=created_at&exclude=retweets", "", None),
        ("GET", "/2/users/7/tweets?max_result=5", "", Some("[max_result]")),
        ("GET", "/2/users/me?max_results=5", "", Some("[max_results]")),
        ("DELETE", "/2/tweets/7", "{}", Some("a body where none belongs")),
        ("DELETE", "/2/tweets/7", "", None),
    ] {
        let found = fault(&request(method, target, body));
        let said = found.as_deref().unwrap_or_default();
        assert!(part.map_or(found.is_none(), |part| said.contains(part)), "{method} {target} {body}: {found:?}");
    }
    let scopes = &call(&request("GET", "/2/users/me", "")).unwrap().scopes;
    assert_eq!(*scopes, ["tweet.read", "users.read"]);
}
