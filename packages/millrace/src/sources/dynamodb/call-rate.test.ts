import { describe, expect, it } from "vitest";
import type { Clock } from "../../model/ports.ts";
import { CallRate, type Urgency } from "./call-rate.ts";

/** Time that passes only while somebody sleeps; each sleep lets others work first. */
class SteppingClock implements Clock {
  ms = 0;
  now = (): number => this.ms;
  monotonic = (): number => this.ms;
  sleep = async (ms: number): Promise<void> => {
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    this.ms += ms;
  };
}

describe("calls of a rate", () => {
  it("come at even distances, in the order in which they ask", async () => {
    const clock = new SteppingClock();
    const rate = new CallRate(10, clock);
    const turns: string[] = [];
    const ask = (name: string) =>
      rate.turn("regular").then(() => turns.push(`${name} ${clock.ms}`));
    await Promise.all([ask("a"), ask("b"), ask("c")]);
    clock.ms += 1_000;
    await Promise.all([ask("d"), ask("e")]);
    expect(turns).toEqual(["a 0", "b 100", "c 200", "d 1200", "e 1300"]);
  });

  it("that somebody waits for pass by the others, which still have a turn of four", async () => {
    const clock = new SteppingClock();
    const rate = new CallRate(10, clock);
    const turns: string[] = [];
    const ask = (urgency: Urgency, name: string) => rate.turn(urgency).then(() => turns.push(name));
    const listings = Array.from({ length: 300 }, (_, n) => ask("regular", `list ${n}`));
    const children = Array.from({ length: 6 }, (_, n) => ask("urgent", `children ${n}`));
    await Promise.all(children);
    expect(turns.slice(0, 9).map((turn) => turn.split(" ")[0])).toEqual([
      "list",
      "children",
      "children",
      "list",
      "children",
      "children",
      "children",
      "list",
      "children",
    ]);
    await Promise.all(listings);
    expect(turns.filter((turn) => turn.startsWith("list"))).toEqual(
      listings.map((_, n) => `list ${n}`),
    );
  });

  it("that nobody waits for any more have no turn", async () => {
    const clock = new SteppingClock();
    const rate = new CallRate(10, clock);
    const enough = new AbortController();
    const first = rate.turn("regular");
    const left = rate.turn("regular", enough.signal);
    const next = rate.turn("regular");
    enough.abort(new Error("enough"));
    await expect(left).rejects.toThrow("enough");
    await Promise.all([first, next]);
    expect(clock.ms).toBe(100);
    await expect(rate.turn("urgent", enough.signal)).rejects.toThrow("enough");
  });
});
