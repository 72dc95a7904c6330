import { describe, expect, it } from "vitest";
import type { TableShape } from "../model/table.ts";
import { IdleShapes } from "./idle-shapes.ts";
import { columnOf, shapeOf, tableOf } from "./pipeline-parts.fixture.ts";
import type { TableRuntime } from "./table-runtime.ts";

const id = columnOf("id", 1);
const old = shapeOf([id]);
const altered = shapeOf([id, columnOf("added", 2)]);

function watched() {
  const table = tableOf(old);
  const adopted: TableRuntime[] = [];
  const at = { log: 10, durable: 5 };
  const shapes = new IdleShapes({
    source: {
      logEnd: () => Promise.resolve(at.log),
      comparePositions: (a, b) => Number(a) - Number(b),
      nudge: () => Promise.resolve(),
    },
    loads: {
      adopt: (one) => {
        adopted.push(one);
        return Promise.resolve();
      },
    },
    durable: () => at.durable,
  });
  const look = async (shape: TableShape | null): Promise<void> => {
    shapes.see(table, shape);
    await shapes.look();
    await shapes.meet();
  };
  return { table, adopted, at, shapes, look };
}

describe("shapes that the catalogue has and the log has not told of", () => {
  it("are adopted once the log has been followed past the look", async () => {
    const { table, adopted, at, shapes, look } = watched();
    await look(altered);
    expect([adopted, shapes.settled, shapes.isDue]).toEqual([[], false, false]);
    at.durable = 9;
    await look(null);
    expect(adopted).toEqual([]);
    at.durable = 10;
    expect(shapes.isDue).toBe(true);
    await look(null);
    expect([adopted, shapes.settled]).toEqual([[table], true]);
  });

  it("are left to the log where it tells of them on the way", async () => {
    const { table, adopted, at, shapes, look } = watched();
    await look(altered);
    table.update({ shape: altered });
    at.durable = 10;
    await look(null);
    expect([adopted, shapes.settled]).toEqual([[], true]);
  });

  it("are none where the table looks as it is known to, or is another one", async () => {
    const { adopted, at, shapes, look } = watched();
    at.durable = 10;
    await look(old);
    await look({ ...altered, identity: "2" });
    await look(altered);
    at.log = 20;
    await look(old);
    expect([adopted.length, shapes.settled]).toEqual([1, true]);
  });
});
