import { describe, expect, it } from "vitest";
import { fileWith, GOOD_FILE, problemsOf, sectionWith } from "./pipeline-file.fixture.ts";

/** References, patterns, rules, and options that contradict each other, with the exact words that the operator reads. */
const BAD_FILES = [
  {
    name: "a variable that is not set",
    file: sectionWith("source", "port: ${env:PGPORT}"),
    problems: [
      "shop.yaml:3:9: source.port: the environment variable PGPORT is not set. Set it, or write ${env:PGPORT:-default}.",
    ],
  },
  {
    name: "a value of a variable that is wrong",
    file: sectionWith("source", "port: ${env:PGPASSWORD}"),
    problems: [
      'shop.yaml:3:9: source.port: the value of "${env:PGPASSWORD}" is not a whole number. Write a whole number from 1 to 65535, e.g. port: 5432.',
    ],
  },
  {
    name: "a reference that is not known",
    file: sectionWith("source", "port: ${evn:PGPORT}"),
    problems: [
      'shop.yaml:3:9: source.port: what stands between "${" and "}" is not a reference that is known. Write ${env:NAME}, ${env:NAME:-default} or ${file:PATH}, or $${ for the two characters themselves.',
    ],
  },
  {
    name: "a reference that is not closed",
    file: sectionWith("source", "slot.name: ${env:A"),
    problems: [
      'shop.yaml:3:14: source.slot.name: a reference that begins with "${" has no closing brace. Write }, or $${ for the two characters themselves.',
    ],
  },
  {
    name: "a file that is not there",
    file: fileWith("  password: ${env:PGPASSWORD}", "  password: ${file:secrets/pg}"),
    problems: [
      "shop.yaml:5:13: source.password: the file secrets/pg cannot be read (ENOENT). Make the file, or mend its path or its rights.",
    ],
  },
  {
    name: "tables without database",
    file: fileWith("  tables: shop.public.\\.*", "  tables: public.orders"),
    problems: [
      "shop.yaml:6:11: source.tables: the pattern has 2 parts instead of 3 (at character 1). Write `database.schema.table`. A plain dot separates the parts of a name; write `\\.` where you mean any character, `\\\\.` where you mean a dot in a name.",
    ],
  },
  {
    name: "a pattern that is no expression",
    file: fileWith("  tables: shop.public.\\.*", "  tables: shop.public.a**"),
    problems: [
      "shop.yaml:6:11: source.tables: the part is not a regular expression: Nothing to repeat (at character 13). Write `\\.*` for any characters; a plain dot separates the parts of a name.",
    ],
  },
  {
    name: "a bracket that is not closed",
    file: fileWith("  tables: shop.public.\\.*", "  tables: shop.public.[ab"),
    problems: [
      'shop.yaml:6:11: source.tables: "[" is never closed (at character 13). Add "]", or write "\\[" for the character itself.',
    ],
  },
  {
    name: "two databases, of which a variable holds what it ought not to",
    file: fileWith(
      "  tables: shop.public.\\.*",
      "  tables: shop.public.a, ${env:PGPASSWORD}.public.b",
    ),
    problems: [
      "shop.yaml:6:11: source.tables: names the databases shop and ${env:PGPASSWORD}. Write the name of one database as the first part, e.g. tables: shop.public.\\.*; make one pipeline per database.",
    ],
  },
  {
    name: "two databases",
    file: fileWith("  tables: shop.public.\\.*", "  tables: shop.public.a, store.public.b"),
    problems: [
      "shop.yaml:6:11: source.tables: names the databases shop and store. Write the name of one database as the first part, e.g. tables: shop.public.\\.*; make one pipeline per database.",
    ],
  },
  {
    name: "a pattern for the database",
    file: fileWith("  tables: shop.public.\\.*", "  tables: shop_[0-9]+.public.a"),
    problems: [
      'shop.yaml:6:11: source.tables: begins with "shop_[0-9]+", which is a pattern. Write the name of one database as the first part, e.g. tables: shop.public.\\.*; make one pipeline per database.',
    ],
  },
  {
    name: "tables.exclude without database",
    file: sectionWith("source", "tables.exclude: orders"),
    problems: [
      "shop.yaml:3:19: source.tables.exclude: the pattern has 1 part instead of 3 (at character 1). Write `database.schema.table`. A plain dot separates the parts of a name; write `\\.` where you mean any character, `\\\\.` where you mean a dot in a name.",
    ],
  },
  {
    name: "an option of another sink",
    file: fileWith("  type: dsql", "  type: postgres\n  database: a\n  username: b\n  iam-role: x"),
    problems: [
      "shop.yaml:11:3: sink.iam-role: has no place here. Take it out: IAM is for type: dsql.",
    ],
  },
  {
    name: "a function of Flink",
    file: sectionWith("pipeline", "user-defined-function: []"),
    problems: [
      "shop.yaml:12:3: pipeline.user-defined-function: has no place here. Take it out: functions in Java or Python cannot run here.",
    ],
  },
  {
    name: "batch mode",
    file: sectionWith("pipeline", "execution.runtime-mode: BATCH"),
    problems: [
      "shop.yaml:12:27: pipeline.execution.runtime-mode: is not STREAMING. Take it out, and run with --until-caught-up to end after the load.",
    ],
  },
  {
    name: "a region that is missing",
    file: fileWith("  host: abc123.dsql.eu-west-1.on.aws", "  host: dsql.internal"),
    problems: [
      "shop.yaml:8:3: sink.region: is missing, and the host name does not hold it. Write the region of the cluster, e.g. region: eu-west-1; or password, to do without IAM.",
    ],
  },
  {
    name: "IAM with a password",
    file: sectionWith("sink", "use-iam-auth: true", "password: x"),
    problems: [
      "shop.yaml:10:13: sink.password: is given, but use-iam-auth is true. Take out one of the two: IAM signs the password itself.",
    ],
  },
  {
    name: "IAM at a source without region, with a password, without TLS",
    file: sectionWith("source", "use-iam-auth: true", "ssl-mode: disable"),
    problems: [
      "shop.yaml:2:3: source.region: is missing, and the host name does not hold it. Write the region of the server, e.g. region: eu-west-1.",
      "shop.yaml:4:13: source.ssl-mode: is disable, but use-iam-auth is true. Write verify-full: IAM needs TLS.",
      "shop.yaml:7:13: source.password: is given, but use-iam-auth is true. Take out one of the two: IAM signs the password itself.",
    ],
  },
  {
    name: "IAM's options at a source without IAM",
    file: sectionWith(
      "source",
      "region: eu-west-1",
      "iam-role: arn:aws:iam::123456789012:role/reader",
    ),
    problems: [
      "shop.yaml:3:11: source.region: is given without IAM. Write use-iam-auth: true, or take it out.",
      "shop.yaml:4:13: source.iam-role: is given without IAM. Write use-iam-auth: true, or take it out.",
    ],
  },
  {
    name: "no IAM and no password",
    file: sectionWith("sink", "use-iam-auth: false"),
    problems: [
      "shop.yaml:8:3: sink.password: is missing, and use-iam-auth is false. Write password: ${env:SINK_PASSWORD}, or use-iam-auth: true.",
    ],
  },
  {
    name: "an admin that is none",
    file: sectionWith("sink", "admin-user: true", "username: writer"),
    problems: [
      "shop.yaml:9:15: sink.admin-user: is true, but username is writer. Take it out: DSQL wants DbConnectAdmin for the user admin and for nobody else.",
    ],
  },
  {
    name: "a certificate without key",
    file: sectionWith("source", "ssl-cert: c.pem"),
    problems: [
      "shop.yaml:3:13: source.ssl-cert: is given without ssl-key. Write ssl-key: with the path of its key.",
      "shop.yaml:3:13: source.ssl-cert: c.pem cannot be read (ENOENT). Make the file, or mend its path or its rights.",
    ],
  },
  {
    name: "a CA that is not there",
    file: sectionWith("sink", "ssl-ca: ca.pem"),
    problems: [
      "shop.yaml:9:11: sink.ssl-ca: ca.pem cannot be read (ENOENT). Make the file, or mend its path or its rights.",
    ],
  },
  {
    name: "a pool that is too small",
    file: sectionWith("sink", "max-pool-size: 3"),
    problems: [
      "shop.yaml:9:18: sink.max-pool-size: is 3, but 4 lanes need 6 connections. Write max-pool-size: 6, or a lower pipeline.parallelism.",
    ],
  },
  {
    name: "sslmode prefer",
    file: sectionWith("source", "ssl-mode: prefer"),
    problems: [
      'shop.yaml:3:13: source.ssl-mode: "prefer" falls back to plain text without a word. Write require where the server has TLS, disable where it has none, e.g. ssl-mode: verify-full.',
    ],
  },
  {
    name: "schema changes off and evolve",
    file: sectionWith("source", "schema-change.enabled: false").replace(
      "name: shop",
      "name: shop\n  schema.change.behavior: evolve",
    ),
    problems: [
      "shop.yaml:3:26: source.schema-change.enabled: is false, but pipeline.schema.change.behavior is evolve. Take out one of the two.",
    ],
  },
  {
    name: "no full load and a start with one",
    file: sectionWith("source", "scan.startup.mode: initial").replace(
      "type: dsql",
      "type: dsql\n  enable-full-load: false",
    ),
    problems: [
      "shop.yaml:3:22: source.scan.startup.mode: is initial, but sink.enable-full-load is false. Take out one of the two.",
    ],
  },
  {
    name: "two parallelisms",
    file: sectionWith("source", "scan.snapshot.parallelism: 2").replace(
      "type: dsql",
      "type: dsql\n  parallelism: 8",
    ),
    problems: [
      "shop.yaml:3:30: source.scan.snapshot.parallelism: is 2, but sink.parallelism is 8. Take out one of the two; both say how many chunks are read at once.",
    ],
  },
  {
    name: "a schema change that nobody knows",
    file: sectionWith("sink", "include.schema.changes: [drop.tabel]"),
    problems: [
      'shop.yaml:9:27: sink.include.schema.changes: "drop.tabel" is not a schema change. Did you mean drop.table?',
    ],
  },
  {
    name: "a schema change that cannot be left out",
    file: sectionWith("sink", "exclude.schema.changes: [rename]"),
    problems: [
      "shop.yaml:9:27: sink.exclude.schema.changes: leaves out rename.column, which cannot be left out one by one. Let them in, or write schema.change.behavior: ignore to leave all of them out.",
    ],
  },
  {
    name: "create.table left out and wanted",
    file: sectionWith("sink", "exclude.schema.changes: [create.table]", "create: if-missing"),
    problems: [
      "shop.yaml:10:11: sink.create: is if-missing, but exclude.schema.changes leaves out create.table. Take out one of the two.",
    ],
  },
  {
    name: "a route that is a map",
    file: GOOD_FILE + "route:\n  source-table: a.b\n",
    problems: [
      'shop.yaml:13:3: route: is a map and must be a list. Begin every entry with "- source-table:".',
    ],
  },
  {
    name: "an action without its bound",
    file: sectionWith("source", "slot.max-retained.action: pause-load"),
    problems: [
      "shop.yaml:3:29: source.slot.max-retained.action: is given without slot.max-retained. Write slot.max-retained: 50gb, or what the server's disk can spare.",
    ],
  },
  {
    name: "a slot that may be given up and whose loss stops the pipeline",
    file: sectionWith(
      "source",
      "slot.max-retained: 50gb",
      "slot.max-retained.action: resync",
      "on-loss: fail",
    ),
    problems: [
      "shop.yaml:4:29: source.slot.max-retained.action: is resync, but on-loss is fail: a slot that was given up is a loss, which nobody can tell from another one after a restart. Write on-loss: resync as well, or slot.max-retained.action: pause-load.",
    ],
  },
  {
    name: "a rate of nothing",
    file: sectionWith("source", "scan.snapshot.max-rows-per-second: 0"),
    problems: [
      'shop.yaml:3:38: source.scan.snapshot.max-rows-per-second: "0" is out of range. Write a whole number from 1 to 1000000000, e.g. scan.snapshot.max-rows-per-second: 20000.',
    ],
  },
  {
    name: "a route without sink-table",
    file: GOOD_FILE + "route:\n  - source-table: public.a\n",
    problems: ["shop.yaml:13:5: route[0].sink-table: is missing. Write sink-table: shop.<>."],
  },
  {
    name: "a route with three parts",
    file: GOOD_FILE + "route:\n  - source-table: public.a\n    sink-table: a.b.c\n",
    problems: [
      "shop.yaml:14:17: route[0].sink-table: the sink table has 3 parts instead of schema and table (at character 1). Write `schema.table`; write `\\.` for a dot in a name.",
    ],
  },
  {
    name: "a route with a group that is not there",
    file: GOOD_FILE + "route:\n  - source-table: public.(a)\n    sink-table: shop.$2\n",
    problems: [
      "shop.yaml:14:17: route[0].sink-table: $2 names a capture group that source-table does not have (it has 1) (at character 6). Put what it shall stand for in parentheses in source-table, or write `\\$` for the character itself.",
    ],
  },
  {
    name: "a transform with a projection",
    file:
      GOOD_FILE +
      "transform:\n  - source-table: public.a\n    projection: \\*\n    mask-columns: [x]\n",
    problems: [
      "shop.yaml:14:5: transform[0].projection: has no place here. Take it out: expressions are not supported; choose columns with exclude-columns, mask-columns, hash-columns.",
    ],
  },
  {
    name: "a transform that does nothing",
    file: GOOD_FILE + "transform:\n  - source-table: public.a\n",
    problems: [
      "shop.yaml:13:5: transform[0]: chooses nothing. Write exclude-columns, mask-columns or hash-columns, or take the entry out.",
    ],
  },
  {
    name: "hashes without key",
    file: GOOD_FILE + "transform:\n  - source-table: public.a\n    hash-columns: [x]\n",
    problems: [
      "shop.yaml:13:5: transform[0].hash-key: is missing, and without it anyone could compute the hashes. Write hash-key: ${env:HASH_KEY}.",
    ],
  },
  {
    name: "a column that is masked and left out",
    file:
      GOOD_FILE +
      "transform:\n  - source-table: public.a\n    mask-columns: [x]\n    exclude-columns: x, y\n",
    problems: [
      'shop.yaml:14:19: transform[0].mask-columns: column "x" is named in exclude-columns too. Name every column once.',
    ],
  },
];

describe("a pipeline file whose parts do not go together", () => {
  it.each(BAD_FILES)("names place, reason and remedy for $name", ({ file, problems }) => {
    expect(problemsOf(file)).toEqual(problems);
  });
});
