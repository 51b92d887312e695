//! X's price list and what a step of ours costs by it. Pay per use is X's default since 2026-02-06; whether a refused
//! request is charged is not documented, so what certainly made nothing is taken back, and what may have counts.

use crate::model::money::Price;
use crate::model::receipt::{Op, Step};
use crate::platform::{PriceList, picture};
use crate::text::entities::{Kind, entities};
use crate::text::rules::Unit;

/// A post without a link: $0.015.
const POST: Price = Price::micros(15_000);
/// A post with one: $0.200.
const LINKED: Price = Price::micros(200_000);
/// "Interaction: Delete": $0.010. That it is charged for posts is not certain; counted as if it were.
const DELETE: Price = Price::micros(10_000);
/// A picture's alternative text ("media metadata"): $0.005. The picture itself costs nothing.
const WORDS: Price = Price::micros(5_000);
/// A post read: $0.005. It is $0.001 where the account owns the developer app, which no answer tells: the dearer one counts.
pub(super) const READ: Price = Price::micros(5_000);
/// A user read: $0.010.
pub(super) const USER: Price = Price::micros(10_000);

pub(super) static PRICES: PriceList = PriceList {
    rows: &[
        ("post with a link", LINKED),
        ("post without a link", POST),
        ("post deleted", DELETE),
        ("alternative text of a picture", WORDS),
        ("own post read", READ),
        ("user read", USER),
    ],
    linked: LINKED,
    source: "https://docs.x.com/x-api/getting-started/pricing",
    read: "2026-08-22",
};

/// What sending a step costs. What counts as a link is not documented: here whatever X makes clickable does, bare domains
/// too, and all that is written as one.
pub(super) fn of(step: Step, body: &str) -> Price {
    match step.op {
        Op::Create | Op::Edit => {
            let text = super::text_of(body).unwrap_or_default();
            let written = ["http://", "https://"].iter().any(|start| text.to_ascii_lowercase().contains(start));
            let linked = written || entities(&text, Unit::Weighted).iter().any(|found| found.kind == Kind::Link);
            if linked { LINKED } else { POST }
        }
        Op::Upload => {
            let planned = picture::Planned::read(body).ok();
            let has_words = planned.as_ref().and_then(picture::Planned::alt).is_some_and(|alt| !alt.is_empty());
            if has_words { WORDS } else { Price::ZERO }
        }
        Op::Delete => DELETE,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use url::Url;

    use super::*;
    use crate::model::picture::{Origin, Picture};

    #[test]
    fn each_step_has_its_price() {
        let step = |op| Step { op, n: 0 };
        let text = |text: &str| json!({ "text": text }).to_string();
        let picture = |alt: &str| {
            let origin = Origin::Photo { urls: vec![Url::parse("https://n.example/a.jpg").unwrap()] };
            serde_json::to_string(&Picture { origin, alt: alt.to_owned() }).unwrap()
        };
        for (op, body, price) in [
            (Op::Create, text("A headline https://news.example/a"), "$0.20"),
            (Op::Create, text("A headline HTTP://localhost"), "$0.20"),
            (Op::Create, text("A headline"), "$0.015"),
            (Op::Create, text("Written in ASP.NET"), "$0.20"),
            (Op::Create, text("See news.com."), "$0.20"),
            (Op::Create, text("@azernews #Baku $TSLA"), "$0.015"),
            (Op::Create, "no json".to_owned(), "$0.015"),
            (Op::Delete, "1880000000000000009".to_owned(), "$0.01"),
            (Op::Upload, picture("A bridge"), "$0.005"),
            (Op::Upload, picture(""), "$0.00"),
        ] {
            assert_eq!(of(step(op), &body).to_string(), price, "{op} {body}");
        }
    }

    #[test]
    fn the_list_says_where_it_is_from() {
        assert!(PRICES.source.starts_with("https://docs.x.com/"));
        assert!(PRICES.read.parse::<jiff::civil::Date>().is_ok());
        assert!(PRICES.rows.contains(&("post with a link", PRICES.linked)));
    }
}
