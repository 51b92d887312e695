-- Pictures shown to platforms that fetch them by themselves (Instagram, Threads): for an hour, at addresses nobody can
-- guess. Nothing of value: a picture is made again where it is needed again. One text for SQLite and PostgreSQL.

CREATE TABLE shown_picture (
    -- The last part of its address: 128 bits of chance.
    name TEXT PRIMARY KEY,
    jpeg BYTEA NOT NULL,
    until BIGINT NOT NULL
);
CREATE INDEX shown_picture_until ON shown_picture (until);
