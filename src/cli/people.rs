//! `bugle people`: who may sign in to the desk, for whoever has the machine: also the way back in where no administrator
//! can sign in any more.

use std::net::SocketAddr;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use url::Url;

use super::shop::{Need, Shop};
use super::show::table;
use super::{Call, Exit, Trouble, say, warn};
use crate::model::person::Role;
use crate::people::{Fault, link, manage};
use crate::store::person::{self, PersonRow};

/// Arguments of `bugle people`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: Option<What>,
}

/// What is done; nothing named: the list.
#[derive(Clone, Debug, clap::Subcommand)]
enum What {
    /// Show everybody.
    List,
    /// Print a one-time link by which a new person comes in.
    Invite {
        /// Who they will be.
        name: String,
        /// viewer, editor or admin.
        #[arg(long, default_value = "editor", value_parser = role)]
        role: Role,
    },
    /// Print a one-time link by which a person sets a new password.
    Reset {
        /// Their name.
        name: String,
        /// Take their second factor away as well.
        #[arg(long)]
        totp: bool,
    },
    /// Give a person another role.
    Role {
        /// Their name.
        name: String,
        /// viewer, editor or admin.
        #[arg(value_parser = role)]
        role: Role,
    },
    /// Shut a person out.
    Disable {
        /// Their name.
        name: String,
    },
    /// Let a person in again.
    Enable {
        /// Their name.
        name: String,
    },
}

fn role(word: &str) -> Result<Role, String> {
    Role::of(word).ok_or_else(|| format!("expected viewer, editor or admin, found {word:?}"))
}

/// Where a browser finds the desk: at the public address, else at the one it listens on; one that stands for all is
/// reached by the loopback.
pub(super) fn desk(public: Option<&Url>, listen: SocketAddr) -> String {
    let near = match listen {
        SocketAddr::V4(at) if at.ip().is_unspecified() => SocketAddr::from(([127, 0, 0, 1], at.port())),
        SocketAddr::V6(at) if at.ip().is_unspecified() => SocketAddr::from(([127, 0, 0, 1], at.port())),
        at => at,
    };
    public.map_or_else(|| format!("http://{near}"), |url| url.as_str().trim_end_matches('/').to_owned())
}

/// Runs it.
///
/// # Errors
/// What the store says, and what may not be.
pub async fn run(args: Args, call: &Call) -> anyhow::Result<Exit> {
    let shop = Shop::open(call, Need::There, false).await?;
    let (store, by, now) = (&shop.store, shop.hand.name.as_str(), shop.hand.now);
    match args.what.unwrap_or(What::List) {
        What::List => list(&shop).await?,
        What::Invite { name, role } => {
            let asked = link::Invitation { name, email: None, role };
            let secret = link::invite(store, &asked, by, now).await.map_err(trouble)?;
            print(call, &shop, &secret)?;
        }
        What::Reset { name, totp } => {
            let person = named(&shop, &name).await?;
            let secret = link::reset(store, &person.id, totp, by, now).await.map_err(trouble)?;
            print(call, &shop, &secret)?;
        }
        What::Role { name, role } => {
            let person = named(&shop, &name).await?;
            manage::set_role(store, &person.id, role, by, now).await.map_err(trouble)?;
            told(&shop, &name).await?;
        }
        What::Disable { name } => {
            let person = named(&shop, &name).await?;
            manage::set_disabled(store, &person.id, true, by, now).await.map_err(trouble)?;
            told(&shop, &name).await?;
        }
        What::Enable { name } => {
            let person = named(&shop, &name).await?;
            manage::set_disabled(store, &person.id, false, by, now).await.map_err(trouble)?;
            told(&shop, &name).await?;
        }
    }
    Ok(Exit::Done)
}

fn trouble(fault: Fault) -> anyhow::Error {
    match fault {
        Fault::Name(_) => Trouble::wrong(fault.to_string()).into(),
        other => Trouble::failed(other.to_string()).into(),
    }
}

async fn named(shop: &Shop, name: &str) -> anyhow::Result<PersonRow> {
    let mut conn = shop.store.read().await?;
    let known = person::by_login(&mut conn, name).await?;
    Ok(known.ok_or_else(|| Trouble::wrong(format!("there is no person called {name:?}")).hint("see `bugle people`"))?)
}

/// Prints a one-time link; the secret in it is shown here only.
fn print(call: &Call, shop: &Shop, secret: &SecretString) -> anyhow::Result<()> {
    let web = &shop.config.web;
    let url = format!("{}{}/{}", desk(web.public_url.as_ref(), web.listen), link::INVITE, secret.expose_secret());
    if call.json {
        say(json!({ "link": url, "hours": link::WITHIN.as_hours() }))?;
        return Ok(());
    }
    warn(format_args!("This link works once, within {} hours, for whoever has it:", link::WITHIN.as_hours()))?;
    say(url)?;
    Ok(())
}

fn row_json(it: &PersonRow) -> serde_json::Value {
    json!({
        "name": it.name, "role": it.role.word(), "email": it.email, "password": it.password.is_some(),
        "totp": it.has_totp(), "sign_in_service": it.oidc.is_some(), "signed_in": it.signed_in,
        "disabled": it.disabled.is_some(),
    })
}

async fn list(shop: &Shop) -> anyhow::Result<()> {
    let mut conn = shop.store.read().await?;
    let all = person::all(&mut conn).await?;
    shop.show(&all.iter().map(row_json).collect(), || {
        if all.is_empty() {
            return "nobody yet: `bugle run` prints a one-time link for the first administrator".to_owned();
        }
        let row = |it: &PersonRow| {
            let last = it.signed_in.map_or_else(|| "never".to_owned(), |at| shop.when(at));
            let state = if it.disabled.is_some() { "shut out" } else { "" };
            let second = if it.has_totp() { "code" } else { "" };
            vec![it.name.clone(), it.role.word().to_owned(), last, second.to_owned(), state.to_owned()]
        };
        table(&["NAME", "ROLE", "SIGNED IN", "", ""], &all.iter().map(row).collect::<Vec<_>>())
    })?;
    Ok(())
}

/// Shows what became of somebody.
async fn told(shop: &Shop, name: &str) -> anyhow::Result<()> {
    let person = named(shop, name).await?;
    shop.show(&row_json(&person), || {
        let state = if person.disabled.is_some() { "shut out" } else { person.role.word() };
        format!("{}: {state}", person.name)
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_to_where_a_browser_finds_the_desk() {
        let public = Url::parse("https://desk.example/bugle/").unwrap();
        for (public, listen, expected) in [
            (None, "127.0.0.1:8080", "http://127.0.0.1:8080"),
            (None, "0.0.0.0:8080", "http://127.0.0.1:8080"),
            (None, "[::]:8080", "http://127.0.0.1:8080"),
            (None, "192.0.2.7:80", "http://192.0.2.7:80"),
            (Some(&public), "0.0.0.0:8080", "https://desk.example/bugle"),
        ] {
            assert_eq!(desk(public, listen.parse().unwrap()), expected, "{listen}");
        }
    }
}
