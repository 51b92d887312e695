-- The keys that seal what is kept of accounts, and how the tokens that run out are doing.

-- A data key: each channel has its own, and a new version where the old one cannot be opened any more.
-- id: scope|version. scope: the channel's name, or a word with a blank in it for what belongs to no channel.
CREATE TABLE data_key (
    id TEXT PRIMARY KEY,
    scope TEXT NOT NULL,
    version BIGINT NOT NULL,
    made BIGINT NOT NULL
);
CREATE INDEX data_key_scope ON data_key (scope);

-- A data key, sealed under a master key; while a master key is turned over there is one row for the old and one for the
-- new. master: the id of the master key.
CREATE TABLE data_key_wrap (
    data_key TEXT NOT NULL,
    master TEXT NOT NULL,
    bytes BYTEA NOT NULL,
    PRIMARY KEY (data_key, master)
);

-- What is known of a channel's grant, and who renews it.
CREATE TABLE token (
    channel TEXT PRIMARY KEY,
    -- The `at` of the sealed grant that all this is about; where it is another one, it is forgotten.
    grant_at BIGINT,
    -- fresh, asked (an answer is due), spent, never, lost
    state TEXT NOT NULL,
    said TEXT,
    -- Answers that were lost, for this grant.
    lost BIGINT NOT NULL,
    -- Not renewed before then.
    next_at BIGINT,
    renewed BIGINT,
    -- Who renews it, and until when nobody else does.
    owner TEXT,
    lease_until BIGINT,
    fence BIGINT NOT NULL,
    -- Which warnings of its end were given, and those of its API version's end.
    told BIGINT NOT NULL,
    version TEXT,
    version_told BIGINT NOT NULL,
    -- When the account last introduced itself or refused to, and what it said then.
    probed BIGINT,
    probe TEXT
);
