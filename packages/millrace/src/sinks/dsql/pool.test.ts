import { describe, expect, it } from "vitest";
import type { Clock } from "../../model/ports.ts";
import { systemClock } from "../../model/ports.ts";
import type { PoolLimits } from "./pool.ts";
import { ConnectionPool } from "./pool.ts";
import type { SinkConnection } from "./sink-connection.ts";

/** Stands for a session: the pool looks at `broken` and `close` alone. */
type Session = Pick<SinkConnection, "broken" | "close" | "destroy"> & {
  readonly id: number;
  alive: boolean;
};

function poolOf(limits: Partial<PoolLimits> = {}, failures = 0, clockParts: Partial<Clock> = {}) {
  let opened = 0;
  let left = failures;
  const closed: number[] = [];
  const clock = { ...systemClock, ...clockParts, now: () => 0, monotonic: () => time.ms };
  const time = { ms: 0 };
  const open = () => {
    if (left-- > 0) return Promise.reject(new Error("no"));
    const id = ++opened;
    const session: Session = {
      id,
      alive: true,
      get broken() {
        return !this.alive;
      },
      close: () => {
        closed.push(id);
        return Promise.resolve();
      },
      destroy: () => closed.push(-id),
    };
    return Promise.resolve(session);
  };
  const all = { max: 2, min: 1, maxLifetimeMs: 1_000, idleTimeoutMs: 60_000, ...limits };
  const ports = { clock, random: () => 0 };
  const pool = new ConnectionPool<Session>(open, all, ports, { counts() {}, acquired() {} });
  return { pool, closed, time, opened: () => opened };
}

describe("the connection pool", () => {
  it("lends the connection that was given back last", async () => {
    const { pool } = poolOf();
    const both = await Promise.all([pool.use(async (c) => c.id), pool.use(async (c) => c.id)]);
    expect(both).toEqual([1, 2]);
    expect(await pool.use(async (c) => c.id)).toBe(2);
  });

  it("never opens more than its limit; who comes later waits", async () => {
    const { pool, opened } = poolOf();
    let running = 0;
    let most = 0;
    const work = async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
    };
    await Promise.all(Array.from({ length: 9 }, () => pool.use(work)));
    expect([most, opened()]).toEqual([2, 2]);
  });

  it("retires an old connection between two uses, not within one", async () => {
    const { pool, closed, time } = poolOf();
    await pool.use((c) => {
      time.ms = 5_000;
      expect(closed).toEqual([]);
      return Promise.resolve(c);
    });
    expect(closed).toEqual([1]);
    expect(await pool.use(async (c) => c.id)).toBe(2);
  });

  it("does not lend a connection that broke in use or while idle", async () => {
    const { pool } = poolOf();
    const first = await pool.use((c) => Promise.resolve(c));
    first.alive = false;
    const second = await pool.use((c) => {
      c.alive = false;
      return Promise.resolve(c.id);
    });
    expect([second, await pool.use(async (c) => c.id)]).toEqual([2, 3]);
  });

  it("gives the place of a failed opening to the next who waits", async () => {
    const { pool } = poolOf({ max: 1 }, 1);
    const [first, second] = await Promise.allSettled([
      pool.use(async (c) => c.id),
      pool.use(async (c) => c.id),
    ]);
    expect([first?.status, second?.status]).toEqual(["rejected", "fulfilled"]);
  });

  it("refuses who waits when it closes, and waits for what is in use", async () => {
    const { pool, closed } = poolOf({ max: 1 });
    const gate = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const busy = pool.use(() => {
      begun.resolve();
      return gate.promise;
    });
    await begun.promise;
    const waiting = pool.use(() => Promise.resolve());
    const closing = pool.close();
    await expect(waiting).rejects.toMatchObject({ code: "MR_SINK_LOST_CONNECTION" });
    expect(closed).toEqual([]);
    gate.resolve();
    await Promise.all([busy, closing]);
    expect(closed).toEqual([1]);
  });

  it("cuts what is in use for too long when it closes", async () => {
    const { pool, closed } = poolOf({}, 0, { sleep: () => Promise.resolve() });
    const gate = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const busy = pool.use(() => {
      begun.resolve();
      return gate.promise;
    });
    await begun.promise;
    const closing = pool.close();
    await expect.poll(() => closed).toEqual([-1]);
    gate.resolve();
    await Promise.all([busy, closing]);
  });
});
