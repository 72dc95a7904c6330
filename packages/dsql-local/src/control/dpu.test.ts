import { describe, expect, it } from "vitest";
import { dpuLines, dpuOfTransaction } from "./dpu.ts";

describe("distributed processing units", () => {
  it("follow the price list: a transaction of one small row costs the least there is", () => {
    const usage = { computeMs: 0, readBytes: 2_048, writeBytes: 128 };
    const { read, write } = dpuOfTransaction(usage);
    expect(read).toBeCloseTo(0.003_75, 7);
    expect(write).toBeCloseTo(0.050_001_92, 7);
    expect(read + write).toBeCloseTo(0.053_75, 5);
  });

  it("count what is more, and nothing where nothing was done", () => {
    const many = dpuOfTransaction({ computeMs: 500, readBytes: 0, writeBytes: 100 * 128 });
    expect(many).toEqual({ compute: 0.5, read: 0, write: expect.closeTo(0.625_02, 5) });
    expect(dpuOfTransaction({ computeMs: 0, readBytes: 0, writeBytes: 0 })).toEqual({
      compute: 0,
      read: 0,
      write: 0,
    });
  });

  it("are told under a plan as the service does", () => {
    expect(dpuLines({ computeMs: 15.5, readBytes: 1_677, writeBytes: 384 })).toEqual([
      "Statement DPU Estimate:",
      "  Compute: 0.01550 DPU",
      "  Read: 0.00307 DPU (Transaction minimum: 0.00375)",
      "  Write: 0.01875 DPU (Transaction minimum: 0.05000)",
      "  Total: 0.03732 DPU",
    ]);
  });
});
