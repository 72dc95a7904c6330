/** `node array-literal.bench.ts`: array literals of 1,000 rows, by kind of column. */
import { bench, do_not_optimize, run, summary } from "mitata";
import type { Row } from "../../model/value.ts";
import { columnLiteral } from "./array-literal.ts";

const ROWS = 1_000;

const columns: Readonly<Record<string, (i: number) => Row[number]>> = {
  integers: (i) => String(1_000_000 + i),
  "short text": (i) => `some name ${i}`,
  timestamps: (i) => `2026-11-21 10:11:12.${String(i).padStart(6, "0")}+00`,
  "json (quotes to escape)": (i) => `{"a": ${i}, "b": "x"}`,
  "half NULL": (i) => (i % 2 === 0 ? null : `v${i}`),
  "text with accents": (i) => `Grüße ${i}`,
  "bytea of 32 bytes": (i) => new Uint8Array(32).fill(i),
};

summary(() => {
  for (const [name, value] of Object.entries(columns)) {
    const rows = Array.from({ length: ROWS }, (_, i): Row => [value(i)]);
    bench(`1,000 ${name}`, () =>
      do_not_optimize(Buffer.byteLength(columnLiteral(rows, 0, 0, ROWS))));
  }
});

await run();
