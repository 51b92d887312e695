//! What a data server's answers to a call under a grant come to, and how often it is asked.

use super::super::testing::House;
use super::super::{Config, consent, dpop};
use super::*;
use crate::http::testing::{Reply, Server};
use crate::model::grant::Grant;

fn repo(server: &Server) -> Repo {
    let text = format!("server = \"http://{}\"\nhandle = \"news.example\"\n", server.at);
    let config: Config = wire::keys(toml::de::DeTable::parse(&text).unwrap().into_inner()).unwrap();
    Repo { config, signing_in: tokio::sync::Mutex::new(()), nonces: dpop::Nonces::default() }
}

fn house(server: &Server) -> House {
    let own = [
        (consent::KEY, dpop::Key::fresh().written()),
        (consent::DID, "did:plc:abcdefghijklmnopqrstuvwx".to_owned()),
        (consent::PDS, format!("http://{}", server.at)),
    ];
    let own = own.map(|(word, value)| (word.to_owned(), value)).into();
    let grant = Grant { own, ..Grant::of(SecretString::from("t0ken")) };
    House { grant: Some(grant), ..House::of(server.http()) }
}

#[tokio::test]
async fn a_refusal_under_a_grant_has_its_class_and_only_that_of_a_nonce_is_sent_again() {
    const NONCE: &[&str] = &["DPoP-Nonce: n"];
    for (status, headers, body, class, calls) in [
        ("401 Unauthorized", NONCE, r#"{"error":"invalid_token","message":"x"}"#, "auth", 1),
        ("401 Unauthorized", NONCE, r#"{"error":"use_dpop_nonce","message":"x"}"#, "not_sent", 2),
        // Named no nonce: there is nothing to send again with.
        ("401 Unauthorized", &[], r#"{"error":"use_dpop_nonce","message":"x"}"#, "not_sent", 1),
        ("401 Unauthorized", NONCE, r#"{"error":"invalid_dpop_proof","message":"x"}"#, "auth", 1),
        ("403 Forbidden", NONCE, r#"{"error":"ScopeMissingError","message":"x"}"#, "forbidden", 1),
        ("400 Bad Request", NONCE, r#"{"error":"InvalidSwap","message":"x"}"#, "duplicate", 1),
        ("500 Oops", NONCE, r#"{"error":"InternalServerError","message":"x"}"#, "unknown", 1),
    ] {
        let server = Server::always(Reply::answer(status, headers, body.as_bytes())).await;
        let (repo, house) = (repo(&server), house(&server));
        let put = "com.atproto.repo.putRecord";
        let said = repo.write(&house.cx(), put, "application/json", b"{}", Op::Create).await.unwrap_err();
        assert_eq!((said.class(), server.seen().len()), (class, calls), "{status} {body}: {said}");
        let seen = server.seen();
        assert!(seen.iter().all(|it| it.starts_with("POST /xrpc/com.atproto.repo.putRecord ")), "no sign-in: {seen:?}");
        assert!(seen.iter().all(|it| it.contains("authorization: DPoP t0ken\r\n")), "{seen:?}");
    }
}
