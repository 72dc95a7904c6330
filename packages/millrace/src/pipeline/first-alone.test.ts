import { describe, expect, it } from "vitest";
import { FirstAlone } from "./first-alone.ts";

/** Somebody who has begun, and goes on when told to. */
function someone(turns: FirstAlone, what: string, stop = new AbortController()) {
  const goes = Promise.withResolvers<string>();
  const has = { begun: false };
  const work = () => {
    has.begun = true;
    return goes.promise;
  };
  const done = turns.run(what, work, stop.signal);
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

  it("ends who waits and is told to stop, whatever the first one does", async () => {
    const turns = new FirstAlone();
    const stop = new AbortController();
    someone(turns, "a");
    const second = someone(turns, "a", stop);
    stop.abort(new Error("moved away"));
    await expect(second.done).rejects.toThrow("moved away");
    expect(second.has.begun).toBe(false);
  });
});
