//! What became of a part whose answer was lost: its container's state, and the own list.

use jiff::Timestamp;
use serde_json::json;

use super::super::seek::{Mark, Own, Verdict, judge};
use super::super::{id_of, segment};
use super::{Containers, State, Work, after, newest};
use crate::model::receipt::{Known, Op, Receipt};
use crate::platform::{Lookup, PublishError, Sought};

/// Posts of one page of a list, and pages that are read: 500 posts are more than two days of the quota.
const PAGE: (&str, usize) = ("100", 5);

impl Containers<'_> {
    /// Asks the container and, where it is a post by now or never will be one, the own list.
    ///
    /// # Errors
    /// Where the platform does not say.
    pub async fn find(&self, sought: &Sought<'_>) -> Result<Lookup, PublishError> {
        let Some(create) = sought.payload.planned(sought.step) else {
            return Ok(Lookup::CannotTell("the payload has no such step".to_owned()));
        };
        let work = Work::of(sought.payload, create, sought.parent)?;
        let step = work.container()?.step;
        let generation = newest(step, |step| sought.done.contains_key(&step));
        let container = sought.done.get(&after(step, generation)).and_then(|value| id_of(&value["id"]));
        // Without a container (a restored store) the list is all there is.
        let state = match &container {
            Some(id) => Some(self.state(id).await?),
            None => None,
        };
        match state {
            Some(State::Pending(said)) => {
                return Err(PublishError::Unknown { said: format!("the container is still being worked on: {said}") });
            }
            // Ready: the same container is published again, and gives at most one post. But a state may lag behind the list.
            Some(State::Ready | State::Published | State::Expired | State::Failed(_)) | None => {}
        }
        let is_out = state == Some(State::Published);
        let list = self.own(&work, sought.since).await?;
        match self.judge(&list, &work, sought.since) {
            // Words alone prove nothing where no container says that it is out.
            Verdict::Ours(own) if !is_proved(state.as_ref(), &self.mark(&work)) => {
                Ok(Lookup::CannotTell(format!("post {} has the same words, and no link to know it by", own.id)))
            }
            Verdict::Ours(own) => Ok(Lookup::Published {
                value: json!({"id": own.id, "url": own.url}),
                receipt: Receipt {
                    remote_id: Some(own.id.clone()),
                    url: own.url.clone(),
                    parts: Vec::new(),
                    at: self.wire.cx.clock.now(),
                    how: Known::Found,
                },
            }),
            Verdict::None if is_out => {
                Err(PublishError::Unknown { said: "it is published, and its id is not in the own list yet".to_owned() })
            }
            Verdict::None if container.is_none() && matches!(self.mark(&work), Mark::Words) => {
                Ok(Lookup::CannotTell("there is neither a container nor a link to know it by".to_owned()))
            }
            Verdict::None => Ok(Lookup::Absent),
            Verdict::Unsure(why) => Ok(Lookup::CannotTell(why)),
        }
    }

    fn mark<'w>(&self, work: &'w Work<'_>) -> Mark<'w> {
        match (&work.parent, &work.visible.link) {
            (Some(parent), _) => Mark::Answers(parent),
            (None, Some(link)) => Mark::Links(link),
            (None, None) => Mark::Words,
        }
    }

    pub(super) fn judge<'l>(&self, list: &'l [Own], work: &Work<'_>, since: Timestamp) -> Verdict<'l> {
        judge(list, self.mark(work), &work.visible.text, since)
    }

    /// The own posts, or answers, made since then, newest first.
    pub(super) async fn own(&self, work: &Work<'_>, since: Timestamp) -> Result<Vec<Own>, PublishError> {
        let (edge, fields) = match (&work.parent, self.dialect.replies) {
            (Some(_), Some(replies)) => replies,
            _ => self.dialect.own,
        };
        let path = format!("/{}/{edge}", segment(&self.user));
        let from = since.as_second().to_string();
        let mut after: Option<String> = None;
        let mut list = Vec::new();
        for _ in 0..PAGE.1 {
            let mut query = vec![("fields", fields), ("since", from.as_str()), ("limit", PAGE.0)];
            query.extend(after.as_deref().map(|cursor| ("after", cursor)));
            let answer = self.wire.get(&path, &query).await?.map_err(|fault| self.class(&fault, Op::Upload))?;
            let Some(entries) = answer["data"].as_array() else {
                return Err(PublishError::Unknown {
                    said: "expected a list of posts, found something else".to_owned(),
                });
            };
            list.extend(entries.iter().filter_map(|entry| Own::read(entry, self.dialect.text)));
            let next = answer["paging"]["next"].is_string();
            after = answer["paging"]["cursors"]["after"].as_str().filter(|_| next).map(str::to_owned);
            // The lists are newest first; what is older is of no interest.
            let older = list.last().and_then(|own| own.at).is_some_and(|at| at < since);
            if after.is_none() || older {
                return Ok(list);
            }
        }
        Err(PublishError::Unknown { said: "there are more own posts since then than are read".to_owned() })
    }
}

/// Whether a post with that mark is surely ours: by words alone only where the container says that it is out.
fn is_proved(state: Option<&State>, mark: &Mark<'_>) -> bool {
    !matches!(mark, Mark::Words) || state == Some(&State::Published)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_alone_prove_nothing_of_a_container_that_is_not_out() {
        let link = url::Url::parse("https://e.org/a").unwrap();
        for (state, by_words) in [
            (None, false),
            (Some(State::Ready), false),
            (Some(State::Expired), false),
            (Some(State::Failed("why".to_owned())), false),
            (Some(State::Published), true),
        ] {
            assert_eq!(is_proved(state.as_ref(), &Mark::Words), by_words, "{state:?}");
            assert!(is_proved(state.as_ref(), &Mark::Links(&link)) && is_proved(state.as_ref(), &Mark::Answers("7")));
        }
    }
}
