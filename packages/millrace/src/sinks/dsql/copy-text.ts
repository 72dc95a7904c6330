/**
 * HOT PATH: one turn of the loop per value. Rows as COPY's text format has them: a line per row, tabs between values.
 * PostgreSQL reads it with two thirds of the work that it takes to read arrays and insert what they hold.
 */
import type { RowLine } from "../../model/row-line.ts";
import type { Row, Value } from "../../model/value.ts";
import { parameterText } from "./array-literal.ts";

const NEEDS_ESCAPE = /[\\\t\n\r]/;
const ESCAPED = /[\\\t\n\r]/g;
const ESCAPES: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  "\t": "\\t",
  "\n": "\\n",
  "\r": "\\r",
};

/** Characters of one piece; each is one message, so that the server never gathers more than this and a row. */
const PIECE_CHARS = 256 * 1024;

/** From here on a value goes as a parameter of its own instead: a row of such values must not become one string. */
const LONG_CHARS = 1024 * 1024;

/** The first `columns` values of the rows in pieces of whole lines; null where a value is too long for that. */
export function copyText(rows: readonly Row[], columns: number): string[] | null {
  const pieces: string[] = [];
  let out = "";
  for (const row of rows) {
    for (let i = 0; i < columns; i++) {
      const value = row[i];
      if (i > 0) out += "\t";
      if (typeof value === "string") {
        if (value.length > LONG_CHARS) return null;
        out += NEEDS_ESCAPE.test(value) ? escaped(value) : value;
      } else {
        if (value instanceof Uint8Array && value.byteLength > LONG_CHARS) return null;
        out += otherValue(value);
      }
    }
    out += "\n";
    if (out.length >= PIECE_CHARS) {
      pieces.push(out);
      out = "";
    }
  }
  if (out !== "") pieces.push(out);
  return pieces;
}

/** Some rows as they came from their source. */
export interface LinePiece {
  readonly lines: readonly RowLine[];
  readonly bytes: number;
}

/** Lines in pieces: nothing is done to them. */
export function copyLines(lines: readonly RowLine[]): LinePiece[] {
  const pieces: LinePiece[] = [];
  let from = 0;
  let bytes = 0;
  for (const [i, { start, end }] of lines.entries()) {
    bytes += end - start;
    if (bytes < PIECE_CHARS && i + 1 < lines.length) continue;
    pieces.push({ lines: lines.slice(from, i + 1), bytes });
    from = i + 1;
    bytes = 0;
  }
  return pieces;
}

function otherValue(value: Value | undefined): string {
  const text = parameterText(value);
  if (text === null) return "\\N";
  return value instanceof Uint8Array ? escaped(text) : text;
}

function escaped(value: string): string {
  return value.replace(ESCAPED, (found) => ESCAPES[found] ?? found);
}
