import { expect, it } from "vitest";
import { parse as parseYaml } from "yaml";
import { z } from "zod";
import { pipelineJsonSchema } from "./json-schema.ts";
import { parse } from "./pipeline-file.fixture.ts";
import { formatNotice } from "./problem.ts";

const schema = z.fromJSONSchema(pipelineJsonSchema());

function file(...lines: readonly string[]): string {
  return [
    "source:",
    "  type: kafka",
    "  properties.bootstrap.servers: k1:9092",
    "  topic: shop.public.a",
    ...lines.map((line) => `  ${line}`),
    "sink:",
    "  type: jsonl",
    "  path: out",
    "pipeline:",
    "  name: shop",
    "",
  ].join("\n");
}

it("takes times of Kafka's options as Kafka's files write them, in milliseconds", () => {
  const text = file(
    "properties.session.timeout.ms: 45000",
    "properties.heartbeat.interval.ms: 3000",
    "properties.fetch.max.wait.ms: 250ms",
    "properties.request.timeout.ms: 20000",
  );
  expect(parse(text).source).toMatchObject({
    sessionTimeoutMs: 45_000,
    heartbeatIntervalMs: 3_000,
    fetchWaitMs: 250,
    requestTimeoutMs: 20_000,
  });
  expect(schema.safeParse(parseYaml(text)).error).toBeUndefined();
});

it.each(["max.poll.records", "max.poll.interval.ms", "fetch.min.bytes", "metadata.max.age.ms"])(
  "takes properties.%s, and says that it means nothing here",
  (name) => {
    const text = file(`properties.${name}: 5`);
    expect(parse(text).notices.map(formatNotice)).toContainEqual(
      expect.stringMatching(/^shop\.yaml:5:3: source\.properties\..* has no meaning here: /),
    );
    expect(schema.safeParse(parseYaml(text)).success).toBe(true);
  },
);

it("takes keys of tables in a map", () => {
  const text = file("primary-keys:", "  public.lines: order_id,n", "  public.orders: id");
  expect(parse(text).source).toMatchObject({
    primaryKeys: [
      ["public.lines", "order_id,n"],
      ["public.orders", "id"],
    ],
  });
  expect(schema.safeParse(parseYaml(text)).success).toBe(true);
});
