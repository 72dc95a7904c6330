import { packets } from "./event-packets.fixture.ts";

/** A row of an answer in text. */
export type TextRow = readonly (string | null)[];
/** A row of which some is no text. */
export type AnswerRow = readonly (string | Buffer | null)[];

/** How rows end. */
export const EOF = Buffer.of(0xfe, 0, 0, 2, 0);

/** A number as the text protocol has lengths. */
export function lengthEncoded(bytes: number): Buffer {
  if (bytes < 0xfb) return Buffer.of(bytes);
  const head = Buffer.alloc(9);
  head[0] = bytes < 65_536 ? 0xfc : bytes < 16_777_216 ? 0xfd : 0xfe;
  head.writeUIntLE(bytes, 1, 6);
  return head.subarray(0, { 0xfc: 3, 0xfd: 4, 0xfe: 9 }[head[0]]);
}

/** The packet of a row, without its header. */
export function rowBytes(row: AnswerRow): Buffer {
  return Buffer.concat(
    row.flatMap((text) =>
      text === null
        ? [Buffer.of(0xfb)]
        : [lengthEncoded(Buffer.byteLength(text)), Buffer.from(text)],
    ),
  );
}

/** Messages as a server sends them. */
export const sent = (...messages: readonly Uint8Array[]): Buffer =>
  Buffer.concat(messages.map(packets));

/** What a server sends for a SELECT of so many columns. */
export function answer(width: number, rows: readonly AnswerRow[], end: Buffer = EOF): Buffer {
  const columns = Array.from({ length: width }, () => Buffer.from("\u0003def…"));
  return sent(lengthEncoded(width), ...columns, EOF, ...rows.map(rowBytes), end);
}
