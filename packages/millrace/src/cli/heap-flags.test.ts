import { describe, expect, it } from "vitest";
import { missingHeapFlags } from "./heap-flags.ts";

describe("the heap of a process that carries changes", () => {
  it("is held small, once", () => {
    const flags = missingHeapFlags("run", ["--conditions=source"], "");
    expect(flags.map((flag) => flag.split("=")[0])).toEqual([
      "--max-semi-space-size",
      "--heap-growing-percent",
    ]);
    expect(missingHeapFlags("run", [...flags, "--conditions=source"], "")).toEqual([]);
  });

  it("is as large as its operator says", () => {
    expect(missingHeapFlags("run", [], "--no-warnings --max-semi-space-size=64")).toEqual([]);
    expect(missingHeapFlags("run", ["--max_semi_space_size=64"], "")).toEqual([]);
  });

  it("is left alone in commands that live for a moment", () => {
    for (const command of ["version", "validate", undefined]) {
      expect(missingHeapFlags(command, [], "")).toEqual([]);
    }
  });
});
