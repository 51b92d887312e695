//! `bugle vault`: which master keys seal how much and how tokens are doing, and turning the master key over.

use std::sync::Arc;

use serde_json::json;

use super::shop::{Need, Shop};
use super::{Call, Exit, Trouble, opened};
use crate::model::grant::SecretRef;
use crate::publish::safe::rekey;
use crate::store::token::{self, TokenRow};
use crate::vault::Vault;

/// Arguments of `bugle vault`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum What {
    /// Show which master keys seal how much, and how the channels' tokens are doing.
    Status,
    /// Seal every data key under another master key, beside the running service.
    Rekey {
        /// The new master key: file:PATH (made where it is missing), env:NAME or credential:NAME. Left out: the one that
        /// the config names, and copies under others are dropped.
        #[arg(long, value_name = "PLACE", value_parser = place)]
        to: Option<SecretRef>,
    },
}

/// Reads `file:PATH`, `env:NAME` or `credential:NAME`.
fn place(text: &str) -> Result<SecretRef, String> {
    match text.split_once(':') {
        Some(("file", path)) if !path.is_empty() => Ok(SecretRef::File(path.into())),
        Some(("env", name)) if !name.is_empty() => Ok(SecretRef::Env(name.to_owned())),
        Some(("credential", name)) if !name.is_empty() => Ok(SecretRef::Credential(name.to_owned())),
        // Never shown: it may be the key itself.
        _ => Err("expected file:PATH, env:NAME or credential:NAME, never the key itself".to_owned()),
    }
}

/// A place as the config has it.
fn written(place: &SecretRef) -> String {
    match place {
        SecretRef::Env(name) => format!("{{ env = {name:?} }}"),
        SecretRef::File(path) => format!("{{ file = {:?} }}", path.display().to_string()),
        SecretRef::Credential(name) => format!("{{ credential = {name:?} }}"),
    }
}

/// Shows, or turns over.
///
/// # Errors
/// The config's faults; a key that cannot be had; the database's.
pub async fn run(args: Args, call: &Call) -> anyhow::Result<Exit> {
    let shop = Shop::open(call, Need::There, false).await?;
    let vault = opened::vault_if_there(&shop.config)?.ok_or_else(|| {
        let file = shop.config.vault.generated.display();
        Trouble::failed(format!("there is no master key at {file} yet: `bugle run` makes it"))
    })?;
    match args.what {
        What::Status => status(&shop, &vault).await,
        What::Rekey { to } => turn_over(&shop, vault, to).await,
    }
}

async fn status(shop: &Shop, vault: &Vault) -> anyhow::Result<Exit> {
    let mut conn = shop.store.read().await?;
    let status = rekey::status(&mut conn, vault).await?;
    let rows = token::all(&mut conn).await?;
    let in_use = vault.key_ids();
    let tokens: Vec<_> = rows.iter().map(token_json).collect();
    let json = json!({ "master_key": in_use[0], "old_keys": in_use[1..], "sealed": status, "tokens": tokens });
    shop.show(&json, || {
        let mut lines = vec![format!("master key {}", in_use[0])];
        lines.extend(in_use[1..].iter().map(|id| format!("old key    {id}")));
        for (id, count) in &status.data_keys {
            let secrets = status.secrets.get(id).copied().unwrap_or(0);
            lines.push(format!("{id}: seals {count} data keys, and under them {secrets} secrets"));
        }
        for (id, count) in &status.first_layout {
            lines.push(format!("{id}: seals {count} secrets of the first layout, each sealed anew when it is written"));
        }
        if !status.closed.is_empty() {
            lines.push(format!("no key at hand opens what is kept for: {}", status.closed.join(", ")));
        }
        for row in &rows {
            lines.push(token_line(shop, row));
        }
        lines.join("\n")
    })?;
    Ok(if status.closed.is_empty() { Exit::Done } else { Exit::Failed })
}

fn token_json(row: &TokenRow) -> serde_json::Value {
    json!({
        "channel": row.channel, "state": row.state.word(), "said": row.said, "granted": row.grant_at,
        "renewed": row.renewed, "asked": row.probed, "refused": row.probe,
    })
}

fn token_line(shop: &Shop, row: &TokenRow) -> String {
    let mut parts = vec![format!("channel {}:", row.channel)];
    if row.grant_at.is_some() {
        parts.push(format!("grant {}", row.state.word()));
    }
    parts.extend(row.renewed.map(|at| format!("renewed {}", shop.when(at))));
    match (row.probed, &row.probe) {
        (Some(at), None) => parts.push(format!("introduced itself {}", shop.when(at))),
        (Some(at), Some(said)) => parts.push(format!("refused {}: {said}", shop.when(at))),
        (None, _) => {}
    }
    parts.extend(row.said.as_ref().map(|said| format!("({said})")));
    parts.join(" ")
}

async fn turn_over(shop: &Shop, vault: Arc<Vault>, to: Option<SecretRef>) -> anyhow::Result<Exit> {
    let now = opened::clock().now();
    let new = match &to {
        Some(place) => Arc::new(Vault::at(place)?),
        None => Arc::clone(&vault),
    };
    let is_named = new.key_id() == vault.key_id();
    let done = rekey::rekey(&shop.store, &vault, &new, is_named, now).await?;
    let id = new.key_id();
    let json = json!({ "master_key": id, "done": done, "config": to.as_ref().map(written) });
    shop.show(&json, || {
        let mut lines = vec![format!("{} data keys are sealed under the master key {id}", done.data_keys)];
        if done.moved > 0 {
            lines.push(format!("{} secrets of the first layout were sealed anew", done.moved));
        }
        if done.dropped > 0 {
            lines.push(format!("{} copies under other master keys were dropped", done.dropped));
        }
        lines.extend(done.closed.iter().map(|said| format!("left as it is: {said}")));
        if let (Some(place), false) = (&to, is_named) {
            lines.push(format!(
                "the old key still opens all. Now write under [vault]: key = {}, and old_keys = [the old place]; reload \
                 (SIGHUP) or restart; then `bugle vault rekey` drops the copies under the old key, and old_keys can go",
                written(place)
            ));
        }
        lines.join("\n")
    })?;
    Ok(if done.closed.is_empty() { Exit::Done } else { Exit::Failed })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_new_key_may_be() {
        for (text, expected) in [
            ("file:/run/k", Some(SecretRef::File("/run/k".into()))),
            ("env:BUGLE_KEY", Some(SecretRef::Env("BUGLE_KEY".to_owned()))),
            ("credential:bugle", Some(SecretRef::Credential("bugle".to_owned()))),
            ("file:", None),
            ("/run/k", None),
            ("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", None),
        ] {
            let read = place(text);
            assert_eq!(read.clone().ok(), expected, "{text}");
            assert!(!read.is_err_and(|said| said.contains("0001")), "{text}");
        }
        assert_eq!(written(&SecretRef::File("a\"b".into())), "{ file = \"a\\\"b\" }");
    }
}
