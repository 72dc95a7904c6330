import { describe, expect, it } from "vitest";
import { namedFailpoints } from "./failpoints.ts";

describe("the failpoints in the sources", () => {
  it("have names of their own, of a part and a moment", () => {
    const names = namedFailpoints();
    expect(names.length).toBeGreaterThan(20);
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^[a-z-]+\.[a-z-]+$/);
  });
});
