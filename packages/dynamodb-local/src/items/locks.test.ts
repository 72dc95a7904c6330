import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Locks } from "./locks.ts";

describe("locks", () => {
  it("let one at a time to each name, and everybody to the end, whatever they hold together", async () => {
    const wishes = fc.array(fc.array(fc.constantFrom("a", "b", "c", "d"), { maxLength: 4 }), {
      maxLength: 20,
    });
    await fc.assert(
      fc.asyncProperty(wishes, async (all) => {
        const locks = new Locks();
        const held = new Set<string>();
        let done = 0;
        await Promise.all(
          all.map((names) =>
            locks.hold(names, async () => {
              for (const name of new Set(names)) expect(held.has(name)).toBe(false);
              for (const name of names) held.add(name);
              await Promise.resolve();
              for (const name of names) held.delete(name);
              done += 1;
            }),
          ),
        );
        expect(done).toBe(all.length);
      }),
      { numRuns: 50 },
    );
  });

  it("are free again after a failure", async () => {
    const locks = new Locks();
    await expect(locks.hold(["a"], () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    await expect(locks.hold(["a"], async () => 1)).resolves.toBe(1);
  });
});
