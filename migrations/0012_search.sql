-- Lists that are read without sorting, whatever the store holds. One text for SQLite and PostgreSQL; what differs (the
-- search) is in 0012_search.sqlite.sql and 0012_search.postgres.sql, of which one follows. Never edit a migration that
-- was shipped.

-- What goes out next. Only what waits stands in it.
CREATE INDEX post_due ON post (state, due, id) WHERE state = 'scheduled';

-- The newest of each state, page by page.
DROP INDEX post_state;
CREATE INDEX post_state ON post (state, changed, id);

-- The newest articles of a source, and of all.
CREATE INDEX article_source ON article (source, first_seen, id);
DROP INDEX article_seen;
CREATE INDEX article_seen ON article (first_seen, id);

-- What people did: few rows among the many that Bugle writes.
CREATE INDEX audit_people ON audit (actor, id) WHERE actor <> 'route' AND actor <> 'bugle';

-- Sources in trouble: few among many.
CREATE INDEX source_failing ON source (name) WHERE failures > 0;

-- What a channel spent is summed from the index alone.
DROP INDEX spend_day;
CREATE INDEX spend_day ON spend (channel, day, voided, micros);

