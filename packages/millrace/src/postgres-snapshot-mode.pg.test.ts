import { expect, it } from "vitest";
import { sharedPostgres } from "../../../test/support/postgres.ts";
import { cli } from "./cli/cli.fixture.ts";
import { dropSlots, pipelineBetween, pipelineFileOf } from "./pipeline-between.fixture.ts";

it("a snapshot of PostgreSQL ends by itself once it has caught up, and the next run takes what came since", async () => {
  await using source = await sharedPostgres();
  await using target = await sharedPostgres();
  await source.query("CREATE TABLE items (id int PRIMARY KEY, v text)");
  const name = source.database;
  const file = pipelineFileOf(
    pipelineBetween(source, target, {
      name,
      tables: "public.items",
      source: {
        "slot.name": name,
        "publication.name": name,
        "scan.startup.mode": "snapshot",
      },
    }),
  );
  try {
    for (const id of [1, 2]) {
      await source.query(`INSERT INTO items VALUES (${id}, 'x')`);
      const { code, stderr } = await cli(["run", file, "--listen", "off"]);
      expect([code, stderr]).toEqual([0, ""]);
      const there = await target.query("SELECT id FROM public.items ORDER BY id");
      expect(there.map((row) => row["id"])).toEqual(id === 1 ? [1] : [1, 2]);
    }
  } finally {
    await dropSlots(source);
  }
}, 180_000);
