import { describe, expect, it } from "vitest";
import { FirstAlone } from "./first-alone.ts";

/** Somebody who has begun, and goes on when told to. */
function someone(turns: FirstAlone, what: string) {
  const goes = Promise.withResolvers<string>();
  const has = { begun: false };
  const done = turns.run(what, () => {
    has.begun = true;
    return goes.promise;
  });
  done.catch(() => undefined);
  return { goes, has, done };
}

const moment = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("who is the first at something", () => {
  it("does it alone, and the others behind it, all at once", async () => {
    const turns = new FirstAlone();
    const [first, second, third] = ["a", "a", "a"].map((what) => someone(turns, what));
    await moment();
    expect([first?.has.begun, second?.has.begun, third?.has.begun]).toEqual([true, false, false]);
    first?.goes.resolve("done");
    await expect(first?.done).resolves.toBe("done");
    await moment();
    expect([second?.has.begun, third?.has.begun]).toEqual([true, true]);
  });

  it("does not hold up who is at something else, nor anybody where it fails", async () => {
    const turns = new FirstAlone();
    const [first, second, other] = ["a", "a", "b"].map((what) => someone(turns, what));
    await moment();
    expect(other?.has.begun).toBe(true);
    first?.goes.reject(new Error("refused"));
    await expect(first?.done).rejects.toThrow("refused");
    second?.goes.resolve("done");
    await expect(second?.done).resolves.toBe("done");
  });
});
