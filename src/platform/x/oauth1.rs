//! OAuth 1.0a with HMAC-SHA1 (RFC 5849 section 3): the `Authorization` header of one request. Pure: time and nonce come
//! from the caller. JSON bodies are not part of what is signed (RFC 5849 section 3.4.1.3.1), forms would be.

use base64::Engine as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret as _, SecretString};
use sha1::Sha1;
use url::Url;

/// Everything but the unreserved characters of RFC 3986 section 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The four keys of one user of one app.
pub(super) struct Keys<'a> {
    /// Names the app; not secret by itself.
    pub consumer_key: &'a SecretString,
    /// The app's secret.
    pub consumer_secret: &'a SecretString,
    /// Names the user's grant; starts with the user's id and a dash.
    pub access_token: &'a SecretString,
    /// The grant's secret.
    pub access_secret: &'a SecretString,
}

/// The value of the `Authorization` header for a request whose body is absent or JSON.
pub(super) fn authorization(keys: &Keys<'_>, method: &str, url: &Url, seconds: i64, nonce: &str) -> SecretString {
    let seconds = seconds.to_string();
    let mut oauth = vec![
        ("oauth_consumer_key", keys.consumer_key.expose_secret()),
        ("oauth_nonce", nonce),
        ("oauth_signature_method", "HMAC-SHA1"),
        ("oauth_timestamp", &seconds),
        ("oauth_token", keys.access_token.expose_secret()),
        ("oauth_version", "1.0"),
    ];
    let base = base_string(method, url, &oauth);
    let signature = sign(&base, keys.consumer_secret.expose_secret(), keys.access_secret.expose_secret());
    oauth.push(("oauth_signature", &signature));
    let fields: Vec<String> = oauth.iter().map(|(name, value)| format!("{name}=\"{}\"", encode(value))).collect();
    SecretString::from(format!("OAuth {}", fields.join(", ")))
}

/// RFC 5849 section 3.4.1: method, base URI and all parameters, sorted. `parameters` are those outside the URL's query:
/// the `oauth_` ones and the fields of a form.
fn base_string(method: &str, url: &Url, parameters: &[(&str, &str)]) -> String {
    let mut pairs: Vec<(String, String)> = url
        .query_pairs()
        .map(|(name, value)| (encode(&name), encode(&value)))
        .chain(parameters.iter().map(|(name, value)| (encode(name), encode(value))))
        .collect();
    pairs.sort_unstable();
    let joined: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut bare = url.clone();
    bare.set_query(None);
    bare.set_fragment(None);
    format!("{}&{}&{}", method.to_ascii_uppercase(), encode(bare.as_str()), encode(&joined.join("&")))
}

/// RFC 5849 section 3.4.2, in Base64.
fn sign(base: &str, consumer_secret: &str, token_secret: &str) -> String {
    let key = format!("{}&{}", encode(consumer_secret), encode(token_secret));
    let mut mac = Hmac::<Sha1>::new_from_slice(key.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(base.as_bytes());
    base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes())
}

/// RFC 5849 section 3.6.
fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parameters of X's page "Creating a signature".
    /// Source: <https://docs.x.com/fundamentals/authentication/oauth-1-0a/creating-a-signature>, read 2026-11.
    const PAGE: &[(&str, &str)] = &[
        ("status", "Hello Ladies + Gentlemen, a signed OAuth request!"),
        ("oauth_consumer_key", "xvz1evFS4wEEPTGEFPHBog"),
        ("oauth_nonce", "kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg"),
        ("oauth_signature_method", "HMAC-SHA1"),
        ("oauth_timestamp", "1318622958"),
        ("oauth_token", "370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb"),
        ("oauth_version", "1.0"),
    ];
    const CONSUMER_SECRET: &str = "kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw";
    const TOKEN_SECRET: &str = "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE";

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn signs_the_examples_of_x() {
        // The page has carried three addresses over the years, each with the signature that belongs to it.
        for (address, signature) in [
            ("https://api.x.com/1.1/statuses/update.json", "Ls93hJiZbQ3akF3HF3x1Bz8/zU4="),
            ("https://api.twitter.com/1.1/statuses/update.json", "hCtSmYh+iHYCEqBWrE7C7hYmtUk="),
            ("https://api.twitter.com/1/statuses/update.json", "tnnArxj06cWHq44gCs1OSKk/jLY="),
        ] {
            let base = base_string("post", &url(&format!("{address}?include_entities=true")), PAGE);
            assert_eq!(sign(&base, CONSUMER_SECRET, TOKEN_SECRET), signature, "{address}");
        }
    }

    #[test]
    fn builds_the_base_string_of_rfc_5849() {
        // Section 3.4.1.1: a query with an escaped equals sign, an empty value and an at sign, and a form.
        let parameters = [
            ("oauth_consumer_key", "9djdj82h48djs9d2"),
            ("oauth_token", "kkk9d7dh3k39sjv7"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "137131201"),
            ("oauth_nonce", "7d8f3e4a"),
            ("c2", ""),
            ("a3", "2 q"),
        ];
        let base =
            base_string("POST", &url("http://EXAMPLE.COM:80/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b"), &parameters);
        assert_eq!(
            base,
            "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D\
             %26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1\
             %26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7"
        );
    }

    #[test]
    fn signs_the_example_of_rfc_5849() {
        // Section 1.2: the request for the photo.
        let photo = base_string(
            "GET",
            &url("http://photos.example.net/photos?file=vacation.jpg&size=original"),
            &[
                ("oauth_consumer_key", "dpf43f3p2l4k3l03"),
                ("oauth_token", "nnch734d00sl2jdk"),
                ("oauth_signature_method", "HMAC-SHA1"),
                ("oauth_timestamp", "137131202"),
                ("oauth_nonce", "chapoH"),
            ],
        );
        assert_eq!(sign(&photo, "kd94hf93k423kf44", "pfkkdhi9sl3r4s00"), "MdpQcU8iPSUjWoN/UDMsK2sui9I=");
    }

    #[test]
    fn the_header_quotes_and_encodes_each_field() {
        let secret = |text: &str| SecretString::from(text.to_owned());
        let (a, b, c, d) = (secret("ck"), secret("cs"), secret("12-at"), secret("as"));
        let keys = Keys { consumer_key: &a, consumer_secret: &b, access_token: &c, access_secret: &d };
        let header = authorization(&keys, "GET", &url("https://api.x.com/2/users/me"), 1_700_000_000, "n0nce");
        let header = header.expose_secret();
        let start = "OAuth oauth_consumer_key=\"ck\", oauth_nonce=\"n0nce\", oauth_signature_method=\"HMAC-SHA1\", \
                     oauth_timestamp=\"1700000000\", oauth_token=\"12-at\", oauth_version=\"1.0\", oauth_signature=\"";
        assert!(header.starts_with(start), "{header}");
        assert!(header.ends_with("%3D\""), "{header}");
    }

    #[test]
    fn encodes_as_rfc_3986() {
        for (text, encoded) in
            [("aZ09-._~", "aZ09-._~"), ("!*'() +%&", "%21%2A%27%28%29%20%2B%25%26"), ("☃", "%E2%98%83")]
        {
            assert_eq!(encode(text), encoded);
        }
    }
}
