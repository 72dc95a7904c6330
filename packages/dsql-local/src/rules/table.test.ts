import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { fidelityPage } from "./fidelity-page.ts";
import { rules, violation } from "./table.ts";

const PAGE = fileURLToPath(new URL("../../../../docs/dsql-local/fidelity.md", import.meta.url));

describe("the rules", () => {
  it("each have a code, a source and a way they are kept", () => {
    for (const [name, rule] of Object.entries(rules)) {
      expect(rule.code, name).toMatch(/^[0-9A-Z]{5}$/);
      expect(rule.source.length, name).toBeGreaterThan(0);
      expect(rule.kept.length, name).toBeGreaterThan(0);
    }
  });

  it("fill their places in", () => {
    expect(violation("setting", { name: "x" }).message).toBe(
      'setting configuration parameter "x" not supported',
    );
    expect(violation("sizeLimit", { megabytes: 12 }).report.detail).toBe(
      "Current transaction size 12mb > 10mb",
    );
  });

  it("are what the fidelity page says", async () => {
    await expect(fidelityPage()).toMatchFileSnapshot(PAGE);
  });
});
