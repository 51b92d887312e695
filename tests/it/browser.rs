//! A browser as far as signing in needs one: follows redirects within one site, keeps each site's cookies, sends forms
//! with where they come from, and stops at the border of a site so that the test sees where it is sent. One public name
//! leads to a port of this machine, as a proxy in front of Bugle would.

use std::collections::BTreeMap;

use url::Url;

use crate::wire::{Answer, Ask};

/// Where a browser ended.
#[derive(Debug)]
pub enum Page {
    /// A page is shown.
    Shown {
        /// Its address.
        url: String,
        /// What came.
        answer: Answer,
    },
    /// It is sent to another site.
    Away(String),
}

impl Page {
    /// The shown page's status and text.
    ///
    /// # Panics
    /// When it was sent away instead.
    pub fn shown(self) -> (u16, String) {
        match self {
            Self::Shown { answer, .. } => (answer.status, answer.text()),
            Self::Away(url) => panic!("sent to {url}"),
        }
    }

    /// Where it was sent.
    ///
    /// # Panics
    /// When a page was shown instead.
    pub fn away(self) -> String {
        match self {
            Self::Away(url) => url,
            Self::Shown { url, answer } => panic!("{url}: {} {}", answer.status, answer.text()),
        }
    }
}

/// The browser of one person.
#[derive(Clone, Debug, Default)]
pub struct Browser {
    names: BTreeMap<String, String>,
    cookies: BTreeMap<String, BTreeMap<String, String>>,
    /// Every address it ever asked for.
    pub visited: Vec<String>,
}

impl Browser {
    /// A new one, for which that public address (`https://desk.example`) is at that port.
    pub fn with(public: &str, port: &str) -> Self {
        Self { names: [(public.to_owned(), port.to_owned())].into(), ..Self::default() }
    }

    /// The same browser, for which that public address is at another port now.
    pub fn moved(mut self, public: &str, port: &str) -> Self {
        self.names.insert(public.to_owned(), port.to_owned());
        self
    }

    /// The cookies that a site has set.
    pub fn cookies(&self, origin: &str) -> String {
        let pairs = self.cookies.get(origin).into_iter().flatten();
        pairs.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    /// Opens an address, as typed or followed from elsewhere.
    pub async fn go(&mut self, url: &str) -> Page {
        self.walk("GET", url, &[], &[]).await
    }

    /// Sends a form of the page at `url` to that very address.
    pub async fn submit(&mut self, url: &str, form: &[(&str, &str)]) -> Page {
        let origin = Url::parse(url).expect("a URL").origin().ascii_serialization();
        self.walk("POST", url, form, &[("Origin", &origin), ("Sec-Fetch-Site", "same-origin")]).await
    }

    /// Sends a form with these headers.
    pub async fn forge(&mut self, url: &str, form: &[(&str, &str)], headers: &[(&str, &str)]) -> Page {
        self.walk("POST", url, form, headers).await
    }

    async fn walk(&mut self, method: &str, url: &str, form: &[(&str, &str)], headers: &[(&str, &str)]) -> Page {
        let mut url = Url::parse(url).expect("a browser goes to URLs");
        let home = url.origin();
        let mut method = method.to_owned();
        for _ in 0..10 {
            let origin = url.origin().ascii_serialization();
            self.visited.push(url.to_string());
            let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
            let (at, host) = match self.names.get(&origin) {
                Some(port) => (format!("http://{port}{path}"), url.host_str().map(str::to_owned)),
                None => (format!("{origin}{path}"), None),
            };
            let mut ask = match method.as_str() {
                "POST" => Ask::form(&at, form),
                other => Ask::new(other, &at),
            };
            if let Some(host) = host {
                ask = ask.host(&host);
            }
            let cookies = self.cookies(&origin);
            if !cookies.is_empty() {
                ask = ask.header("Cookie", cookies);
            }
            if method == "POST" {
                for (name, value) in headers {
                    ask = ask.header(name, *value);
                }
            }
            let answer = ask.send().await.unwrap_or_else(|fault| panic!("{url}: {fault}"));
            self.keep_cookies(&origin, &answer);
            let Some(next) = answer.header("location").filter(|_| (300..400).contains(&answer.status)) else {
                return Page::Shown { url: url.to_string(), answer };
            };
            url = url.join(next).expect("a redirect leads to a URL");
            if url.origin() != home {
                return Page::Away(url.to_string());
            }
            "GET".clone_into(&mut method);
        }
        panic!("more than ten redirects at {url}");
    }

    fn keep_cookies(&mut self, origin: &str, answer: &Answer) {
        let jar = self.cookies.entry(origin.to_owned()).or_default();
        for (_, value) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let pair = value.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                match value.is_empty() {
                    true => jar.remove(name),
                    false => jar.insert(name.to_owned(), value.to_owned()),
                };
            }
        }
    }
}

/// The first link of a page that leads to another site, with its entities read.
///
/// # Panics
/// When there is none.
pub fn link_away(page: &str) -> String {
    let found =
        page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).find(|to| to.starts_with("http"));
    found.unwrap_or_else(|| panic!("no link in {page}")).replace("&#38;", "&").replace("&amp;", "&")
}
