import { keyTexts } from "../../tables/key-texts.ts";

/** Text of MySQL may hold it, so that it is doubled there. */
const SEPARATOR = "\u0000";
const DOUBLED = "\u0000\u0000";

/**
 * Canonical text of a row's key.
 * @throws MillraceError MR_BUG where a key column is UNCHANGED or skimmed, or the table has no key.
 */
export const keyText = keyTexts({
  between: `${SEPARATOR}|`,
  text: (value) => (value.includes(SEPARATOR) ? value.replaceAll(SEPARATOR, DOUBLED) : value),
  other: (value) =>
    value instanceof Uint8Array ? Buffer.from(value).toString("hex") : String(value),
});
