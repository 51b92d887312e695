-- One text for SQLite and PostgreSQL: TEXT, BIGINT and BYTEA only. Instants are BIGINT milliseconds since 1970 (UTC),
-- ids are made by us, JSON is TEXT. Never edit a migration that was shipped.

CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE source (
    name TEXT PRIMARY KEY,
    url TEXT NOT NULL,
    first_seen BIGINT NOT NULL,
    -- 1: the next good fetch stores all and posts none (first sight, restore).
    fresh BIGINT NOT NULL,
    etag TEXT,
    last_modified TEXT,
    body_hash TEXT,
    next_poll BIGINT NOT NULL,
    last_fetch BIGINT,
    last_good BIGINT,
    last_change BIGINT,
    failures BIGINT NOT NULL,
    error TEXT,
    -- Moves and 410s under observation, as JSON.
    polite TEXT NOT NULL
);

CREATE TABLE article (
    id TEXT PRIMARY KEY,
    source TEXT NOT NULL,
    version BIGINT NOT NULL,
    hash TEXT NOT NULL,
    guid TEXT,
    link TEXT,
    title TEXT NOT NULL,
    title_hash TEXT NOT NULL,
    entry TEXT NOT NULL,
    verdicts TEXT NOT NULL,
    first_seen BIGINT NOT NULL,
    changed BIGINT NOT NULL
);
CREATE INDEX article_seen ON article (first_seen);
CREATE INDEX article_title ON article (source, title_hash);
CREATE INDEX article_link ON article (link);

CREATE TABLE article_version (
    article TEXT NOT NULL,
    version BIGINT NOT NULL,
    at BIGINT NOT NULL,
    entry TEXT NOT NULL,
    PRIMARY KEY (article, version)
);

-- What makes two entries one story. scope: the source's name, or '' for the whole newsroom.
CREATE TABLE alias (
    scope TEXT NOT NULL,
    value TEXT NOT NULL,
    article TEXT NOT NULL,
    last_listed BIGINT NOT NULL,
    PRIMARY KEY (scope, value)
);
CREATE INDEX alias_listed ON alias (last_listed);
CREATE INDEX alias_article ON alias (article);

CREATE TABLE channel (
    name TEXT PRIMARY KEY,
    platform TEXT NOT NULL,
    first_seen BIGINT NOT NULL,
    fence BIGINT NOT NULL,
    identity TEXT,
    blocked TEXT,
    blocked_since BIGINT,
    last_slot BIGINT,
    clock_offset BIGINT,
    closed_since BIGINT
);

CREATE TABLE pause (
    scope TEXT PRIMARY KEY,
    data TEXT NOT NULL,
    until BIGINT NOT NULL,
    since BIGINT NOT NULL
);

CREATE TABLE post (
    id TEXT PRIMARY KEY,
    channel TEXT NOT NULL,
    article TEXT NOT NULL,
    occasion TEXT NOT NULL,
    route BIGINT NOT NULL,
    template TEXT NOT NULL,
    urgency BIGINT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT,
    due BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    text TEXT,
    state TEXT NOT NULL,
    data TEXT NOT NULL,
    changed BIGINT NOT NULL,
    fence BIGINT NOT NULL,
    row_version BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    payload TEXT,
    payload_hash TEXT,
    sent BIGINT,
    looks BIGINT NOT NULL,
    next_look BIGINT,
    resends BIGINT NOT NULL,
    verify BIGINT NOT NULL,
    UNIQUE (channel, article, occasion)
);
CREATE INDEX post_queue ON post (channel, state, urgency, due, id);
CREATE INDEX post_state ON post (state, changed);
CREATE INDEX post_sent ON post (channel, sent);
CREATE INDEX post_article ON post (article);

CREATE TABLE attempt (
    id TEXT PRIMARY KEY,
    post TEXT NOT NULL,
    op TEXT NOT NULL,
    n BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    owner TEXT NOT NULL,
    fence BIGINT NOT NULL,
    hash TEXT NOT NULL,
    begun BIGINT NOT NULL,
    deadline BIGINT NOT NULL,
    ended BIGINT,
    result TEXT,
    outcome TEXT
);
CREATE INDEX attempt_post ON attempt (post, begun);
CREATE INDEX attempt_begun ON attempt (begun);

-- A change to what is out, asked for by a person: carried out by whoever holds the channel.
CREATE TABLE amend (
    id TEXT PRIMARY KEY,
    post TEXT NOT NULL,
    channel TEXT NOT NULL,
    op TEXT NOT NULL,
    payload TEXT,
    by_whom TEXT NOT NULL,
    at BIGINT NOT NULL,
    due BIGINT NOT NULL,
    tries BIGINT NOT NULL,
    state TEXT NOT NULL,
    said TEXT
);
CREATE INDEX amend_queue ON amend (channel, state, due);

CREATE TABLE audit (
    id TEXT PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    what TEXT NOT NULL,
    subject TEXT NOT NULL,
    came_from TEXT,
    went_to TEXT,
    why TEXT NOT NULL
);
CREATE INDEX audit_subject ON audit (subject, at);

CREATE TABLE notice (
    key TEXT PRIMARY KEY,
    level TEXT NOT NULL,
    text TEXT NOT NULL,
    first_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    count BIGINT NOT NULL,
    told BIGINT NOT NULL
);

CREATE TABLE sealed (
    channel TEXT NOT NULL,
    word TEXT NOT NULL,
    bytes BYTEA NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (channel, word)
);

CREATE TABLE wall (
    channel TEXT NOT NULL,
    id TEXT NOT NULL,
    at BIGINT NOT NULL,
    post TEXT NOT NULL,
    down BIGINT,
    PRIMARY KEY (channel, id)
);

-- The bytes of a source that could not be read, for the report.
CREATE TABLE raw (
    source TEXT PRIMARY KEY,
    at BIGINT NOT NULL,
    error TEXT NOT NULL,
    bytes BYTEA NOT NULL
);
