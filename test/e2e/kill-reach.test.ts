import { describe, expect, it } from "vitest";
import { readKillPlan, replayOf } from "./kill-plan.ts";
import { killMatrix, livesOf, together, type Kill } from "./kill-reach.ts";

const births = ["sink.targets-claimed", "postgres-slot.after-create"];
const kill = (failpoint: string, phase: Kill["phase"] = "INIT_SYNC"): Kill => ({
  failpoint,
  phase,
});

describe("the lives of a kill matrix", () => {
  const drawn = readKillPlan(["--count", "500", "--seed", "7"]).kills;
  const lives = livesOf(drawn, 12);

  it("hold every kill once", () => {
    expect(lives.flat().length).toBe(500);
    expect(new Set(lives.flat())).toEqual(new Set(drawn));
    expect(livesOf(killMatrix("postgres"), 12).flat().length).toBe(killMatrix("postgres").length);
  });

  it("begin with what happens once in a life, once each", () => {
    for (const life of lives)
      for (const name of births) {
        const at = life.flatMap(({ failpoint }, index) => (failpoint === name ? [index] : []));
        expect(at.length).toBeLessThanOrEqual(1);
        expect(at.every((index) => index < births.length)).toBe(true);
      }
  });

  it("are loading or following, never both", () => {
    for (const life of lives)
      expect(new Set(life.map(({ phase }) => phase === "SYNC")).size).toBe(1);
  });

  it("arm together what one workload leads to, and no place twice", () => {
    expect(together(kill("chunk.planned"), kill("lane.after-commit"))).toBe(true);
    expect(together(kill("chunk.planned"), kill("chunk.planned"))).toBe(false);
    expect(together(kill("chunk.planned"), kill("lane.after-commit", "HANDOVER"))).toBe(false);
    expect(together(kill("chunk.planned"), kill("run.prepared"))).toBe(false);
    expect(together(kill("run.prepared"), kill("run.resized"))).toBe(false);
    expect(together(kill("run.prepared"), kill("sink.targets-claimed"))).toBe(false);
  });

  it("are played again from what is printed", () => {
    const [life = []] = lives;
    const again = replayOf({ from: "postgres", into: "dsql" }, life, 7001).split(" ");
    expect(readKillPlan(again)).toMatchObject({
      kills: life,
      seed: 7001,
      sinks: ["dsql"],
      isOneLife: true,
    });
    expect(() => readKillPlan(["--life", "no.such@1:SYNC"])).toThrow("There is no such kill");
  });
});
