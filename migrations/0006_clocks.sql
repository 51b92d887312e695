-- How far the platform's clock was ahead of ours when an attempt was begun, in milliseconds: it belongs to the attempt,
-- since either clock may be set before the attempt is looked up.
ALTER TABLE attempt ADD COLUMN clock_ahead BIGINT;
ALTER TABLE channel DROP COLUMN clock_offset;
