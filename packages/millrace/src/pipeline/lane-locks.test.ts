import { describe, expect, it } from "vitest";
import { LaneLocks } from "./lane-locks.ts";

const tick = () => new Promise((resolve) => setImmediate(resolve));

describe("LaneLocks", () => {
  it("lets one hold a lane at a time, in the order they asked", async () => {
    const locks = new LaneLocks(2);
    const order: string[] = [];
    const gate = Promise.withResolvers<void>();
    const first = locks.hold([0], async () => {
      await gate.promise;
      order.push("first");
    });
    const second = locks.hold([0], async () => void order.push("second"));
    const other = locks.hold([1], async () => void order.push("other lane"));
    await other;
    expect(order).toEqual(["other lane"]);
    gate.resolve();
    await Promise.all([first, second]);
    expect(order).toEqual(["other lane", "first", "second"]);
  });

  it("does not wait in a ring, whatever order lanes are named in", async () => {
    const locks = new LaneLocks(3);
    let held = 0;
    const work = async () => {
      held++;
      await tick();
    };
    const all = [
      locks.hold([0, 2], work),
      locks.hold([2, 0], work),
      locks.hold([1, 0], work),
      locks.hold([2, 1], work),
    ];
    await Promise.all(all);
    expect(held).toBe(4);
  });

  it("goes on after work that failed", async () => {
    const locks = new LaneLocks(1);
    await expect(locks.hold([0], () => Promise.reject(new Error("broken")))).rejects.toThrow(
      "broken",
    );
    await expect(locks.hold([0], async () => "fine")).resolves.toBe("fine");
  });
});
