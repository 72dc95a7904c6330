import type { AttributePath } from "../../schema/attribute-path.ts";
import type { AttributeValue, Item } from "./api.ts";

/** What stands there; undefined where nothing does. */
export function valueAt(item: Item, path: AttributePath): AttributeValue | undefined {
  let value: AttributeValue | undefined = { M: item };
  for (const step of path) {
    if (value === undefined) return undefined;
    value = stepInto(value, step);
  }
  return value;
}

function stepInto(value: AttributeValue, step: string | number): AttributeValue | undefined {
  if (typeof step === "number") return "L" in value ? value.L[step] : undefined;
  // An attribute may be called like something that every object has.
  return "M" in value && Object.hasOwn(value.M, step) ? value.M[step] : undefined;
}
