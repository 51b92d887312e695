-- What is known of a source beside its last fetch, and that an article was taken back.

-- When its listing was last read whole: what stood in it then stands in it still as long as it says "unchanged".
ALTER TABLE source ADD COLUMN last_read BIGINT;
-- The usual gap between two of its articles, in seconds, where that is known.
ALTER TABLE source ADD COLUMN rhythm BIGINT;
-- What kind of failure the last one was, in one word, and its HTTP status, where the server answered.
ALTER TABLE source ADD COLUMN trouble TEXT;
ALTER TABLE source ADD COLUMN status BIGINT;
-- Since when it fails.
ALTER TABLE source ADD COLUMN failing_since BIGINT;

-- When its source took it back, and the source's words.
ALTER TABLE article ADD COLUMN killed_at BIGINT;
ALTER TABLE article ADD COLUMN killed_why TEXT;
