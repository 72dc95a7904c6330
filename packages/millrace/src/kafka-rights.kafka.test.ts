/** What `validate --connect` says of rights at Kafka is what a run is refused with, by a real broker that has an authorizer. */
import { createTopicsV7 } from "@platformatic/kafka";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import {
  ALICE,
  type GuardedKafka,
  type Right,
  startGuardedKafka,
} from "../../../test/support/guarded-kafka.ts";
import { type SharedPostgres, sharedPostgres } from "../../../test/support/postgres.ts";
import { checkPipeline } from "./check-pipeline.ts";
import { MillraceError } from "./errors/millrace-error.ts";
import { loadPipeline } from "./load-pipeline.ts";
import { silentLogger } from "./model/ports.ts";

// Each rung starts a pipeline.
vi.setConfig({ testTimeout: 240_000 });

let kafka: GuardedKafka;
let database: SharedPostgres;
beforeAll(async () => {
  [kafka, database] = await Promise.all([startGuardedKafka(), sharedPostgres()]);
  await database.query("CREATE TABLE item (id int PRIMARY KEY); INSERT INTO item VALUES (1), (2)");
});
afterAll(async () => {
  await Promise.all([kafka[Symbol.asyncDispose](), database.release()]);
});

const login = () => ({
  type: "kafka",
  "properties.bootstrap.servers": kafka.guarded,
  "properties.security.protocol": "SASL_PLAINTEXT",
  "properties.sasl.mechanism": ALICE.mechanism,
  username: ALICE.username,
  password: ALICE.password,
});

function intoTopics(name: string, options: object = {}) {
  const { host: hostname, port, user: username, password, database: own } = database;
  return {
    source: { type: "postgres", hostname, port, username, password, tables: `${own}.public.item` },
    sink: { ...login(), "topic.pattern": `${name}.{table}`, ...options },
    pipeline: { name },
  };
}

function fromTopics(name: string, options: object) {
  const { host, port, user: username, password, database: own } = database;
  return {
    source: { ...login(), ...options },
    sink: { type: "postgres", host, port, username, password, database: own },
    pipeline: { name },
  };
}

/** What stops it, as validate tells it. */
async function foretold(file: object): Promise<readonly string[]> {
  const findings = await checkPipeline(file);
  return findings.filter(({ severity }) => severity === "error").map(({ what }) => what);
}

/** What a start is refused with; null where it begins. */
async function refusal(file: object): Promise<string | null> {
  const pipeline = await loadPipeline(file);
  try {
    await pipeline.start();
    await pipeline.caughtUp();
    return null;
  } catch (thrown) {
    if (!(thrown instanceof MillraceError)) throw thrown;
    expect(thrown).toMatchObject({ class: "config" });
    return thrown.message;
  } finally {
    await pipeline.stop();
  }
}

/** Gives rights one after the other. Before each, a first start is refused with all that was foretold, which is given back. */
async function climb(
  file: object,
  rungs: readonly (readonly Right[])[],
): Promise<readonly string[]> {
  const said = new Set<string>();
  for (const rights of rungs) {
    const [told, refused] = [await foretold(file), await refusal(file)];
    expect(told).not.toEqual([]);
    for (const what of told) {
      expect(refused).toContain(what);
      said.add(what);
    }
    await kafka.give(...rights);
  }
  expect(await foretold(file)).toEqual([]);
  expect(await refusal(file)).toBe(null);
  return [...said];
}

/** Takes rights one after the other, and gives each back. A pipeline that has begun is refused with what was foretold. */
async function without(file: object, rights: readonly Right[]): Promise<void> {
  for (const right of rights) {
    await kafka.take(right);
    // Brokers hear of it a moment later.
    await expect.poll(() => foretold(file), { timeout: 60_000 }).not.toEqual([]);
    const [told, refused] = [await foretold(file), await refusal(file)];
    expect(told.filter((what) => refused?.includes(what) === true)).not.toEqual([]);
    await kafka.give(right);
  }
  await expect.poll(() => foretold(file), { timeout: 60_000 }).toEqual([]);
  expect(await refusal(file)).toBe(null);
}

const onTopic = (name: string, ...operations: readonly Right["operation"][]): readonly Right[] =>
  operations.map((operation) => ({ on: "TOPIC", name, operation }));

async function makeTopic(name: string): Promise<void> {
  const topic = { name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };
  await kafka.admin.askController(createTopicsV7.api, [topic], 10_000, false);
}

describe("a sink", () => {
  it("of topics that are missing is told each right that it lacks, and then begins", async () => {
    const transactions = { on: "TRANSACTIONAL_ID", name: "millrace-ladder" } as const;
    const rungs = [
      onTopic("millrace-ladder-state", "DESCRIBE"),
      [...onTopic("millrace-ladder-state", "CREATE"), { ...transactions, operation: "DESCRIBE" }],
      [...onTopic("millrace-ladder-state", "READ", "WRITE"), ...onTopic("ladder.", "DESCRIBE")],
      [...onTopic("ladder.", "CREATE"), { ...transactions, operation: "WRITE" }],
      onTopic("ladder.", "WRITE"),
    ] as const;
    expect(await climb(intoTopics("ladder"), rungs)).toMatchInlineSnapshot(`
      [
        "TOPIC_AUTHORIZATION_FAILED: topic millrace-ladder-state; the user needs READ, WRITE, DESCRIBE and DESCRIBE_CONFIGS on its topics",
        "TRANSACTIONAL_ID_AUTHORIZATION_FAILED; the user needs WRITE and DESCRIBE on the transactional ids that begin with millrace- and the pipeline's name",
        "TOPIC_AUTHORIZATION_FAILED: topic ladder.item; the user needs READ, WRITE, DESCRIBE and DESCRIBE_CONFIGS on its topics",
        "CLUSTER_AUTHORIZATION_FAILED: topic millrace-ladder-state is missing; the user needs CREATE on it or on the cluster, or a topic that is there already",
        "CLUSTER_AUTHORIZATION_FAILED: topic ladder.item is missing; the user needs CREATE on it or on the cluster, or a topic that is there already",
      ]
    `);
  });

  it("of topics that are there is told of those beside the tables' too", async () => {
    for (const name of ["millrace-there-state", "there.item", "there.beat"]) await makeTopic(name);
    const others: readonly Right[] = [
      ...onTopic("millrace-there-state", "READ"),
      { on: "TRANSACTIONAL_ID", name: "millrace-there", operation: "WRITE" },
    ];
    await kafka.give(...onTopic("millrace-there-state", "WRITE"), ...others);
    const file = intoTopics("there", { "heartbeat.topic": "there.beat" });
    const rungs = [onTopic("there.beat", "WRITE"), onTopic("there.item", "WRITE")] as const;
    expect(await climb(file, rungs)).toMatchInlineSnapshot(`
      [
        "TOPIC_AUTHORIZATION_FAILED: topic there.beat; the user needs READ, WRITE, DESCRIBE and DESCRIBE_CONFIGS on its topics",
        "TOPIC_AUTHORIZATION_FAILED: topic there.item; the user needs READ, WRITE, DESCRIBE and DESCRIBE_CONFIGS on its topics",
      ]
    `);
    await without(file, [...others, ...rungs[1]]);
  });
});

describe("a sink whose file lets drop.table in", () => {
  it("is warned of topics that it may not remove, and begins", async () => {
    await makeTopic("drop.item");
    await kafka.give(
      ...onTopic("drop.item", "WRITE"),
      ...onTopic("millrace-drop-state", "CREATE", "READ", "WRITE"),
      { on: "TRANSACTIONAL_ID", name: "millrace-drop", operation: "WRITE" },
    );
    const file = intoTopics("drop", { "include.schema.changes": ["all"] });
    const warnings = async () =>
      (await checkPipeline(file)).filter(({ severity }) => severity === "warning");
    expect((await warnings()).map(({ what }) => what)).toContain(
      "the user may not remove topic drop.item, and drop.table is let in",
    );
    expect(await foretold(file)).toEqual([]);
    expect(await refusal(file)).toBe(null);
    await kafka.give(...onTopic("drop.item", "DELETE"));
    await expect
      .poll(async () => (await warnings()).map(({ what }) => what), { timeout: 60_000 })
      .not.toContain("the user may not remove topic drop.item, and drop.table is let in");
  });
});

describe("a sink that may not ask what its state topic is set to", () => {
  it("is warned that nobody checks it, before a start and at each, and begins; with the right it is refused", async () => {
    for (const name of ["millrace-blind-state", "blind.item"]) await makeTopic(name);
    await kafka.give(
      ...onTopic("blind.item", "WRITE"),
      ...onTopic("millrace-blind-state", "READ", "WRITE"),
      { on: "TRANSACTIONAL_ID", name: "millrace-blind", operation: "WRITE" },
    );
    const file = intoTopics("blind");
    const what = "the user may not ask for the settings of the state topic millrace-blind-state";
    const found = (await checkPipeline(file)).filter(({ severity }) => severity === "warning");
    expect(found).toContainEqual(
      expect.objectContaining({
        what,
        whatFollows: expect.stringContaining("cleanup.policy is compact"),
        remedy: expect.stringContaining("DESCRIBE_CONFIGS"),
      }),
    );
    const logged: string[] = [];
    const log = { ...silentLogger, warn: (message: string) => void logged.push(message) };
    const pipeline = await loadPipeline(file, { log });
    await pipeline.start();
    await pipeline.caughtUp();
    await pipeline.stop();
    expect(logged.filter((line) => line.startsWith(what))).toHaveLength(1);
    await kafka.give(...onTopic("millrace-blind-state", "DESCRIBE_CONFIGS"));
    await expect
      .poll(() => foretold(file), { timeout: 60_000 })
      .toEqual([expect.stringContaining("cleanup.policy=delete")]);
    expect(await refusal(file)).toContain("cleanup.policy=delete");
  });
});

describe("a source", () => {
  it("is told each right that it lacks, and then begins", async () => {
    await makeTopic("read.item");
    const rungs = [
      onTopic("read.item", "DESCRIBE"),
      [{ on: "GROUP", name: "millrace-reader", operation: "DESCRIBE" }],
      [{ on: "GROUP", name: "millrace-reader", operation: "READ" }],
      onTopic("read.item", "READ"),
    ] as const;
    const file = fromTopics("reader", { topic: "read.item" });
    expect(await climb(file, rungs)).toMatchInlineSnapshot(`
      [
        "TOPIC_AUTHORIZATION_FAILED: topic read.item; the user needs READ and DESCRIBE on the topics",
        "GROUP_AUTHORIZATION_FAILED; the user needs READ on the consumer group (properties.group.id)",
      ]
    `);
    await without(file, [...rungs[2], ...rungs[3]]);
  });
});
