/**
 * Rows per second of the COPY row parser, over lines in memory as a server sends them (10 columns, about 150 bytes
 * per row): `node copy-row.bench.ts [seconds]`.
 *
 * Measured 2026-11-21 on 2 cores that were busy with other work (load 6), Node 24.21: 2.3 to 3.8 million rows/s. With
 * the reading from PostgreSQL 18 (COPY in key order, loopback, server on the same cores) 0.8 to 1.0 CPU seconds per
 * million rows, of which the framing alone takes 0.6 to 0.8: the server is the limit.
 */
import { CopyRowParser } from "./copy-row.ts";
import { AS_IS, TO_BOOLEAN } from "./types.ts";

const LINES_PER_BUFFER = 1_000;
const MAX_VALUE_BYTES = 1_048_576;

const VALUES = [
  "123456789",
  "42",
  "4711",
  "1234.56",
  "customer 17",
  "some longer text value here",
  "t",
  "2026-01-01 00:00:00.123456+00",
  "6b8f1f0e-7b1e-4a0e-9b59-1d2f5f1c2a3b",
  '{"a": 1, "b": [1, 2, 3]}',
];

const CASES: Readonly<Record<string, readonly string[]>> = {
  "plain ASCII": VALUES,
  "a NULL": VALUES.with(2, "\\N"),
  "other letters": VALUES.with(4, "Ærøskøbing 17"),
  "an escape": VALUES.with(5, "two\\nlines"),
};

const parser = new CopyRowParser(
  { conversions: VALUES.map((_, index) => (index === 6 ? TO_BOOLEAN : AS_IS)), kept: new Set([0]) },
  MAX_VALUE_BYTES,
);

function rowsPerSecond(line: Buffer, seconds: number): number {
  const buffer = Buffer.concat(Array.from({ length: LINES_PER_BUFFER }, () => line));
  const begin = performance.now();
  let rows = 0;
  while (performance.now() - begin < seconds * 1_000) {
    for (let at = 0; at < buffer.length; at += line.length) {
      parser.row(buffer, at, at + line.length);
    }
    rows += LINES_PER_BUFFER;
  }
  return rows / ((performance.now() - begin) / 1_000);
}

const seconds = Number(process.argv[2] ?? 1);
for (const [name, values] of Object.entries(CASES)) {
  const line = Buffer.from(`${values.join("\t")}\n`);
  rowsPerSecond(line, seconds / 2);
  process.stdout.write(
    `${name}: ${Math.round(rowsPerSecond(line, seconds)).toLocaleString("en")} rows/s\n`,
  );
}
