-- What pushes articles to us. Instants are BIGINT milliseconds since 1970 (UTC), as in 0001.

-- The hub (empty: none) and topic that a source named when it was last read.
CREATE TABLE hub_offer (
    source TEXT PRIMARY KEY,
    hub TEXT NOT NULL,
    topic TEXT NOT NULL,
    at BIGINT NOT NULL
);

-- One row a subscription; at most one of a source is not ending. token: the last part of its callback's path.
CREATE TABLE subscription (
    token TEXT PRIMARY KEY,
    source TEXT NOT NULL,
    hub TEXT NOT NULL,
    topic TEXT NOT NULL,
    callback TEXT NOT NULL,
    -- Sealed by the vault: what the hub signs with.
    secret BYTEA NOT NULL,
    -- pending, active, denied, ending
    state TEXT NOT NULL,
    -- When the hub was last asked, and has not settled it since.
    asked BIGINT,
    lease_until BIGINT,
    -- When to ask (again).
    next_at BIGINT NOT NULL,
    tries BIGINT NOT NULL,
    said TEXT,
    since BIGINT NOT NULL
);
CREATE INDEX subscription_source ON subscription (source);

-- Pushed messages that were taken: one that comes again is answered and ignored.
CREATE TABLE webhook_seen (
    source TEXT NOT NULL,
    id TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (source, id)
);
CREATE INDEX webhook_seen_at ON webhook_seen (at);
