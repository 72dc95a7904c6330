import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sharedPostgres } from "../../../test/support/postgres.ts";
import { loadPipeline, type Pipeline } from "./index.ts";
import { verifyPipeline } from "./verify-pipeline.ts";

type Shared = Awaited<ReturnType<typeof sharedPostgres>>;

let source: Shared;
let target: Shared;
let pipeline: Pipeline;
let description: object;

beforeAll(async () => {
  source = await sharedPostgres();
  target = await sharedPostgres();
  await source.query("CREATE TABLE orders (id bigint PRIMARY KEY, note text)");
  await source.query("CREATE TABLE bag (note text)");
  await source.query("ALTER TABLE bag REPLICA IDENTITY FULL");
  await source.query("INSERT INTO orders SELECT g, 'n' || g FROM generate_series(1, 100) g");
  await source.query("INSERT INTO bag SELECT 'n' || g FROM generate_series(1, 100) g");
  const { host, port, user: username, password } = source;
  description = {
    source: {
      type: "postgres",
      hostname: host,
      port,
      username,
      password,
      tables: `${source.database}.public.\\.*`,
    },
    sink: {
      type: "postgres",
      host: target.host,
      port: target.port,
      username: target.user,
      password: target.password,
      database: target.database,
    },
    pipeline: { name: source.database.slice(0, 40) },
  };
  pipeline = await loadPipeline(description);
  await pipeline.start();
  await pipeline.caughtUp();
});

afterAll(async () => {
  await pipeline.stop();
  for (const { slot_name: slot } of await source.query(
    "SELECT slot_name FROM pg_replication_slots WHERE database = current_database() AND NOT active",
  )) {
    await source.query("SELECT pg_drop_replication_slot($1)", [slot]);
  }
  await source.release();
  await target.release();
});

const countAtTarget = async () =>
  Number((await target.query("SELECT count(*) FROM orders"))[0]?.["count"]);

describe("a paused pipeline", () => {
  it("lets no transaction through that was committed after the pause, not even the first", async () => {
    await pipeline.pause();
    await source.query("INSERT INTO orders VALUES (1001, 'first')");
    await source.query("INSERT INTO orders VALUES (1002, 'second')");
    await source.query("INSERT INTO bag VALUES ('late'), ('later')");
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(await countAtTarget()).toBe(100);
  });

  it("is not told to differ where its changes have not arrived: with and without a key they are unsettled", async () => {
    let standstills = 0;
    const onStandstill = () => void standstills++;
    const asked = { settleMs: 5_000, onStandstill, maxRowsNamed: 10 };
    const { equal, tables } = await verifyPipeline(description, asked);
    expect(standstills).toBe(1);
    expect(equal).toBe(false);
    expect(tables).toMatchObject([
      { table: "public.bag", missing: 0, extra: 0, unsettled: 2 },
      {
        table: "public.orders",
        missing: 0,
        extra: 0,
        unsettled: 2,
        rows: ["1001", "1002"].map((id) => ({ kind: "unsettled", key: { id }, columns: [] })),
      },
    ]);
  });

  it("stays paused over a restart, also one that was asked for while it starts", async () => {
    await pipeline.pause();
    const told: string[] = [];
    const listening = (async () => {
      for await (const event of pipeline.events({ overRestarts: true })) {
        if (event.type === "state") told.push(event.state);
        if (told.length === 8) return;
      }
    })();
    await pipeline.pause();
    await pipeline.restart();
    expect(pipeline.status().state).toBe("paused");
    expect(await countAtTarget()).toBe(100);
    await pipeline.stop();
    const started = pipeline.start();
    await pipeline.pause();
    await started;
    expect(pipeline.status().state).toBe("paused");
    await listening;
    const again = ["stopping", "stopped", "starting", "paused"];
    expect(told).toEqual([...again, ...again]);
    expect(await countAtTarget()).toBe(100);
  });

  it("goes on with what it held, and with a resync that was asked for meanwhile", async () => {
    const again = pipeline.resync("public.orders");
    const waits = () => pipeline.status().waits.filter(({ reason }) => reason === "paused");
    expect(waits()).toMatchObject([
      { table: "public.orders", why: expect.stringContaining("resync was accepted") as string },
    ]);
    await pipeline.resume();
    await again;
    expect(waits()).toEqual([]);
    await pipeline.caughtUp();
    expect(await countAtTarget()).toBe(102);
    expect((await verifyPipeline(description)).equal).toBe(true);
  });
});

describe("a comparison", () => {
  it("tells of a table that it is paused, and how many of its rows are dead letters", async () => {
    await target.query("ALTER TABLE orders ADD CHECK (note <> 'bad')");
    await source.query("INSERT INTO orders VALUES (2001, 'bad')");
    await pipeline.pauseTable("public.bag");
    await expect
      .poll(async () => (await verifyPipeline(description)).tables, { timeout: 60_000 })
      .toMatchObject([
        { table: "public.bag", deadLetters: 0, paused: true, missing: 0 },
        { table: "public.orders", deadLetters: 1, paused: false, missing: 1 },
      ]);
  });
});
