import type { Sink, SinkCapabilities } from "../model/sink.ts";
import type { TableShape, TargetTable } from "../model/table.ts";
import type { SinkKit } from "./sink-kit.ts";
import { freshName, kitContext, plainShape, SinkTask } from "./sink-kit.ts";

/** What a case of the sink kit works with; everything is its own and closed afterwards. */
export interface SinkBench {
  readonly kit: SinkKit;
  readonly capabilities: SinkCapabilities;
  readonly pipeline: string;
  /** A new opened sink of the same pipeline, as a second process would have. */
  open(): Promise<Sink>;
  /** A task that has taken over, on a sink of its own. */
  task(lanes?: number): Promise<SinkTask>;
  /** The kit's plain table, made at the sink. */
  table(task: SinkTask, shape?: TableShape): Promise<TargetTable>;
}

/** A behaviour and what tries it. */
export type SinkCase = readonly [name: string, run: (bench: SinkBench) => Promise<void>];

/** Runs a case on a bench and closes every sink that it has opened. */
export async function onBench(
  kit: SinkKit,
  run: (bench: SinkBench) => Promise<void>,
): Promise<void> {
  const pipeline = freshName("kit");
  const { capabilities } = kit.makeSink(kitContext(pipeline));
  const sinks: Sink[] = [];
  const open = async (): Promise<Sink> => {
    const sink = kit.makeSink(kitContext(pipeline));
    sinks.push(sink);
    await sink.open();
    return sink;
  };
  const bench: SinkBench = {
    kit,
    capabilities,
    pipeline,
    open,
    task: async (lanes = 2) =>
      SinkTask.take(await open(), pipeline, Math.min(lanes, capabilities.maxLanes)),
    table: async ({ sink }, shape = plainShape(freshName("t"))) => {
      const { schema, name } = shape;
      const table = sink.mapTable(shape, { schema, name });
      await sink.checkTable(table, "if-missing");
      return table;
    },
  };
  try {
    await run(bench);
  } finally {
    for (const sink of sinks) await sink.close();
  }
}
