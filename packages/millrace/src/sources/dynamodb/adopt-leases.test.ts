import { describe, expect, it } from "vitest";
import type { ShardDescription } from "./api.ts";
import { placesOf } from "./adopt-leases.ts";
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
});
