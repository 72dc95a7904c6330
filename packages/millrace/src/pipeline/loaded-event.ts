import type { Op } from "../model/change.ts";
import type { InitSync } from "../model/init-sync.ts";
import type { RowLine } from "../model/row-line.ts";
import type { TargetChangeEvent } from "../model/sink.ts";
import type { TableId, TargetTable } from "../model/table.ts";
import type { Row } from "../model/value.ts";
import type { RowItem } from "./lane-item.ts";

/**
 * A row of a load that is a line still, as a log-like sink gets it: who asks for its values has them made, and they are
 * gone when their message is written. A class, for what is the same in all of them is not in each.
 *
 * Hot: one per row of such a load.
 */
export class LoadedEvent implements TargetChangeEvent {
  readonly table: TargetTable;
  readonly key: string;
  readonly line: RowLine;
  readonly source: TableId;
  readonly initSync: InitSync;

  constructor({ route, table }: RowItem, line: RowLine) {
    this.table = route.target;
    // A route that takes lines hides no key.
    this.key = line.key;
    this.line = line;
    this.source = table.id;
    this.initSync = table.initSync;
  }

  get after(): Row | null {
    return this.line.read().after;
  }

  get op(): Op {
    return "r";
  }

  get before(): null {
    return null;
  }

  get position(): null {
    return null;
  }

  get transaction(): null {
    return null;
  }

  get counterpart(): null {
    return null;
  }
}
