/** One walk over a statement's tree: which tables, which growth, which literals, what is refused inside. */
import { refuseClause } from "./clauses.ts";
import { takesRows } from "./copy-in.ts";
import { columnsOfQueries, growsByColumns } from "./growth.ts";
import type { RelationUse, Statement } from "./statement.ts";
import { child, list, names, number, text, type Tree, walk } from "./tree.ts";

/** What the walk found. */
export interface Survey {
  readonly relations: readonly RelationUse[];
  /** INSERT, UPDATE or DELETE anywhere. */
  readonly writes: boolean;
  /** How many of them there are. */
  readonly writers: number;
  /** FOR UPDATE or FOR KEY SHARE anywhere. */
  readonly locks: boolean;
  /** SKIP LOCKED or NOWAIT anywhere. */
  readonly sparesWaits: boolean;
  /** What goes into the statement as it is. */
  readonly parts: SurveyedParts;
}

/** What the walk tells of a statement. */
export type SurveyedParts = Pick<
  Statement,
  | "growth"
  | "longestLiteralBytes"
  | "locksForUpdate"
  | "onlySharesKeys"
  | "inserts"
  | "namedColumns"
  | "setsDefaults"
  | "draws"
  | "deletes"
  | "updatedColumns"
  | "grownColumns"
  | "writesRows"
  | "countByStatistics"
  | "calls"
>;

/** Functions that make much out of little: their rows are measured, not estimated. */
const AMPLIFIERS = new Set([
  "repeat", "lpad", "rpad", "string_agg", "array_agg", "json_agg", "jsonb_agg", "generate_series",
  "format", "concat", "concat_ws", "replace", "regexp_replace", "overlay", "array_to_string",
]); // prettier-ignore

/** Functions that give another value each time. */
const DRAWING = new Set([
  "random", "random_normal", "gen_random_uuid", "clock_timestamp", "statement_timestamp", "timeofday", "nextval",
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
  readonly #calls = new Set<string>();
  readonly #targets = new Set<unknown>();
  readonly #repeated = new Set<unknown>();
  readonly #bare = new Set<unknown>();
  #statements = 0;
  #inserts = 0;
  readonly #namedColumns: string[] = [];
  #setsDefaults = false;
  #draws = false;
  #deletes = false;
  #updates = false;
  readonly #updatedColumns: string[] = [];
  readonly #grownColumns: string[] = [];
  #amplifies = false;
  #locks = false;
  #locksForUpdate = false;
  #sparesWaits = false;
  #longestLiteralBytes = 0;

  see(key: string, tree: Tree): void {
    refuseClause(key, tree);
    switch (key) {
      case "InsertStmt":
        this.#insert(tree);
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
      case "CopyStmt":
        this.#copy(tree);
        break;
      case "LockingClause":
        this.#lock(tree);
        break;
      case "CommonTableExpr":
        this.#ctes.add(text(tree, "ctename"));
        break;
      case "FuncCall":
        this.#called(names(list(tree, "funcname")));
        break;
      case "SetToDefault":
        this.#setsDefaults = true;
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
      (use) => use.written || use.schema !== "" || !this.#ctes.has(use.name),
    );
    const writes = this.#statements > 0;
    return {
      relations: this.#locks ? relations.map((use) => ({ ...use, written: true })) : relations,
      writes,
      writers: this.#statements,
      locks: this.#locks,
      sparesWaits: this.#sparesWaits,
      parts: this.#parts(),
    };
  }

  #parts(): SurveyedParts {
    return {
      growth: this.#amplifies ? "unknown" : this.#updates ? "by-row" : "by-message",
      longestLiteralBytes: this.#longestLiteralBytes,
      locksForUpdate: this.#locksForUpdate,
      onlySharesKeys: this.#locks && !this.#locksForUpdate && this.#statements === 0,
      inserts: this.#inserts > 0,
      namedColumns:
        this.#namedColumns.length > 0 && this.#inserts === 1 ? this.#namedColumns : undefined,
      setsDefaults: this.#setsDefaults,
      draws: this.#draws,
      deletes: this.#deletes,
      updatedColumns: this.#updatedColumns,
      grownColumns: this.#grownColumns,
      writesRows: this.#inserts > 0 || this.#updates,
      countByStatistics: this.#ctes.size > 0 && this.#statements > 0,
      calls: [...this.#calls],
    };
  }

  #called(name: readonly string[]): void {
    const last = name.at(-1) ?? "";
    if (AMPLIFIERS.has(last)) this.#amplifies = true;
    if (DRAWING.has(last)) this.#draws = true;
    if (name[0] !== "pg_catalog") this.#calls.add(last);
  }

  #insert(tree: Tree): void {
    this.#write(tree);
    this.#inserts++;
    this.#set(child(tree, "onConflictClause"));
    if (selectsFromTable(tree)) this.#amplifies = true;
    this.#grownColumns.push(...columnsOfQueries(tree));
    for (const item of list(tree, "cols")) {
      this.#namedColumns.push(text(child(item, "ResTarget"), "name"));
    }
    if (text(tree, "override") === "OVERRIDING_USER_VALUE") this.#setsDefaults = true;
  }

  #lock(tree: Tree): void {
    this.#locks = true;
    if (text(tree, "strength") === "LCS_FORUPDATE") this.#locksForUpdate = true;
    if (/^LockWait(?:Skip|Error)$/.test(text(tree, "waitPolicy"))) this.#sparesWaits = true;
    // FOR UPDATE OF names what FROM has named already.
    for (const item of list(tree, "lockedRels")) this.#repeated.add(child(item, "RangeVar"));
  }

  #copy(tree: Tree): void {
    this.#bare.add(tree["relation"]);
    if (!takesRows(tree)) return;
    const options = list(tree, "options").map((option) =>
      text(child(option, "DefElem"), "defname"),
    );
    // A mark in the data may stand for a column's default.
    if (options.includes("default")) this.#setsDefaults = true;
    this.#write(tree);
    this.#inserts++;
    this.#namedColumns.push(...names(list(tree, "attlist")));
  }

  #set(clause: Tree): void {
    for (const item of list(clause, "targetList")) {
      const target = child(item, "ResTarget");
      this.#updatedColumns.push(text(target, "name"));
      if (growsByColumns(child(target, "val"))) this.#grownColumns.push(text(target, "name"));
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
        bare: false,
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
      bare: this.#bare.has(tree),
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
