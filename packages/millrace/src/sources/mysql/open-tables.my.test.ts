import { expect, it } from "vitest";
import { mysqlFlavors, sharedMysql } from "../../../../../test/support/mysql.ts";
import { silentLogger, systemClock } from "../../model/ports.ts";
import { MYSQL_SOURCE_DEFAULTS } from "./options.ts";
import { MysqlSource } from "./source.ts";

it.each(mysqlFlavors)(
  "tables whose shape was asked for are told of with the first thing that a resting log gives, before a load could begin: %s",
  async (flavor) => {
    await using server = await sharedMysql(flavor);
    await server.query("CREATE TABLE t (id INT PRIMARY KEY)");
    const { host: hostname, port, user: username, password, database } = server;
    const context = { clock: systemClock, random: Math.random, log: silentLogger };
    await using source = closing(
      new MysqlSource(
        {
          ...MYSQL_SOURCE_DEFAULTS,
          hostname,
          port,
          username,
          password,
          matches: (schema) => schema === database,
          tablesText: database,
        },
        { ...context, pipeline: `open ${database}` },
      ),
    );
    const { start } = await source.it.prepare([], null);
    // Known from the catalogue alone, as that of a table that was made meanwhile.
    const shapes = (await source.it.discover()).map(({ shape }) => [shape.id, shape] as const);
    const log = await source.it.openLog({
      from: start,
      tables: new Map(shapes),
      maxValueBytes: 1_000_000,
    });
    const { items, position } = await log.next();
    await log.close();
    expect(items).toMatchObject([{ kind: "shape", shape: { name: "t" }, rows: "moved" }]);
    expect(source.it.comparePositions(position, start)).toBeGreaterThan(0);
  },
);

function closing(source: MysqlSource) {
  return { it: source, [Symbol.asyncDispose]: () => source.close() };
}
