//! A post with its picture, where the platform has pictures: attached with its words, made again where its answer is
//! lost, left out where it is refused, waited for where there is a limit; the post itself goes out once in every case.

use bugle::model::picture::Carry;
use bugle::model::receipt::Op;

use super::stage::{LINK, PICTURE, Set, Stage};
use super::stand::Make;
use crate::fakes::fault::Fault;
use crate::fakes::http::Reply;

/// Pictures are decoded and waited for in real time: a deadline of 120 s becomes 12.
const SCALE: f64 = 0.1;

/// A stage whose posts carry the article's photo; `None` where the platform has no pictures.
async fn stage(make: Make) -> Option<Stage> {
    let stage = Stage::with(make, Set { scale: Some(SCALE), carry: Some(Carry::Photo) }).await;
    let has = stage.channel.account.media().max > 0;
    let told = !stage.stand.ends().upload.is_empty();
    assert_eq!(has, told, "{}: it has pictures, or names an endpoint for them", stage.stand.platform());
    has.then_some(stage)
}

async fn is_out_once(stage: &Stage, what: &str, pictures: usize) {
    let shown = stage.shown().await;
    let posts = 1 + pictures * stage.stand.apart();
    assert_eq!(shown.len(), posts, "{what}\n{}", stage.story().await);
    assert!(shown[0].text.contains("Story of p"), "{what}: {shown:?}");
    assert_eq!(shown[0].link.as_deref(), Some(LINK), "{what}: {shown:?}");
}

async fn is_attached(stage: &Stage, what: &str) {
    is_out_once(stage, what, 1).await;
    let pictures = stage.stand.pictures();
    assert_eq!(pictures.len(), 1, "{what}\n{}", stage.story().await);
    match stage.channel.account.media().alt {
        0 => assert_eq!(pictures, [""], "{what}"),
        _ => assert_eq!(pictures, ["Story of p"], "{what}"),
    }
}

pub async fn a_picture_is_attached_with_its_words(make: Make) {
    let Some(mut stage) = stage(make).await else { return };
    stage.post("p").await;
    assert_eq!(stage.rest("p").await, "published", "{}", stage.story().await);
    is_attached(&stage, "nothing goes wrong").await;
    if stage.can(Op::Delete) {
        stage.retract("p").await.expect("it can be taken down");
        stage.run_for(1200).await;
        assert_eq!(stage.visible().await, [], "{}", stage.story().await);
    }
}

pub async fn a_refused_picture_is_left_out(make: Make) {
    let Some(mut stage) = stage(make).await else { return };
    let Some(refusal) = stage.stand.refused_picture() else {
        if stage.stand.names_pictures() {
            return;
        }
        panic!("{} takes pictures and has no answer to one that it refuses", stage.stand.platform())
    };
    stage.post("p").await;
    let ends = stage.stand.ends();
    // Where pictures go with the message, the message without them is not struck.
    let together = ends.upload == ends.create || ends.upload == ends.prepare;
    // Where no post is without a picture, a fetch that failed is tried anew some times.
    let needed = stage.stand.carry() == Carry::Photo;
    let times = if needed {
        20
    } else if together {
        1
    } else {
        5
    };
    stage.strike_from(ends.upload, 0, times, Fault::Instead(refusal));
    stage.rest("p").await;
    if needed {
        // A platform that has no post without a picture refuses the post.
        assert_eq!((stage.state("p").await, stage.shown().await.len()), ("failed", 0), "{}", stage.story().await);
        return;
    }
    assert_eq!(stage.state("p").await, "published", "{}", stage.story().await);
    is_out_once(&stage, "refused", 0).await;
    assert_eq!(stage.stand.pictures(), Vec::<String>::new(), "{}", stage.story().await);
    assert!(stage.story().await.contains("without its picture"), "and that is noted");
}

pub async fn a_lost_picture_is_sent_again(make: Make) {
    let apart = {
        let Some(stage) = stage(make).await else { return };
        let ends = stage.stand.ends();
        !ends.upload.iter().any(|end| ends.create.contains(end))
    };
    // Where the picture goes with the message, a lost answer is a doubt: it is tried with the others.
    if !apart {
        return;
    }
    for fault in [Fault::ResetBefore, Fault::ResetAfter, Fault::status_after(502)] {
        let what = format!("{fault:?}");
        let Some(mut stage) = stage(make).await else { return };
        stage.post("p").await;
        stage.strike(stage.stand.ends().upload, fault);
        assert_eq!(stage.rest("p").await, "published", "{what}\n{}", stage.story().await);
        is_attached(&stage, &what).await;
        assert_eq!(stage.sends(), 1 + stage.stand.apart(), "{what}: no doubt\n{}", stage.story().await);
    }
}

pub async fn a_limit_on_pictures_is_waited_for(make: Make) {
    let Some(mut stage) = stage(make).await else { return };
    stage.post("p").await;
    stage.strike(stage.stand.ends().upload, Fault::Instead(Reply::gateway(429)));
    stage.settle().await;
    assert_eq!(stage.state("p").await, "scheduled", "{}", stage.story().await);
    assert_eq!(stage.pauses().await.len(), 1, "{}", stage.story().await);
    assert_eq!(stage.rest("p").await, "published", "{}", stage.story().await);
    is_attached(&stage, "a limit").await;
}

pub async fn a_picture_that_cannot_be_had_is_left_out(make: Make) {
    let Some(mut stage) = stage(make).await else { return };
    if stage.stand.carry() == Carry::Photo || stage.stand.names_pictures() {
        return;
    }
    stage.web.remove(PICTURE);
    stage.post("p").await;
    assert_eq!(stage.rest("p").await, "published", "{}", stage.story().await);
    is_out_once(&stage, "gone", 0).await;
    assert_eq!(stage.stand.pictures(), Vec::<String>::new(), "{}", stage.story().await);
}
