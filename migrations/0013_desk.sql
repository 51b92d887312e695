-- What a person decided about a post's picture instead of what its route or channel has, as JSON.
ALTER TABLE post ADD COLUMN picture TEXT;
-- What a post was before a person sent it at once, as JSON: taken back to that within some seconds.
ALTER TABLE post ADD COLUMN undo TEXT;
