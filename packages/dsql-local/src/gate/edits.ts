/** Small edits of a statement's text, by byte offset. */
import { child, list, names, number, text, type Tree, walk } from "./tree.ts";

/** Replaces `lengthBytes` bytes at `atByte` by `insert`. */
export interface Edit {
  readonly atByte: number;
  readonly lengthBytes: number;
  readonly insert: string;
}

/** Applies edits that do not overlap. */
export function applyEdits(sql: string, edits: readonly Edit[]): string {
  if (edits.length === 0) return sql;
  const source = Buffer.from(sql, "utf8");
  const parts: Buffer[] = [];
  let at = 0;
  for (const edit of [...edits].sort((a, b) => a.atByte - b.atByte)) {
    parts.push(source.subarray(at, edit.atByte), Buffer.from(edit.insert, "utf8"));
    at = edit.atByte + edit.lengthBytes;
  }
  parts.push(source.subarray(at));
  return Buffer.concat(parts).toString("utf8");
}

/** How many characters come before a byte: as PostgreSQL counts them, which is not in UTF-16. */
export function charactersBefore(sql: string, byte: number): number {
  const before = Buffer.from(sql, "utf8").subarray(0, byte);
  // All bytes but those that go on with a character.
  return before.reduce((count, next) => ((next & 0xc0) === 0x80 ? count : count + 1), 0);
}

/** The stretch of text of one statement. */
export function statementText(sql: string, startByte: number, lengthBytes: number): string {
  const bytes = Buffer.from(sql, "utf8");
  const end = lengthBytes === 0 ? bytes.length : startByte + lengthBytes;
  return bytes.toString("utf8", startByte, end);
}

const NAME = /\s*(?:"(?:[^"]|"")*"|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)/y;
const DOT = /\s*\.\s*/y;

/** The length in bytes of the (qualified) name that begins at a byte. */
export function nameLengthBytes(sql: string, startByte: number): number {
  const rest = Buffer.from(sql, "utf8").toString("utf8", startByte);
  let at = matchAt(NAME, rest, 0);
  for (;;) {
    const dot = matchAt(DOT, rest, at);
    if (dot === at) break;
    const next = matchAt(NAME, rest, dot);
    if (next === dot) break;
    at = next;
  }
  return Buffer.byteLength(rest.slice(0, at));
}

function matchAt(pattern: RegExp, source: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(source) ? pattern.lastIndex : at;
}

/**
 * Columns and domains of bare `numeric` are `numeric(18,6)`, those of bare `char` have no length but the largest (source
 * DT): what is PostgreSQL's `bpchar`.
 */
export function bareTypeEdits(node: Tree, sql: string, offsetBytes: number): Edit[] {
  const edits: Edit[] = [];
  walk(node, (key, tree) => {
    if (key !== "ColumnDef" && key !== "CreateDomainStmt") return;
    const typeName = child(tree, "typeName");
    const startByte = number(typeName, "location") - offsetBytes;
    const name = names(list(typeName, "names")).at(-1);
    const [modifier] = list(typeName, "typmods");
    if (name === "numeric" && modifier === undefined) {
      const lengthBytes = nameLengthBytes(sql, startByte);
      edits.push({ atByte: startByte + lengthBytes, lengthBytes: 0, insert: "(18,6)" });
    }
    // The length that the parser gives to one without is nowhere in the text.
    if (name === "bpchar" && modifier !== undefined && isAdded(modifier)) {
      edits.push({
        atByte: startByte,
        lengthBytes: charLengthBytes(sql, startByte),
        insert: "bpchar",
      });
    }
  });
  return edits;
}

function isAdded(modifier: Tree): boolean {
  return number(child(modifier, "A_Const"), "location") < 0;
}

function charLengthBytes(sql: string, startByte: number): number {
  const rest = Buffer.from(sql, "utf8").toString("utf8", startByte);
  return /^(?:national\s+)?\w+/i.exec(rest)?.[0].length ?? 0;
}

/** Whether the tree under a statement defines columns or a domain. */
export function definesTypes(name: string, body: Tree): boolean {
  if (name === "CreateStmt" || name === "CreateDomainStmt") return true;
  if (name !== "AlterTableStmt") return false;
  return list(body, "cmds").some(
    (item) => text(child(item, "AlterTableCmd"), "subtype") === "AT_AddColumn",
  );
}
