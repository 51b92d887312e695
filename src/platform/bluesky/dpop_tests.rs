//! Proofs read back by another hand than the one that made them, and what is done about nonces.

use p256::ecdsa::VerifyingKey;
use p256::ecdsa::signature::Verifier as _;

use super::super::testing::House;
use super::*;
use crate::http::testing::{Reply, Server};

/// Takes a proof apart and verifies its signature with the key it names, as a server does. Gives header and claims.
fn verified(proof: &str) -> Result<(Value, Value), String> {
    let [header, claims, signature] = proof.split('.').collect::<Vec<_>>()[..] else {
        return Err(format!("expected three parts, found {proof}"));
    };
    let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|e| e.to_string());
    let read = |text: &str| serde_json::from_slice::<Value>(&bytes(text)?).map_err(|e| e.to_string());
    let (head, said) = (read(header)?, read(claims)?);
    let half = |name: &str| bytes(head["jwk"][name].as_str().unwrap_or_default());
    let point: Vec<u8> = [vec![4], half("x")?, half("y")?].concat();
    let key = VerifyingKey::from_sec1_bytes(&point).map_err(|e| format!("no point: {e}"))?;
    let signature = Signature::from_slice(&bytes(signature)?).map_err(|e| format!("no signature: {e}"))?;
    key.verify(format!("{header}.{claims}").as_bytes(), &signature).map_err(|e| format!("not signed: {e}"))?;
    Ok((head, said))
}

fn post(url: &str) -> Call {
    Call::new(reqwest::Method::POST, Url::parse(url).unwrap())
}

#[test]
fn a_proof_has_the_shape_of_rfc_9449_and_verifies_with_the_key_it_names() {
    let key = Key::fresh();
    let at: Timestamp = "2026-11-25T18:00:00.9Z".parse().unwrap();
    let call = post("https://pds.example/xrpc/a.b?repo=did:plc:a&x=1#frag");
    // The token and its digest: `printf t0ken | sha256sum`, in base64url.
    let token = SecretString::from("t0ken");
    let proof = key.proof(&call, at, "once", Some("n0nce"), Some(&token));
    let (head, claims) = verified(&proof).unwrap();
    assert_eq!((head["typ"].as_str(), head["alg"].as_str()), (Some("dpop+jwt"), Some("ES256")));
    assert_eq!((head["jwk"]["kty"].as_str(), head["jwk"]["crv"].as_str()), (Some("EC"), Some("P-256")));
    let members: Vec<&String> = head["jwk"].as_object().unwrap().keys().collect();
    assert_eq!(members.len(), 4, "the public half and nothing else: {members:?}");
    let expected = json!({
        "jti": "once", "htm": "POST", "htu": "https://pds.example/xrpc/a.b", "iat": 1_795_629_600_i64,
        "nonce": "n0nce", "ath": URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(b"t0ken")),
    });
    assert_eq!(claims, expected);
    // What is not there is left out.
    let (_, bare) = verified(&key.proof(&call, at, "once", None, None)).unwrap();
    assert!(bare.get("nonce").is_none() && bare.get("ath").is_none(), "{bare}");
}

#[test]
fn a_changed_proof_or_one_of_another_key_does_not_verify() {
    let at = Timestamp::UNIX_EPOCH;
    let (key, other) = (Key::fresh(), Key::fresh());
    let call = post("https://pds.example/a");
    let proof = key.proof(&call, at, "1", None, None);
    let foreign = other.proof(&call, at, "1", None, None);
    let part = |proof: &str, n: usize| proof.split('.').nth(n).unwrap().to_owned();
    let changed = key.proof(&call, at, "2", None, None);
    for forged in [
        format!("{}.{}.{}", part(&proof, 0), part(&changed, 1), part(&proof, 2)),
        format!("{}.{}.{}", part(&foreign, 0), part(&proof, 1), part(&proof, 2)),
        format!("{}.{}.{}", part(&proof, 0), part(&proof, 1), part(&foreign, 2)),
    ] {
        assert!(verified(&forged).is_err(), "{forged}");
    }
    assert!(verified(&proof).is_ok());
}

#[test]
fn a_kept_key_is_the_same_key_and_is_not_shown() {
    let key = Key::fresh();
    let again = Key::read(&key.written()).unwrap();
    assert_eq!(again.public(), key.public());
    assert_ne!(Key::fresh().public(), key.public());
    assert!(!format!("{key:?}").contains(&key.written()));
    for bad in ["", "AAAA", "!", &URL_SAFE_NO_PAD.encode([0_u8; 32]), &URL_SAFE_NO_PAD.encode([255_u8; 32])] {
        assert!(Key::read(bad).is_none(), "{bad}");
    }
}

#[test]
fn only_the_word_for_a_nonce_asks_for_one() {
    let answer = |status, header: &str, body: &str| {
        let mut headers = reqwest::header::HeaderMap::new();
        if !header.is_empty() {
            headers.insert("www-authenticate", header.parse().unwrap());
        }
        Answer { status, headers, body: body.as_bytes().to_vec() }
    };
    for (status, header, body, expected) in [
        (400, "", r#"{"error":"use_dpop_nonce"}"#, true),
        (401, "", r#"{"error":"use_dpop_nonce","message":"x"}"#, true),
        (401, r#"DPoP error="use_dpop_nonce", error_description="x""#, "", true),
        (401, r#"DPoP error="invalid_token""#, r#"{"error":"invalid_token"}"#, false),
        (400, "", r#"{"error":"invalid_grant"}"#, false),
        (400, r#"DPoP error="use_dpop_nonce""#, "", false),
        (403, "", r#"{"error":"use_dpop_nonce"}"#, false),
        (500, "", r#"{"error":"use_dpop_nonce"}"#, false),
        (200, "", r#"{"error":"use_dpop_nonce"}"#, false),
    ] {
        assert_eq!(is_nonce_wanted(&answer(status, header, body)), expected, "{status} {header} {body}");
    }
}

/// A header of a request as it was sent.
fn sent<'a>(request: &'a str, name: &str) -> &'a str {
    let line = request.lines().find(|line| line.to_lowercase().starts_with(&format!("{name}: ")));
    line.unwrap_or_else(|| panic!("no {name} in {request}")).split_once(": ").unwrap().1
}

/// A server that takes calls with this nonce only, as a resource server; how often it is asked is the test's matter.
async fn picky(wanted: &'static str) -> Server {
    Server::start(move |request| {
        let good = request.lines().any(|line| {
            let proof = line.strip_prefix("dpop: ").and_then(|proof| verified(proof).ok());
            proof.is_some_and(|(_, claims)| claims["nonce"] == wanted)
        });
        match good {
            true => Reply::answer("200 OK", &["DPoP-Nonce: next"], b"{}"),
            false => Reply::answer("401 Unauthorized", &["DPoP-Nonce: first"], br#"{"error":"use_dpop_nonce"}"#),
        }
    })
    .await
}

#[tokio::test]
async fn a_call_refused_for_its_nonce_is_sent_once_more_with_the_one_it_was_told() {
    let server = picky("first").await;
    let house = House::of(server.http());
    let (key, nonces, token) = (Key::fresh(), Nonces::default(), SecretString::from("t0ken"));
    let call = || Call::new(reqwest::Method::POST, server.url("/xrpc/a.b")).body("application/json", "{\"a\":1}");
    let answer = send(&house.cx(), (&key, &nonces), Some(&token), call(), Purpose::Change).await.unwrap();
    assert_eq!(answer.status, 200);
    let seen = server.seen();
    assert_eq!(seen.len(), 2);
    let claims: Vec<Value> = seen.iter().map(|request| verified(sent(request, "dpop")).unwrap().1).collect();
    assert!(claims[0].get("nonce").is_none() && claims[1]["nonce"] == "first", "{claims:?}");
    assert_ne!(claims[0]["jti"], claims[1]["jti"], "a proof is used once");
    assert!(seen.iter().all(|it| sent(it, "authorization") == "DPoP t0ken" && it.ends_with("{\"a\":1}")), "{seen:?}");
    assert_eq!(claims[0]["iat"], json!(1_795_608_000_i64), "the clock's noon");

    // The nonce of a good answer goes with the next call; one that is refused again is told as it is, never a third time.
    let answer = send(&house.cx(), (&key, &nonces), Some(&token), call(), Purpose::Change).await.unwrap();
    let seen = server.seen();
    assert_eq!((answer.status, seen.len()), (200, 4));
    assert_eq!(verified(sent(&seen[2], "dpop")).unwrap().1["nonce"], "next");
    let never = picky("never").await;
    let house = House::of(never.http());
    let call = Call::new(reqwest::Method::POST, never.url("/x"));
    let answer = send(&house.cx(), (&key, &nonces), None, call, Purpose::Change).await.unwrap();
    assert_eq!((answer.status, never.seen().len()), (401, 2));
    let first = verified(sent(&never.seen()[0], "dpop")).unwrap().1;
    assert!(first.get("nonce").is_none() && first.get("ath").is_none(), "another origin's nonce is not used: {first}");
}
