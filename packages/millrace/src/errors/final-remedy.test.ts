import { describe, expect, it } from "vitest";
import { CATALOGUE } from "./catalogue.ts";
import { finalRemedy } from "./final-remedy.ts";

describe("what to do about an error that has ended what met it", () => {
  it("speaks of no retry", () => {
    expect(finalRemedy(CATALOGUE.MR_SOURCE_LOST_CONNECTION)).toBe(
      "Check the source's address, network and log.",
    );
    expect(finalRemedy(CATALOGUE.MR_SINK_CONFLICT)).toBe("Find who else writes to these tables.");
    const remedies = Object.values(CATALOGUE).map((entry) => finalRemedy(entry));
    expect(remedies.filter((remedy) => remedy.includes("being retried"))).toEqual([]);
  });

  it("is what it was where nothing is said of retries", () => {
    expect(finalRemedy(CATALOGUE.MR_USAGE)).toBe(CATALOGUE.MR_USAGE.remedy);
  });
});
