import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Stream } from "./stream.ts";
import type { Shard } from "./shard.ts";

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const START_MS = Date.UTC(2026, 0, 1);

type Step =
  | { readonly kind: "write"; readonly item: number }
  | { readonly kind: "rotate" | "split"; readonly shard: number }
  | { readonly kind: "wait"; readonly ms: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("write" as const), item: fc.nat(9) }) },
  fc.record({ kind: fc.constantFrom("rotate" as const, "split" as const), shard: fc.nat(9) }),
  fc.record({ kind: fc.constant("wait" as const), ms: fc.nat(7 * HOUR_MS) }),
);

function newStream(shards: number, seed = 1): Stream {
  let state = seed;
  const random = (): number => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
  return new Stream({
    arn: "arn:aws:dynamodb:eu-west-1:123456789012:table/t/stream/2026-01-01T00:00:00.000",
    label: "2026-01-01T00:00:00.000",
    tableName: "t",
    createdMs: START_MS,
    region: "eu-west-1",
    keyNames: ["id"],
    viewType: "NEW_AND_OLD_IMAGES",
    shards,
    random,
  });
}

/** Plays steps; gives the versions that were written of each item, and when. */
function play(
  stream: Stream,
  steps: readonly Step[],
): { written: Map<string, number[]>; nowMs: number } {
  const written = new Map<string, number[]>();
  let nowMs = START_MS;
  for (const each of steps) {
    if (each.kind === "wait") nowMs += each.ms;
    else if (each.kind === "write") {
      const id = `k${each.item}`;
      const times = written.get(id) ?? [];
      const image = (version: number) => ({ id: { S: id }, v: { N: String(version) } });
      const before = times.length === 0 ? undefined : image(times.length - 1);
      stream.append({ before, after: image(times.length) }, nowMs);
      written.set(id, [...times, nowMs]);
    } else {
      stream.advance(nowMs);
      const open = stream.shards.filter((shard) => shard.isOpen);
      const shard = open[each.shard % open.length];
      if (shard !== undefined) stream[each.kind](shard, nowMs);
    }
  }
  stream.advance(nowMs);
  return { written, nowMs };
}

/** Parents before children: what a reader that keeps the lineage sees. */
function readInLineage(stream: Stream): { id: string; version: number; sequence: bigint }[] {
  return stream.shards.flatMap((shard) =>
    shard.read(0n, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER).map(({ wire, sequence }) => {
      const text = JSON.stringify(wire);
      const id = /"Keys":\{"id":\{"S":"(\w+)"/.exec(text)?.[1] ?? "";
      const version = Number(/"NewImage":\{"id":\{"S":"\w+"\},"v":\{"N":"(\d+)"/.exec(text)?.[1]);
      return { id, version, sequence };
    }),
  );
}

function isBefore(parent: Shard, child: Shard): boolean {
  return parent.endsWith !== undefined && parent.endsWith < child.startsWith;
}

describe("a stream under any schedule of writes, splits, rotations and time", () => {
  it("keeps each item's records of the last 24 hours, all of them, in the order of its writes", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.array(step, { maxLength: 60 }),
        (shards, steps) => {
          const stream = newStream(shards);
          const { written, nowMs } = play(stream, steps);
          const seen = readInLineage(stream);
          for (const [id, times] of written) {
            const kept = times.flatMap((ms, version) =>
              nowMs - ms <= 24 * HOUR_MS ? [version] : [],
            );
            expect(seen.filter((record) => record.id === id).map(({ version }) => version)).toEqual(
              kept,
            );
          }
        },
      ),
    );
  });

  it("gives numbers that grow from parent to child and are drawn once", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.array(step, { maxLength: 60 }),
        (shards, steps) => {
          const stream = newStream(shards);
          play(stream, steps);
          const sequences = readInLineage(stream).map(({ sequence }) => sequence);
          expect(new Set(sequences).size).toBe(sequences.length);
          for (const child of stream.shards) {
            const parent = stream.shard(child.parentId ?? "");
            if (parent !== undefined) expect(isBefore(parent, child)).toBe(true);
            const own = child.read(0n, 1_000_000, 1e12).map(({ sequence }) => sequence);
            expect(own).toEqual(own.toSorted((a, b) => (a < b ? -1 : 1)));
            expect(own.every((each) => each >= child.startsWith)).toBe(true);
            expect(own.every((each) => each <= (child.endsWith ?? each))).toBe(true);
          }
        },
      ),
    );
  });

  it("has open shards that cover every partition exactly once", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.array(step, { maxLength: 40 }),
        fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
        (shards, steps, point) => {
          const stream = newStream(shards);
          play(stream, steps);
          expect(stream.shards.filter((shard) => shard.covers(point))).toHaveLength(1);
        },
      ),
    );
  });
});

describe("a shard", () => {
  it("rolls over after four hours, and its child's numbers have a digit more", () => {
    const stream = newStream(1);
    stream.advance(START_MS + 4 * HOUR_MS - 1);
    expect(stream.shards).toHaveLength(1);
    stream.advance(START_MS + 4 * HOUR_MS);
    const [parent, child] = stream.shards;
    expect(child?.parentId).toBe(parent?.id);
    expect(child?.id).toMatch(/^shardId-\d{20}-[0-9a-f]{8}$/);
    expect(String(parent?.endsWith)).toHaveLength(21);
    expect(String(child?.startsWith)).toHaveLength(22);
    expect(String(child?.startsWith) < String(parent?.endsWith)).toBe(true);
  });

  it("is forgotten 24 hours after it closed; what is left names it as a parent still", () => {
    const stream = newStream(1);
    stream.append({ before: undefined, after: { id: { S: "a" } } }, START_MS);
    const [first] = stream.shards;
    stream.advance(START_MS + 28 * HOUR_MS);
    expect(stream.shard(first?.id ?? "")?.trimmedThrough).toBeDefined();
    stream.advance(START_MS + 28 * HOUR_MS + 1);
    expect(stream.shard(first?.id ?? "")).toBeUndefined();
    expect(stream.shards[0]?.parentId).toBe(first?.id);
  });

  it("keeps a record for 24 hours and not a millisecond longer", () => {
    const stream = newStream(1);
    const writtenMs = START_MS + MINUTE_MS;
    stream.append({ before: undefined, after: { id: { S: "a" } } }, writtenMs);
    stream.advance(writtenMs + 24 * HOUR_MS);
    expect(stream.shards[0]?.recordCount).toBe(1);
    stream.advance(writtenMs + 24 * HOUR_MS + 1);
    expect(stream.shards[0]?.recordCount).toBe(0);
  });
});
