-- What platforms say of their own limits, and what posting has cost. One text for SQLite and PostgreSQL, as in 0001.

-- The last word of a platform on each of its limits. Amounts are millionths of the whole.
CREATE TABLE limit_said (
    -- Whom it counts for: the key of a pause's scope.
    scope TEXT NOT NULL,
    -- The platform's own word for it.
    word TEXT NOT NULL,
    -- The channel whose call was answered so.
    channel TEXT NOT NULL,
    said_scope TEXT NOT NULL,
    used BIGINT NOT NULL,
    remaining BIGINT,
    resets BIGINT,
    at BIGINT NOT NULL,
    -- 1: a claim has to look at it.
    tight BIGINT NOT NULL,
    PRIMARY KEY (scope, word)
);

-- One row a charge, in micro-dollars. A step's charge is stored with its attempt, before its first byte leaves, and has the
-- attempt's id; it is voided where the step proved not done.
CREATE TABLE spend (
    id TEXT PRIMARY KEY,
    channel TEXT NOT NULL,
    -- The digest of the developer app that pays, where the platform bills by app.
    app TEXT,
    post TEXT,
    what TEXT NOT NULL,
    micros BIGINT NOT NULL,
    -- The civil day in the newsroom's zone: 2026-11-25.
    day TEXT NOT NULL,
    at BIGINT NOT NULL,
    voided BIGINT
);
CREATE INDEX spend_day ON spend (channel, day);
CREATE INDEX spend_post ON spend (post);
