import type { Op, Transaction } from "../model/change.ts";
import type { InitSync } from "../model/init-sync.ts";
import type { LoggedChange } from "../model/logged-change.ts";
import type { Position } from "../model/position.ts";
import type { TargetChangeEvent } from "../model/sink.ts";
import type { TableId, TargetTable } from "../model/table.ts";
import type { Row } from "../model/value.ts";
import type { RowItem } from "./lane-item.ts";

/**
 * A change whose rows are a log's bytes still, as a log-like sink gets it: who asks for its values has them made, and they
 * are gone when its message is written.
 *
 * Hot: one per change of such a log.
 */
export class LoggedEvent implements TargetChangeEvent {
  readonly table: TargetTable;
  readonly logged: LoggedChange;
  readonly source: TableId;
  readonly initSync: InitSync;

  constructor({ route, table }: RowItem, logged: LoggedChange) {
    this.table = route.target;
    this.logged = logged;
    this.source = logged.shape.id;
    this.initSync = table.initSync;
  }

  get op(): Op {
    return this.logged.op;
  }

  /** A route that takes lines hides no key. */
  get key(): string {
    return this.logged.key;
  }

  get before(): Row | null {
    return this.logged.before;
  }

  get after(): Row | null {
    return this.logged.after;
  }

  get position(): Position {
    return this.logged.position;
  }

  get transaction(): Transaction | null {
    return this.logged.transaction;
  }

  /** Key changes come with their values. */
  get counterpart(): null {
    return null;
  }
}
