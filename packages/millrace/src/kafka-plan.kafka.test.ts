/** What is said of topics before a pipeline reads them. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type SharedKafka, sharedKafka } from "../../../test/support/kafka.ts";
import { type SharedPostgres, sharedPostgres } from "../../../test/support/postgres.ts";
import { planText } from "./cli/plan-command.ts";
import { checkPipeline, planPipeline } from "./index.ts";
import { envelope, pipelineFromTopics, send } from "./topics-between.fixture.ts";

let kafka: SharedKafka;
let target: SharedPostgres;
beforeAll(async () => {
  [kafka, target] = await Promise.all([sharedKafka(), sharedPostgres()]);
});
afterAll(async () => {
  await Promise.all([kafka.release(), target.release()]);
});

const fileOf = (topic: string, source: object = {}) =>
  pipelineFromTopics(kafka, target, { name: "looks", source: { topic, ...source } });

describe("a plan of topics", () => {
  it("counts messages, and says which columns are a table's key and who says so", async () => {
    const topic = await kafka.createTopic("counted", 2);
    const of = (id: number) => ({
      key: { customer: 1 },
      value: envelope("c", { after: { id, customer: 1 } }, "counted"),
      partition: id % 2,
    });
    await send(kafka, topic, [of(1), of(2), of(3)]);
    const text = planText(await planPipeline(fileOf(topic)));
    expect(text).toContain("public.counted: read from its topic\n");
    expect(text).toContain(
      "  messages with the same (customer), which is their key, are of one row; primary-keys may name other columns\n",
    );
    expect(text).toContain("looks: 1 table, about 3 messages in the topics\n");
    const named = planText(
      await planPipeline(fileOf(topic, { "primary-keys": "public.counted:id" })),
    );
    expect(named).toContain("  messages with the same (id), by primary-keys, are of one row\n");
  });

  it("says why there are no tables, and so does a look before a start", async () => {
    const topic = await kafka.createTopic("nonsense", 3);
    await send(
      kafka,
      topic,
      [0, 1, 2].map((partition) => ({ key: "k", value: "no JSON", partition })),
    );
    const what = expect.stringMatching(
      /^The message at offset 0 of \S+nonsense 0 cannot be read: /,
    );
    const found = (await checkPipeline(fileOf(topic))).filter(
      ({ code }) => code === "MR_MESSAGE_UNREADABLE",
    );
    expect(found).toMatchObject([{ about: "source", severity: "warning", what }]);
    const { findings } = await planPipeline(fileOf(topic));
    expect(findings).toContainEqual(expect.objectContaining({ what }));
  });
});
