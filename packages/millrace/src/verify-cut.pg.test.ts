import { afterAll, beforeAll, expect, it } from "vitest";
import { startFaultProxy } from "../../../test/support/fault-proxy.ts";
import { sharedPostgres, type SharedPostgres } from "../../../test/support/postgres.ts";
import { loadPipeline } from "./load-pipeline.ts";
import { dropSlots, pipelineBetween, pipelineFileOf } from "./pipeline-between.fixture.ts";
import { verifyPipeline } from "./verify-pipeline.ts";

let source: SharedPostgres;
let target: SharedPostgres;

beforeAll(async () => {
  [source, target] = await Promise.all([sharedPostgres(), sharedPostgres()]);
  await source.query(
    "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT g, repeat('x', 50) FROM generate_series(1, 20000) g",
  );
});
afterAll(async () => {
  await dropSlots(source);
  await source.release();
  await target.release();
});

it("says of a comparison whose connection is cut which of the servers was lost", async () => {
  const name = `cut_${source.database.slice(0, 30)}`;
  const between = pipelineBetween(source, target, { name, tables: "public.t" });
  const pipeline = await loadPipeline(pipelineFileOf(between));
  await pipeline.start();
  await pipeline.caughtUp();
  await pipeline.stop();
  for (const [side, server, code] of [
    ["source", source, "MR_SOURCE_LOST_CONNECTION"],
    ["sink", target, "MR_SINK_LOST_CONNECTION"],
  ] as const) {
    const proxy = await startFaultProxy(server);
    const trigger = { at: "query", text: /md5/ } as const;
    const cut = proxy.arm({ fault: { kind: "cut" }, trigger, times: 100 });
    const at = side === "source" ? { hostname: proxy.host } : { host: proxy.host };
    const section = { ...between[side], ...at, port: proxy.port };
    await expect(
      verifyPipeline({ ...between, [side]: section }, { maxRowsNamed: 1 }),
    ).rejects.toMatchObject({ code });
    expect(cut.fired).toBeGreaterThan(0);
    await proxy.close();
  }
}, 120_000);
