import { describe, expect, it } from "vitest";
import { deafSinkObserver } from "./create-sql-sink.ts";
import { BIGINT, SINK_SERVERS, TEXT, commitOf, send, shapeOf } from "./sink-servers.fixture.ts";

describe.each(SINK_SERVERS)("costs on $name", ({ name, start }) => {
  it("are told per commit where they are billed, and nowhere else", async () => {
    const server = await start();
    try {
      const costs: number[] = [];
      const estimatedDpu = (dpu: number) => void costs.push(dpu);
      const sink = server.sink({}, { observer: { ...deafSinkObserver, estimatedDpu } });
      await sink.open();
      const table = sink.mapTable(shapeOf("costly", { id: BIGINT, v: TEXT }), {
        schema: "public",
        name: "costly",
      });
      await sink.checkTable(table, "if-missing");
      const { fence } = await sink.takeOver({ pipeline: "costs", task: "0", lanes: 1 });
      const rows = Array.from({ length: 1000 }, (_, i) => [String(i), "v"]);
      await send(sink, commitOf(fence, 0, [{ kind: "upsert", table, rows: rows.slice(0, 1) }]));
      await send(sink, commitOf(fence, 1, [{ kind: "upsert", table, rows }]));
      const all = [{ kind: "delete-some", table, maxRows: 2000 }] as const;
      await send(sink, commitOf(fence, 2, all));
      expect(costs.map((cost) => cost.toFixed(3))).toEqual(
        name === "dsql" ? ["0.054", "6.498", "6.498"] : [],
      );
    } finally {
      await server.stop();
    }
  });
});
