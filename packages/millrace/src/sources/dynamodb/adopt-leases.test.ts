import { describe, expect, it } from "vitest";
import type { ShardDescription } from "./api.ts";
import { placesOf, strangerTo } from "./adopt-leases.ts";
import { BEGIN, END } from "./sequence.ts";

function shard(id: string, parent: string | null): ShardDescription {
  return { id, parent, starting: null, ending: null };
}

describe("leases", () => {
  const shards = [
    shard("old", null),
    shard("parent", "old"),
    shard("left", "parent"),
    shard("right", "parent"),
    shard("young", "left"),
  ];

  it("tell how far shards are read, and of those without one whether their children are begun", () => {
    const leases = new Map([
      ["left", END],
      ["right", "42"],
    ]);
    expect(placesOf(shards, leases)).toEqual({
      old: END,
      parent: END,
      left: END,
      right: "42",
      young: BEGIN,
    });
  });

  it("of a shard that the stream has no more count only where it was not read to its end", () => {
    const leases = new Map([
      ["gone", "7"],
      ["done", END],
      ["old", BEGIN],
    ]);
    const places = placesOf([shard("old", "done")], leases);
    expect(places).toEqual({ old: BEGIN, gone: "7" });
  });

  it("are of a stream where each of its shards has one, or comes before or behind one that has", () => {
    expect(strangerTo(shards, new Map([["right", "42"]]))).toBeNull();
    expect(strangerTo(shards, new Map([["old", END]]))).toBeNull();
    // Its parent is not listed any more.
    expect(strangerTo([shard("old", "done")], new Map([["done", END]]))).toBeNull();
    expect(strangerTo([shard("old", "gone")], new Map([["done", END]]))).toBe("old");
    expect(strangerTo([...shards, shard("other", null)], new Map([["left", END]]))).toBe("other");
    expect(strangerTo([], new Map([["done", END]]))).toBeNull();
  });
});
