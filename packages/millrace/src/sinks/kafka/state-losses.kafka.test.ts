/** What a sink does where its topics are not what they were, or do not take what it has to keep. */
import { expect, it } from "vitest";
import { sharedKafka, type SharedKafka } from "../../../../../test/support/kafka.ts";
import { clusterAt, recordsIn } from "../../kafka/cluster.fixture.ts";
import { type Clock, systemClock } from "../../model/ports.ts";
import { HeldTask } from "./held-task.fixture.ts";
import { KafkaSink } from "./kafka-sink.ts";
import { sinkOptions } from "./kafka-sink.fixture.ts";

const pipelineOf = ({ prefix }: SharedKafka): string => `${prefix}kept`;
const optionsOf = ({ bootstrap, prefix }: SharedKafka) => sinkOptions(bootstrap, prefix);

/** Removed and made again, empty, while whoever writes to it says nothing. */
async function makeAnew(kafka: SharedKafka, name: string, partitions: number): Promise<void> {
  const cluster = clusterAt(kafka.bootstrap);
  const topic = `${kafka.prefix}${name}`;
  try {
    const idOf = async () => (await cluster.topics([topic])).get(topic)?.id ?? null;
    await kafka.admin.deleteTopics({ topics: [topic] });
    await expect.poll(idOf, { timeout: 60_000 }).toBeNull();
    const policy = name === "state" ? "compact" : "delete";
    await kafka.createTopic(name, partitions, { "cleanup.policy": policy });
  } finally {
    await cluster.close();
  }
}

it("a record of the state that its topic does not take ends the commit, and nothing of the commit is there", async () => {
  await using kafka = await sharedKafka();
  const pipeline = pipelineOf(kafka);
  await using held = await HeldTask.take(optionsOf(kafka), pipeline);
  await held.commit({ rows: { 1: "a" }, state: { pos: 1 } });
  const large = held.commit({ rows: { 1: "b" }, state: { doc: "x".repeat(17 * 2 ** 20), pos: 2 } });
  await expect(large).rejects.toMatchObject({
    code: "MR_SINK_REFUSED",
    class: "config",
    detail: expect.stringContaining("max.message.bytes"),
  });
  await using heir = await HeldTask.take(optionsOf(kafka), pipeline);
  expect([...heir.found.state]).toEqual([["pos", 1]]);
});

it("what a state topic takes is asked of its broker: what is larger is no row's fault", async () => {
  await using kafka = await sharedKafka();
  await kafka.createTopic("state", 1, {
    "cleanup.policy": "compact",
    "max.message.bytes": "20000",
  });
  await using held = await HeldTask.take(optionsOf(kafka), pipelineOf(kafka));
  const refused = { code: "MR_SINK_REFUSED", class: "config" };
  const note = "x".repeat(50_000);
  const large = held.commit({ rows: { 1: "a" }, state: { note } });
  await expect(large).rejects.toMatchObject(refused);
});

it("what a state topic has come to take no more is no row's fault either", async () => {
  await using kafka = await sharedKafka();
  await using held = await HeldTask.take(optionsOf(kafka), pipelineOf(kafka));
  await held.commit({ rows: { 1: "a" }, state: { pos: 1 } });
  await setMaxBytes(kafka, "20000");
  const note = "x".repeat(50_000);
  const large = held.commit({ rows: { 1: "a" }, state: { note } });
  await expect(large).rejects.toMatchObject({ code: "MR_SINK_REFUSED", class: "config" });
});

it.each(["delete", "compact,delete"])(
  "a state topic with cleanup.policy=%s is refused at the start, and before it",
  async (policy) => {
    await using kafka = await sharedKafka();
    await kafka.createTopic("state", 1, { "cleanup.policy": policy });
    const sink = new KafkaSink(optionsOf(kafka), systemClock, Math.random);
    try {
      await sink.open();
      const pipeline = pipelineOf(kafka);
      const refused = { code: "MR_SINK_REFUSED", detail: expect.stringContaining(policy) };
      expect(await sink.previewTakeover(pipeline, ["0"])).toEqual([
        expect.objectContaining(refused),
      ]);
      const taken = sink.takeOver({ pipeline, task: "0", lanes: 1 });
      await expect(taken).rejects.toMatchObject(refused);
    } finally {
      await sink.close();
    }
  },
);

it("a state topic that was made anew beneath a run is not written on, and not taken over by the same process", async () => {
  await using kafka = await sharedKafka();
  const pipeline = pipelineOf(kafka);
  await using held = await HeldTask.take(optionsOf(kafka), pipeline);
  await held.commit({ rows: { 1: "a" }, state: { load: "chunk 5", pos: 1 } });
  await makeAnew(kafka, "state", 1);
  await expect(held.commit({ rows: { 1: "b" }, state: { pos: 2 } })).rejects.toThrow();
  const again = held.sink.takeOver({ pipeline, task: "0", lanes: 1 });
  await expect(again).rejects.toMatchObject({ code: "MR_SINK_LANE_MISSING", class: "config" });
  await using heir = await HeldTask.take(optionsOf(kafka), pipeline);
  expect([...heir.found.state]).toEqual([]);
});

it("a state topic that was made anew and holds nothing is not read as one that never held anything", async () => {
  await using kafka = await sharedKafka();
  const pipeline = pipelineOf(kafka);
  await using held = await HeldTask.take(optionsOf(kafka), pipeline);
  await held.commit({ rows: { 1: "a" }, state: { pos: 1 } });
  await makeAnew(kafka, "state", 1);
  const lost = { code: "MR_SINK_LANE_MISSING", class: "config" };
  await expect(held.sink.readDocuments(pipeline, "")).rejects.toMatchObject(lost);
  await expect(held.sink.readLanes()).rejects.toMatchObject(lost);
});

it("a table's topic that was made anew beneath a run ends it, and the next one writes to the new topic", async () => {
  await using kafka = await sharedKafka();
  const pipeline = pipelineOf(kafka);
  await using held = await HeldTask.take(optionsOf(kafka), pipeline);
  await held.commit({ rows: { 1: "a" }, state: { pos: 1 } });
  await makeAnew(kafka, "public.item", 2);
  const written = held.commit({ rows: { 1: "b" }, state: { pos: 2 } });
  await expect(written).rejects.toMatchObject({ code: "MR_SINK_SCHEMA" });
  await using heir = await HeldTask.take(optionsOf(kafka), pipeline);
  expect(heir.found.state.get("pos")).toBe(1);
  await heir.commit({ rows: { 1: "b" }, state: { pos: 2 } });
});

it.each([
  { exactlyOnce: true, transactionsV2: true },
  { exactlyOnce: true, transactionsV2: false },
  { exactlyOnce: false, transactionsV2: true },
  { exactlyOnce: false, transactionsV2: false },
])(
  "a table's topic that was made anew beneath a run is known also where that has written nothing yet: exactly once $exactlyOnce, transactions of the second kind $transactionsV2",
  async ({ exactlyOnce, transactionsV2 }) => {
    await using kafka = await sharedKafka();
    const pipeline = pipelineOf(kafka);
    const { cluster, ...rest } = optionsOf(kafka);
    const options = { ...rest, cluster: { ...cluster, transactionsV2 }, exactlyOnce };
    await using held = await HeldTask.take(options, pipeline);
    await held.commit({ state: { pos: 1 } });
    await makeAnew(kafka, "public.item", 2);
    await expect(held.commit({ rows: { 1: "a" }, state: { pos: 2 } })).rejects.toMatchObject({
      code: "MR_SINK_SCHEMA",
      detail: expect.stringContaining("another topic of that name"),
    });
    const client = clusterAt(kafka.bootstrap);
    const topic = `${kafka.prefix}public.item`;
    for (const partition of [0, 1]) expect(await recordsIn(client, topic, partition)).toEqual([]);
    await client.close();
    await using heir = await HeldTask.take(options, pipeline);
    expect(heir.found.state.get("pos")).toBe(1);
    await heir.commit({ rows: { 1: "a" }, state: { pos: 2 } });
  },
);

it("a table's topic that was made anew beside a refused row is not taken for the one that was written", async () => {
  await using kafka = await sharedKafka();
  await using held = await HeldTask.take(optionsOf(kafka), pipelineOf(kafka));
  const note = "x".repeat(2_000_000);
  const large = held.commit({ rows: { 1: note }, state: { pos: 1 } });
  await expect(large).rejects.toMatchObject({ class: "row" });
  await makeAnew(kafka, "public.item", 2);
  await held.settle();
  const written = held.commit({ rows: { 1: "b" }, state: { pos: 1 } });
  await expect(written).rejects.toMatchObject({ code: "MR_SINK_SCHEMA" });
});

it("a process whose task was taken away, and is another one's now, does not take its epoch, though both have the first fence", async () => {
  await using kafka = await sharedKafka();
  const pipeline = pipelineOf(kafka);
  await using frozen = await HeldTask.take(optionsOf(kafka), pipeline);
  await frozen.commit({ rows: { 1: "a" }, state: { pos: 1 } });
  const cleaner = new KafkaSink(optionsOf(kafka), systemClock, Math.random);
  await cleaner.open();
  expect(await cleaner.forgetTask({ pipeline, task: "0" })).toBe(true);
  await cleaner.close();
  await using heir = await HeldTask.take(optionsOf(kafka), pipeline);
  expect(heir.found.fence).toBe(frozen.found.fence);
  await heir.commit({ rows: { 1: "b" }, state: { pos: 1 } });
  const late = frozen.commit({ rows: { 1: "late" }, state: { pos: 2 } });
  await expect(late).rejects.toMatchObject({ code: "MR_SINK_LANE_MOVED" });
  await expect(frozen.sink.readLanes()).rejects.toMatchObject({ code: "MR_FENCED" });
  await heir.commit({ rows: { 1: "c" }, state: { pos: 2 } });
});

it("a process that was taken over from and begins anew leaves its heir's transactions alone", async () => {
  await using kafka = await sharedKafka();
  const pipeline = pipelineOf(kafka);
  await using old = await HeldTask.take(optionsOf(kafka), pipeline);
  await old.commit({ rows: { 1: "a" }, state: { pos: 1 } });
  await using heir = await HeldTask.take(optionsOf(kafka), pipeline);
  const again = async (): Promise<void> => {
    const taken = old.sink.takeOver({ pipeline, task: "0", lanes: 1 });
    await expect(taken).rejects.toMatchObject({ code: "MR_FENCED" });
  };
  // Those that are under way meanwhile, and those behind it.
  const commits = async (): Promise<void> => {
    for (let pos = 2; pos < 12; pos++)
      await heir.commit({ rows: { 1: `v${pos}` }, state: { pos } });
  };
  await Promise.all([commits(), again()]);
  await again();
  await heir.commit({ rows: { 1: "last" }, state: { pos: 12 } });
});

it("a machine whose clock is ahead of the brokers' is told so, and no row is blamed", async () => {
  await using kafka = await sharedKafka();
  const ahead: Clock = {
    now: () => systemClock.now() + 2 * 3_600_000,
    monotonic: () => systemClock.monotonic(),
    sleep: (ms, signal) => systemClock.sleep(ms, signal),
  };
  const taken = HeldTask.take(optionsOf(kafka), pipelineOf(kafka), ahead);
  await expect(taken).rejects.toMatchObject({
    code: "MR_SINK_REFUSED",
    class: "config",
    remedy: expect.stringContaining("clock"),
  });
});

async function setMaxBytes({ admin, prefix }: SharedKafka, value: string): Promise<void> {
  await admin.incrementalAlterConfigs({
    resources: [
      {
        resourceType: 2,
        resourceName: `${prefix}state`,
        configs: [{ name: "max.message.bytes", configOperation: 0, value }],
      },
    ],
  });
}

it("what the file asks of topics so that nothing acknowledged is lost holds for the state topic and those beside it", async () => {
  await using kafka = await sharedKafka();
  const options = optionsOf(kafka);
  const configs = new Map([
    ["min.insync.replicas", "1"],
    ["unclean.leader.election.enable", "false"],
    ["flush.messages", "1000"],
    ["retention.ms", "1000000"],
  ]);
  const topic = `${kafka.prefix}beat`;
  const side = { ...options.side, heartbeat: { topic, intervalMs: 1_000 } };
  const wanted = { ...options, side, topics: { ...options.topics, configs } };
  await using held = await HeldTask.take(wanted, pipelineOf(kafka));
  expect(held.found.fence).toBe(1);
  for (const name of ["state", "beat"]) {
    const set = await settingsOf(kafka, name);
    expect([set.get("flush.messages"), set.get("cleanup.policy")]).toEqual(["1000", "compact"]);
    expect(set.get("retention.ms")).not.toBe("1000000");
  }
  const stricter = new Map([["flush.messages", "1"]]);
  const sink = new KafkaSink(
    { ...options, topics: { ...options.topics, configs: stricter } },
    systemClock,
    Math.random,
  );
  try {
    expect(await sink.previewState(pipelineOf(kafka))).toEqual([
      expect.objectContaining({
        severity: "warning",
        what: expect.stringContaining("flush.messages 1000, and topic.configs says 1"),
      }),
    ]);
  } finally {
    await sink.close();
  }
});

async function settingsOf(
  { admin, prefix }: SharedKafka,
  name: string,
): Promise<ReadonlyMap<string, unknown>> {
  const [found] = await admin.describeConfigs({
    resources: [{ resourceType: 2, resourceName: `${prefix}${name}` }],
  });
  return new Map(found?.configs.map(({ name: key, value }) => [key, value]));
}
