//! What an import writes, and what it leaves alone.

use super::*;

const CONFIG: &str = "# ours\n[newsroom]\nname = \"N\"\ntimezone = \"UTC\"\n\n[source.main]\nurl = \"https://main.example/rss\"\n\
                      \n[channel.wall]\nplatform = \"timeline\"   # no line end";
const LIST: &str = "<opml><body><outline text='City'><outline text='Gazette' xmlUrl='https://gazette.example/rss'/>\
                    </outline><outline text='Ours' xmlUrl='https://main.example/rss'/></body></opml>";
const TOOTS: &str = "[mastodon]\ninstance_url=https://m.example\nuser_credentials=cred\n[rss]\nuri_list=list.txt\n\
                     toot={title} {link}\n";

struct Place {
    folder: tempfile::TempDir,
    call: Call,
}

impl Place {
    fn new(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bugle.toml");
        std::fs::write(&path, config).unwrap();
        Self { call: Call { config: path, json: true }, folder }
    }

    fn args(&self, name: &str, text: &str) -> Args {
        let file = self.folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        Args { file, dry_run: false, to: Vec::new(), prefix: String::new(), channel: "mastodon".to_owned() }
    }

    fn config(&self) -> String {
        std::fs::read_to_string(&self.call.config).unwrap()
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

/// The error's text with its way out.
fn said(result: anyhow::Result<Exit>) -> String {
    super::super::explain(&result.unwrap_err(), false).0
}

#[tokio::test]
async fn a_list_becomes_sources_behind_what_is_there() {
    let place = Place::new(CONFIG);
    let args = Args { to: vec!["wall".to_owned()], ..place.args("list.opml", LIST) };
    assert_eq!(run(args, &place.call).await.unwrap(), Exit::Done);
    let text = place.config();
    assert!(text.starts_with(CONFIG), "{text}");
    assert_eq!(
        &text[CONFIG.len()..],
        "\n\n# Gazette\n[source.gazette]\nurl = \"https://gazette.example/rss\"\ncategories = [\"City\"]\n\n[[route]]\n\
         from = [\"gazette\"]\nto = [\"wall\"]\n"
    );
    let config = config::load(&place.call.config).map_err(|faults| faults.to_string()).ok().unwrap();
    assert_eq!((config.sources.len(), config.routes.len()), (2, 1));
    // Once more: all of it is there.
    run(place.args("list.opml", LIST), &place.call).await.unwrap();
    assert_eq!(place.config(), text);
    assert_eq!(place.names(), ["bugle.toml", "list.opml"]);
}

#[tokio::test]
async fn a_dry_run_writes_nothing() {
    let place = Place::new(CONFIG);
    let args = Args { dry_run: true, ..place.args("list.opml", LIST) };
    run(args, &place.call).await.unwrap();
    assert_eq!(place.config(), CONFIG);
    // Without a config there is nothing to clash with.
    let call = Call { config: place.folder.path().join("none.toml"), json: false };
    run(
        Args {
            dry_run: true,
            ..place.args("f.ini", "[mastodon]\ninstance_url=m.example\n[rss]\nuri=https://a.example/")
        },
        &call,
    )
    .await
    .unwrap();
    assert!(said(run(place.args("list.opml", LIST), &call).await).contains("no such file"));
    assert_eq!(place.names(), ["bugle.toml", "f.ini", "list.opml"]);
}

#[tokio::test]
async fn names_that_are_taken_are_refused_with_a_way_out() {
    let place = Place::new(&CONFIG.replace("source.main", "source.gazette"));
    let before = place.config();
    let told = said(run(place.args("list.opml", LIST), &place.call).await);
    assert!(told.contains("gazette") && told.contains("--prefix"), "{told}");
    assert_eq!(place.config(), before);
    run(Args { prefix: "old-".to_owned(), ..place.args("list.opml", LIST) }, &place.call).await.unwrap();
    assert!(place.config().contains("[source.old-gazette]"), "{}", place.config());

    let place = Place::new(&CONFIG.replace("channel.wall", "channel.mastodon"));
    std::fs::write(place.folder.path().join("list.txt"), "https://a.example/").unwrap();
    let told = said(run(place.args("f.ini", TOOTS), &place.call).await);
    assert!(told.contains("--to mastodon") && told.contains("--channel NAME"), "{told}");
    let told = said(run(Args { to: vec!["walll".to_owned()], ..place.args("list.opml", LIST) }, &place.call).await);
    assert!(told.contains("there is no channel \"walll\"; there are: mastodon"), "{told}");
}

#[tokio::test]
async fn the_settings_of_feed2toot_become_a_working_config() {
    let place = Place::new(CONFIG);
    let folder = place.folder.path();
    std::fs::write(folder.join("cred"), "SECRET\nhttps://m.example\n").unwrap();
    std::fs::write(
        folder.join("list.txt"),
        "Blog <https://a.example/>\nhttps://b.example/|title|x\nhttps://c.example/\n",
    )
    .unwrap();
    run(place.args("f.ini", TOOTS), &place.call).await.unwrap();
    let text = place.config();
    let config = config::load(&place.call.config).map_err(|faults| format!("{faults}\n{text}")).ok().unwrap();
    assert_eq!((config.sources.len(), config.channels.len(), config.routes.len()), (4, 2, 2), "{text}");
    assert_eq!(config.routes[1].when.as_deref(), Some("'x' in (title | lower)"));
    assert_eq!(config.routes[0].template.as_deref(), Some("feed2toot"));
    assert!(!text.contains("SECRET") && text.contains("MASTODON_TOKEN"), "{text}");
    let template = std::fs::read_to_string(folder.join("templates/post/feed2toot.j2")).unwrap();
    assert_eq!(template, "{{ title | elastic }} {{ link }} {{ hashtags | optional }}\n");
    // A template of that name that says something else stays.
    std::fs::write(folder.join("templates/post/feed2toot.j2"), "{{ link }}\n").unwrap();
    std::fs::write(&place.call.config, CONFIG).unwrap();
    let told = said(run(place.args("f.ini", TOOTS), &place.call).await);
    assert!(told.contains("another template") && told.contains("--prefix"), "{told}");
    assert_eq!(place.config(), CONFIG);
}

#[tokio::test]
async fn what_cannot_be_good_leaves_everything_as_it_was() {
    // Eight thousand bytes a source would make the file larger than a config may be.
    let many: String = (0..4_000)
        .map(|n| format!("<outline text='{}' xmlUrl='https://f.example/{n}?{}'/>", "t".repeat(100), "q".repeat(300)))
        .collect();
    let place = Place::new(CONFIG);
    let told = said(run(place.args("list.opml", &format!("<opml>{many}</opml>")), &place.call).await);
    assert!(told.contains("1,024 are allowed"), "{told}");
    for (name, text, word) in [
        ("feed.xml", "<rss><channel/></rss>", "not an OPML list"),
        ("empty", "", "not an OPML list"),
        ("f.ini", "[rss]\nuri=https://a.example/", "instance_url"),
    ] {
        let told = said(run(place.args(name, text), &place.call).await);
        assert!(told.contains(word), "{name}: {told}");
    }
    let gone = Args { file: "no-such-file".into(), ..place.args("x", "") };
    assert!(said(run(gone, &place.call).await).contains("no-such-file"));
    assert_eq!(place.config(), CONFIG);
    // A config with a fault is repaired first.
    let place = Place::new("[newsroom]\nname = 1\n");
    assert!(run(place.args("list.opml", LIST), &place.call).await.is_err());
    assert_eq!(place.config(), "[newsroom]\nname = 1\n");
}

#[test]
fn a_file_that_changed_meanwhile_is_left_alone() {
    let place = Place::new("new");
    let told = replace(&place.call.config, "old", "other").unwrap_err().to_string();
    assert!(told.contains("changed meanwhile"), "{told}");
    assert_eq!((place.config().as_str(), place.names()), ("new", vec!["bugle.toml".to_owned()]));
}

#[cfg(unix)]
#[test]
fn a_link_and_the_rights_stay() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new("old");
    std::fs::set_permissions(&place.call.config, std::fs::Permissions::from_mode(0o600)).unwrap();
    let link = place.folder.path().join("link.toml");
    std::os::unix::fs::symlink(&place.call.config, &link).unwrap();
    replace(&link, "old", "new").unwrap();
    assert!(link.symlink_metadata().unwrap().is_symlink());
    assert_eq!(place.config(), "new");
    assert_eq!(std::fs::metadata(&place.call.config).unwrap().permissions().mode() & 0o777, 0o600);
}
