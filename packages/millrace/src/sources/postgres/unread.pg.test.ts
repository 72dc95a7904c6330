/** A snapshot whose reader does not read: what the server sees of it, and how long it keeps it. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sharedPostgres, type SharedPostgres } from "../../../../../test/support/postgres.ts";
import { CONNECTION_DEFAULTS } from "./config.ts";
import { openConnection, type PostgresConnection } from "./connection.ts";
import { BEGIN_SQL } from "./snapshot-sql.ts";

const STATEMENT_MS = 1_500;
/** Far more than sockets hold. */
const LARGE = "COPY (SELECT repeat('x', 1000) FROM generate_series(1, 200000)) TO STDOUT";

let server: SharedPostgres;
let reading: PostgresConnection;
beforeAll(async () => {
  server = await sharedPostgres();
});
afterAll(() => server.release());

async function sessionNow(): Promise<Record<string, unknown> | undefined> {
  const [row] = await server.query(
    `SELECT state, wait_event, backend_xmin IS NOT NULL AS holds FROM pg_stat_activity WHERE pid = $1`,
    [reading.processId],
  );
  return row;
}

describe("a COPY that nobody reads", () => {
  it("is active and holds its snapshot, until its bytes were not taken for as long as a statement may take", async () => {
    const { host, port, user, password, database } = server;
    const config = { ...CONNECTION_DEFAULTS, host, port, user, password, database };
    reading = await openConnection(
      { ...config, statementTimeoutMs: STATEMENT_MS },
      { purpose: "rows" },
    );
    await reading.client.query(BEGIN_SQL);
    await reading.client.query("SELECT 1 FROM pg_class LIMIT 1");
    const began = performance.now();
    reading.takeOver(LARGE);
    await expect
      .poll(sessionNow, { interval: 20 })
      .toEqual({ state: "active", wait_event: "ClientWrite", holds: true });
    // statement_timeout may end the statement or not: the server heeds it only when it can write on.
    await expect.poll(sessionNow, { timeout: 60_000 }).toBeUndefined();
    const tookMs = performance.now() - began;
    reading.destroy();
    expect([tookMs >= STATEMENT_MS, tookMs < 10 * STATEMENT_MS]).toEqual([true, true]);
  });
});
