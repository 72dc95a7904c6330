import { Skimmed, type Value } from "../model/value.ts";
import { RefusedValue } from "./refused-value.ts";

/** The canonical text of a value that has one. */
export function textOf(value: Value): string {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  if (typeof value === "boolean") return value ? "t" : "f";
  if (value instanceof Skimmed) throw new RefusedValue(`a value of ${value.bytes} bytes`);
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString("hex")}`;
  throw new RefusedValue("no value");
}
