-- The pages of articles. Never edit a migration that was shipped.

-- An article whose page is to be fetched. Posts that wait for it have `due` = `until` (breaking ones `brief`), so that
-- they go out then whatever becomes of this row.
CREATE TABLE page_wait (
    article TEXT NOT NULL,
    -- What is waited for: a word of `WaitFor`.
    reason TEXT NOT NULL,
    url TEXT NOT NULL,
    due BIGINT NOT NULL,
    brief BIGINT NOT NULL,
    until BIGINT NOT NULL,
    tries BIGINT NOT NULL,
    said TEXT,
    PRIMARY KEY (article, reason)
);
CREATE INDEX page_wait_due ON page_wait (reason, due);

-- What an article's page said of itself, as the source module's JSON: a later version of the article is completed by it.
CREATE TABLE page (
    article TEXT PRIMARY KEY,
    url TEXT NOT NULL,
    found TEXT NOT NULL,
    at BIGINT NOT NULL,
    facts TEXT NOT NULL
);
