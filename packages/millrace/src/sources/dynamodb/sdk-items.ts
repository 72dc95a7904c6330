import type { AttributeValue as SdkValue } from "@aws-sdk/client-dynamodb";
import type { AttributeValue, Item } from "./api.ts";

/** A key as the SDK's serialiser takes it: binary as bytes, which it writes as base64 again. */
export function toSdkItem(key: Item): Record<string, SdkValue> {
  return Object.fromEntries(
    Object.entries(key).map(([name, value]) => [name, toSdkKeyValue(value)]),
  );
}

/** Keys are of three types; none of the others is ever sent. */
function toSdkKeyValue(value: AttributeValue): SdkValue {
  if ("S" in value) return { S: value.S };
  if ("N" in value) return { N: value.N };
  if ("B" in value) return { B: Buffer.from(value.B, "base64") };
  throw new TypeError("only texts, numbers and bytes can be of a key");
}
