-- The words of each article, folded by us (src/store/search.rs), and its language for pages that show its title.
CREATE TABLE article_search (
    n INTEGER PRIMARY KEY,
    article TEXT NOT NULL UNIQUE REFERENCES article (id) ON DELETE CASCADE,
    words TEXT NOT NULL,
    language TEXT
);

-- The words are folded already: the tokenizer only parts them at blanks.
CREATE VIRTUAL TABLE article_words USING fts5 (
    words, content = 'article_search', content_rowid = 'n', prefix = '2 3', tokenize = 'unicode61 remove_diacritics 0'
);

CREATE TRIGGER article_search_comes AFTER INSERT ON article_search BEGIN
    INSERT INTO article_words (rowid, words) VALUES (NEW.n, NEW.words);
END;

CREATE TRIGGER article_search_goes AFTER DELETE ON article_search BEGIN
    INSERT INTO article_words (article_words, rowid, words) VALUES ('delete', OLD.n, OLD.words);
END;

CREATE TRIGGER article_search_changes AFTER UPDATE OF words ON article_search BEGIN
    INSERT INTO article_words (article_words, rowid, words) VALUES ('delete', OLD.n, OLD.words);
    INSERT INTO article_words (rowid, words) VALUES (NEW.n, NEW.words);
END;
