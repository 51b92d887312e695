//! The room: how it is written in the config, found before each post, and what a person should know of it.

use serde::de::{self, Deserialize as _, Deserializer};
use serde_json::{Value, json};

use super::api::Api;
use super::{Config, SPEC};
use crate::platform::{ConnectError, Context, Identity, PauseScopeKind, PublishError};

/// The power that sending a message and taking one down of one's own need where the room says nothing.
/// Source: Matrix specification, m.room.power_levels, 2026-07.
const EVENTS_DEFAULT: i64 = 0;

/// Reads a room's id or alias.
pub(super) fn word<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    let plain = !text.contains(char::is_whitespace) && !text.contains('/') && text.len() <= 255;
    // Ids of rooms made since version 12 name no server.
    let is_id = text.strip_prefix('!').is_some_and(|rest| !rest.is_empty());
    let is_alias = text
        .strip_prefix('#')
        .is_some_and(|rest| rest.split_once(':').is_some_and(|(a, b)| !a.is_empty() && !b.is_empty()));
    if plain && (is_id || is_alias) {
        return Ok(text);
    }
    Err(de::Error::custom(format!(
        "expected a room's id such as \"!abc:example.org\" or alias such as \"#news:example.org\", found {text:?}"
    )))
}

impl Api<'_> {
    /// Finds the room posts go to and sees that they may: the step that comes before anything is sent. Kept with the
    /// post, so that an alias that moves meanwhile does not take a part of it along.
    ///
    /// # Errors
    /// What would stop the post; where the server cannot be asked, nothing was sent.
    pub(super) async fn find_room(&self, word: &str) -> Result<Value, PublishError> {
        let found = async {
            let room = self.room_of(word).await?;
            let encryption = match self.state(&room, "m.room.encryption", "").await {
                // Not in the room yet: an invitation is accepted now.
                Err(PublishError::Forbidden { said, scope }) => match self.join(&room).await {
                    Ok(()) => self.state(&room, "m.room.encryption", "").await?,
                    Err(PublishError::Forbidden { .. }) => {
                        let said = format!("{said}; invite the account to the room {word} first");
                        return Err(PublishError::Forbidden { said, scope });
                    }
                    Err(other) => return Err(other),
                },
                other => other?,
            };
            if encryption.is_some() {
                let said = format!("the room {word} is encrypted: Bugle posts to rooms without encryption only");
                return Err(PublishError::Forbidden { scope: PauseScopeKind::Channel, said });
            }
            Ok(json!({ "room": room }))
        };
        found.await.map_err(before)
    }

    /// The id of that room.
    pub(super) async fn room_of(&self, word: &str) -> Result<String, PublishError> {
        if word.starts_with('#') { self.directory(word).await } else { Ok(word.to_owned()) }
    }
}

impl Config {
    /// Who the token belongs to, and what a person should know of the room.
    pub(super) async fn introduce(&self, cx: &Context<'_>) -> Result<Identity, ConnectError> {
        let api = Api::new(cx, self).await.map_err(refused)?;
        let me = match api.who().await {
            Ok(me) => me,
            Err(error @ (PublishError::Auth { .. } | PublishError::NotSent { .. })) => return Err(refused(error)),
            Err(error) => {
                // The address of a domain, where the server is elsewhere.
                return Err(match api.well_known().await {
                    Some(at) => {
                        ConnectError::Unreachable(format!("no homeserver here; it is at {at}: write that as server"))
                    }
                    None => refused(error),
                });
            }
        };
        let Some(user) = me["user_id"].as_str() else {
            return Err(ConnectError::Unreachable("expected a user_id from whoami, found none".to_owned()));
        };
        let mut remarks = Vec::new();
        if me["device_id"].is_null() {
            remarks
                .push("the token belongs to no device: the server may not know repeats of a message again".to_owned());
        }
        match api.room_of(&self.room).await {
            Ok(room) => remarks.extend(room_remarks(&api, &self.room, &room, user).await),
            Err(error) => remarks.push(format!("the room {} cannot be found: {error}", self.room)),
        }
        if let Some(most) = api.most_bytes().await
            && most < u64::try_from(SPEC.media.bytes).unwrap_or(u64::MAX)
        {
            remarks.push(format!("the server takes files of at most {most} bytes: larger pictures are left out"));
        }
        Ok(Identity { id: user.to_owned(), handle: user.to_owned(), remarks, ..Identity::default() })
    }
}

async fn room_remarks(api: &Api<'_>, word: &str, room: &str, user: &str) -> Vec<String> {
    let member = api.state(room, "m.room.member", user).await;
    let membership = member.as_ref().ok().and_then(|it| it.as_ref()?["membership"].as_str());
    if membership != Some("join") {
        // Who is only invited is shown nothing of the room, not even that.
        return vec![format!(
            "posts to the room {word} ({room}); the account is not in it yet: once invited, it joins with its first post"
        )];
    }
    let name = api.state(room, "m.room.name", "").await.ok().flatten();
    let name = name.as_ref().and_then(|it| it["name"].as_str()).unwrap_or("without a name");
    let mut remarks = vec![format!("posts to the room \"{name}\" ({room})")];
    if word.starts_with('#') {
        remarks.push(format!("room = \"{room}\" would still hold if the alias were given to another room"));
    }
    if matches!(api.state(room, "m.room.encryption", "").await, Ok(Some(_))) {
        remarks.push("the room is encrypted: Bugle does not post there; use a room without encryption".to_owned());
    }
    if let Some(new) = api.replaced_by(room).await {
        remarks.push(format!("the room was replaced by {new}: write that as room"));
    }
    let levels = api.state(room, "m.room.power_levels", "").await.ok().flatten().unwrap_or(Value::Null);
    let (has, needs) = power(&levels, user);
    if has < needs {
        remarks.push(format!("the account may not post there: it has power level {has}, a message needs {needs}"));
    }
    remarks
}

/// What a refusal means before anything of the post has left.
fn before(error: PublishError) -> PublishError {
    match error {
        // Asking again is harmless.
        PublishError::Unknown { said } => PublishError::NotSent { said },
        // It is the room that was refused, not the post: that would be so for each.
        PublishError::Rejected { said, .. } => PublishError::Forbidden { scope: PauseScopeKind::Channel, said },
        other => other,
    }
}

/// The power an account has in a room, and what a message needs.
fn power(levels: &Value, user: &str) -> (i64, i64) {
    let has = levels["users"][user].as_i64().or_else(|| levels["users_default"].as_i64()).unwrap_or(0);
    let needs = levels["events"]["m.room.message"].as_i64().or_else(|| levels["events_default"].as_i64());
    (has, needs.unwrap_or(EVENTS_DEFAULT))
}

fn refused(error: PublishError) -> ConnectError {
    match error {
        PublishError::Auth { said } => ConnectError::Refused(format!(
            "the homeserver refuses the token ({said}); sign in again with the same device id"
        )),
        PublishError::Forbidden { said, .. } | PublishError::Gone { said } => ConnectError::Forbidden(said),
        other => ConnectError::Unreachable(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_that_is_refused_stops_the_channel_and_fails_no_post() {
        use crate::model::post::Rejection;
        let said = || "400 M_INVALID_PARAM".to_owned();
        let channel = PauseScopeKind::Channel;
        for (error, expected) in [
            (PublishError::Rejected { reason: Rejection::Invalid, said: said() }, "forbidden"),
            (PublishError::Rejected { reason: Rejection::Content, said: said() }, "forbidden"),
            (PublishError::Unknown { said: said() }, "not_sent"),
            (PublishError::NotSent { said: said() }, "not_sent"),
            (PublishError::Auth { said: said() }, "auth"),
            (PublishError::RateLimited { until: None, scope: channel, said: said() }, "rate_limited"),
        ] {
            let found = before(error);
            assert_eq!(found.class(), expected);
            assert!(!matches!(found, PublishError::Forbidden { scope, .. } if scope != channel));
        }
    }

    #[test]
    fn the_power_of_an_account_is_its_own_or_the_rooms_default() {
        for (levels, expected) in [
            (json!({}), (0, 0)),
            (Value::Null, (0, 0)),
            (json!({"events_default": 50}), (0, 50)),
            (json!({"events_default": 50, "users": {"@b:s": 50}}), (50, 50)),
            (json!({"events_default": 50, "events": {"m.room.message": 10}, "users_default": 10}), (10, 10)),
            (json!({"users": {"@c:s": 100}, "events": {"m.room.message": 1}}), (0, 1)),
        ] {
            assert_eq!(power(&levels, "@b:s"), expected, "{levels}");
        }
    }
}
