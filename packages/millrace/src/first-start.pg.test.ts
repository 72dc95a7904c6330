import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sharedPostgres, type SharedPostgres } from "../../../test/support/postgres.ts";
import { cleanUp } from "./clean-up.ts";
import { loadPipeline } from "./index.ts";
import { silentLogger } from "./model/ports.ts";
import { dropSlots, pipelineBetween } from "./pipeline-between.fixture.ts";

describe("a first start", () => {
  let source: SharedPostgres;
  let target: SharedPostgres;
  const name = () => `first_${source.database.slice(0, 30)}`;
  const between = (sink: Readonly<Record<string, unknown>> = {}) =>
    pipelineBetween(source, target, { name: name(), tables: "public.\\.*", sink });

  beforeAll(async () => {
    [source, target] = await Promise.all([sharedPostgres(), sharedPostgres()]);
    await source.query("CREATE TABLE t (id int PRIMARY KEY, v text)");
    await source.query("INSERT INTO t SELECT g, 's' FROM generate_series(1, 3) g");
  });
  afterAll(async () => {
    await dropSlots(source);
    await source.release();
    await target.release();
  });

  const touched = async () => [
    ...(await source.query("SELECT pubname FROM pg_publication")),
    ...(await source.query(
      "SELECT slot_name FROM pg_replication_slots WHERE database = current_database()",
    )),
    ...(await target.query("SELECT nspname FROM pg_namespace WHERE nspname = 'millrace'")),
  ];

  it.each([
    ["cannot be reached", { port: 1 }, "MR_SINK_LOST_CONNECTION", "sink.port: nothing listens at"],
    ["refuses the password", { password: "wrong" }, "MR_SINK_REFUSED", "sink.password: "],
    ["has no such database", { database: "nope" }, "MR_SINK_REFUSED", "sink.database: "],
    ["speaks no TLS", { "ssl-mode": "require" }, "MR_SINK_REFUSED", "sink.ssl-mode: "],
  ])(
    "is refused before anything is touched where the sink %s",
    async (_name, sink, code, message) => {
      const pipeline = await loadPipeline(between(sink));
      await expect(pipeline.start()).rejects.toMatchObject({
        code,
        message: expect.stringContaining(message) as string,
      });
      expect(pipeline.status()).toMatchObject({ state: "failed", error: { code } });
      expect(await touched()).toEqual([]);
    },
  );

  it("is told all that is in the way at once", async () => {
    await target.query("CREATE TABLE t (id int PRIMARY KEY, v int)");
    await source.query("CREATE PUBLICATION theirs FOR TABLE t WITH (publish = 'insert')");
    const pipeline = between();
    const never = { "publication.create": "never", "publication.name": "theirs" };
    const started = loadPipeline({ ...pipeline, source: { ...pipeline.source, ...never } });
    const error = await (await started).start().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ class: "config" });
    expect(String(error)).toMatch(
      /2 things are in the way, and nothing was touched:\n {2}source: Publication theirs .*\n {2}sink: public\.t: column v is integer/,
    );
    await source.query("DROP PUBLICATION theirs");
    expect(await touched()).toEqual([]);
    await target.query("DROP TABLE t");
  });

  it("is told once that a view is left out", async () => {
    await source.query("CREATE VIEW derived AS SELECT 1 AS a");
    const warnings: string[] = [];
    const log = { ...silentLogger, warn: (message: string) => void warnings.push(message) };
    const pipeline = await loadPipeline(between(), { log });
    await pipeline.start();
    await pipeline.stop();
    await source.query("DROP VIEW derived");
    const told = warnings.filter((message) => message.includes("derived"));
    expect(told).toEqual([expect.stringContaining("public.derived matches but is left out")]);
    await cleanUp(between(), { state: true });
  });

  it("is one again after its state was cleaned up, though lane rows stay for the fence", async () => {
    const pipeline = await loadPipeline(between());
    await pipeline.start();
    await pipeline.caughtUp();
    await pipeline.stop();
    await cleanUp(between(), { state: true });
    await target.query("ALTER TABLE t ALTER COLUMN v TYPE int USING 0");
    await expect((await loadPipeline(between())).start()).rejects.toMatchObject({
      class: "config",
      message: expect.stringMatching(/public\.t: column v is integer/) as string,
    });
    expect(
      await source.query(
        "SELECT slot_name FROM pg_replication_slots WHERE database = current_database()",
      ),
    ).toEqual([]);
    await target.query("DROP TABLE t");
    await cleanUp(between(), { state: true });
  });

  it("tells of rows that are there already; later starts do not", async () => {
    await target.query("CREATE TABLE t (id int PRIMARY KEY, v text)");
    await target.query("INSERT INTO t VALUES (1, 'old'), (9, 'kept')");
    for (const notices of [["are there already: public.t (2 rows)"], []]) {
      const pipeline = await loadPipeline(between());
      const told: string[] = [];
      const heard = (async () => {
        for await (const event of pipeline.events())
          if (event.type === "notice") told.push(event.message);
      })();
      await pipeline.start();
      await pipeline.caughtUp();
      await pipeline.stop();
      await heard;
      expect(told).toEqual(notices.map((text) => expect.stringContaining(text) as string));
    }
    expect(await target.query("SELECT id, v FROM t WHERE id IN (1, 9) ORDER BY id")).toEqual([
      { id: 1, v: "s" },
      { id: 9, v: "kept" },
    ]);
  });
});
