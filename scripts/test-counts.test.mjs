import { describe, expect, it } from "vitest";
import { countTests, lastLine, slowestFiles } from "./test-counts.mjs";

const file = (name, ...statuses) => ({
  name,
  status: statuses.includes("failed") ? "failed" : "passed",
  message: "",
  assertionResults: statuses.map((status, index) => ({ status, fullName: `test ${index}` })),
});
const report = (...testResults) => ({
  numPassedTests: testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(({ status }) => status === "passed").length,
  testResults,
});

describe("countTests", () => {
  it("counts what passed and names what failed", () => {
    expect(countTests(report(file("a", "passed", "failed"), file("b", "passed")), 1)).toEqual({
      passed: 2,
      failed: 1,
      failures: ["a: test 1"],
    });
  });

  it.each(["skipped", "todo", "pending"])("counts a test that is %s as failed", (status) => {
    expect(countTests(report(file("a", "passed", status)), 0)).toEqual({
      passed: 1,
      failed: 1,
      failures: [`a: test 1 (${status})`],
    });
  });

  it("counts a file that cannot be loaded", () => {
    const broken = { ...file("a"), status: "failed", message: "SyntaxError: x\n  at y" };
    expect(countTests(report(broken, file("b", "passed")), 1).failures).toEqual([
      "a: SyntaxError: x",
    ]);
  });

  it("counts an error outside of any test, and a run without a report", () => {
    expect(countTests(report(file("a", "passed")), 1)).toMatchObject({ passed: 1, failed: 1 });
    expect(countTests(undefined, 137)).toEqual({
      passed: 0,
      failed: 1,
      failures: ["vitest (exit code 137)"],
    });
  });
});

describe("slowestFiles", () => {
  it("names those that took longest, and none where there is no report", () => {
    const took = (name, ms) => ({ ...file(name, "passed"), startTime: 1_000, endTime: 1_000 + ms });
    expect(slowestFiles(report(took("a", 5), took("b", 2_500), took("c", 70)), 2)).toEqual([
      { name: "b", seconds: 2.5 },
      { name: "c", seconds: 0.07 },
    ]);
    expect(slowestFiles(undefined, 2)).toEqual([]);
  });
});

describe("the last line", () => {
  it("says how many passed and how many failed", () => {
    expect(lastLine(12, 0)).toBe("12 passed, 0 failed");
  });
});
