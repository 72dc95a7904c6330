/** A slot that another reader has left: without a load its log is gone on with, from the last place that was confirmed (docs/from-debezium.md). */
import { expect, it } from "vitest";
import { sharedPostgres } from "../../../test/support/postgres.ts";
import { loadPipeline } from "./index.ts";
import { dropSlots, pipelineBetween } from "./pipeline-between.fixture.ts";

it("takes all that a left slot still has, and loads nothing", async () => {
  const [source, target] = await Promise.all([sharedPostgres(), sharedPostgres()]);
  const slot = `debezium_${source.database}`;
  try {
    await source.query(`
      CREATE TABLE item (id int PRIMARY KEY, v text);
      INSERT INTO item VALUES (1, 'a'), (2, 'a');
      CREATE PUBLICATION dbz_publication FOR ALL TABLES`);
    await target.query("CREATE TABLE item (id int PRIMARY KEY, v text)");
    // What the reader before has brought over.
    await target.query("INSERT INTO item VALUES (1, 'brought'), (2, 'brought')");
    await source.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [slot]);
    await source.query("UPDATE item SET v = 'b' WHERE id = 2; INSERT INTO item VALUES (3, 'a')");
    await source.query(
      "ALTER PUBLICATION dbz_publication SET (publish = 'insert, update, delete, truncate', publish_via_partition_root = true, publish_generated_columns = stored)",
    );
    const file = pipelineBetween(source, target, {
      name: source.database,
      tables: "public.item",
      source: {
        "slot.name": slot,
        "publication.name": "dbz_publication",
        "publication.create": "never",
        "scan.startup.mode": "latest-offset",
      },
    });
    const pipeline = await loadPipeline(file);
    await pipeline.start();
    await source.query("INSERT INTO item VALUES (4, 'a')");
    await pipeline.caughtUp();
    await pipeline.stop();
    const rows = await target.query("SELECT id, v FROM item ORDER BY id");
    expect(rows).toEqual([
      { id: 1, v: "brought" },
      { id: 2, v: "b" },
      { id: 3, v: "a" },
      { id: 4, v: "a" },
    ]);
  } finally {
    await dropSlots(source);
    await Promise.all([source.release(), target.release()]);
  }
});
