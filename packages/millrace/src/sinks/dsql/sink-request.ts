import type { TableId, TargetTable } from "../../model/table.ts";
import type { SinkProfile } from "./profile.ts";

/** What a pipeline is going to ask of a sink, as far as its server can be asked about it before. */
export interface SinkRequest {
  readonly profile: SinkProfile;
  readonly pipeline: string;
  readonly targets: readonly TargetTable[];
  readonly stateSchema: string;
  readonly create: "if-missing" | "never";
  readonly shared: boolean;
  /** The tables are going to be loaded. */
  readonly fullLoad: boolean;
  /** The source is a topic: what was read of it is not read again, whatever becomes of a target. */
  readonly isLogOnly: boolean;
  /** Schema changes of the source are made at the sink. */
  readonly evolve: boolean;
  /** What follows from unique indexes besides a target's key; null where nothing does. */
  readonly orderNotice: (
    target: TableId,
    check: { readonly secondaryUnique: boolean; readonly parents?: readonly TableId[] },
  ) => { readonly what: string; readonly remedy: string } | null;
}
