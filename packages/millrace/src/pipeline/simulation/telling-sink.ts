import type { SinkCapabilities, TargetIdentities } from "../../model/sink.ts";
import type { TargetTable } from "../../model/table.ts";
import { ModelSink } from "./model-sink.ts";
import type { SinkDatabase } from "./sink-database.ts";
import { identitiesOf } from "./sink-ddl.ts";
import type { Process } from "./world.ts";

/** A sink that tells which tables its targets are. By itself: the others' seeds go on playing what they played. */
export class TellingSink extends ModelSink {
  readonly #db: SinkDatabase;
  readonly #process: Process;

  constructor(db: SinkDatabase, process: Process, capabilities: SinkCapabilities) {
    super(db, process, capabilities);
    this.#db = db;
    this.#process = process;
  }

  async identifyTargets(tables: readonly TargetTable[]): Promise<TargetIdentities> {
    await this.#db.world.step(this.#process, "identify targets");
    return identitiesOf(this.#db, tables);
  }
}
