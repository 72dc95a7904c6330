import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ShardDescription } from "./api.ts";
import type { Standing } from "./position.ts";
import { BEGIN, END } from "./sequence.ts";
import { openedMs } from "./shard-id.ts";
import { ShardTree } from "./shard-tree.ts";

const HOUR_MS = 3_600_000;
const NOW = 1_790_000_000_000;

/** A shard that was opened so many hours before now. */
function shardId(hoursAgo: number, name = "a"): string {
  return `shardId-${String(NOW - hoursAgo * HOUR_MS).padStart(20, "0")}-${name.padStart(8, "0")}`;
}

function open(id: string, parent: string | null = null): ShardDescription {
  return { id, parent, starting: "1", ending: null };
}

function closed(id: string, parent: string | null = null): ShardDescription {
  return { id, parent, starting: "1", ending: "9" };
}

function standingOf(shards: Readonly<Record<string, string>> = {}, done = 0): Standing {
  return { shards, timeMs: NOW - 10 * HOUR_MS, done, arn: "arn", tableId: "id" };
}

function whole(...shards: readonly ShardDescription[]) {
  return { shards, isWhole: true, timeMs: NOW };
}

function ids(starts: readonly { readonly id: string }[]): string[] {
  return starts.map(({ id }) => id);
}

describe("shards of a stream", () => {
  const [root, child, other] = [shardId(8), shardId(4), shardId(4, "b")];

  it("a child is read once its parent was given whole, and not before", () => {
    const tree = new ShardTree(standingOf());
    tree.merge(whole(closed(root), open(child, root), open(other, root)));
    expect(ids(tree.take())).toEqual([root]);
    tree.given(root, "9", NOW);
    expect(tree.take()).toEqual([]);
    tree.ended(root);
    expect(ids(tree.take())).toEqual([child, other]);
    expect(tree.take()).toEqual([]);
  });

  it("a child beside a parent that looks open waits like any other", () => {
    const tree = new ShardTree(standingOf());
    tree.merge(whole(open(root), open(child, root)));
    expect(ids(tree.take())).toEqual([root]);
  });

  it("a parent that is not listed is finished where its child is old, and waited for where that is young", () => {
    const tree = new ShardTree(standingOf());
    tree.merge(whole(open(shardId(23), "shardId-gone-long-ago-0000000000"), open(child, root)));
    expect(ids(tree.take())).toEqual([shardId(23)]);
    expect(tree.orphans()).toEqual([child]);
    tree.merge(whole(closed(root), open(child, root)));
    expect(ids(tree.take())).toEqual([root]);
    expect(tree.orphans()).toEqual([]);
  });

  it("a parent that ten listings leave out is believed to be gone; coming back then is a loss", () => {
    const tree = new ShardTree(standingOf());
    for (let each = 0; each < 10; each++) tree.merge(whole(open(child, root)));
    expect(ids(tree.take())).toEqual([child]);
    tree.given(child, "5", NOW);
    expect(tree.merge(whole(closed(root), open(child, root)))).toEqual([root]);
  });

  it("a parent that ten listings left out is a loss where it comes back after a restart, however often that was", () => {
    let tree = new ShardTree(standingOf());
    for (let each = 0; each < 10; each++) tree.merge(whole(open(child, root)));
    expect(ids(tree.take())).toEqual([child]);
    tree.given(child, "5", NOW);
    for (let each = 0; each < 3; each++) {
      tree = new ShardTree(JSON.parse(JSON.stringify(tree.standing)) as Standing);
      expect(tree.merge(whole(open(child, root)))).toEqual([]);
      expect(ids(tree.take())).toEqual([child]);
      tree.given(child, `${each + 6}`, NOW);
    }
    tree = new ShardTree(tree.standing);
    expect(tree.merge(whole(closed(root), open(child, root)))).toEqual([root]);
  });

  it("a parent of an old child that turns up after a restart is a loss too", () => {
    const [gone, old] = [shardId(27), shardId(23)];
    const tree = new ShardTree(standingOf());
    tree.merge(whole(open(old, gone)));
    expect(ids(tree.take())).toEqual([old]);
    tree.given(old, "5", NOW);
    const again = new ShardTree(tree.standing);
    expect(again.merge(whole(closed(gone), open(old, gone)))).toEqual([gone]);
  });

  it("a parent of a shard that another program has begun is a loss where the first listing does not show it", () => {
    const tree = new ShardTree(standingOf({ [child]: "7" }));
    expect(tree.merge(whole(open(child, root)))).toEqual([]);
    expect(ids(tree.take())).toEqual([child]);
    expect(tree.merge(whole(closed(root), open(child, root)))).toEqual([root]);
  });

  it("a parent that was passed by is forgotten when its records are trimmed", () => {
    const [old, young] = [shardId(49), shardId(21)];
    const tree = new ShardTree({ ...standingOf({ [young]: "5" }), passedBy: [old] });
    tree.merge(whole(open(young, old)));
    expect(tree.standing.passedBy).toBeUndefined();
  });

  it("a late parent is read though its child was begun, and another one that has no place yet is not", () => {
    const named = standingOf({ [root]: BEGIN, [child]: "7" });
    const starts = (from: Standing): string[] => {
      const tree = new ShardTree(from);
      expect(tree.merge(whole(closed(root), open(child, root)))).toEqual([]);
      return ids(tree.take());
    };
    expect(starts({ ...named, late: [root] })).toEqual([root, child]);
    expect(starts(named)).toEqual([child]);
  });

  it("a parent that turns up while its child is being read is a loss, before anything of that was given", () => {
    const tree = new ShardTree(standingOf());
    for (let each = 0; each < 10; each++) tree.merge(whole(open(child, root)));
    expect(ids(tree.take())).toEqual([child]);
    expect(tree.merge(whole(closed(root), open(child, root)))).toEqual([root]);
  });

  it("a closed shard without children holds the time back, and its children are asked for", () => {
    const tree = new ShardTree(standingOf());
    tree.merge(whole(open(root), open(other)));
    tree.take();
    tree.given(root, "9", NOW - 5 * HOUR_MS);
    tree.given(other, "9", NOW);
    tree.ended(root);
    expect(tree.childless()).toEqual([root]);
    expect(tree.standing.timeMs).toBe(NOW - 5 * HOUR_MS);
    tree.merge({ shards: [open(child, root)], isWhole: false, timeMs: NOW });
    expect(tree.childless()).toEqual([]);
    const start = { id: child, parent: root, after: BEGIN, readToMs: NOW - 5 * HOUR_MS };
    expect(tree.take()).toEqual([start]);
  });

  it("a disabled stream has no children to come, and is over when all is given", () => {
    const tree = new ShardTree(standingOf());
    tree.merge(whole(closed(root)));
    tree.take();
    tree.disable();
    expect(tree.isOver).toBe(false);
    tree.ended(root);
    expect(tree.childless()).toEqual([]);
    expect(tree.isOver).toBe(true);
  });

  it("the time is the least over all that may still bring records, and never goes back", () => {
    const tree = new ShardTree(standingOf());
    tree.merge(whole(open(root), open(other)));
    tree.take();
    tree.given(root, "9", NOW);
    expect(tree.standing.timeMs).toBe(NOW - 10 * HOUR_MS);
    tree.given(other, null, NOW - HOUR_MS);
    expect(tree.standing.timeMs).toBe(NOW - HOUR_MS);
    tree.merge(whole(open(root), open(other), open(shardId(0, "c"))));
    tree.take();
    expect(tree.standing.timeMs).toBe(NOW - HOUR_MS);
  });

  it("what was left is gone on with, and what is named at its end is not read again", () => {
    const tree = new ShardTree(standingOf({ [root]: END, [child]: "7" }));
    tree.merge(whole(closed(root), closed(child, root), open(other, root)));
    const starts = tree.take();
    expect(starts.map(({ id, after }) => [id, after])).toEqual([
      [child, "7"],
      [other, BEGIN],
    ]);
  });

  it("an unfinished shard that is not listed goes on all the same: its reader finds what became of it", () => {
    const tree = new ShardTree(standingOf({ [root]: "7", [child]: BEGIN }));
    tree.merge(whole(open(other)));
    expect(ids(tree.take())).toEqual([root, other]);
    expect(tree.orphans()).toEqual([child]);
    for (let each = 1; each < 10; each++) tree.merge(whole(open(other)));
    expect(ids(tree.take())).toEqual([child]);
  });

  it("parents of a begun shard are finished, though nothing names them", () => {
    const tree = new ShardTree(standingOf({ [child]: "7" }));
    tree.merge(whole(closed(root), open(child, root), open(other, root)));
    expect(ids(tree.take())).toEqual([child, other]);
  });

  it("an ended shard loses its name when all of its age are known, and is not read again", () => {
    const old = shardId(12);
    const tree = new ShardTree(standingOf());
    tree.merge(whole(closed(old), closed(root, old), open(child, root)));
    for (const id of [old, root]) {
      tree.take();
      tree.ended(id);
    }
    tree.take();
    expect(tree.standing.shards).toEqual({ [root]: END, [child]: BEGIN });
    const again = new ShardTree(tree.standing);
    expect(again.merge(whole(closed(old), closed(root, old), open(child, root)))).toEqual([]);
    expect(ids(again.take())).toEqual([child]);
  });

  it("an ended shard is remembered while its records live: listings that leave it out and show it again tell of no loss", () => {
    const old = shardId(12);
    const tree = new ShardTree(standingOf());
    tree.merge(whole(closed(old), closed(root, old), open(child, root)));
    for (const id of [old, root]) {
      tree.take();
      tree.ended(id);
    }
    expect(tree.merge(whole(closed(root, old), open(child, root)))).toEqual([]);
    expect(tree.merge(whole(closed(old), closed(root, old), open(child, root)))).toEqual([]);
    expect(ids(tree.take())).toEqual([child]);
  });

  it("an open shard that counts as read is a loss: nobody has read it", () => {
    const tree = new ShardTree(standingOf({ [child]: "7" }, NOW - 5 * HOUR_MS));
    expect(tree.merge(whole(open(shardId(6)), open(child)))).toEqual([shardId(6)]);
  });

  it("a parent that looks open again after a restart is none", () => {
    const tree = new ShardTree(standingOf({ [child]: "7" }, NOW - 5 * HOUR_MS));
    expect(tree.merge(whole(open(shardId(6)), open(child, shardId(6))))).toEqual([]);
    expect(ids(tree.take())).toEqual([child]);
  });
});

interface Lineage {
  readonly shards: readonly ShardDescription[];
  readonly parentOf: ReadonlyMap<string, string | null>;
}

/** Shards of a day, each rotated or split into children. */
const lineages: fc.Arbitrary<Lineage> = fc
  .array(fc.record({ parent: fc.nat(30), isSplit: fc.boolean() }), { minLength: 1, maxLength: 12 })
  .map((steps) => {
    const shards: ShardDescription[] = [open(shardId(20, "r"))];
    let made = 0;
    for (const { parent, isSplit } of steps) {
      const opens = shards.filter(({ ending }) => ending === null);
      const at = opens[parent % opens.length];
      if (at === undefined) continue;
      shards[shards.indexOf(at)] = closed(at.id, at.parent);
      for (const half of isSplit ? ["x", "y"] : ["x"])
        shards.push(open(shardId(19 - made, `${made}${half}`), at.id));
      made++;
    }
    return { shards, parentOf: new Map(shards.map(({ id, parent }) => [id, parent])) };
  });

/** Listings leave out parents, and what is new. */
function mayBeHidden({ id }: ShardDescription, shards: readonly ShardDescription[]): boolean {
  return openedMs(id) > NOW - 4 * HOUR_MS || shards.some(({ parent }) => parent === id);
}

describe("whatever the listings leave out, and wherever a run ends", () => {
  it("every shard is read once to its end, behind its parents", () => {
    const listings = fc.array(fc.array(fc.boolean(), { minLength: 25, maxLength: 25 }), {
      maxLength: 5,
    });
    const restarts = fc.array(fc.nat(20), { maxLength: 3 });
    fc.assert(
      fc.property(lineages, listings, restarts, ({ shards, parentOf }, hidden, ends) => {
        const ended = new Set<string>();
        let standing = standingOf();
        for (const steps of [...ends, Number.POSITIVE_INFINITY]) {
          const tree = new ShardTree(standing);
          const reading = new Set<string>();
          for (let at = 0; at < steps; at++) {
            const hides = hidden[at] ?? [];
            const listed = shards.filter(
              (shard, each) => hides[each] !== true || !mayBeHidden(shard, shards),
            );
            expect(tree.merge(whole(...listed))).toEqual([]);
            for (const { id } of tree.take()) reading.add(id);
            const [next] = reading;
            if (next === undefined && at >= hidden.length) break;
            if (next === undefined) continue;
            const parent = parentOf.get(next) ?? null;
            expect(parent === null || ended.has(parent)).toBe(true);
            expect(ended.has(next)).toBe(false);
            reading.delete(next);
            if (shards.find(({ id }) => id === next)?.ending === null) {
              tree.given(next, "5", NOW);
              continue;
            }
            tree.ended(next);
            ended.add(next);
          }
          standing = JSON.parse(JSON.stringify(tree.standing)) as Standing;
        }
        const closedOnes = shards.filter(({ ending }) => ending !== null).map(({ id }) => id);
        expect([...ended].toSorted()).toEqual(closedOnes.toSorted());
      }),
    );
  });
});
