import { describe, expect, it } from "vitest";
import { parseConfigText, surroundingsOf } from "./load.ts";
import type { KafkaSinkConfig, PipelineConfig } from "./pipeline-config.ts";
import { ConfigError, formatProblem } from "./problem.ts";

const DYNAMODB = "  type: dynamodb\n  dynamodb.table.whitelist: orders";
const POSTGRES = "  type: postgres\n  hostname: db\n  username: u\n  tables: shop.public.t";

function configOf(source: string, ...lines: readonly string[]): PipelineConfig {
  const sinkLines = ["type: kafka", "properties.bootstrap.servers: k:9092", ...lines];
  const text = `source:\n${source}\nsink:\n${sinkLines.map((line) => `  ${line}\n`).join("")}pipeline:\n  name: shop\n`;
  return parseConfigText(text, "shop.yaml", surroundingsOf({}, "/"));
}

function load(source: string, ...lines: readonly string[]): KafkaSinkConfig {
  const { sink } = configOf(source, ...lines);
  if (sink.kind !== "kafka") throw new Error("no Kafka sink");
  return sink;
}

function problems(source: string, ...lines: readonly string[]): string[] {
  try {
    load(source, ...lines);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map((problem) => formatProblem(problem).replace(/^\S+ /, ""));
  }
}

describe("messages of a DynamoDB source", () => {
  it("go to the topics of Trustpilot's connector, unless the file says otherwise", () => {
    expect(load(DYNAMODB).topicPattern).toBe("dynamodb-{table}");
    expect(load(DYNAMODB, "kafka.topic.prefix: shop.").topicPattern).toBe("shop.{table}");
    const pattern = "topic.pattern: '{schema}.{table}'";
    expect(load(DYNAMODB, pattern).topicPattern).toBe("{schema}.{table}");
    expect(load(POSTGRES).topicPattern).toBe("{schema}.{table}");
    expect(load(POSTGRES, "kafka.topic.prefix: x-").topicPattern).toBe("x-{table}");
    expect(problems(DYNAMODB, "kafka.topic.prefix: x", pattern)).toEqual([
      expect.stringMatching(/kafka\.topic\.prefix: cannot stand together with topic\.pattern/),
    ]);
  });

  it("are its records with what the file adds to them", () => {
    const sink = load(
      DYNAMODB,
      "value.format: dynamodb-envelope",
      "dynamodb-envelope.add: [before, ttl]",
      "dynamodb-envelope.include-schema.enabled: true",
    );
    expect(sink).toMatchObject({
      valueFormat: "dynamodb-envelope",
      envelopeAdd: ["before", "ttl"],
      envelopeDocument: "connector",
      envelopeNames: "top",
      includeSchema: true,
    });
  });

  it.each([
    [false, ["value.format: dynamodb-envelope"]],
    [true, ["value.format: dynamodb-envelope", "dynamodb-envelope.add: [before]"]],
    [false, ["value.format: plain-json"]],
    [true, ["value.format: debezium-json"]],
    [true, []],
  ])("have old items made for them (%s) only where they tell them: %s", (tellsBefore, lines) => {
    expect(configOf(DYNAMODB, ...lines).source).toMatchObject({ tellsBefore });
  });

  it.each([
    [POSTGRES, "value.format: dynamodb-envelope", "the source is postgres"],
    [DYNAMODB, "dynamodb-envelope.names: keep", "value.format is debezium-json"],
    [
      DYNAMODB,
      "value.format: dynamodb-envelope\n  dynamodb-envelope.add: after",
      "has a word that is not known",
    ],
  ])("refuse what means nothing: %#", (source, line, why) => {
    const found = problems(source, line);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(why);
  });
});
