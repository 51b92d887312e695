-- Short links of our own. One text for SQLite and PostgreSQL, as in 0001.

CREATE TABLE short_link (
    -- What stands behind /r/: from the post's ids, the same again after a restore.
    id TEXT PRIMARY KEY,
    url TEXT NOT NULL,
    post TEXT NOT NULL,
    channel TEXT NOT NULL,
    article TEXT NOT NULL,
    created BIGINT NOT NULL
);
CREATE INDEX short_link_post ON short_link (post);
CREATE INDEX short_link_created ON short_link (created);

-- Clicks by civil day in the newsroom's zone: numbers, and nothing of who clicked.
CREATE TABLE short_link_click (
    link TEXT NOT NULL,
    day TEXT NOT NULL,
    clicks BIGINT NOT NULL,
    PRIMARY KEY (link, day)
);
