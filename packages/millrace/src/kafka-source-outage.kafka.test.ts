/** A pipeline whose topics' broker is down: what it says, as long as that lasts and when it is over (I11). */
import { afterAll, beforeAll, expect, it } from "vitest";
import {
  adminOf,
  createTopic,
  type KafkaCluster,
  startKafka,
} from "../../../test/support/kafka.ts";
import { type SharedPostgres, sharedPostgres } from "../../../test/support/postgres.ts";
import { loadPipeline, type PipelineEvent } from "./index.ts";
import { readiness } from "./observe/health.ts";
import { envelope, send } from "./topics-between.fixture.ts";

const POLL = { timeout: 90_000, interval: 100 };

let kafka: KafkaCluster;
let target: SharedPostgres;
beforeAll(async () => {
  [kafka, target] = await Promise.all([startKafka(), sharedPostgres()]);
});
afterAll(async () => {
  await Promise.all([kafka.stop(), target.release()]);
});

const row = (id: number) => ({
  key: { id },
  value: envelope("c", { after: { id } }, "down"),
});

it("says all the time that its broker is down, once, and when it works again", async () => {
  const admin = adminOf(kafka.bootstrap);
  await createTopic(admin, "down");
  await admin.close();
  await send(kafka, "down", [row(1)]);
  const { host, port, user: username, password, database } = target;
  const pipeline = await loadPipeline({
    source: {
      type: "kafka",
      "properties.bootstrap.servers": kafka.bootstrap,
      topic: "down",
      "properties.session.timeout.ms": "6s",
    },
    sink: { type: "postgres", host, port, username, password, database },
    pipeline: { name: "down" },
  });
  await pipeline.start();
  const events: PipelineEvent[] = [];
  void (async () => {
    for await (const event of pipeline.events()) events.push(event);
  })();
  await pipeline.caughtUp();
  await kafka.kill();
  const killedMs = Date.now();
  const told = () => events.filter(({ type }) => type === "retry");
  const status = () => pipeline.status();
  await expect
    .poll(() => status().waits.map(({ reason }) => reason), POLL)
    .toContain("MR_SOURCE_LOST_CONNECTION");
  // Beyond the session: nothing is left that this process reads.
  await expect.poll(() => status().channels, POLL).toEqual([]);
  for (let looks = 0; looks < 20; looks++) {
    const { state, retrying, progressAgeMs, waits } = status();
    expect(state).toBe("retrying");
    expect(retrying?.message).toMatch(/nobody listens at/);
    expect(waits).toMatchObject([{ what: "pipeline", reason: "MR_SOURCE_LOST_CONNECTION" }]);
    expect(progressAgeMs).toBeGreaterThan(Date.now() - killedMs - 100);
    expect(readiness([status()], 60_000).reasons).toEqual([
      expect.stringMatching(/^down is retrying since .*nobody listens at/),
    ]);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  // One line for all that ask, and again each half minute.
  const first = told().length;
  await expect.poll(() => told().length, POLL).toBeGreaterThan(first);
  expect(told().length).toBeLessThanOrEqual(1 + Math.ceil((Date.now() - killedMs) / 30_000));
  await kafka.start();
  await expect.poll(() => events.some(({ type }) => type === "recovered"), POLL).toBe(true);
  await send(kafka, "down", [row(2)]);
  const rows = () => target.query("SELECT id::int FROM public.down ORDER BY id");
  await expect.poll(rows, POLL).toEqual([{ id: 1 }, { id: 2 }]);
  await expect
    .poll(() => status(), POLL)
    .toMatchObject({ state: "running", waits: [], retrying: null });
  await pipeline.stop();
}, 300_000);
