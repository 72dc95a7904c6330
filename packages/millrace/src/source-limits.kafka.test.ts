/** What a pipeline from topics says where its brokers do not let it, or have no more what it reads, and what becomes of it then. */
import { createTopicsV7, deleteTopicsV6, deleteRecordsV2 } from "@platformatic/kafka";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import {
  ALICE,
  type GuardedKafka,
  type Right,
  startGuardedKafka,
} from "../../../test/support/guarded-kafka.ts";
import { type SharedPostgres, sharedPostgres } from "../../../test/support/postgres.ts";
import { checkPipeline, loadPipeline, type Pipeline } from "./index.ts";
import { envelope, send } from "./topics-between.fixture.ts";

vi.setConfig({ testTimeout: 240_000 });
const POLL = { timeout: 120_000, interval: 100 };

let kafka: GuardedKafka;
let target: SharedPostgres;
beforeAll(async () => {
  [kafka, target] = await Promise.all([startGuardedKafka(), sharedPostgres()]);
});
afterAll(async () => {
  await Promise.all([kafka[Symbol.asyncDispose](), target.release()]);
});

const readsOf = (topic: string): readonly Right[] => [
  { on: "TOPIC", name: topic, operation: "READ" },
  { on: "TOPIC", name: topic, operation: "DESCRIBE" },
  { on: "GROUP", name: `millrace-${topic}`, operation: "READ" },
];

function fileOf(topic: string, source: object = {}) {
  const { host, port, user: username, password, database } = target;
  return {
    source: {
      type: "kafka",
      "properties.bootstrap.servers": kafka.guarded,
      "properties.security.protocol": "SASL_PLAINTEXT",
      "properties.sasl.mechanism": ALICE.mechanism,
      username: ALICE.username,
      password: ALICE.password,
      "properties.session.timeout.ms": "6s",
      topic,
      ...source,
    },
    sink: { type: "postgres", host, port, username, password, database },
    pipeline: { name: topic },
  };
}

async function makeTopic(name: string): Promise<void> {
  const topic = { name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };
  const made = () =>
    kafka.admin.askController(createTopicsV7.api, [topic], 10_000, false).then(
      () => true,
      () => false,
    );
  // One of the name may be on its way out.
  await expect.poll(made, POLL).toBe(true);
}

const removeTopic = (name: string) =>
  kafka.admin.askController(deleteTopicsV6.api, [{ name }], 10_000);

/** A topic that has just been made may have no leader yet. */
async function sendRows(topic: string, ...ids: readonly number[]): Promise<void> {
  const rows = ids.map((id) => ({
    key: { id },
    value: envelope("c", { after: { id } }, topic),
  }));
  const sent = () =>
    send(kafka, topic, rows).then(
      () => true,
      () => false,
    );
  await expect.poll(sent, POLL).toBe(true);
}

async function begun(topic: string): Promise<void> {
  await makeTopic(topic);
  await kafka.give(...readsOf(topic));
  await sendRows(topic, 1);
}

const rowsOf = async (table: string) =>
  (await target.query(`SELECT id::int FROM public."${table}" ORDER BY id`)).map(({ id }) => id);

async function whileRunning(
  file: object,
  work: (pipeline: Pipeline) => Promise<void>,
): Promise<void> {
  const pipeline = await loadPipeline(file);
  try {
    await pipeline.start();
    await work(pipeline);
  } finally {
    await pipeline.stop().catch(() => undefined);
  }
}

/** What it fails with for good. */
async function failureOf(pipeline: Pipeline): Promise<unknown> {
  return pipeline.done.then(
    () => null,
    (error: unknown) => error,
  );
}

describe("a right that is taken away midway", () => {
  it.each([
    ["TOPIC", /^MR_SOURCE_REFUSED: TOPIC_AUTHORIZATION_FAILED: topic .*needs READ and DESCRIBE/],
    ["GROUP", /^MR_SOURCE_REFUSED: GROUP_AUTHORIZATION_FAILED; .*READ on the consumer group/],
  ] as const)(
    "of a %s is named with what helps, and the pipeline goes on with it",
    async (on, words) => {
      const topic = `rights_${on.toLowerCase()}`;
      await begun(topic);
      await whileRunning(fileOf(topic), async (pipeline) => {
        await pipeline.caughtUp();
        const right = readsOf(topic).find((each) => each.on === on && each.operation === "READ");
        if (right === undefined) throw new Error("no such right");
        await kafka.take(right);
        await sendRows(topic, 2);
        const told = () => pipeline.status().retrying?.message ?? "";
        await expect.poll(told, POLL).toMatch(words);
        expect(pipeline.status().retrying?.remedy).toMatch(/kafka-acls\.sh.*goes on by itself/);
        await kafka.give(right);
        await sendRows(topic, 3);
        await expect.poll(() => rowsOf(topic), POLL).toEqual([1, 2, 3]);
        await expect.poll(() => pipeline.status().state, POLL).toBe("running");
      });
    },
  );
});

describe("a topic that is deleted", () => {
  it("is a loss that is named, a start is refused without it, and it is read again once it is there", async () => {
    const topic = "deleted";
    await begun(topic);
    await whileRunning(fileOf(topic), async (pipeline) => {
      await pipeline.caughtUp();
      await removeTopic(topic);
      expect(await failureOf(pipeline)).toMatchObject({
        code: "MR_SOURCE_LOSS",
        detail: "topic deleted was deleted",
        remedy: expect.stringMatching(/have it made, write `on-loss: resync`/),
      });
    });
    const resync = fileOf(topic, { "on-loss": "resync" });
    const findings = (await checkPipeline(resync)).filter(({ severity }) => severity === "error");
    expect(findings).toMatchObject([
      {
        what: expect.stringContaining("there is no topic deleted"),
        remedy: expect.stringMatching(/have the topic made/),
      },
    ]);
    await makeTopic(topic);
    await sendRows(topic, 7, 8);
    await whileRunning(resync, async (pipeline) => {
      await pipeline.caughtUp();
      expect(await rowsOf(topic)).toEqual([1, 7, 8]);
    });
  });

  it("and made anew beneath a run is never read on: with on-loss: resync from its oldest message", async () => {
    const topic = "anew";
    await begun(topic);
    await whileRunning(fileOf(topic), async (pipeline) => {
      await pipeline.caughtUp();
      await removeTopic(topic);
      await makeTopic(topic);
      await sendRows(topic, 5, 6, 7);
      expect(await failureOf(pipeline)).toMatchObject({
        code: "MR_SOURCE_LOSS",
        detail: expect.stringMatching(/^topic anew was deleted( and made anew)?$/),
      });
    });
    expect(await rowsOf(topic)).toEqual([1]);
    const [finding] = await checkPipeline(fileOf(topic));
    expect(finding).toMatchObject({ severity: "error", code: "MR_SOURCE_LOSS" });
    await whileRunning(fileOf(topic, { "on-loss": "resync" }), async (pipeline) => {
      await pipeline.caughtUp();
      expect(await rowsOf(topic)).toEqual([1, 5, 6, 7]);
    });
  });
});

describe("messages that are removed before they are read", () => {
  it("are told with what removes them, before a start and at it", async () => {
    const topic = "kept_short";
    await begun(topic);
    await whileRunning(fileOf(topic), (pipeline) => pipeline.caughtUp());
    await sendRows(topic, 2, 3);
    const leader = await kafka.admin.leader(topic, 0);
    const connection = await kafka.admin.connection(leader, "control");
    const partitions = [{ partitionIndex: 0, offset: 2n }];
    await connection.call(deleteRecordsV2.api, [{ name: topic, partitions }], 10_000);
    const gone = /messages of kept_short 0 from offset 1 on are gone.*retention\.ms/;
    const [finding] = await checkPipeline(fileOf(topic));
    expect(finding).toMatchObject({ severity: "error", what: expect.stringMatching(gone) });
    const pipeline = await loadPipeline(fileOf(topic));
    await pipeline.start().catch(() => undefined);
    expect(await failureOf(pipeline)).toMatchObject({
      code: "MR_SOURCE_LOSS",
      detail: expect.stringMatching(gone),
      remedy: expect.stringMatching(/on-loss: resync.*Keep messages for longer/),
    });
    await pipeline.stop().catch(() => undefined);
  });
});
