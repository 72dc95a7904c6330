import { expect, it } from "vitest";
import { startFaultProxy } from "../../../../../test/support/fault-proxy.ts";
import { mysqlFlavors, sharedMysql } from "../../../../../test/support/mysql.ts";
import { type MysqlConnection, openConnection } from "./connection.ts";
import { configOf } from "./told-events.fixture.ts";

/** Longer than any test may take: whoever waits for this was not told before. */
const FOR_EVER_MS = 3_600_000;
const QUESTION = "SELECT SLEEP(600)";

/** Timers of this process that hold it. */
function timers(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
}

const questions: readonly [name: string, ask: (session: MysqlConnection) => Promise<unknown>][] = [
  ["ask", (session) => session.ask(QUESTION)],
  ["query", (session) => session.query(QUESTION)],
];

it.each(mysqlFlavors.flatMap((flavor) => questions.map((each) => [flavor, ...each] as const)))(
  "tells who waits for an answer of %s (%s) that we have cut the session, and leaves no timer that holds the process",
  async (flavor, _name, ask) => {
    await using server = await sharedMysql(flavor);
    const config = { ...configOf(server), readTimeoutMs: FOR_EVER_MS };
    const session = await openConnection(config);
    const before = timers();
    const answer = ask(session).catch((error: unknown) => error);
    session.destroy();
    expect(await answer).toMatchObject({ code: "MR_SOURCE_LOST_CONNECTION" });
    expect(timers()).toBeLessThanOrEqual(before);
  },
);

it("gives a small question up behind the read timeout, and the session with it", async () => {
  await using server = await sharedMysql("mysql");
  const proxy = await startFaultProxy(server);
  try {
    const { host, port } = proxy;
    const config = { ...configOf(server), readTimeoutMs: 700, host, port };
    const session = await openConnection(config);
    proxy.strike({ kind: "stall" });
    await expect(session.ask("SELECT 1")).rejects.toMatchObject({
      code: "MR_SOURCE_LOST_CONNECTION",
      message: expect.stringContaining("700 ms without an answer") as string,
    });
    expect(session.broken).not.toBeNull();
  } finally {
    await proxy.close();
  }
});
