import { describe, expect, it } from "vitest";
import { fileWith, GOOD_FILE, problemsOf, sectionWith } from "./pipeline-file.fixture.ts";

/** Every kind of bad input, with the exact words that the operator reads. */
const BAD_FILES = [
  {
    name: "an empty file",
    file: "",
    problems: [
      "shop.yaml:1:1: the file is empty. Write a pipeline with source, sink and pipeline.",
    ],
  },
  {
    name: "text that is not YAML",
    file: "source: [a\n",
    problems: [
      "shop.yaml:1:1: pipeline: is missing. Write pipeline: with name: shop and its options under it.",
      "shop.yaml:1:1: sink: is missing. Write sink: with type: dsql and its options under it.",
      "shop.yaml:2:1: is not YAML: flow sequence in block collection must be sufficiently indented and end with a ]. Check the brackets, and indent the keys of one section by the same number of spaces.",
    ],
  },
  {
    name: "a tab for an indent",
    file: "source:\n\ttype: postgres\n",
    problems: [
      "shop.yaml:2:1: is not YAML: tabs are not allowed as indentation. Indent with spaces.",
    ],
  },
  {
    name: "a tab before one key of several",
    file: fileWith("  hostname: db.internal", "\thostname: db.internal"),
    problems: [
      "shop.yaml:3:1: is not YAML: tabs are not allowed as indentation. Indent with spaces.",
    ],
  },
  {
    name: "a key twice",
    file: sectionWith("source", "port: 1", "port: 2"),
    problems: [
      "shop.yaml:4:3: source.port: stands here twice, in line 3 already. Keep one of the two.",
    ],
  },
  {
    name: "a section twice",
    file: GOOD_FILE + "pipeline:\n  name: other\n",
    problems: [
      "shop.yaml:12:1: pipeline: stands here twice, in line 10 already. Keep one of the two.",
    ],
  },
  {
    name: "required names mistyped: one mistake is one problem",
    file: GOOD_FILE.replace("hostname:", "host:").replace("username:", "usrname:"),
    problems: [
      "shop.yaml:3:3: source.host: is not an option that is known. Did you mean hostname?",
      "shop.yaml:4:3: source.usrname: is not an option that is known. Did you mean username?",
    ],
  },
  {
    name: "a section in capitals",
    file: fileWith("sink:", "Sink:"),
    problems: ["shop.yaml:7:1: Sink: is not a section of a pipeline. Did you mean sink?"],
  },
  {
    name: "an option of another section",
    file: sectionWith("pipeline", "flush-interval-ms: 5s"),
    problems: ["shop.yaml:12:3: pipeline.flush-interval-ms: belongs under sink. Move it to sink."],
  },
  {
    name: "an unknown option of a section that has many",
    file: sectionWith("source", "fetch-size: 100"),
    problems: [
      "shop.yaml:3:3: source.fetch-size: is not an option that is known. Take it out, or use one of those that are like it: scan.incremental.snapshot.chunk.size.",
    ],
  },
  {
    name: "a key twice, and more behind it",
    file: sectionWith("source", "port: 1", "port: 2", "hostnmae: x"),
    problems: [
      "shop.yaml:4:3: source.port: stands here twice, in line 3 already. Keep one of the two.",
      "shop.yaml:5:3: source.hostnmae: is not an option that is known. Did you mean hostname?",
    ],
  },
  {
    name: "a tag that nobody knows, and more behind it",
    file: fileWith("  hostname: db.internal", "  hostname: !secret db\n  prot: 1"),
    problems: [
      "shop.yaml:3:13: a value that begins with ! is a YAML tag, and this one is not known. Put the value in quotes.",
      "shop.yaml:4:3: source.prot: is not an option that is known. Did you mean port?",
    ],
  },
  {
    name: "two documents",
    file: GOOD_FILE + "---\na: b\n",
    problems: [
      "shop.yaml:12:1: the file holds more than one document. Write one pipeline per file.",
    ],
  },
  {
    name: "a list for a file",
    file: "- a\n",
    problems: [
      "shop.yaml:1:1: the file holds a list and must be a map. Write source, sink and pipeline as its keys.",
    ],
  },
  {
    name: "a text for a file",
    file: "hello\n",
    problems: [
      "shop.yaml:1:1: the file holds a single value and must be a map. Write source, sink and pipeline as its keys.",
    ],
  },
  {
    name: "a star without backslash",
    file: fileWith("  tables: shop.public.\\.*", "  tables: *"),
    problems: [
      'shop.yaml:6:11: is not YAML: alias cannot be an empty string. A "*" at the start of a value needs a backslash (\\*) or quotes.',
    ],
  },
  ...["*", "*.orders"].map((value) => ({
    name: `${value} for a value, and more behind it`,
    file: fileWith("  tables: shop.public.\\.*", `  tables: ${value}\n  prot: 1`),
    problems: [
      value === "*"
        ? 'shop.yaml:6:11: is not YAML: alias cannot be an empty string. A "*" at the start of a value needs a backslash (\\*) or quotes.'
        : 'shop.yaml:6:11: a value that begins with * is a YAML alias, and this one has no anchor. A "*" at the start of a value needs a backslash (\\*) or quotes.',
      "shop.yaml:7:3: source.prot: is not an option that is known. Did you mean port?",
    ],
  })),
  ...["[a, b", "[a, [b", "{a: b"].map((value) => ({
    name: `${value} that does not close, and more behind it`,
    file: fileWith("  tables: shop.public.\\.*", `  tables: ${value}\n  prot: 1`),
    problems: [
      `shop.yaml:7:3: is not YAML: flow ${value.startsWith("[") ? "sequence" : "map"} in block collection must be sufficiently indented and end with a ${value.startsWith("[") ? "]" : "}"}. Check the brackets, and indent the keys of one section by the same number of spaces.`,
      "shop.yaml:7:3: source.prot: is not an option that is known. Did you mean port?",
    ],
  })),
  {
    name: "a quote that does not close, which takes the rest of the file",
    file: fileWith("  tables: shop.public.\\.*", '  tables: "a\n  prot: 1'),
    problems: [
      'shop.yaml:13:1: is not YAML: missing closing "quote. Close the quote or the bracket.',
    ],
  },
  {
    name: "an unknown tag",
    file: sectionWith("source", "port: !port 5432"),
    problems: [
      "shop.yaml:3:9: a value that begins with ! is a YAML tag, and this one is not known. Put the value in quotes.",
    ],
  },
  {
    name: "an unknown section",
    file: GOOD_FILE + "sinks:\n  a: b\n",
    problems: ["shop.yaml:12:1: sinks: is not a section of a pipeline. Did you mean sink?"],
  },
  {
    name: "a missing section",
    file: fileWith("pipeline:", "").replace("  name: shop\n", ""),
    problems: [
      "shop.yaml:1:1: pipeline: is missing. Write pipeline: with name: shop and its options under it.",
    ],
  },
  {
    name: "an empty section",
    file: fileWith("  name: shop", ""),
    problems: [
      "shop.yaml:10:10: pipeline: is empty and must be a map. Write name: shop and its options under it, indented.",
    ],
  },
  {
    name: "a section that is a list",
    file: GOOD_FILE.replace("pipeline:\n  name: shop\n", "pipeline: [a]\n"),
    problems: [
      "shop.yaml:10:11: pipeline: is a list and must be a map. Write name: shop and its options under it, indented.",
    ],
  },
  {
    name: "a missing type",
    file: fileWith("  type: dsql", ""),
    problems: [
      "shop.yaml:8:3: sink.type: is missing. Write type: dsql or postgres or kafka or jsonl.",
    ],
  },
  {
    name: "an unknown type",
    file: fileWith("  type: dsql", "  type: cassandra"),
    problems: [
      'shop.yaml:8:9: sink.type: "cassandra" is not a sink that this version has. Write dsql or postgres or kafka or jsonl.',
    ],
  },
  {
    name: "a misspelt type",
    file: fileWith("  type: dsql", "  type: dslq"),
    problems: [
      'shop.yaml:8:9: sink.type: "dslq" is not a sink that this version has. Did you mean dsql?',
    ],
  },
  {
    name: "a misspelt type, and more in its block",
    file: fileWith("  type: dsql", "  type: dslq\n  batch-size: many"),
    problems: [
      'shop.yaml:8:9: sink.type: "dslq" is not a sink that this version has. Did you mean dsql?',
      'shop.yaml:9:15: sink.batch-size: "many" is not a whole number. Write a whole number from 1 to 100000, e.g. batch-size: 2000.',
    ],
  },
  {
    name: "a missing option",
    file: fileWith("  hostname: db.internal", ""),
    problems: ["shop.yaml:2:3: source.hostname: is missing. Write hostname: db.internal."],
  },
  {
    name: "a misspelt option",
    file: fileWith("  hostname: db.internal", "  hostnmae: db.internal"),
    problems: [
      "shop.yaml:3:3: source.hostnmae: is not an option that is known. Did you mean hostname?",
    ],
  },
  {
    name: "an option in another spelling",
    file: sectionWith("sink", "batchSize: 3"),
    problems: [
      "shop.yaml:9:3: sink.batchSize: is not an option that is known. Did you mean batch-size?",
    ],
  },
  {
    name: "the beginning of an option",
    file: fileWith("  username: millrace", "  user: millrace"),
    problems: [
      "shop.yaml:4:3: source.user: is not an option that is known. Did you mean username?",
    ],
  },
  {
    name: "an option that nobody knows",
    file: sectionWith("pipeline", "colour: red"),
    problems: [
      "shop.yaml:12:3: pipeline.colour: is not an option that is known. Take it out; pipeline knows execution.runtime-mode, memory.budget, name, parallelism, route-mode, schema.change.behavior.",
    ],
  },
  {
    name: "an option without value",
    file: fileWith("  hostname: db.internal", "  hostname:"),
    problems: ["shop.yaml:3:12: source.hostname: has no value. Write hostname: db.internal."],
  },
  {
    name: "an option with null",
    file: sectionWith("sink", "region: null"),
    problems: [
      "shop.yaml:9:11: sink.region: has no value. Write region: eu-west-1, or leave it out.",
    ],
  },
  {
    name: "a list for a value",
    file: sectionWith("source", "port: [1, 2]"),
    problems: [
      "shop.yaml:3:9: source.port: is a list and must be a single value. Write port: 5432.",
    ],
  },
  {
    name: "a map for a value",
    file: sectionWith("source", "port: {a: 1}"),
    problems: [
      "shop.yaml:3:9: source.port: is a map and must be a single value. Write port: 5432.",
    ],
  },
  {
    name: "a port that is no number",
    file: sectionWith("source", "port: 54a"),
    problems: [
      'shop.yaml:3:9: source.port: "54a" is not a whole number. Write a whole number from 1 to 65535, e.g. port: 5432.',
    ],
  },
  {
    name: "a port out of range",
    file: sectionWith("source", "port: 70000"),
    problems: [
      'shop.yaml:3:9: source.port: "70000" is out of range. Write a whole number from 1 to 65535, e.g. port: 5432.',
    ],
  },
  {
    name: "a fraction for a whole number",
    file: sectionWith("pipeline", "parallelism: 1.5"),
    problems: [
      'shop.yaml:12:16: pipeline.parallelism: "1.5" is not a whole number. Write a whole number from 1 to 64, e.g. parallelism: 4.',
    ],
  },
  {
    name: "a number without unit for a duration",
    file: sectionWith("source", "heartbeat.interval: 30"),
    problems: [
      'shop.yaml:3:23: source.heartbeat.interval: "30" has no unit. Write a number and one of ms, s, min, h, d, e.g. heartbeat.interval: 30s.',
    ],
  },
  {
    name: "a unit that no duration has",
    file: sectionWith("source", "heartbeat.interval: 30 parsecs"),
    problems: [
      'shop.yaml:3:23: source.heartbeat.interval: "30 parsecs" has a unit that is not known. Write a number and one of ms, s, min, h, d, e.g. heartbeat.interval: 30s.',
    ],
  },
  {
    name: "a text for a duration",
    file: sectionWith("source", "connect.timeout: soon"),
    problems: [
      'shop.yaml:3:20: source.connect.timeout: "soon" is not a duration. Write a number and one of ms, s, min, h, d, e.g. connect.timeout: 30s.',
    ],
  },
  {
    name: "a duration out of range",
    file: sectionWith("source", "connect.timeout: 2d"),
    problems: [
      'shop.yaml:3:20: source.connect.timeout: "2d" is out of range. Write a duration from 250ms to 1h, e.g. connect.timeout: 30s.',
    ],
  },
  {
    name: "a size without unit",
    file: sectionWith("pipeline", "memory.budget: 256"),
    problems: [
      'shop.yaml:12:18: pipeline.memory.budget: "256" has no unit. Write a number and one of b, kb, mb, gb, e.g. memory.budget: 64mb.',
    ],
  },
  {
    name: "a unit that no size has",
    file: sectionWith("pipeline", "memory.budget: 256 mbit"),
    problems: [
      'shop.yaml:12:18: pipeline.memory.budget: "256 mbit" has a unit that is not known. Write a number and one of b, kb, mb, gb, e.g. memory.budget: 64mb.',
    ],
  },
  {
    name: "a size out of range",
    file: sectionWith("pipeline", "memory.budget: 1kb"),
    problems: [
      'shop.yaml:12:18: pipeline.memory.budget: "1kb" is out of range. Write a size from 8mb to 64gb, e.g. memory.budget: 64mb.',
    ],
  },
  {
    name: "a word for a flag",
    file: sectionWith("sink", "enable-full-load: yes"),
    problems: [
      'shop.yaml:9:21: sink.enable-full-load: "yes" is neither true nor false. Write true or false, e.g. enable-full-load: true.',
    ],
  },
  {
    name: "a word that a choice has not",
    file: sectionWith("sink", "create: sometimes"),
    problems: [
      'shop.yaml:9:11: sink.create: "sometimes" is not one of its values. Write one of if-missing, never, e.g. create: if-missing.',
    ],
  },
  {
    name: "a behaviour of Flink that loses",
    file: sectionWith("pipeline", "schema.change.behavior: LENIENT"),
    problems: [
      'shop.yaml:12:27: pipeline.schema.change.behavior: "LENIENT" keeps the sink different from the source on purpose and is not supported yet. Write evolve to keep both sides equal, ignore to leave the target as it is, e.g. schema.change.behavior: evolve.',
    ],
  },
  {
    name: "try_evolve",
    file: sectionWith("pipeline", "schema.change.behavior: try_evolve"),
    problems: [
      'shop.yaml:12:27: pipeline.schema.change.behavior: "try_evolve" goes on silently where the sink cannot follow and is not supported yet. Write evolve: what the sink cannot do in place is done by loading that table again, e.g. schema.change.behavior: evolve.',
    ],
  },
  {
    name: "a start at the slot",
    file: sectionWith("source", "scan.startup.mode: committed-offset"),
    problems: [
      'shop.yaml:3:22: source.scan.startup.mode: "committed-offset" is not supported: rows from before the slot would be missing without anybody knowing. Write initial to load the tables first, or latest-offset to take new changes only, e.g. scan.startup.mode: initial.',
    ],
  },
  {
    name: "a share without percent",
    file: sectionWith("sink", "dead-letters.max-share: 0.01"),
    problems: [
      'shop.yaml:9:27: sink.dead-letters.max-share: "0.01" is not a percentage. Write one from 0% to 100%, e.g. dead-letters.max-share: 1%.',
    ],
  },
  {
    name: "a slot name with capitals",
    file: sectionWith("source", "slot.name: Shop"),
    problems: [
      'shop.yaml:3:14: source.slot.name: "Shop" is not a slot name. Write 1 to 63 lower-case letters, digits and underscores, e.g. slot.name: millrace_shop.',
    ],
  },
  {
    name: "a pipeline name with a slash",
    file: fileWith("  name: shop", "  name: a/b"),
    problems: [
      'shop.yaml:11:9: pipeline.name: "a/b" is not a pipeline name. Write 1 to 100 characters without / and without blanks at its ends, e.g. name: shop.',
    ],
  },
];

describe("a pipeline file that cannot be used", () => {
  it.each(BAD_FILES)("names place, reason and remedy for $name", ({ file, problems }) => {
    expect(problemsOf(file)).toEqual(problems);
  });

  it("is told with all its problems at once, in the order of the file", () => {
    const file = GOOD_FILE.replace("hostname:", "hostnam:")
      .replace("type: dsql", "type: dsql\n  batch-size: many")
      .replace("name: shop", "name: shop\n  parallelism: 0");
    expect(problemsOf(file).map((line) => line.slice(0, line.indexOf(": ")))).toEqual([
      "shop.yaml:3:3",
      "shop.yaml:9:15",
      "shop.yaml:13:16",
    ]);
  });

  it("never shows a secret, nor what came from a variable", () => {
    const file = sectionWith("source", "port: ${env:PGPASSWORD}").replace(
      "name: shop",
      "name: ${env:PGPASSWORD}/",
    );
    const problems = problemsOf(file);
    expect(problems).toHaveLength(2);
    expect(problems.join("\n")).not.toContain("geheim");
  });
});
