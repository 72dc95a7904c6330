import { describe, expect, it } from "vitest";
import { ByteRoom, SharedRoom } from "./byte-room.ts";

const never = new AbortController().signal;

describe("room that tables share", () => {
  it("bounds all of them together, and goes to whoever waits once another one gives", async () => {
    const shared = new SharedRoom(100);
    const [one, other] = [new ByteRoom(80, shared), new ByteRoom(80, shared)];
    await one.take(60, never);
    await other.take(30, never);
    let isIn = false;
    const waits = other.take(30, never).then(() => (isIn = true));
    await Promise.resolve();
    expect([isIn, shared.usedBytes]).toEqual([false, 90]);
    one.give(40);
    await waits;
    expect([one.usedBytes, other.usedBytes, shared.usedBytes]).toEqual([20, 60, 80]);
  });

  it("lets in a table that holds nothing, though others hold all and nobody takes it from them", async () => {
    const shared = new SharedRoom(100);
    await new ByteRoom(100, shared).take(100, never);
    const other = new ByteRoom(100, shared);
    await other.take(40, never);
    const next = other.take(40, never);
    expect(shared.usedBytes).toBe(140);
    other.give(40);
    await next;
    expect(shared.usedBytes).toBe(140);
  });

  it("has back what a table held that is closed, once", async () => {
    const shared = new SharedRoom(100);
    const [one, other] = [new ByteRoom(100, shared), new ByteRoom(100, shared)];
    await one.take(90, never);
    await other.take(10, never);
    const waits = other.take(50, never);
    one.close();
    one.give(90);
    one.close();
    await waits;
    expect(shared.usedBytes).toBe(60);
  });
});
