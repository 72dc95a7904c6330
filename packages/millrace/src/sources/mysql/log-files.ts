import { MillraceError } from "../../errors/millrace-error.ts";
import type { DumpStart } from "./binlog-dump.ts";
import type { ServerStanding } from "./server-standing.ts";
import type { LogOffset } from "./transaction-id.ts";

const OFFSET_LIMIT = 2 ** 32;
/** Of the first event of every file, bytes. */
export const FIRST_OFFSET = 4;
const FILE_DIGITS = 6;

/**
 * Where a dump begins that is to give what begins at this place. A dump's command has no offsets beyond 4 GiB. Only a
 * file's last group may end there, since the server goes on to another file at its next one.
 * @throws MillraceError MR_SOURCE_REFUSED
 */
export function dumpStart(standing: ServerStanding, place: LogOffset): DumpStart {
  const { file, at } = placeOfDump(place);
  return { fileName: fileName(standing, file), at };
}

/** The place itself, or the next file's beginning. */
function placeOfDump({ file, at }: LogOffset): LogOffset {
  return at < OFFSET_LIMIT ? { file, at } : { file: file + 1, at: FIRST_OFFSET };
}

/** `binlog.000007`. @throws MillraceError MR_SOURCE_REFUSED where the server writes no log. */
function fileName({ basename }: Pick<ServerStanding, "basename">, number: number): string {
  const name = basename?.split(/[/\\]/).at(-1);
  if (name === undefined)
    throw new MillraceError("MR_SOURCE_REFUSED", "the server writes no binary log", {
      remedy: "Start it with log_bin.",
    });
  return `${name}.${String(number).padStart(FILE_DIGITS, "0")}`;
}

/** The name of the file behind one; null where that has no number. */
export function nextFile(file: string): string | null {
  const [, name, digits] = /^(.*\.)(\d+)$/.exec(file) ?? [];
  if (name === undefined || digits === undefined) return null;
  return `${name}${String(Number(digits) + 1).padStart(digits.length, "0")}`;
}
