-- The words of each article, folded by us (src/store/search.rs), and its language for pages that show its title.
CREATE TABLE article_search (
    article TEXT PRIMARY KEY REFERENCES article (id) ON DELETE CASCADE,
    words TEXT NOT NULL,
    language TEXT,
    -- The words are folded and parted by blanks already: no parser or dictionary has a say in it.
    lexemes tsvector GENERATED ALWAYS AS (array_to_tsvector(string_to_array(words, ' '))) STORED
);
CREATE INDEX article_words ON article_search USING gin (lexemes);
