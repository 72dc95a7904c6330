import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { tableId } from "../../model/table.ts";
import { forgetPipeline } from "./forget-pipeline.ts";
import type { SinkServer } from "./sink-servers.fixture.ts";
import { SINK_SERVERS } from "./sink-servers.fixture.ts";
import { stateStatements } from "./state-statements.ts";

const SHOP = { pipeline: "shop", task: "0" };
const TARGET = tableId("public", "a");

describe.each(SINK_SERVERS)("a pipeline that is forgotten on $name", ({ start }) => {
  let server: SinkServer;

  beforeAll(async () => {
    server = await start();
  });
  afterAll(() => server.stop());

  it("leaves nothing of more state than a transaction takes, and a process of it writes nothing any more", async () => {
    const sink = server.sink();
    await sink.open();
    const { fence } = await sink.takeOver({ ...SHOP, lanes: 2 });
    await sink.claimTargets([TARGET], false);
    const other = server.sink();
    await other.open();
    await other.takeOver({ pipeline: "other", task: "0", lanes: 1 });
    for (const from of [0, 2_000])
      await server.query(
        `INSERT INTO millrace.state SELECT 'shop', '0', 'table/t' || n, '{}', 0 FROM generate_series(${from} + 1, ${from} + 2000) n`,
      );
    await server.query(
      "INSERT INTO millrace.dead_letter SELECT 'shop', '0', 'l' || n, 't', 'k', '{}' FROM generate_series(1, 2000) n",
    );
    const forget = async () => {
      await using session = await server.session();
      return await forgetPipeline(session, stateStatements("millrace"), SHOP);
    };
    expect(await forget()).toBe(true);
    expect(await server.query("SELECT DISTINCT pipeline FROM millrace.state")).toEqual([
      { pipeline: "other" },
    ]);
    expect(await server.query("SELECT id FROM millrace.dead_letter")).toEqual([]);
    expect(await server.query("SELECT target FROM millrace.owner")).toEqual([]);
    const commit = { fence, lanes: [{ lane: 0, expectedSeq: 0 }], writes: [], deadLetters: [] };
    const state = [{ key: "frontier/log", value: 1 }];
    await expect(sink.commit({ ...commit, state, superseded: [] })).rejects.toMatchObject({
      code: "MR_SINK_LANE_MOVED",
    });
    expect(await forget()).toBe(false);
    const again = server.sink();
    await again.open();
    expect((await again.takeOver({ ...SHOP, lanes: 2 })).fence).toBeGreaterThan(fence + 1);
  });
});
