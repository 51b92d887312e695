//! Whether the preview that others will show of a page is there: the page answers with what Open Graph needs, and the
//! picture it names answers with a picture. Platforms keep what they find at the first look (Facebook, LinkedIn, X), so a
//! link that is posted too early stays bare. Who waits for it, and how long, is not decided here.

use scraper::{Html, Selector};
use url::Url;

use super::studio::{Workshop, aside};
use crate::card::Raster;
use crate::model::picture::NoPicture;

/// What a page says of its own preview.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags {
    /// `og:title`, else `twitter:title`.
    pub title: Option<String>,
    /// `og:image`, else `twitter:image`; absolute.
    pub image: Option<Url>,
}

/// Reads a page's own words on its preview. `page`: where it was found.
pub fn tags(html: &str, page: &Url) -> Tags {
    let document = Html::parse_document(html);
    let Ok(metas) = Selector::parse("meta[content]") else { return Tags::default() };
    let find = |names: &[&str]| {
        names.iter().find_map(|name| {
            document.select(&metas).find_map(|meta| {
                let own = meta.attr("property").or_else(|| meta.attr("name"))?;
                let content = meta.attr("content")?.trim();
                (own.trim().eq_ignore_ascii_case(name) && !content.is_empty()).then(|| content.to_owned())
            })
        })
    };
    let image = find(&["og:image:secure_url", "og:image", "og:image:url", "twitter:image", "twitter:image:src"]);
    let image = image.and_then(|text| page.join(&text).ok()).filter(|url| matches!(url.scheme(), "http" | "https"));
    Tags { title: find(&["og:title", "twitter:title"]), image }
}

/// Whether the preview of that page is there.
///
/// # Errors
/// What is missing: `Later` where asking again may help, `Never` where the page has no preview to wait for.
pub async fn is_ready(workshop: &Workshop, page: &Url) -> Result<(), NoPicture> {
    let html = match workshop.fetch(page).await {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        // A page that is not up yet is a page that is not up yet, whatever status it has.
        Err(NoPicture::Never(said) | NoPicture::Later(said)) => return Err(NoPicture::Later(said)),
    };
    let Tags { title, image } = tags(&html, page);
    if title.is_none() {
        return Err(NoPicture::Never(format!("{page}: expected og:title, found none")));
    }
    let Some(image) = image else { return Err(NoPicture::Never(format!("{page}: expected og:image, found none"))) };
    let bytes = match workshop.fetch(&image).await {
        Ok(bytes) => bytes,
        Err(NoPicture::Never(said) | NoPicture::Later(said)) => return Err(NoPicture::Later(said)),
    };
    let read = aside(move || Raster::decode(&bytes).map(drop)).await?;
    read.map_err(|e| NoPicture::Later(format!("{image}: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tags_of_a_preview_are_found_as_pages_write_them() {
        let page = Url::parse("https://n.example/a/b").unwrap();
        type Case<'a> = (&'a str, Option<&'a str>, Option<&'a str>);
        let cases: &[Case<'_>] = &[
            ("<title>T</title>", None, None),
            (
                r#"<meta property="og:title" content="Körpü &amp; yol"><meta property="og:image" content="/p.jpg">"#,
                Some("Körpü & yol"),
                Some("https://n.example/p.jpg"),
            ),
            (
                r#"<META NAME="twitter:title" CONTENT="T"><meta name="twitter:image" content="https://c.example/p.png">"#,
                Some("T"),
                Some("https://c.example/p.png"),
            ),
            (r#"<meta property="og:title" content=" "><meta property="og:image" content="data:,x">"#, None, None),
            (
                r#"<meta property="og:image" content="http://n.example/p.jpg">
                   <meta property="og:image:secure_url" content="https://n.example/p.jpg">"#,
                None,
                Some("https://n.example/p.jpg"),
            ),
        ];
        for (html, title, image) in cases {
            let found = tags(html, &page);
            assert_eq!((found.title.as_deref(), found.image.as_ref().map(Url::as_str)), (*title, *image), "{html}");
        }
    }
}
