//! What the tests of this folder share: a context whose keep holds one grant, and a fixed clock.

use secrecy::SecretString;

use crate::clock::FakeClock;
use crate::http::Http;
use crate::model::grant::{Credential, Grant};
use crate::platform::{Context, Keep, NoMeter, NoStudio, Wall, WallPost};

/// A house for calls of an account.
pub struct House {
    pub http: Http,
    pub clock: FakeClock,
    pub credential: Credential,
    pub grant: Option<Grant>,
}

impl House {
    /// At noon of 2026-11-25, without a grant.
    pub fn of(http: Http) -> Self {
        let clock = FakeClock::at("2026-11-25T12:00:00Z".parse().unwrap());
        Self { http, clock, credential: Credential::default(), grant: None }
    }

    /// What an account is handed.
    pub fn cx(&self) -> Context<'_> {
        Context {
            http: &self.http,
            credential: &self.credential,
            keep: self,
            wall: self,
            studio: &NoStudio,
            clock: &self.clock,
            scale: 1.0,
            identity: None,
            meter: &NoMeter,
        }
    }
}

#[async_trait::async_trait]
impl Keep for House {
    async fn get(&self, word: &str) -> Result<Option<SecretString>, String> {
        Ok(self.grant.as_ref().filter(|_| word == Grant::WORD).map(Grant::written))
    }

    async fn put(&self, _word: &str, _secret: &SecretString) -> Result<(), String> {
        Err("nothing is kept here".to_owned())
    }
}

#[async_trait::async_trait]
impl Wall for House {
    async fn put(&self, _id: &str, _post: &WallPost) -> Result<(), String> {
        Err("nothing is posted here".to_owned())
    }

    async fn change(&self, _id: &str, _post: Option<&WallPost>) -> Result<(), String> {
        Err("nothing is posted here".to_owned())
    }

    async fn has(&self, _id: &str) -> Result<bool, String> {
        Ok(false)
    }
}
