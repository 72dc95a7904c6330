-- What Debezium was recorded with (mysql.jsonl, mariadb.jsonl), and what Millrace is held to.
-- before: the tables and what is loaded
CREATE TABLE items (
  id int PRIMARY KEY, name varchar(20) NOT NULL, price decimal(10,2), at datetime(6), seen timestamp(3) NULL, tags set('x','y'), kind enum('a','b'), doc json,
  big bigint unsigned, raw_bytes varbinary(8), flag tinyint(1), bits bit(10), day date, born year, ratio double
) CHARSET utf8mb4;
INSERT INTO items VALUES (1, 'Grüße, "du" \\ 😀', 12.50, '2024-02-29 12:34:56.789012', '2024-02-29 12:34:56.789', 'x,y', 'b', '{"a": [1, 2.5, null]}', 9007199254740993, x'00ff10', 1, b'1010101010', '2024-02-29', 1999, -2.25e-7), (2, '', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
CREATE TABLE two_part (a int, b varchar(10), note text, PRIMARY KEY (b, a)) CHARSET utf8mb4;
INSERT INTO two_part VALUES (1, 'x', 'loaded');
CREATE TABLE no_key (a int, b text) CHARSET utf8mb4;
CREATE TABLE required (
  id int PRIMARY KEY, t text NOT NULL, b blob NOT NULL, day date NOT NULL, tm time NOT NULL, ts datetime NOT NULL, tz timestamp NOT NULL, y year NOT NULL, bits bit(4) NOT NULL, bit1 bit(1) NOT NULL,
  flag tinyint(1) NOT NULL, d double NOT NULL, n decimal(5,2) NOT NULL, feels enum('sad','glad') NOT NULL, some set('x','y') NOT NULL
) CHARSET utf8mb4;
INSERT INTO required VALUES (1, 't', 'b', '2024-01-01', '12:00', '2024-01-01', '2024-01-01 00:00:00', 2024, b'1010', b'0', 0, 1, 1.5, 'glad', '');
-- after: changes, one transaction a line
UPDATE items SET name = 'changed', price = -0.01, doc = '{"b": 1}', flag = NULL WHERE id = 1;
INSERT INTO items (id, name, at, day, born) VALUES (3, 'three', '9999-12-31 23:59:59.999999', '1000-01-01', 2155), (4, 'four', '1970-01-01', '1969-12-31', 1901);
DELETE FROM items WHERE id = 2;
INSERT INTO items (id, name) VALUES (3, 'again'), (5, 'five') ON DUPLICATE KEY UPDATE name = VALUES(name);
REPLACE INTO items (id, name) VALUES (4, 'replaced');
UPDATE items SET name = name;
UPDATE required SET d = 2;
DELETE FROM required;
BEGIN; INSERT INTO two_part VALUES (2, 'y', 'one'), (3, 'z', 'two'); UPDATE two_part SET note = 'changed' WHERE a = 2; INSERT INTO no_key VALUES (7, 'between'); DELETE FROM two_part WHERE a = 1; COMMIT;
UPDATE two_part SET a = 20 WHERE a = 2;
UPDATE two_part SET a = a + 1, note = 'moved' ORDER BY a DESC;
INSERT INTO no_key VALUES (1, 'one'), (1, NULL);
UPDATE no_key SET b = 'two' WHERE b = 'one';
DELETE FROM no_key WHERE b IS NULL;
TRUNCATE TABLE two_part;
INSERT INTO two_part VALUES (9, 'w', NULL);
INSERT INTO items (id, name) VALUES (99, 'last');
