import { createHmac } from "node:crypto";
import { keyNormalisation } from "../model/key-text.ts";
import type { LogicalType } from "../model/logical-type.ts";
import type { Value } from "../model/value.ts";
import { Skimmed, UNCHANGED } from "../model/value.ts";

/** What becomes of one column's values on the way to the sink. */
export type ColumnTreatment =
  | { readonly kind: "keep" }
  | { readonly kind: "exclude" }
  | { readonly kind: "mask"; readonly text: string }
  | { readonly kind: "hash"; readonly key: string };

/** The type that a column has at the sink; null when it is left out. */
export function treatedType(treatment: ColumnTreatment, type: LogicalType): LogicalType | null {
  switch (treatment.kind) {
    case "keep":
      return type;
    case "exclude":
      return null;
    case "mask":
      return { kind: "text", maxChars: null };
    case "hash":
      return { kind: "text", maxChars: 64 };
  }
}

/**
 * Masks or hashes one value. NULL stays NULL, and UNCHANGED stays UNCHANGED (I9). A skimmed value can be masked, since
 * its text is not needed; its hash is not known, so that it stays skimmed and its change becomes a dead letter (I1).
 */
export function treat(treatment: ColumnTreatment, type: LogicalType, value: Value): Value {
  if (treatment.kind === "keep" || value === null || value === UNCHANGED) return value;
  if (treatment.kind === "mask") return treatment.text;
  if (treatment.kind === "exclude" || value instanceof Skimmed) return value;
  return createHmac("sha256", treatment.key).update(hashInput(type, value)).digest("hex");
}

/**
 * What a hash is made from: the value's canonical text, as keys are compared by it, so that a key which the source
 * spells in another way keeps its hash. jsonb is taken as it stands; hashed keys of it are refused.
 */
export function hashInput(
  type: LogicalType,
  value: Exclude<Value, null | typeof UNCHANGED | Skimmed>,
): string | Uint8Array {
  if (value instanceof Uint8Array) return value;
  const text = String(value);
  const normalise = type.kind === "jsonb" ? null : keyNormalisation(type);
  return normalise === null ? text : normalise(text);
}
