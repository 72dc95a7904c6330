import { expect, it } from "vitest";
import { mysqlFlavors, sharedMysql } from "../../../test/support/mysql.ts";
import { cli } from "./cli/cli.fixture.ts";
import { mysqlBetween } from "./mysql-between.fixture.ts";
import { pipelineFileOf } from "./pipeline-between.fixture.ts";

it.each(mysqlFlavors)(
  "a snapshot of %s ends by itself once it has caught up, and the next run takes what came since",
  async (flavor) => {
    await using server = await sharedMysql(flavor);
    await server.query("CREATE TABLE items (id INT PRIMARY KEY, v TEXT)");
    const between = await mysqlBetween(server);
    const file = pipelineFileOf(between.file({ "scan.startup.mode": "snapshot" }));
    const idsThere = async (): Promise<unknown[]> =>
      (await between.target.query(`SELECT id FROM "${server.database}".items ORDER BY id`)).map(
        ({ id }) => id,
      );
    try {
      for (const id of [1, 2]) {
        await server.query(`INSERT INTO items VALUES (${id}, 'x')`);
        const { code, stderr } = await cli(["run", file, "--listen", "off"]);
        expect([code, stderr]).toEqual([0, ""]);
        expect(await idsThere()).toEqual(id === 1 ? [1] : [1, 2]);
      }
    } finally {
      await between.release();
    }
  },
  180_000,
);
