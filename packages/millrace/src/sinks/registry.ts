import type { ProcessName } from "../model/holder.ts";
import type { ConnectorContext } from "../model/source.ts";
import type { Sink } from "../model/sink.ts";
import type { AuthenticationProvider } from "./dsql/authentication.ts";
import type { SqlSinkObserver } from "./dsql/create-sql-sink.ts";
import { connectGate, createSqlSink } from "./dsql/create-sql-sink.ts";
import type { ConnectGate } from "./dsql/connect-gate.ts";
import type { SqlSinkInput } from "./dsql/options.ts";
import type { SinkProfile } from "./dsql/profile.ts";
import { DSQL, POSTGRES } from "./dsql/profile.ts";
import type { SchemaMapper } from "./dsql/type-mapping.ts";
import type { JsonlOptions } from "./jsonl/jsonl-sink.ts";
import { JsonlSink } from "./jsonl/jsonl-sink.ts";

/** What a sink is given; the last two take the place of what the sink would do itself. */
export interface SinkContext extends ConnectorContext {
  readonly sinkObserver?: SqlSinkObserver;
  readonly authentication?: AuthenticationProvider;
  readonly schemaMapper?: SchemaMapper;
  /** This process, for whom it supersedes. */
  readonly who?: ProcessName;
}

/** Makes a sink of one kind. A connector is added by its folder and a line here. */
export const SINKS = {
  dsql: (options: SqlSinkInput, context: SinkContext): Sink => sqlSink(DSQL, options, context),
  postgres: (options: SqlSinkInput, context: SinkContext): Sink =>
    sqlSink(POSTGRES, options, context),
  jsonl: (options: JsonlOptions, { random, who }: SinkContext): Sink =>
    new JsonlSink(options, random, who),
};

/** One per server: all pipelines of the process open connections at one pace. */
const gates = new Map<string, ConnectGate>();

function sqlSink(profile: SinkProfile, options: SqlSinkInput, context: SinkContext): Sink {
  const address = `${options.host}:${options.port ?? profile.defaults.port}`;
  const gate = gates.get(address) ?? connectGate(profile, context);
  gates.set(address, gate);
  const { clock, random, log, sinkObserver, authentication, schemaMapper, who } = context;
  return createSqlSink(profile, options, {
    clock,
    random,
    log,
    gate,
    ...(sinkObserver === undefined ? {} : { observer: sinkObserver }),
    ...(authentication === undefined ? {} : { authentication }),
    ...(schemaMapper === undefined ? {} : { schemaMapper }),
    ...(who === undefined ? {} : { who }),
  });
}
