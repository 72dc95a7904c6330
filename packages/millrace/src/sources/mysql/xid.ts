import { ByteCursor } from "./byte-cursor.ts";
import type { LoggedEvent } from "./payload.ts";

/** What an XA_PREPARE event prepares, in the words of the log's statements: `X'6f',X'',1`. @throws MillraceError */
export function xidOf({ buffer, bodyStart, bodyEnd }: LoggedEvent): string {
  const cursor = new ByteCursor(buffer, bodyStart, bodyEnd);
  cursor.skip(1);
  const format = cursor.uint32() | 0;
  const globalBytes = cursor.uint32();
  const branchBytes = cursor.uint32();
  return xidText(format, cursor.bytes(globalBytes), cursor.bytes(branchBytes));
}

/** An XA transaction in the words of the log's statements. */
export function xidText(format: number, global: Buffer, branch: Buffer): string {
  return `X'${global.toString("hex")}',X'${branch.toString("hex")}',${format}`;
}
