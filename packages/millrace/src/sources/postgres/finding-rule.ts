import type { FindingRule as Rule } from "../../model/finding-rule.ts";
import type { TableId } from "../../model/table.ts";
import type { DdlTrigger } from "./ddl-trigger.ts";
import type { Discovery } from "./discover.ts";
import type { PostgresSourceOptions } from "./options.ts";
import type { PublicationState } from "./publication.ts";
import type { ServerFacts } from "./server-facts.ts";
import type { SlotState } from "./slot.ts";

/** Everything that the findings are made of. */
export interface Observed {
  readonly options: PostgresSourceOptions;
  readonly server: ServerFacts;
  readonly slot: SlotState | null;
  readonly publication: PublicationState | null;
  readonly discovery: Discovery;
  /** Tables that the pipeline captures already; null where it has not begun, and everything is in its way. */
  readonly known: ReadonlySet<TableId> | null;
  /** Null where the file does not ask for messages about schema changes. */
  readonly ddl: DdlTrigger | null;
}

/** One thing that can be the matter with a server. */
export type FindingRule = Rule<Observed>;
