import { describe, expect, it } from "vitest";
import type { MillraceError } from "../../errors/millrace-error.ts";
import { toMillraceError } from "../../errors/to-millrace-error.ts";
import { type ByteRoom, SharedRoom } from "./byte-room.ts";
import { deafDynamoObserver, type DynamoObserver } from "./observer.ts";
import { comparePositions, logEndAt, parseStanding } from "./position.ts";
import {
  HOUR_MS,
  initSync,
  openReading,
  OPTIONS,
  type Reading,
  TABLE,
  TestTable,
} from "./source.fixture.ts";

const MIB = 1_048_576;

/** Knows whether a table has waited for room. */
class WatchedRoom extends SharedRoom {
  isWaitedFor = false;

  override told(room: ByteRoom, isWaiting: boolean): void {
    this.isWaitedFor ||= isWaiting;
    super.told(room, isWaiting);
  }
}

/** The order in which one key's values came. */
function ofKey({ seen }: Reading, key: string): string[] {
  return seen.filter((text) => text.endsWith(` ${key}`));
}

async function failureOf(reading: Reading): Promise<MillraceError> {
  for (;;) {
    const failure = await reading.next().then(
      () => null,
      (thrown: unknown) => toMillraceError(thrown, "MR_BUG"),
    );
    if (failure !== null) return failure;
  }
}

describe("a table's stream", () => {
  it("is read from its oldest record on, and goes on behind a place", async () => {
    await using table = await TestTable.start();
    await table.put("a");
    await table.put("b");
    const reading = await openReading(table.source());
    expect(await reading.count(2)).toEqual(["c a", "c b"]);
    await table.put("a", "again");
    await table.remove("b");
    expect(await reading.count(4)).toEqual(["c a", "c b", "u a", "d b"]);
    await table.put("c");
    const second = await openReading(table.source(), reading.batches[0]?.position);
    const all = await second.count(5 - (reading.batches[0]?.items.length ?? 0));
    expect(all.at(-1)).toBe("c c");
  });

  it("splits and rotates while it is read: children behind their parents, each key in its order", async () => {
    await using table = await TestTable.start({ shards: 2 });
    const reading = await openReading(table.source());
    const keys = ["a", "b", "c", "d", "e", "f"];
    for (const round of [0, 1, 2, 3]) {
      for (const key of keys) await table.put(key, String(round));
      if (round === 0) table.control.split({ table: TABLE });
      else table.control.rotate({ table: TABLE });
    }
    await reading.count(24);
    for (const key of keys)
      expect(ofKey(reading, key)).toEqual([`c ${key}`, ...Array<string>(3).fill(`u ${key}`)]);
  });

  it("goes on anywhere in a family of shards without a hole or a double", async () => {
    await using table = await TestTable.start();
    const keys = Array.from({ length: 8 }, (_, n) => `k${n}`);
    for (const [n, key] of keys.entries()) {
      await table.put(key);
      if (n % 4 === 3) table.control.split({ table: TABLE });
    }
    const whole = await openReading(table.source());
    await whole.count(8);
    await whole.log.close();
    for (const { position } of whole.batches.filter((_, at) => at % 2 === 0)) {
      const before = whole.batches.slice(
        0,
        whole.batches.findIndex((each) => each.position === position) + 1,
      );
      const had = before.reduce((sum, { items }) => sum + items.length, 0);
      const rest = await openReading(table.source(), position);
      if (had < 8) await rest.count(8 - had);
      expect([...whole.seen.slice(0, had), ...rest.seen].toSorted()).toEqual(whole.seen.toSorted());
      await rest.log.close();
    }
  });

  it.each(["childless", "open-parent", "orphaned"] as const)(
    "bears listings that are behind (%s)",
    async (how) => {
      await using table = await TestTable.start();
      await table.put("a", "0");
      table.control.split({ table: TABLE });
      await table.put("a", "1");
      table.control.inject({ kind: "stale", how, times: 4 });
      const reading = await openReading(table.source());
      expect(await reading.count(2)).toEqual(["c a", "u a"]);
    },
  );

  it("has more shards than a page of DescribeStream tells", { timeout: 60_000 }, async () => {
    await using table = await TestTable.start({ shards: 101 });
    const keys = Array.from({ length: 20 }, (_, n) => `c k${n}`);
    await Promise.all(keys.map((key) => table.put(key.slice(2))));
    const stream = { ...OPTIONS.stream, idlePollMs: 60_000 };
    const reading = await openReading(table.source({ options: { stream } }));
    expect([...(await reading.count(20))].toSorted()).toEqual(keys.toSorted());
    expect(Object.keys(parseStanding(reading.position).shards)).toHaveLength(101);
  });

  it("an iterator that expired is renewed behind the last record, never at the newest one", async () => {
    await using table = await TestTable.start();
    const reading = await openReading(table.source());
    await table.put("a");
    await reading.count(1);
    table.control.inject({
      kind: "error",
      code: "ExpiredIteratorException",
      action: "GetRecords",
      times: 2,
    });
    await table.put("b");
    await table.put("c");
    expect(await reading.count(3)).toEqual(["c a", "c b", "c c"]);
  });

  it("throttling, and answers that are empty for a while, only take time", async () => {
    await using table = await TestTable.start();
    const source = table.source();
    table.control.inject({
      kind: "error",
      code: "LimitExceededException",
      action: "GetRecords",
      times: 2,
    });
    table.control.inject({ kind: "empty", nth: 1, times: 3 });
    const reading = await openReading(source);
    await table.put("a");
    expect(await reading.count(1)).toEqual(["c a"]);
    expect(source.waits()).toEqual([]);
  });

  it("leaves out what is older than the load by an hour, and moves on all the same", async () => {
    await using table = await TestTable.start();
    await table.put("old");
    table.control.shiftClock(2 * HOUR_MS);
    await table.put("new");
    const told: string[] = [];
    const observer: DynamoObserver = {
      ...deafDynamoObserver,
      leftOut: (name, records) => told.push(`${name} ${records}`),
    };
    const source = table.source({ observer });
    const reading = await openReading(source, null, {
      initSync: initSync(table.control.nowMs()),
    });
    expect(await reading.count(1)).toEqual(["c new"]);
    expect(told).toEqual([`${TABLE} 1`]);
    expect(source.recordsLeftOut()).toBe(1);
    const standing = parseStanding(reading.position);
    const again = await openReading(table.source(), reading.position);
    await table.put("last");
    expect(await again.count(1)).toEqual(["c last"]);
    expect(standing.timeMs).toBeGreaterThan(table.control.nowMs() - HOUR_MS - 60_000);
  });

  it("leaves out nothing that the scan has not seen where this machine's clock is two hours fast", async () => {
    await using table = await TestTable.start();
    const began = initSync(table.control.nowMs() + 2 * HOUR_MS);
    const reading = await openReading(table.source(), null, { initSync: began });
    await table.put("a");
    expect(await reading.count(1)).toEqual(["c a"]);
    table.control.rotate({ table: TABLE });
    await table.put("b");
    const again = await openReading(table.source(), reading.position, { initSync: began });
    expect(await again.count(1)).toEqual(["c b"]);
  });

  it("an idle stream tells the time up to which nothing came, once somebody waits for it", async () => {
    await using table = await TestTable.start();
    const source = table.source();
    const reading = await openReading(source);
    await table.put("a");
    await reading.count(1);
    expect(source.bytesBetween(await table.settle(source, reading))).toBe(0);
    expect(comparePositions(reading.position, logEndAt(table.control.nowMs() + 60_000))).toBe(-1);
  });

  it("is read on while nobody can be asked for its shards", async () => {
    await using table = await TestTable.start();
    const reading = await openReading(table.source());
    await table.put("a", "0");
    await reading.count(1);
    const denied = table.control.inject({ kind: "deny", action: "dynamodb:DescribeStream" });
    await table.put("a", "1");
    await reading.count(2);
    table.control.rotate({ table: TABLE });
    await table.put("a", "2");
    const struck = (): number => table.control.faults()[0]?.struck ?? 0;
    const waits = reading.count(3);
    await expect.poll(struck, { timeout: 15_000 }).toBeGreaterThan(1);
    table.control.clearFaults(denied);
    expect(await waits).toEqual(["c a", "u a", "u a"]);
  });

  it("deletes by time to live say so", async () => {
    await using table = await TestTable.start({}, {});
    const { dynamodb } = table.local;
    await dynamodb.updateTimeToLive({
      TableName: TABLE,
      TimeToLiveSpecification: { Enabled: true, AttributeName: "until" },
    });
    await dynamodb.putItem({
      TableName: TABLE,
      Item: { id: { S: "a" }, until: { N: "1700000000" } },
    });
    await table.control.sweepExpired();
    const reading = await openReading(table.source());
    expect(await reading.count(2)).toEqual(["c a", "d a"]);
    const [, gone] = reading.batches.flatMap(({ items }) => items);
    expect(gone?.transaction).toMatchObject({ by: "ttl" });
  });

  it("that is gone while it is read is a loss", async () => {
    await using table = await TestTable.start();
    const reading = await openReading(table.source());
    await table.put("a");
    await reading.count(1);
    table.control.inject({
      kind: "error",
      code: "ResourceNotFoundException",
      action: "DescribeStream",
      times: 0,
    });
    const error = await failureOf(reading);
    expect([error.code, error.class]).toEqual(["MR_SOURCE_LOSS", "loss"]);
    expect(error.detail).toContain("stream");
  });

  it("of which nobody takes pages is read no further than 8 MiB ahead", async () => {
    await using table = await TestTable.start();
    for (let at = 0; at < 30; at++) await table.put(`k${at}`, "x".repeat(390_000));
    const room = new WatchedRoom(1_024 * MIB);
    const reading = await openReading(table.source({ room }));
    await expect.poll(() => room.isWaitedFor, { timeout: 60_000 }).toBe(true);
    expect(room.usedBytes).toBeLessThanOrEqual(9 * MIB);
    await reading.count(30);
  }, 90_000);

  it("close ends whoever waits", async () => {
    await using table = await TestTable.start();
    const reading = await openReading(table.source());
    const waiting = failureOf(reading);
    await reading.log.close();
    expect((await waiting).code).toBe("MR_SOURCE_LOST_CONNECTION");
  });

  it("what is not to be read any more is said: a right that was taken away", async () => {
    await using table = await TestTable.start();
    const reading = await openReading(table.source());
    table.control.inject({ kind: "deny", action: "dynamodb:GetRecords" });
    const error = await failureOf(reading);
    expect([error.code, error.class]).toEqual(["MR_SOURCE_REFUSED", "transient"]);
  });
});
