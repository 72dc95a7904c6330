import { Skimmed, type Value } from "../../model/value.ts";
import { floatText } from "./float-text.ts";

/** The text, or what stands for one that is too long. */
export function bounded(text: string, maxBytes: number): Value {
  if (text.length * 3 <= maxBytes) return text;
  const bytes = Buffer.byteLength(text);
  return bytes > maxBytes ? new Skimmed(bytes) : text;
}

/** A VECTOR as a JSON array. */
export function vectorText(view: DataView, start: number, stop: number): string {
  let text = "[";
  for (let at = start; at + 4 <= stop; at += 4)
    text += `${at === start ? "" : ", "}${floatText(view.getFloat32(at, true))}`;
  return `${text}]`;
}
