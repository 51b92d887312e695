-- People who sign in to the desk. Secrets are not in here: passwords as Argon2id, sessions, links and recovery codes as
-- SHA-256, the second factor sealed. One text for SQLite and PostgreSQL.

CREATE TABLE person (
  id TEXT NOT NULL PRIMARY KEY,
  -- as other people and the audit log see it
  name TEXT NOT NULL,
  -- the name as it is compared: without capitals
  login TEXT NOT NULL UNIQUE,
  -- as an administrator or the sign-in service gave it
  email TEXT,
  -- viewer, editor or admin
  role TEXT NOT NULL,
  -- Argon2id as a PHC string; none: signs in another way, or has a link to set one
  password TEXT,
  password_at BIGINT,
  -- the secret of the second factor, sealed; counts once `totp_at` is set
  totp BYTEA,
  totp_at BIGINT,
  -- the last time step that was accepted: each works once
  totp_step BIGINT,
  -- whom the sign-in service knows them as
  oidc_issuer TEXT,
  oidc_subject TEXT,
  made_at BIGINT NOT NULL,
  signed_in_at BIGINT,
  -- since when they may not sign in
  disabled_at BIGINT
);
CREATE UNIQUE INDEX person_oidc ON person (oidc_issuer, oidc_subject);

-- One-time codes in the place of the second factor.
CREATE TABLE recovery_code (
  person TEXT NOT NULL,
  -- SHA-256 of it, in hex
  code TEXT NOT NULL,
  used_at BIGINT,
  PRIMARY KEY (person, code)
);

CREATE TABLE session (
  -- SHA-256 of the cookie's secret, in hex
  id TEXT NOT NULL PRIMARY KEY,
  person TEXT NOT NULL,
  -- 1: the second factor is still asked for, and nothing else is open
  half BIGINT NOT NULL,
  -- how they signed in: password, totp, oidc, link
  how TEXT NOT NULL,
  -- from where, and with what, for their owner to tell them apart
  address TEXT NOT NULL,
  agent TEXT NOT NULL,
  begun_at BIGINT NOT NULL,
  seen_at BIGINT NOT NULL,
  -- it ends then, however much it is used
  until BIGINT NOT NULL
);
CREATE INDEX session_person ON session (person);

-- One-time links: to set up the first administrator, to come in as a new person, to set a new password.
CREATE TABLE one_time_link (
  -- SHA-256 of its secret, in hex
  id TEXT NOT NULL PRIMARY KEY,
  -- setup, invitation, reset
  kind TEXT NOT NULL,
  -- reset: whose password
  person TEXT,
  -- invitation: who they will be
  name TEXT,
  email TEXT,
  role TEXT,
  -- who had it made
  made_by TEXT NOT NULL,
  made_at BIGINT NOT NULL,
  -- none: until the first administrator is there
  until BIGINT
);

-- Failed tries to sign in, one row for each account and each address: a restart forgets none of them.
CREATE TABLE sign_in_try (
  -- `who:` and the SHA-256 of the name, or `from:` and the address
  id TEXT NOT NULL PRIMARY KEY,
  failures BIGINT NOT NULL,
  last_at BIGINT NOT NULL,
  -- nothing is tried before
  until BIGINT NOT NULL
);

-- A sign-in that is under way at the sign-in service.
CREATE TABLE oidc_flow (
  -- SHA-256 of the state it sends back, in hex
  state TEXT NOT NULL PRIMARY KEY,
  -- SHA-256 of the cookie of the browser that began it, in hex
  bound TEXT NOT NULL,
  nonce TEXT NOT NULL,
  verifier TEXT NOT NULL,
  -- the page to come back to
  back TEXT NOT NULL,
  until BIGINT NOT NULL
);
