import { describe, expect, it } from "vitest";
import { executedGtids } from "./executed-gtids.ts";
import { LogPlace } from "./log-place.ts";
import { boundary, type LogGroup } from "./position.ts";

const WORD = 2 ** 32;

function placeAt(more: Partial<LogGroup> = {}): LogPlace {
  return new LogPlace(boundary({ file: 3, at: 158, era: 1, n: 10, hash: 0, ...more }));
}

/** Reads a group of events of these sizes; gives the boundary behind it. */
function readGroup(place: LogPlace, gtid: string, sizes: readonly number[]): LogGroup {
  const [first = 0, ...more] = sizes;
  let at = place.boundary().at;
  for (const [index, size] of [first, ...more].entries()) {
    at += size;
    place.event(size, at % WORD);
    if (index === 0) place.begin(gtid);
  }
  return place.end();
}

describe("the place in a log", () => {
  it("is that of the group's first event, while events count", () => {
    const place = placeAt();
    place.event(79, 158 + 79);
    const group = place.begin("a:1");
    expect(group).toEqual({ file: 3, at: 158, era: 1, n: 10, hash: 0 });
    place.event(50, 158 + 129);
    expect(place.end()).toMatchObject({ file: 3, at: 158 + 129, n: 11 });
    expect(place.open).toBeNull();
  });

  it("goes on beyond 4 GiB in one file, though events say theirs modulo 2^32", () => {
    const place = placeAt({ at: WORD - 10 });
    expect(readGroup(place, "a:1", [100, 50]).at).toBe(WORD + 140);
    expect(readGroup(place, "a:2", [WORD - 1, 50]).at).toBe(2 * WORD + 189);
  });

  it("skips what the server leaves out", () => {
    const place = placeAt();
    place.event(50, 158 + 400);
    expect(place.begin("a:1").at).toBe(158 + 350);
  });

  it("is in the next file behind a rotation", () => {
    const place = placeAt();
    place.rotate("mysql-bin.000004", 4);
    expect(place.boundary()).toMatchObject({ file: 4, at: 4, n: 10 });
    expect(() => place.rotate("nonsense", 4)).toThrow("number");
  });

  it("has equal sums on two servers that have the same groups, in whichever order, and others else", () => {
    const sizes = [79, 40];
    const one = placeAt();
    readGroup(one, "a:1", sizes);
    const other = placeAt({ file: 77, era: 2 });
    readGroup(other, "a:2", sizes);
    expect(one.boundary().hash).not.toBe(other.boundary().hash);
    readGroup(one, "a:2", sizes);
    readGroup(other, "a:1", sizes);
    expect(one.boundary().hash).toBe(other.boundary().hash);
    expect(one.boundary().n).toBe(other.boundary().n);
  });

  it("remembers prepared transactions until they are settled, over a restart too", () => {
    const place = placeAt();
    place.event(79, 158 + 79);
    place.begin("a:1");
    place.prepare("X'78',X'',1");
    place.end();
    const [{ prepared = [] }] = place.toBeginAt(boundary(place.boundary()));
    expect(prepared).toEqual([{ xid: "X'78',X'',1", file: 3, at: 158, gtid: "a:1" }]);
    const again = placeAt({ prepared });
    again.begin("a:2");
    expect(again.settle("X'78',X'',1")).toEqual(prepared[0]);
    const [within] = again.toBeginAt([again.boundary(), 1, 0]);
    expect(within.prepared).toEqual(prepared);
    again.end();
    expect(again.toBeginAt(boundary(again.boundary()))[0].prepared).toBeUndefined();
    expect(again.settle("X'78',X'',1")).toBeNull();
  });

  it("refuses events where the log cannot have them", () => {
    expect(() => placeAt().prepare("X'78',X'',1")).toThrow("outside");
    expect(() => placeAt().end()).toThrow("not begun");
    const place = placeAt();
    place.begin(null);
    expect(() => place.begin(null)).toThrow("within");
    expect(() => placeAt({ n: null })).toThrow("no known group");
  });

  it("says when its file was begun, which a rotation makes unknown", () => {
    const place = placeAt();
    place.format(1_795_000_000);
    expect(place.boundary()).toMatchObject({ file: 3, made: 1_795_000_000 });
    place.rotate("mysql-bin.000003", 4);
    expect(place.boundary()).toMatchObject({ made: 1_795_000_000 });
    place.rotate("mysql-bin.000004", 4);
    expect(place.boundary()).not.toHaveProperty("made");
  });

  it("says what was executed before it, which the group that is open is not", () => {
    const uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
    const from = boundary({ file: 3, at: 158, era: 1, n: 10, hash: 0 });
    const place = new LogPlace(from, { executed: executedGtids("mysql", `${uuid}:1-4`) });
    readGroup(place, `${uuid}:5`, [79]);
    place.event(79, 400);
    const group = place.begin(`${uuid}:6`);
    expect(group.gtid).toBe(`${uuid}:6`);
    expect(place.toBeginAt([group, 1, 0])[0].gtids).toBe(`${uuid}:1-5`);
    place.end();
    expect(place.toBeginAt(boundary(place.boundary()))[0].gtids).toBe(`${uuid}:1-6`);
  });
});

describe("the log of a server that took over", () => {
  const sizes = [79];
  /** A place of the old server, two groups behind where the new one is entered. */
  function oldPlace(): LogGroup {
    const old = placeAt();
    readGroup(old, "a:1", sizes);
    readGroup(old, "a:2", sizes);
    old.event(79, 900);
    return { ...old.begin("a:3"), gtid: "a:3" };
  }
  const entered = (ahead: readonly LogGroup[]): LogPlace =>
    new LogPlace(boundary({ file: 70, at: 4, era: 2, n: 10, hash: 0 }), { ahead });

  it("is the same where it has the same groups up to what is durable, in whichever order", () => {
    const place = entered([oldPlace()]);
    for (const gtid of ["a:2", "a:1", "a:3", "b:1"]) readGroup(place, gtid, sizes);
    expect(place.boundary().n).toBe(14);
  });

  it.each([
    ["another group before it", ["a:1", "b:1", "a:3"]],
    ["another group in its place", ["a:1", "a:2", "b:1"]],
  ])("is lost where it has %s", (_what, gtids) => {
    const place = entered([oldPlace()]);
    expect(() => gtids.forEach((gtid) => readGroup(place, gtid, sizes))).toThrow(
      expect.objectContaining({ code: "MR_SOURCE_LOSS" }) as Error,
    );
  });
});
