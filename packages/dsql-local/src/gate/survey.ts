/** One walk over a statement's tree: which tables, which growth, which literals, what is refused inside. */
import { refuseClause } from "./clauses.ts";
import type { Growth, RelationUse } from "./statement.ts";
import { child, list, names, number, text, type Tree, walk } from "./tree.ts";

/** What the walk found. */
export interface Survey {
  readonly relations: readonly RelationUse[];
  readonly growth: Growth;
  readonly longestLiteralBytes: number;
  /** INSERT, UPDATE or DELETE anywhere. */
  readonly writes: boolean;
  /** FOR UPDATE or FOR KEY SHARE anywhere. */
  readonly locks: boolean;
  readonly locksForUpdate: boolean;
  readonly inserts: boolean;
  readonly deletes: boolean;
  readonly updatedColumns: readonly string[];
  /** INSERT, UPDATE or DELETE inside WITH: the tag does not count their rows. */
  readonly writesInside: boolean;
}

/** Functions that make much out of little: their rows are measured, not estimated. */
const AMPLIFIERS = new Set([
  "repeat", "lpad", "rpad", "string_agg", "array_agg", "json_agg", "jsonb_agg", "generate_series",
  "format", "concat", "concat_ws", "replace", "regexp_replace", "overlay", "array_to_string",
]); // prettier-ignore

/** Surveys one statement. Throws the Violation of a refused clause. */
export function survey(node: Tree): Survey {
  const surveyor = new Surveyor();
  walk(node, (key, tree) => surveyor.see(key, tree));
  return surveyor.result();
}

class Surveyor {
  readonly #relations: RelationUse[] = [];
  readonly #ctes = new Set<string>();
  readonly #targets = new Set<unknown>();
  readonly #repeated = new Set<unknown>();
  #statements = 0;
  #inserts = false;
  #deletes = false;
  #updates = false;
  readonly #updatedColumns: string[] = [];
  #amplifies = false;
  #locks = false;
  #locksForUpdate = false;
  #longestLiteralBytes = 0;

  see(key: string, tree: Tree): void {
    refuseClause(key, tree);
    switch (key) {
      case "InsertStmt":
        this.#write(tree);
        this.#inserts = true;
        this.#set(child(tree, "onConflictClause"));
        if (selectsFromTable(tree)) this.#amplifies = true;
        break;
      case "UpdateStmt":
        this.#write(tree);
        this.#updates = true;
        this.#set(tree);
        break;
      case "DeleteStmt":
        this.#write(tree);
        this.#deletes = true;
        break;
      case "LockingClause":
        this.#locks = true;
        if (text(tree, "strength") === "LCS_FORUPDATE") this.#locksForUpdate = true;
        // FOR UPDATE OF names what FROM has named already.
        for (const item of list(tree, "lockedRels")) this.#repeated.add(child(item, "RangeVar"));
        break;
      case "CommonTableExpr":
        this.#ctes.add(text(tree, "ctename"));
        break;
      case "FuncCall":
        if (AMPLIFIERS.has(names(list(tree, "funcname")).at(-1) ?? "")) this.#amplifies = true;
        break;
      case "DropStmt":
        this.#dropped(tree);
        break;
      case "A_Const":
        this.#literal(text(child(tree, "sval"), "sval"));
        break;
      default:
        if (typeof tree["relname"] === "string") this.#relation(tree);
    }
  }

  result(): Survey {
    const relations = this.#relations.filter(
      (use) => use.schema !== "" || !this.#ctes.has(use.name),
    );
    const writes = this.#statements > 0;
    return {
      relations: this.#locks ? relations.map((use) => ({ ...use, written: true })) : relations,
      growth: this.#amplifies ? "unknown" : this.#updates ? "by-row" : "by-message",
      longestLiteralBytes: this.#longestLiteralBytes,
      writes,
      locks: this.#locks,
      locksForUpdate: this.#locksForUpdate,
      inserts: this.#inserts,
      deletes: this.#deletes,
      updatedColumns: this.#updatedColumns,
      writesInside: this.#ctes.size > 0 && writes,
    };
  }

  #set(clause: Tree): void {
    for (const item of list(clause, "targetList")) {
      this.#updatedColumns.push(text(child(item, "ResTarget"), "name"));
    }
  }

  #write(statement: Tree): void {
    this.#statements++;
    this.#targets.add(statement["relation"]);
  }

  /** DROP names its objects as lists of names, not as relations. */
  #dropped(tree: Tree): void {
    for (const item of list(tree, "objects")) {
      const parts = names(list(child(item, "List"), "items"));
      const name = parts.at(-1) ?? "";
      this.#relations.push({
        schema: parts.at(-2) ?? "",
        name,
        alias: "",
        startByte: 0,
        written: true,
      });
    }
  }

  #literal(value: string): void {
    if (value.length > this.#longestLiteralBytes) {
      this.#longestLiteralBytes = Math.max(this.#longestLiteralBytes, Buffer.byteLength(value));
    }
  }

  #relation(tree: Tree): void {
    if (this.#repeated.has(tree)) return;
    this.#relations.push({
      schema: text(tree, "schemaname"),
      name: text(tree, "relname"),
      alias: text(child(tree, "alias"), "aliasname"),
      startByte: number(tree, "location"),
      written: this.#targets.has(tree),
    });
  }
}

function selectsFromTable(insert: Tree): boolean {
  const select = child(child(insert, "selectStmt"), "SelectStmt");
  let found = false;
  walk(list(select, "fromClause"), (_key, tree) => {
    if (typeof tree["relname"] === "string") found = true;
  });
  return found;
}
