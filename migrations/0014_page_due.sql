-- What is due is asked for whatever it waits for: the index of 0002 begins with the reason, and no statement names one.
DROP INDEX page_wait_due;
CREATE INDEX page_wait_next ON page_wait (due, article, reason);
