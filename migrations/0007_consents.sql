-- Accounts on their way to being connected. Secrets are not in here: states, sessions and tickets as SHA-256, proofs sealed
-- under `sealed`.

-- One person's consent under way, or (choosing = 1) given and waiting for a choice of pages.
CREATE TABLE consent (
  -- SHA-256 of the state the platform sends back, in hex
  state TEXT NOT NULL PRIMARY KEY,
  channel TEXT NOT NULL,
  -- whose it is: `browser:` or `terminal:` and the SHA-256 of the session's secret
  bound TEXT NOT NULL,
  -- the redirect URI it was asked with
  redirect TEXT NOT NULL,
  -- the page the person was sent to, without its query
  page TEXT NOT NULL,
  -- the issuer the answer has to name, where the platform states one
  issuer TEXT,
  -- who connects
  who TEXT NOT NULL,
  -- the ticket it was begun with
  ticket TEXT,
  choosing BIGINT NOT NULL,
  expires BIGINT NOT NULL
);

-- A one-time ticket, printed by `bugle connect`, that lets a browser connect that channel.
CREATE TABLE connect_ticket (
  -- SHA-256 of the ticket, in hex
  ticket TEXT NOT NULL PRIMARY KEY,
  channel TEXT NOT NULL,
  who TEXT NOT NULL,
  -- 1 once a browser has taken it
  taken BIGINT NOT NULL,
  -- what came of it, for the terminal that waits
  outcome TEXT,
  expires BIGINT NOT NULL
);
