import { describe, expect, it } from "vitest";
import type { Json } from "../model/position.ts";
import { tableId } from "../model/table.ts";
import { deadLetter } from "../server/served-pipeline.fixture.ts";
import { lettersText, letterText, outcomeText } from "./dead-letter-text.ts";

const id = "0123456789abcdef0123";

describe("dead letters as text", () => {
  it("are a line each, what is long shortened", () => {
    const long = deadLetter("f".repeat(64), {
      target: tableId("shop", "orders"),
      keyColumns: { code: "x".repeat(60) },
      position: null,
      column: null,
      attempts: 3,
      reason: "a value is larger than the sink takes",
    });
    expect(lettersText([deadLetter(id), long])).toBe(
      "ID            TABLE                        KEY                                       CODE                   COLUMN  POSITION          TRIES  SINCE                 REASON\n" +
        `0123456789ab  public.orders                id=42                                     MR_VALUE_DOES_NOT_FIT  total   0/4 (commit 0/A)  1      2023-11-14T22:13:20Z  column "total": 40 digits after the point\n` +
        `ffffffffffff  public.orders → shop.orders  code=${"x".repeat(34)}…  MR_VALUE_DOES_NOT_FIT  -       load              3      2023-11-14T22:13:20Z  a value is larger than the sink takes\n`,
    );
    expect(lettersText([])).toBe("no dead letters\n");
  });

  it("show keys in a way that cannot move a terminal's cursor", () => {
    const shown = letterText(
      deadLetter(id, { keyColumns: { a: "x\u001B[2J", b: null, c: "a b" } }),
    );
    expect(shown).toContain(String.raw`key       a="x\u001b[2J" b=NULL c="a b"`);
    expect(shown).not.toContain("\u001B");
    expect(letterText(deadLetter(id, { keyColumns: {} }))).toContain("key       none\n");
  });

  it("say where a change is as its server writes it", () => {
    const at = (position: Json) => letterText(deadLetter(id, { position }));
    expect(at([0x1_0000_00a0, 0x1_0000_0010, 0])).toContain("position  1/10 (commit 1/A0)\n");
    const group = { file: 12, at: 4, era: 0, n: 3, hash: 5 };
    expect(at([group, 2, 3])).toContain("position  000012:4 (row event 2)\n");
    expect(at("shard-1")).toContain('position  "shard-1"\n');
  });

  it("say what became of a replay and what to do", () => {
    const table = "public.orders";
    expect(outcomeText({ id, table, outcome: "refused", why: "too long" })).toBe(
      "0123456789ab of public.orders: refused again: too long\n",
    );
    expect(outcomeText({ id, table, outcome: "deleted", why: null })).toBe(
      "0123456789ab of public.orders: replayed, the source has no such row and now neither has the sink\n",
    );
  });
});
