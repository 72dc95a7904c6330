import type { TokenCursor } from "./ddl-cursor.ts";
import { NotUnderstood } from "./ddl-cursor.ts";

/** The bytes of a charset's longest character. */
const MAX_BYTES: ReadonlyMap<string, number> = new Map(
  Object.entries({
    1: "armscii8 ascii binary cp1250 cp1251 cp1256 cp1257 cp850 cp852 cp866 dec8 geostd8 greek hebrew hp8 keybcs2 koi8r koi8u latin1 latin2 latin5 latin7 macce macroman swe7 tis620",
    2: "big5 cp932 euckr gb2312 gbk sjis ucs2",
    3: "eucjpms ujis utf8mb3",
    4: "gb18030 utf16 utf16le utf32 utf8mb4",
  }).flatMap(([bytes, names]) => names.split(" ").map((name) => [name, Number(bytes)] as const)),
);

/** null where the charset is none that we know. */
export function maxBytesOf(charset: string): number | null {
  return MAX_BYTES.get(charset) ?? null;
}

/**
 * One name per charset. What `utf8` means is a setting on MariaDB; both meanings are decoded in the same way.
 * @throws NotUnderstood
 */
function charsetName(text: string): string {
  const name = text.toLowerCase() === "utf8" ? "utf8mb3" : text.toLowerCase();
  if (!MAX_BYTES.has(name)) throw new NotUnderstood();
  return name;
}

/**
 * The charset that a collation's name begins with; null for MariaDB's that belong to several, which leave the charset as
 * it is. @throws NotUnderstood
 */
export function charsetOfCollationName(collation: string): string | null {
  const name = collation.toLowerCase();
  if (name.startsWith("uca1400_")) return null;
  return charsetName(name.split("_")[0] ?? "");
}

/** What stands for the default of the level above. */
export const DEFAULT_CHARSET = "default";

/** `CHARACTER SET x`, `CHARSET x`, `CHAR SET x` with an optional `=`, or {@link DEFAULT_CHARSET}; undefined where something else comes. */
export function takeCharset(cursor: TokenCursor): string | undefined {
  if (!cursor.hasOne("CHARSET", "CHARACTER SET", "CHAR SET")) return undefined;
  cursor.has("=");
  return cursor.has("DEFAULT") ? DEFAULT_CHARSET : charsetName(cursor.take().text);
}

/** `COLLATE x` as {@link takeCharset}; null where it leaves the charset as it is. */
export function takeCollation(cursor: TokenCursor): string | null | undefined {
  if (!cursor.has("COLLATE")) return undefined;
  cursor.has("=");
  return cursor.has("DEFAULT") ? null : charsetOfCollationName(cursor.take().text);
}
