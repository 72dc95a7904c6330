/** The PostgreSQL parser: the real one, compiled to WebAssembly. */
import { hasSqlDetails, loadModule, parseSync } from "libpg-query";
import { Violation } from "../rules/rule.ts";
import { violation } from "../rules/table.ts";
import { isTree, list, number, type Tree } from "./tree.ts";

const TOO_DEEP = /stack depth|call stack|memory exhausted/i;

/** A statement of a text, with its stretch in UTF-8 bytes. */
export interface ParsedStatement {
  readonly node: Tree;
  readonly startByte: number;
  /** Zero: to the end of the text. */
  readonly lengthBytes: number;
}

/** Must be awaited once before `parseStatements`. */
export async function loadParser(): Promise<void> {
  await loadModule();
}

/** Parses a text. Throws the Violation that PostgreSQL would give for a syntax error. */
export function parseStatements(sql: string): ParsedStatement[] {
  if (sql.trim() === "") return [];
  const tree: unknown = parseOrThrow(sql);
  if (!isTree(tree)) return [];
  return list(tree, "stmts").map((item) => ({
    node: isTree(item["stmt"]) ? item["stmt"] : {},
    startByte: number(item, "stmt_location"),
    lengthBytes: number(item, "stmt_len"),
  }));
}

function parseOrThrow(sql: string): unknown {
  try {
    return parseSync(sql);
  } catch (error) {
    throw syntaxError(error);
  }
}

function syntaxError(error: unknown): Violation {
  const message = error instanceof Error ? error.message : "syntax error";
  const at = hasSqlDetails(error) ? error.sqlDetails.cursorPosition : undefined;
  // The parser's memory for its stack, or ours for the tree that it made.
  if (error instanceof RangeError || TOO_DEEP.test(message)) return violation("stackDepth");
  return new Violation({
    severity: "ERROR",
    code: "42601",
    message,
    ...(at === undefined || at < 0 ? {} : { position: at + 1 }),
  });
}
