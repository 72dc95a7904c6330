import type { FindingRule as Rule } from "../../model/finding-rule.ts";
import type { TableId } from "../../model/table.ts";
import type { Discovery } from "./discover.ts";
import type { MysqlSourceOptions } from "./options.ts";
import type { ReaderId } from "./reader-id.ts";
import type { ServerFacts } from "./server-facts.ts";

/** Everything that the findings are made of. */
export interface Observed {
  readonly options: MysqlSourceOptions;
  readonly server: ServerFacts;
  readonly discovery: Discovery;
  /** What the captured tables' rows take at the server, bytes. */
  readonly tableBytes: number;
  /** Ids that this pipeline may have at the server, the one that it takes first. */
  readonly ids: readonly ReaderId[];
  /** Tables that the pipeline captures already; null where it has not begun, and everything is in its way. */
  readonly known: ReadonlySet<TableId> | null;
  /** Tables that the user may not read, all their columns. */
  readonly unreadable: readonly TableId[];
  /** Columns of captured keys (`table.column`) whose collation holds several spellings to be one. */
  readonly looseKeys: readonly string[];
  /** What the server said to a try to read its log; null where it gave it. */
  readonly refusedLog: string | null;
  /** Why the log has no place (any more) where the file has a new pipeline begin, and what helps; null where it has one. */
  readonly noPlace: { readonly what: string; readonly remedy: string } | null;
}

/** One thing that can be the matter with a server. */
export type FindingRule = Rule<Observed>;
