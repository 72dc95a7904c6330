import { keyTexts } from "../../tables/key-texts.ts";
import { serverText } from "./types.ts";

/**
 * Canonical text of a row's key. No PostgreSQL text holds the character between the parts.
 * @throws MillraceError MR_BUG where a key column is UNCHANGED or skimmed, or the table has no key.
 */
export const keyText = keyTexts({ between: "\u0000", text: null, other: serverText });
