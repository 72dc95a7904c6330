-- What Debezium was recorded with (postgres.jsonl), and what Millrace is held to.
-- before: the tables and what is loaded
CREATE TABLE types (
  id int PRIMARY KEY, small smallint, big bigint NOT NULL, flag boolean, r real, d double precision,
  n numeric(12,3), nn numeric(5,0) NOT NULL, m numeric, t text, v varchar(20) NOT NULL, c char(5), b bytea, u uuid, j jsonb, js json,
  day date, tm time, tm3 time(3), ts timestamp, ts3 timestamp(3), ts0 timestamp(0), tz timestamptz NOT NULL, tz3 timestamptz(3), ttz timetz,
  iv interval, bits bit(12), bit1 bit(1), vbits bit varying(20), net inet, cid cidr, mac macaddr, x xml,
  ints int[], texts text[], span int4range, spot point, oidcol oid
);
INSERT INTO types VALUES
  (1, 7, 9007199254740993, true, 1.5, -2.25e-7, 123456789.125, 42, 3.14159, 'Grüße, "du" \ 😀', 'v', 'ab', '\x00ff10', '6f1e0a3c-8d5b-4a7e-9c1d-2b3f4a5e6c7d', '{"a": [1, 2.50]}', '{"b" : 1}',
   '2024-02-29', '23:59:59.123456', '12:34:56.789', '2024-02-29 12:34:56.789012', '1969-12-31 23:59:59.999', '2001-01-01 00:00:00', '2024-02-29 12:34:56.789012+02', '1999-12-31 23:59:59.5-05', '12:00:00+02',
   '1 year 2 mons 3 days 04:05:06.789', B'101010101010', B'1', B'10101', '192.168.0.1/24', '10.0.0.0/8', '08:00:2b:01:02:03', '<a>1</a>',
   '{1,NULL,3}', '{"a b",NULL,"c,d"}', '[1,10)', '(1.5,-2)', 4294967295),
  (2, NULL, -9223372036854775808, NULL, NULL, NULL, NULL, -99999, NULL, NULL, '', NULL, NULL, NULL, NULL, NULL,
   NULL, NULL, NULL, NULL, NULL, NULL, '1970-01-01 00:00:00+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
CREATE TABLE two_part (a int, b text, note text, PRIMARY KEY (b, a));
INSERT INTO two_part VALUES (1, 'x', 'loaded');
CREATE TABLE no_key (a int, b text);
ALTER TABLE no_key REPLICA IDENTITY FULL;
CREATE TABLE full_image (id int PRIMARY KEY, note text);
ALTER TABLE full_image REPLICA IDENTITY FULL;
CREATE TABLE toasted (id int PRIMARY KEY, large text, note text);
ALTER TABLE toasted ALTER large SET STORAGE EXTERNAL;
INSERT INTO toasted VALUES (1, repeat('long ', 2000), 'a');
CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE TABLE required (
  id int PRIMARY KEY, t text NOT NULL, u uuid NOT NULL, j jsonb NOT NULL, b bytea NOT NULL, day date NOT NULL, tm time NOT NULL, ts timestamp NOT NULL,
  tz timestamptz NOT NULL, ttz timetz NOT NULL, iv interval NOT NULL, bits bit(4) NOT NULL, bit1 bit(1) NOT NULL, net inet NOT NULL, x xml NOT NULL,
  ints int[] NOT NULL, flag boolean NOT NULL, d double precision NOT NULL, n numeric(5,2) NOT NULL, m numeric NOT NULL, spot point NOT NULL,
  span int4range NOT NULL, feels mood NOT NULL, cash money NOT NULL
);
INSERT INTO required VALUES (1, 't', '6f1e0a3c-8d5b-4a7e-9c1d-2b3f4a5e6c7d', '{}', 'b', '2024-01-01', '12:00', '2024-01-01', '2024-01-01 00:00:00+00', '12:00:00.5+00', '1 day',
  B'1010', B'0', '::1', '<a/>', '{1}', false, 1, 1.5, 10, '(0,0)', '[1,2)', 'glad', '12.34');
-- after: changes, one transaction a line
UPDATE types SET small = -7, n = -0.001, t = NULL, tz = '2100-01-01 00:00:00.000001+00', ints = '{}' WHERE id = 1;
INSERT INTO types (id, big, nn, v, tz, ts, day, tm) VALUES (3, 1, 1, 'new', '0044-03-15 00:00:00+00 BC', '9999-12-31 23:59:59.999999', '0001-01-01', '24:00:00');
DELETE FROM types WHERE id = 2;
UPDATE required SET d = 2;
DELETE FROM required;
BEGIN; INSERT INTO two_part VALUES (2, 'y', 'one'), (3, 'z', 'two'); UPDATE two_part SET note = 'changed' WHERE a = 2; DELETE FROM two_part WHERE a = 1; COMMIT;
UPDATE two_part SET a = 20 WHERE a = 2;
INSERT INTO no_key VALUES (1, 'one'), (1, NULL);
UPDATE no_key SET b = 'two' WHERE b = 'one';
DELETE FROM no_key WHERE b IS NULL;
INSERT INTO full_image VALUES (1, 'a');
UPDATE full_image SET note = 'b';
UPDATE full_image SET id = 2;
DELETE FROM full_image;
UPDATE toasted SET note = 'b';
UPDATE toasted SET large = 'short';
DELETE FROM toasted;
TRUNCATE two_part;
