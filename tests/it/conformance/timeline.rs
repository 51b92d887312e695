//! The local timeline: nothing leaves the process, so nothing can get lost on the way.

use bugle::clock::SharedClock;
use bugle::platform::Recovery;

use super::stand::{Class, Ends, Eye, Make, Refusal, Secrets, Server, Sign, Stand};
use crate::fakes::fault::Wait;
use crate::fakes::http::Reply;

pub const STANDS: &[Make] = &[make];

fn make(_clock: SharedClock) -> Box<dyn Stand> {
    Box::new(Timeline)
}

super::trials!(@local super::timeline::make);

struct Timeline;

impl Stand for Timeline {
    fn platform(&self) -> &'static str {
        "timeline"
    }

    fn keys(&self, _secrets: &Secrets) -> Vec<(&'static str, String)> {
        vec![("like", "\"bluesky\"".to_owned())]
    }

    fn server(&self) -> Option<&dyn Server> {
        None
    }

    fn ends(&self) -> Ends {
        Ends::default()
    }

    fn recovery(&self) -> Recovery {
        Recovery::OwnId
    }

    fn at_limit(&self) -> Vec<String> {
        vec!["字".repeat(300)]
    }

    fn above_limit(&self) -> Vec<String> {
        vec!["字".repeat(301)]
    }

    fn refusals(&self) -> Vec<Refusal> {
        Vec::new()
    }

    fn lacks(&self) -> &'static [(Class, &'static str)] {
        &[]
    }

    fn too_many(&self, _wait: Wait) -> Option<Reply> {
        None
    }

    fn revoke(&self) -> bool {
        false
    }

    fn restore(&self) {}

    fn marked(&self) -> Vec<Sign> {
        Vec::new()
    }

    fn eye(&self) -> Eye {
        // Its pages show text as text; only the article's link is one.
        Eye::default()
    }
}
