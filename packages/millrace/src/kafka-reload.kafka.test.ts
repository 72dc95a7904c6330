/** A file of a Kafka source that is read again: where rows go from then on, and what is said of it. */
import pg from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type SharedKafka, sharedKafka } from "../../../test/support/kafka.ts";
import { type SharedPostgres, sharedPostgres } from "../../../test/support/postgres.ts";
import { loadPipeline } from "./load-pipeline.ts";
import { envelope, pipelineFromTopics, send } from "./topics-between.fixture.ts";

let kafka: SharedKafka;
let target: SharedPostgres;
beforeAll(async () => {
  [kafka, target] = await Promise.all([sharedKafka(), sharedPostgres()]);
});
afterAll(async () => {
  await Promise.all([kafka.release(), target.release()]);
});

const POLL = { timeout: 60_000 };

const row = (id: number, partition: number) => ({
  key: { id },
  value: envelope("c", { after: { id } }, "moved"),
  partition,
});
const ids = async (table: string): Promise<readonly unknown[]> =>
  (await target.query(`SELECT id::int FROM public.${table} ORDER BY id`)).map(({ id }) => id);

it("goes on with its routes as they are now, also while shares are beginning, and says that what was read before stays where it is", async () => {
  const topic = await kafka.createTopic("moved", 2);
  await send(kafka, topic, [row(1, 0), row(2, 1)]);
  const file = (to: string) => ({
    ...pipelineFromTopics(kafka, target, { name: "moved", source: { topic } }),
    route: [{ "source-table": "public.moved", "sink-table": `public.${to}` }],
  });
  const events: string[] = [];
  const pipeline = await loadPipeline(file("first"));
  const heard = (async () => {
    for await (const event of pipeline.events())
      if (event.type === "notice") events.push(event.message);
  })();
  await pipeline.start();
  try {
    await pipeline.caughtUp();
    // Shares that have begun and not told their tables yet are held at the sink.
    const client = new pg.Client({ connectionString: target.url });
    await client.connect();
    await client.query("BEGIN; LOCK TABLE millrace.lane");
    const restarted = pipeline.restart();
    const blocked = () =>
      target.query(
        "SELECT 1 FROM pg_locks WHERE relation = 'millrace.lane'::regclass AND NOT granted",
      );
    await expect.poll(async () => (await blocked()).length, POLL).toBeGreaterThan(0);
    const reloaded = pipeline.reload(file("second"));
    // It asks the servers, and then ends the tasks: those wait for the lock.
    await expect.poll(() => pipeline.status().state, POLL).toBe("stopping");
    await client.query("ROLLBACK");
    await client.end();
    await restarted.catch(() => undefined);
    expect(await reloaded).toEqual({
      came: [],
      left: [],
      rerouted: [],
      redirected: ["public.moved"],
      changed: true,
    });
    await send(kafka, topic, [row(3, 0), row(4, 1)]);
    await pipeline.caughtUp();
    await expect.poll(() => ids("second"), POLL).toEqual([3, 4]);
    expect(await ids("first")).toEqual([1, 2]);
  } finally {
    await pipeline.stop();
    await heard;
  }
  expect(events.join()).toContain("its rows go to public.second from now on");
});
