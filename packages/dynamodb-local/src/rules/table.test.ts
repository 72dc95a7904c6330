import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { fidelityPage } from "./fidelity-page.ts";
import { refuse, rules } from "./table.ts";

const PAGE = fileURLToPath(new URL("../../../../docs/dynamodb-local/fidelity.md", import.meta.url));

describe("the rules", () => {
  it("each have a code, a source and a moment", () => {
    for (const [name, rule] of Object.entries(rules)) {
      expect(rule.code, name).toMatch(/^[A-Z][A-Za-z]+$/);
      expect(rule.source.length, name).toBeGreaterThan(0);
      expect(rule.kept.length, name).toBeGreaterThan(0);
    }
  });

  it("fill their places in", () => {
    const refusal = refuse("noStreamToDisable", { table: "orders" });
    expect(refusal.message).toBe("Table has no stream to disable: TableName: orders");
    expect(refusal.status).toBe(400);
  });

  it("are what the fidelity page says", async () => {
    await expect(fidelityPage()).toMatchFileSnapshot(PAGE);
  });
});
