import type { EventReader } from "./event-reader.ts";
import type { LargeRowLimits } from "./large-row-decoder.ts";
import type { LoggedTables } from "./logged-tables.ts";
import type { PlaceOptions } from "./log-place.ts";
import type { LogPosition } from "./position.ts";
import type { ServerVersion } from "./server-version.ts";

/** What the assembler goes by. */
export interface AssemblerOptions {
  /** Is told whether events have checksums. */
  readonly reader: Pick<EventReader, "hasChecksums">;
  /** Nothing at or before this position is given again. */
  readonly from: LogPosition;
  readonly place?: PlaceOptions;
  readonly tables: LoggedTables;
  /** Whose log it is: the same numbers mean other things. */
  readonly flavor: ServerVersion["flavor"];
  /** Of one row, in a large event. */
  readonly limits: LargeRowLimits;
  /** Rows may stay the bytes that they are. Absent: they become values. */
  readonly images?: boolean;
}
