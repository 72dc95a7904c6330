/** The longest value in the data of a COPY: says whether its rows have to be looked at. */
import type { CopyIn } from "../gate/copy-in.ts";

const BACKSLASH = 0x5c;
const NEWLINE = 0x0a;
const RETURN = 0x0d;
/** Signature and flags of the binary form. */
const BINARY_HEADER_BYTES = 15;

/** No value in the data, which may be cut anywhere, has more bytes than this. */
export function longestField(data: readonly Buffer[], form: CopyIn): number {
  switch (form.format) {
    case "binary":
      return longestOfBinary(Buffer.concat(data));
    case "csv":
      return longestOfCsv(data, form);
    case "text":
      return longestOfText(data, form);
  }
}

/** A byte behind a backslash separates nothing. Hot path. */
function longestOfText(data: readonly Buffer[], { delimiter }: CopyIn): number {
  const separator = delimiter.charCodeAt(0);
  let longest = 0;
  let bytes = 0;
  let escaped = false;
  for (const chunk of data) {
    for (const byte of chunk) {
      const ends = byte === separator || byte === NEWLINE || byte === RETURN;
      if (ends && !escaped) {
        if (bytes > longest) longest = bytes;
        bytes = 0;
      } else {
        bytes++;
      }
      escaped = byte === BACKSLASH && !escaped;
    }
  }
  return Math.max(longest, bytes);
}

/** Between quotes nothing separates. Hot path. */
function longestOfCsv(data: readonly Buffer[], form: CopyIn): number {
  const [separator, quote, escape] = [form.delimiter, form.quote, form.escape].map((text) =>
    text.charCodeAt(0),
  );
  let longest = 0;
  let bytes = 0;
  let quoted = false;
  let escaped = false;
  for (const chunk of data) {
    for (const byte of chunk) {
      const ends = byte === separator || byte === NEWLINE || byte === RETURN;
      if (ends && !quoted) {
        if (bytes > longest) longest = bytes;
        bytes = 0;
      } else {
        bytes++;
      }
      // A quote that is its own escape opens again what it has closed.
      if (byte === quote && !escaped) quoted = !quoted;
      escaped = quoted && !escaped && escape !== quote && byte === escape;
    }
  }
  return Math.max(longest, bytes);
}

/** Each row is a number of fields, each field its length and its bytes; below zero there are none. */
function longestOfBinary(data: Buffer): number {
  let longest = 0;
  if (data.length < BINARY_HEADER_BYTES + 4) return longest;
  let at = BINARY_HEADER_BYTES + 4 + data.readUInt32BE(BINARY_HEADER_BYTES);
  while (at + 2 <= data.length) {
    const fields = data.readInt16BE(at);
    at += 2;
    for (let field = 0; field < fields && at + 4 <= data.length; field++) {
      const bytes = data.readInt32BE(at);
      at += 4 + Math.max(bytes, 0);
      if (bytes > longest) longest = bytes;
    }
    if (fields < 0) break;
  }
  return longest;
}
