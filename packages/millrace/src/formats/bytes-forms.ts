import type { Value } from "../model/value.ts";
import type { BytesEncoding, ColumnForm } from "./column-form.ts";
import type { BinaryMode } from "./format.ts";
import { textOf } from "./value-text.ts";

const ENCODINGS: Readonly<Record<BinaryMode, BytesEncoding>> = {
  bytes: "base64",
  base64: "base64",
  "base64-url-safe": "base64url",
  hex: "hex",
};

/** Bytes as they are; those of a text are its UTF-8. */
function asBytes(value: Value): Uint8Array {
  return value instanceof Uint8Array ? value : Buffer.from(textOf(value));
}

/** `binary.handling.mode`: bytes (base64 in JSON), or a text. MySQL's BIT(n) is bits whatever the mode. */
export function bytesForm(sourceType: string, mode: BinaryMode): ColumnForm {
  const [, bits] = /^bit\((\d+)\)/i.exec(sourceType) ?? [];
  if (bits !== undefined) return bitsForm(Number(bits), (value) => asBytes(value).toReversed());
  const type = mode === "bytes" ? "bytes" : "string";
  const encoding = ENCODINGS[mode];
  return { kind: "bytes", schema: { type, optional: false }, bytes: asBytes, encoding };
}

/** Debezium's bits: the lowest byte first. */
export function bitsForm(length: number, bytes: (value: Value) => Uint8Array): ColumnForm {
  return {
    kind: "bytes",
    bytes,
    encoding: "base64",
    schema: {
      type: "bytes",
      optional: false,
      name: "io.debezium.data.Bits",
      version: 1,
      parameters: { length: String(length) },
    },
  };
}

/** The bytes of PostgreSQL's text of a bit string, the lowest first, up to the last one that has a bit set. */
export function bitTextBytes(value: Value): Uint8Array {
  const text = textOf(value);
  const highest = text.indexOf("1");
  const bytes = new Uint8Array(highest === -1 ? 0 : Math.ceil((text.length - highest) / 8));
  for (let i = 0; i < text.length; i++)
    if (text.charCodeAt(text.length - 1 - i) === 49)
      bytes[i >> 3] = (bytes[i >> 3] ?? 0) | (1 << (i & 7));
  return bytes;
}
