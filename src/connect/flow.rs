//! A consent from its beginning to its end: begun with a one-time state, taken once by whose it is, exchanged, chosen
//! from, kept. What is judged is in `back`, what is kept in `keep`.

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;

use super::back::{self, Back};
use super::secret::{Session, fresh, hash};
use super::{Connected, Connector, Fault, Subject, WITHIN};
use crate::model::grant::Grant;
use crate::platform::consent::{self, Choice, Proof, Way};
use crate::platform::scrub::Watched;
use crate::store::consent::{self as rows, ConsentRow, TicketRow, word};
use crate::store::{self, StoreError};

/// A consent that a person can give now.
#[derive(Debug)]
pub struct Begun {
    /// The page to open.
    pub url: Url,
    /// Where it comes back to.
    pub redirect: Url,
    /// Its state: the terminal needs it where a bare code is typed.
    state: SecretString,
}

/// What came of a consent.
#[derive(Debug)]
pub enum Came {
    /// The account is connected.
    Connected(Connected),
    /// It opens several: one has to be chosen, by the same session, in the time a consent has.
    Choose(Vec<Offer>),
}

/// An account that a consent opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// An offer as it is kept, sealed, until one is chosen.
#[derive(Serialize, Deserialize)]
struct Kept {
    id: String,
    name: String,
    grant: String,
}

/// What came of a ticket, for the terminal that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The account's name and id, where it is connected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<(String, String)>,
    /// What still blocks the channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked: Option<String>,
    /// Why it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

impl Connector {
    /// Makes a ticket: a one-time secret that lets one browser connect that channel. Shown once, kept as a hash.
    ///
    /// # Errors
    /// Where the channel is not connected by consent, or the store fails.
    pub async fn ticket(&self, channel: &str, who: &str) -> Result<SecretString, Fault> {
        self.subject(channel)?.consent()?;
        self.sweep().await?;
        let ticket = fresh();
        let row = TicketRow {
            ticket: hash(ticket.expose_secret()),
            channel: channel.to_owned(),
            who: who.to_owned(),
            taken: false,
            outcome: None,
            expires: self.soon(),
        };
        self.store.write(store::job(move |conn| Box::pin(async move { rows::print(conn, &row).await }))).await?;
        Ok(ticket)
    }

    /// What came of a ticket so far.
    ///
    /// # Errors
    /// The store's.
    pub async fn outcome(&self, ticket: &SecretString) -> Result<Option<Outcome>, Fault> {
        let mut conn = self.store.read().await?;
        let row = rows::ticket(&mut conn, &hash(ticket.expose_secret())).await?;
        Ok(row.and_then(|row| row.outcome).and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// The ticket is not waited for any more.
    ///
    /// # Errors
    /// The store's.
    pub async fn forget_ticket(&self, ticket: &SecretString) -> Result<(), Fault> {
        let (ticket, now) = (hash(ticket.expose_secret()), self.clock.now());
        let job = store::job(move |conn| Box::pin(async move { rows::forget_tickets(conn, &ticket, now).await }));
        Ok(self.store.write(job).await?)
    }

    /// Begins a consent in a browser that shows a ticket; the session is a new one, for the browser to keep.
    ///
    /// # Errors
    /// `Ticket` where the ticket is not good (any more); what the platform says.
    pub async fn begin_with(&self, channel: &str, ticket: &str, session: &Session) -> Result<Begun, Fault> {
        let page = self.page(channel)?;
        tracing::debug!(%page, "a browser shows a ticket");
        let (hashed, name, now) = (hash(ticket), channel.to_owned(), self.clock.now());
        let torn = hashed.clone();
        let job = store::job(move |conn| Box::pin(async move { rows::tear(conn, &torn, &name, now).await }));
        let who = self.store.write(job).await?.ok_or(Fault::Ticket)?;
        let subject = self.subject(channel)?;
        match self.begin_for(subject, session, (&who, Some(hashed.clone())), self.redirect(subject)).await {
            Ok(begun) => Ok(begun),
            Err(fault) => {
                self.tell(Some(&hashed), &Err(fault.to_string())).await;
                Err(fault)
            }
        }
    }

    /// Begins a consent in a terminal.
    ///
    /// # Errors
    /// Where the channel is not connected by consent; what the platform says.
    pub async fn begin(&self, channel: &str, session: &Session, who: &str) -> Result<Begun, Fault> {
        self.sweep().await?;
        let subject = self.subject(channel)?;
        self.begin_for(subject, session, (who, None), self.redirect(subject)).await
    }

    /// Begins a consent in the browser of a person who is signed in and may connect accounts; the session is a new one, for
    /// the browser to keep.
    ///
    /// # Errors
    /// Where the channel is not connected by consent, or what comes back could be read on its way; what the platform says.
    pub async fn begin_at_desk(&self, channel: &str, session: &Session, who: &str) -> Result<Begun, Fault> {
        if self.public_url.is_some() {
            self.page(channel)?;
        }
        self.sweep().await?;
        let subject = self.subject(channel)?;
        self.begin_for(subject, session, (who, None), self.redirect_to_desk(subject)).await
    }

    async fn begin_for(
        &self,
        subject: &Subject,
        session: &Session,
        (who, ticket): (&str, Option<String>),
        redirect: Url,
    ) -> Result<Begun, Fault> {
        let consent = subject.consent()?;
        let keep = self.keeps.of(&subject.name);
        let watched = Watched::new(&*keep);
        let credential = subject.credential()?;
        let state = fresh();
        let way = Way { redirect, state: state.expose_secret().to_owned() };
        let asked = consent.ask(&self.context(&credential, &watched), &way).await;
        let asked = asked.map_err(|error| watched.scrub(&credential).connect_error(error))?;
        let mut page = asked.url.clone();
        page.set_query(None);
        page.set_fragment(None);
        let row = ConsentRow {
            state: hash(&way.state),
            channel: subject.name.clone(),
            bound: session.bound(),
            redirect: way.redirect.to_string(),
            page: page.to_string(),
            issuer: asked.issuer.clone(),
            who: who.to_owned(),
            ticket,
            choosing: false,
            expires: self.soon(),
        };
        let proof = SecretString::from(store::to_json(&asked.proof));
        keep.put(&word(&row.state), &proof).await.map_err(Fault::Keep)?;
        self.store.write(store::job(move |conn| Box::pin(async move { rows::begin(conn, &row).await }))).await?;
        Ok(Begun { url: asked.url, redirect: way.redirect, state })
    }

    /// What a browser brings to a channel's callback, with the session that its cookie holds.
    ///
    /// # Errors
    /// Why it is not accepted.
    pub async fn returned(&self, channel: &str, query: &str, session: Option<&Session>) -> Result<Came, Fault> {
        self.take(channel, back::read(query)?, session).await
    }

    /// What a person pasted into the terminal that began it.
    ///
    /// # Errors
    /// Why it is not accepted; `NotTheAddress` and `NoCode` leave the consent open for another try.
    pub async fn pasted(&self, channel: &str, text: &str, begun: &Begun, session: &Session) -> Result<Came, Fault> {
        let back = back::pasted(text, begun.redirect.as_str(), begun.state.expose_secret())?;
        self.take(channel, back, Some(session)).await
    }

    /// Takes a consent once, if it may be believed, and goes on with it.
    async fn take(&self, channel: &str, back: Back, session: Option<&Session>) -> Result<Came, Fault> {
        let subject = self.subject(channel)?;
        let row = self.take_row(channel, hash(&back.state), session.map(Session::bound)).await?;
        let came = self.go_on(subject, &row, back).await;
        match &came {
            Ok(Came::Choose(_)) => {}
            Ok(Came::Connected(connected)) => self.tell(row.ticket.as_deref(), &Ok(connected.clone())).await,
            Err(fault) => self.tell(row.ticket.as_deref(), &Err(fault.to_string())).await,
        }
        came
    }

    async fn take_row(&self, channel: &str, state: String, bound: Option<String>) -> Result<ConsentRow, Fault> {
        let (channel, now) = (channel.to_owned(), self.clock.now());
        let job = store::job(move |conn| {
            Box::pin(async move {
                let Some(row) = rows::one(conn, &state).await? else { return Ok(Err(Fault::Unknown)) };
                let judged = back::judge(&row, &channel, bound.as_deref(), now);
                // Who is not the one it belongs to, or not there yet, changes nothing; whatever else happens to it, it
                // was its one time.
                if matches!(judged, Err(Fault::Foreign | Fault::Terminal | Fault::Unknown)) {
                    return Ok(judged.map(|()| row));
                }
                if !rows::take(conn, &state).await? {
                    return Ok(Err(Fault::Unknown));
                }
                if judged.is_err() {
                    store::sealed::remove(conn, &row.channel, &word(&row.state)).await?;
                }
                Ok(judged.map(|()| row))
            })
        });
        self.store.write(job).await?
    }

    /// From a consent that is taken to its end, or to a choice.
    async fn go_on(&self, subject: &Subject, row: &ConsentRow, back: Back) -> Result<Came, Fault> {
        let keep = self.keeps.of(&subject.name);
        let proof = keep.get(&word(&row.state)).await.map_err(Fault::Keep);
        self.drop_word(&row.channel, word(&row.state)).await?;
        back::issuer(row, back.iss.as_deref())?;
        let code = back.result?;
        let proof = proof?.ok_or(Fault::Unknown)?;
        let proof: Proof = serde_json::from_str(proof.expose_secret())
            .map_err(|_| Fault::Keep("what was kept of this consent cannot be read; connect again".to_owned()))?;
        let redirect = Url::parse(&row.redirect).map_err(|_| Fault::Unknown)?;
        let way = Way { redirect, state: back.state };
        let credential = subject.credential()?;
        let watched = Watched::new(&*keep);
        let cx = self.context(&credential, &watched);
        // Addresses and DIDs in it are no secrets; a key or a verifier has no colon.
        let proofs: Vec<String> = proof.0.values().filter(|it| !it.contains(':')).cloned().collect();
        let back = consent::Back { code, proof };
        let mut choices = subject.consent()?.exchange(&cx, &way, &back).await.map_err(|error| {
            // What the platform says is logged, shown on the page and kept for the terminal that waits.
            let mut scrub = watched.scrub(&credential);
            scrub.add(back.code.expose_secret());
            scrub.add(&way.state);
            proofs.iter().for_each(|proof| scrub.add(proof));
            scrub.connect_error(error)
        })?;
        if choices.len() > 1 {
            return self.offer(subject, row, choices).await.map(Came::Choose);
        }
        let only = choices.pop().ok_or_else(|| Fault::Nothing("there is no page or account to post to".to_owned()))?;
        self.accept(subject, &only.grant, &row.who).await.map(Came::Connected)
    }

    /// Keeps what a consent opens, sealed, until one is chosen.
    async fn offer(&self, subject: &Subject, row: &ConsentRow, choices: Vec<Choice>) -> Result<Vec<Offer>, Fault> {
        let offers = choices.iter().map(|choice| Offer { id: choice.id.clone(), name: choice.name.clone() }).collect();
        let kept: Vec<Kept> = choices
            .into_iter()
            .map(|it| Kept { id: it.id, name: it.name, grant: it.grant.written().expose_secret().to_owned() })
            .collect();
        let waiting =
            ConsentRow { state: hash(fresh().expose_secret()), choosing: true, expires: self.soon(), ..row.clone() };
        let sealed = SecretString::from(store::to_json(&kept));
        self.keeps.of(&subject.name).put(&word(&waiting.state), &sealed).await.map_err(Fault::Keep)?;
        let job = store::job(move |conn| {
            Box::pin(async move {
                // The last one counts: an earlier choice of this session is not waited for.
                if let Some(old) = rows::choosing(conn, &waiting.channel, &waiting.bound).await? {
                    rows::take(conn, &old.state).await?;
                    store::sealed::remove(conn, &old.channel, &word(&old.state)).await?;
                }
                rows::begin(conn, &waiting).await
            })
        });
        self.store.write(job).await?;
        Ok(offers)
    }

    /// Takes the chosen one of what a consent opened.
    ///
    /// # Errors
    /// Why it is not accepted; `NoChoice` leaves the choice open.
    pub async fn choose(&self, channel: &str, id: &str, session: &Session) -> Result<Connected, Fault> {
        let subject = self.subject(channel)?;
        let row = {
            let mut conn = self.store.read().await?;
            rows::choosing(&mut conn, channel, &session.bound()).await?.ok_or(Fault::Unknown)?
        };
        if row.expires <= self.clock.now() {
            return Err(Fault::Late);
        }
        let sealed = self.keeps.of(channel).get(&word(&row.state)).await.map_err(Fault::Keep)?.ok_or(Fault::Unknown)?;
        let kept: Vec<Kept> = serde_json::from_str(sealed.expose_secret())
            .map_err(|_| Fault::Keep("what was kept of this consent cannot be read; connect again".to_owned()))?;
        let chosen = kept.into_iter().find(|it| it.id == id).ok_or_else(|| Fault::NoChoice(id.to_owned()))?;
        let grant = Grant::read(&SecretString::from(chosen.grant))
            .ok_or_else(|| Fault::Keep("what was kept of this consent cannot be read; connect again".to_owned()))?;
        let state = row.state.clone();
        let taken = self.store.write(store::job(move |conn| Box::pin(async move { rows::take(conn, &state).await })));
        if !taken.await? {
            return Err(Fault::Unknown);
        }
        self.drop_word(channel, word(&row.state)).await?;
        let connected = self.accept(subject, &grant, &row.who).await;
        match &connected {
            Ok(connected) => self.tell(row.ticket.as_deref(), &Ok(connected.clone())).await,
            Err(fault) => self.tell(row.ticket.as_deref(), &Err(fault.to_string())).await,
        }
        connected
    }

    /// Tells the terminal that waits what came of its ticket.
    async fn tell(&self, ticket: Option<&str>, came: &Result<Connected, String>) {
        let Some(ticket) = ticket.map(str::to_owned) else { return };
        let outcome = match came {
            Ok(it) => {
                Outcome { account: Some((it.handle.clone(), it.id.clone())), blocked: it.blocked.clone(), fault: None }
            }
            Err(said) => Outcome { account: None, blocked: None, fault: Some(said.clone()) },
        };
        let outcome = store::to_json(&outcome);
        let job = store::job(move |conn| Box::pin(async move { rows::came(conn, &ticket, &outcome).await }));
        if let Err(error) = self.store.write(job).await {
            tracing::warn!(%error, "the terminal that waits is not told");
        }
    }

    /// Forgets consents and tickets that are too late, and what was kept for them.
    async fn sweep(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        let old = now.checked_sub(WITHIN).unwrap_or(Timestamp::MIN);
        self.store.write(store::job(move |conn| Box::pin(async move { rows::sweep(conn, now, old).await }))).await
    }

    async fn drop_word(&self, channel: &str, word: String) -> Result<(), StoreError> {
        let channel = channel.to_owned();
        let job = store::job(move |conn| Box::pin(async move { store::sealed::remove(conn, &channel, &word).await }));
        self.store.write(job).await
    }

    fn soon(&self) -> Timestamp {
        self.clock.now().checked_add(WITHIN).unwrap_or(Timestamp::MAX)
    }
}
