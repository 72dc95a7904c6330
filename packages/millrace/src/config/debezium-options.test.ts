/** Names of Debezium's: each leads to options that are there, and stands for none of ours. */
import { expect, it } from "vitest";
import { SINK_KINDS, SOURCE_KINDS } from "./connector-kinds.ts";
import { DEBEZIUM_OPTIONS, debeziumOption } from "./debezium-options.ts";
import type { OptionTable } from "./option.ts";
import { PIPELINE_OPTIONS } from "./options/pipeline-options.ts";
import { GOOD_FILE, problemsOf, sectionWith } from "./pipeline-file.fixture.ts";
import { ROUTE_OPTIONS, TRANSFORM_OPTIONS } from "./rules.ts";

const options = DEBEZIUM_OPTIONS.flatMap((part) => part.options);

function namesOf(...tables: OptionTable[]): string[] {
  return tables.flatMap((table) =>
    Object.values(table).flatMap(({ name, aliases = [] }) => [name, ...aliases]),
  );
}

const sources = namesOf(SOURCE_KINDS.postgres.options, SOURCE_KINDS.mysql.options);
const sink = namesOf(SINK_KINDS.kafka.options);
const known = new Set([
  "source.type",
  ...sources.map((name) => `source.${name}`),
  ...sink.map((name) => `sink.${name}`),
  ...namesOf(PIPELINE_OPTIONS).map((name) => `pipeline.${name}`),
  ...namesOf(ROUTE_OPTIONS).map((name) => `route.${name}`),
  ...namesOf(TRANSFORM_OPTIONS).map((name) => `transform.${name}`),
]);

it("leads to options that are there", () => {
  const missing = options.flatMap(({ here }) => here).filter((path) => !known.has(path));
  expect(missing).toEqual([]);
});

it("says why where nothing here is like it", () => {
  expect(options.filter(({ here, note }) => here.length === 0 && note === "")).toEqual([]);
});

it("takes no name from an option of ours", () => {
  // At the sink `include.schema.changes` is Flink CDC's list.
  const taken = [...sources, ...sink].filter((name) => debeziumOption(name) !== null);
  expect(taken).toEqual(["include.schema.changes"]);
});

it("says of a connector's configuration what its options are here, and of nothing that it is missing", () => {
  const file = GOOD_FILE.replace("hostname:", "database.hostname:").replace(
    "username:",
    "database.user:",
  );
  expect(problemsOf(file)).toEqual([
    "shop.yaml:3:3: source.database.hostname: is not an option that is known. That is Debezium's name; here it is hostname under source.",
    "shop.yaml:4:3: source.database.user: is not an option that is known. That is Debezium's name; here it is username under source.",
  ]);
});

it.each([
  [
    "message.key.columns: a:b",
    "Take it out. Messages have the table's key; sink.partition.strategy chooses the partition by some of its columns.",
  ],
  [
    "include.schema.changes: true",
    "That is Debezium's name; here it is schema-changes.topic under sink. At the sink the option of this name is Flink CDC's, a list of schema changes.",
  ],
  [
    "transforms.unwrap.type: x",
    "That is Debezium's name; here it is value.format under sink, sink-table under route, exclude-columns under transform. plain-json is the row without envelope, route names topics.",
  ],
])("knows what %s is", (line, remedy) => {
  expect(problemsOf(sectionWith("source", line))).toEqual([
    expect.stringContaining(`is not an option that is known. ${remedy}`),
  ]);
});
