import type { ConnectorContext } from "../model/source.ts";
import type { Sink } from "../model/sink.ts";
import type { SqlSinkObserver } from "./dsql/create-sql-sink.ts";
import { connectGate, createSqlSink } from "./dsql/create-sql-sink.ts";
import type { ConnectGate } from "./dsql/connect-gate.ts";
import type { SqlSinkInput } from "./dsql/options.ts";
import type { SinkProfile } from "./dsql/profile.ts";
import { DSQL, POSTGRES } from "./dsql/profile.ts";
import type { JsonlOptions } from "./jsonl/jsonl-sink.ts";
import { JsonlSink } from "./jsonl/jsonl-sink.ts";

/** What a sink is given; those of one process share a context's `gates`. */
export interface SinkContext extends ConnectorContext {
  readonly sinkObserver?: SqlSinkObserver;
}

/** Makes a sink of one kind. A connector is added by its folder and a line here. */
export const SINKS = {
  dsql: (options: SqlSinkInput, context: SinkContext): Sink => sqlSink(DSQL, options, context),
  postgres: (options: SqlSinkInput, context: SinkContext): Sink =>
    sqlSink(POSTGRES, options, context),
  jsonl: (options: JsonlOptions, _context: SinkContext): Sink => new JsonlSink(options),
};

/** One per server: all pipelines of the process open connections at one pace. */
const gates = new Map<string, ConnectGate>();

function sqlSink(profile: SinkProfile, options: SqlSinkInput, context: SinkContext): Sink {
  const address = `${options.host}:${options.port ?? profile.defaults.port}`;
  const gate = gates.get(address) ?? connectGate(profile, context);
  gates.set(address, gate);
  const { clock, random, log, sinkObserver } = context;
  return createSqlSink(profile, options, {
    clock,
    random,
    log,
    gate,
    ...(sinkObserver === undefined ? {} : { observer: sinkObserver }),
  });
}
