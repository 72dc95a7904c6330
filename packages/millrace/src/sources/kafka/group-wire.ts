import { Reader, Writer } from "@platformatic/kafka";

/** What members of a group tell one another: names of tasks, behind a version. */
const VERSION = 1;

/** Bytes of a list of names. */
export function namesToBytes(names: readonly string[]): Buffer {
  const writer = Writer.create().appendInt16(VERSION);
  writer.appendArray([...names], (w, name) => w.appendString(name), true, false);
  return Buffer.from(writer.buffer);
}

/** The names in these bytes; none where somebody else wrote them. */
export function namesFromBytes(bytes: Buffer): readonly string[] {
  if (bytes.length === 0) return [];
  try {
    const reader = Reader.from(bytes);
    if (reader.readInt16() !== VERSION) return [];
    return reader.readArray((r) => r.readString(), true, false);
  } catch {
    return [];
  }
}
