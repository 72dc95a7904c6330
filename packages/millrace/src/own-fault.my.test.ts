import { afterAll, afterEach, beforeAll, describe, it } from "vitest";
import { type MysqlServer, mysqlFlavors, startMysql } from "../../../test/support/mysql.ts";
import { type MysqlBetween, mysqlBetween } from "./mysql-between.fixture.ts";
import { expectOwnFault, faultAt, mended } from "./own-fault.fixture.ts";

const PLACES = [
  "mysql-snapshot.taken",
  "mysql-snapshot.chunk-batch",
  "mysql-log.before-batch",
  "mysql-log.after-batch",
] as const;

describe.each(mysqlFlavors)("a fault of our own code in a pipeline from %s", (flavor) => {
  let server: MysqlServer;
  let between: MysqlBetween;
  beforeAll(async () => {
    server = await startMysql(flavor);
    await server.query("CREATE TABLE items (id INT PRIMARY KEY, v TEXT)");
    await server.query("INSERT INTO items VALUES (1, 'a'), (2, 'b')");
    between = await mysqlBetween(server);
  });
  afterEach(mended);
  afterAll(async () => {
    await between.release();
    await server.stop();
  });

  it.each(PLACES)("stops it as what it is, at %s", async (place) => {
    const pipeline = { name: place.replaceAll(/\W/g, "-") };
    faultAt(place);
    await expectOwnFault(between.file({}, { pipeline, route: routesTo(pipeline.name) }), () =>
      server.query("UPDATE items SET v = CONCAT(v, 'c')"),
    );
  });
});

/** Each into a table of its own, which another pipeline would own. */
function routesTo(name: string): readonly object[] {
  return [{ "source-table": String.raw`\.*.items`, "sink-table": `public.${name}` }];
}
