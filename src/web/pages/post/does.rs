//! The acts on a post, each a form sent to a path of its own. What they do is in `publish::actions`, the same as for the
//! terminal; here they are read, told in words, and the person is led back.

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::response::Response;

use super::sight;
use crate::publish::actions::{self, Hand, Seen, UNDO};
use crate::store::post::PostRow;
use crate::store::{Store, StoreError, post};
use crate::timetable::civil;
use crate::web::form::Form;
use crate::web::pages::{Desk, Shared, Site, look, part, shown};
use crate::web::said;
use crate::web::visitor::Visitor;
use crate::web::works::Works;

type Id = Result<Path<String>, PathRejection>;

/// One act under way.
struct Doing {
    works: std::sync::Arc<Works>,
    store: Store,
    hand: Hand,
    id: String,
    back: String,
    row: PostRow,
}

impl Doing {
    /// What an act needs, or the answer where it cannot be done.
    async fn begin(site: &Site, visitor: &Visitor, id: Id, form: &Form) -> Result<Self, Response> {
        let id = part(id);
        let page = look::path("/posts", &id);
        let back = if form.back().is_empty() { page } else { form.back().to_owned() };
        let Some(works) = site.state.works.borrow().clone() else { return Err(said::not_here()) };
        let store = site.state.store.clone();
        let read = async {
            let mut conn = store.read().await?;
            post::one(&mut conn, &id).await
        };
        let row = match read.await {
            Ok(Some(row)) => row,
            Ok(None) => return Err(said::bad("/", "Not done: there is no such post any more.")),
            Err(error) => return Err(said::refused(&back, &error)),
        };
        // A person decides about what they see.
        let state = form.text("state");
        if !state.is_empty() && state != row.post.state.word() {
            let now = shown::word(&row.post.state).to_lowercase();
            return Err(said::bad(
                &back,
                format!("Not done: the post was {state} when this page was made, and is {now} now."),
            ));
        }
        let hand = Hand { name: visitor.name.clone(), now: site.state.clock.now() };
        Ok(Self { works, store, hand, id, back, row })
    }

    /// What the person saw: by the page's own word, else what would go out now.
    async fn seen(&self, form: &Form) -> Result<Seen, StoreError> {
        let shown = form.text("seen");
        let payload = match (shown, self.works.channel(self.row.post.channel.as_str())) {
            ("", Some(channel)) => {
                actions::seen(&self.store, &self.works.place(channel), &self.id, self.hand.now).await?
            }
            ("", None) => None,
            (shown, _) => Some(shown.to_owned()),
        };
        Ok(Seen { payload, version: None })
    }

    fn place(&self) -> Option<actions::Place<'_>> {
        self.works.channel(self.row.post.channel.as_str()).map(|channel| self.works.place(channel))
    }

    fn end<T>(&self, done: Result<T, StoreError>, words: impl FnOnce(T) -> String) -> Response {
        match done {
            Ok(done) => {
                self.works.wake();
                said::ok(&self.back, words(done))
            }
            Err(error) => said::refused(&self.back, &error),
        }
    }
}

/// Begins an act, or answers why not.
macro_rules! begin {
    ($site:expr, $visitor:expr, $id:expr, $form:expr) => {
        match Doing::begin(&$site, &$visitor, $id, &$form).await {
            Ok(doing) => doing,
            Err(answer) => return answer,
        }
    };
}

/// `POST /posts/ID/approve`: it goes out when it is due and its channel may.
pub(in crate::web) async fn approve(site: Shared, visitor: Visitor, id: Id, form: Form) -> Response {
    let doing = begin!(site, visitor, id, form);
    let done = match doing.seen(&form).await {
        Ok(seen) => actions::approve(&doing.store, &doing.hand, &doing.id, seen.payload).await,
        Err(error) => Err(error),
    };
    doing.end(done, |row| format!("Approved: it goes out on {} as soon as its channel lets it.", row.post.channel))
}

/// `POST /posts/ID/send`: it goes out in ten seconds, ahead of the queue, and can be taken back until then.
pub(in crate::web) async fn send(site: Shared, visitor: Visitor, id: Id, form: Form) -> Response {
    let doing = begin!(site, visitor, id, form);
    let done = match doing.seen(&form).await {
        Ok(seen) => actions::send_now(&doing.store, &doing.hand, &doing.id, seen).await,
        Err(error) => Err(error),
    };
    match done {
        Ok(row) => {
            doing.works.wake();
            let words = format!("Goes out on {} in {} seconds.", row.post.channel, UNDO.as_secs());
            said::undoable(&doing.back, words, row.id())
        }
        Err(error) => said::refused(&doing.back, &error),
    }
}

/// `POST /posts/ID/take-back`: what was sent at once is again what it was.
pub(in crate::web) async fn take_back(site: Shared, visitor: Visitor, id: Id, form: Form) -> Response {
    let doing = begin!(site, visitor, id, form);
    let done = actions::take_back(&doing.store, &doing.hand, &doing.id).await;
    doing.end(done, |rows| match rows.len() {
        1 => "Taken back: it was not sent.".to_owned(),
        n => format!("Taken back: {n} posts were not sent."),
    })
}

/// `POST /posts/ID/schedule`: it goes out at a time in the newsroom's zone.
pub(in crate::web) async fn schedule(site: Shared, visitor: Visitor, id: Id, form: Form) -> Response {
    let doing = begin!(site, visitor, id, form);
    let desk = Desk::new(&site);
    let meant = match civil::meant(form.text("at"), form.has("second"), &desk.view.zone) {
        Ok(meant) => meant,
        Err(words) => return said::bad(&doing.back, format!("Not scheduled. {words}")),
    };
    let done = match doing.seen(&form).await {
        Ok(seen) => actions::reschedule(&doing.store, &doing.hand, &doing.id, meant.at, seen).await,
        Err(error) => Err(error),
    };
    doing.end(done, |row| {
        let at = desk.when(row.post.due);
        let remark = meant.remark.map(|remark| format!(" {remark}")).unwrap_or_default();
        format!("Scheduled: it goes out {}, or as soon after that as its channel lets it.{remark}", at.short)
    })
}

/// `POST /posts/ID/hold`: it waits for a person.
pub(in crate::web) async fn hold(site: Shared, visitor: Visitor, id: Id, form: Form) -> Response {
    let doing = begin!(site, visitor, id, form);
    let done = actions::hold(&doing.store, &doing.hand, &doing.id).await;
    doing.end(done, |_| "Held: it waits for somebody to decide.".to_owned())
}

/// What an uncertain post needs before a person decides about it: Bugle looks it up no more.
async fn settle_first(doing: &Doing) -> Result<(), StoreError> {
    match doing.row.post.state {
        crate::model::post::PostState::Uncertain { .. } => {
            actions::hold(&doing.store, &doing.hand, &doing.id).await.map(drop)
        }
        _ => Ok(()),
    }
}

/// `POST /posts/ID/skip`: it is dropped.
pub(in crate::web) async fn skip(site: Shared, visitor: Visitor, id: Id, form: Form) -> Response {
    let doing = begin!(site, visitor, id, form);
    let done = match settle_first(&doing).await {
        Ok(()) => actions::skip(&doing.store, &doing.hand, &doing.id).await,
        Err(error) => Err(error),
    };
    doing.end(done, |_| "Dropped: it will not be sent.".to_owned())
}

/// `POST /posts/ID/retry`: what was refused or is in doubt is sent again.
pub(in crate::web) async fn retry(site: Shared, visitor: Visitor, id: Id, form: Form) -> Response {
    let doing = begin!(site, visitor, id, form);
    let done = match settle_first(&doing).await {
        Ok(()) => actions::retry(&doing.store, &doing.hand, &doing.id).await,
        Err(error) => Err(error),
    };
    doing.end(done, |_| "It is sent again as soon as its channel lets it.".to_owned())
}

/// `POST /posts/ID/confirm`: a person has seen it on the platform.
pub(in crate::web) async fn confirm(site: Shared, visitor: Visitor, id: Id, form: Form) -> Response {
    let doing = begin!(site, visitor, id, form);
    let url = match sight::address(form.text("url")) {
        Ok(url) => url,
        Err(words) => return said::bad(&doing.back, format!("Not done. {words}")),
    };
    let done = actions::confirm(&doing.store, &doing.hand, &doing.id, url).await;
    doing.end(done, |_| "Noted: it is out.".to_owned())
}

/// `POST /posts/ID/retract`: what is out is taken down.
pub(in crate::web) async fn retract(site: Shared, visitor: Visitor, id: Id, form: Form) -> Response {
    let doing = begin!(site, visitor, id, form);
    let done = actions::retract(&doing.store, &doing.hand, doing.place(), &doing.id).await;
    doing.end(done, |_| "Asked for: it is taken down in a moment, or this page says why not.".to_owned())
}
