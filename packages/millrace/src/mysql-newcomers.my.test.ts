import { expect, it } from "vitest";
import { mysqlFlavors, startMysql } from "../../../test/support/mysql.ts";
import { mysqlBetween } from "./mysql-between.fixture.ts";

it.each(mysqlFlavors)(
  "tables that appear at %s are taken up without a false word",
  async (flavor) => {
    await using server = await startMysql(flavor);
    await server.query("CREATE TABLE items (id INT PRIMARY KEY, v TEXT)");
    const between = await mysqlBetween(server);
    try {
      const pipeline = await between.run();
      await pipeline.caughtUp();
      const told: string[] = [];
      const listening = (async () => {
        for await (const event of pipeline.events())
          if (event.type === "notice") told.push(`${event.table ?? ""} ${event.message}`);
      })();
      await server.query(
        "CREATE TABLE empty_one (id INT PRIMARY KEY); CREATE TABLE full_one (id INT PRIMARY KEY); INSERT INTO full_one VALUES (1)",
      );
      const states = () => pipeline.status().tables.map(({ id, state }) => `${id} ${state}`);
      const { database } = server;
      const came = [`${database}.empty_one`, `${database}.full_one`];
      await expect
        .poll(states, { timeout: 90_000 })
        .toEqual(expect.arrayContaining(came.map((id) => `${id} SYNC`)));
      await server.query("INSERT INTO full_one VALUES (2)");
      await pipeline.caughtUp();
      await between.stop();
      await listening;
      const appeared = "appeared at the source: it is taken up and loaded";
      expect(told.toSorted()).toEqual(came.map((id) => `${id} ${appeared}`));
      expect(await between.target.query(`SELECT id FROM ${database}.full_one ORDER BY 1`)).toEqual([
        { id: 1 },
        { id: 2 },
      ]);
    } finally {
      await between.release();
    }
  },
);
