/** `node array-literal.bench.ts`: array literals of 1,000 rows by kind of column, nanoseconds per value, best of ten. */
import type { Row } from "../../model/value.ts";
import { columnLiteral } from "./array-literal.ts";

const ROWS = 1_000;
const REPEATS = 200;

const columns: Readonly<Record<string, (i: number) => Row[number]>> = {
  integers: (i) => String(1_000_000 + i),
  "short text": (i) => `some name ${i}`,
  timestamps: (i) => `2026-11-21 10:11:12.${String(i).padStart(6, "0")}+00`,
  "json, with quotes to escape": (i) => `{"a": ${i}, "b": "x"}`,
  "half of it NULL": (i) => (i % 2 === 0 ? null : `v${i}`),
  "text with accents": (i) => `Grüße ${i}`,
  "bytea of 32 bytes": (i) => new Uint8Array(32).fill(i),
};

/** Byte lengths are summed, so that the literals are made whole and nothing is left out. */
function measure(rows: readonly Row[]): number {
  let bytes = 0;
  const startMs = performance.now();
  for (let n = 0; n < REPEATS; n++) bytes += Buffer.byteLength(columnLiteral(rows, 0, 0, ROWS));
  return bytes === 0 ? 0 : ((performance.now() - startMs) * 1e6) / (REPEATS * ROWS);
}

for (const [name, value] of Object.entries(columns)) {
  const rows = Array.from({ length: ROWS }, (_, i): Row => [value(i)]);
  const best = Math.min(...Array.from({ length: 10 }, () => measure(rows)));
  process.stdout.write(`${name.padEnd(30)} ${best.toFixed(0).padStart(6)} ns per value\n`);
}
