import { keyTexts } from "../../tables/key-texts.ts";

/** Strings of DynamoDB may hold it, so that it is doubled there. */
const SEPARATOR = "\u0000";

/**
 * Canonical text of an item's key: HASH, then RANGE. Numbers are equal by value, binary is hexadecimal.
 * @throws MillraceError MR_BUG where a key column is UNCHANGED or skimmed.
 */
export const keyText = keyTexts({
  between: `${SEPARATOR}|`,
  text: (value) =>
    value.includes(SEPARATOR) ? value.replaceAll(SEPARATOR, SEPARATOR + SEPARATOR) : value,
  other: (value) =>
    value instanceof Uint8Array ? Buffer.from(value).toString("hex") : String(value),
});
