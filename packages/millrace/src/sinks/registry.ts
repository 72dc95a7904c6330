import type { Holder } from "../model/holder.ts";
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
import type { KafkaSink } from "./kafka/kafka-sink.ts";
import type { KafkaSinkObserver } from "./kafka/observer.ts";
import type { KafkaSinkOptions } from "./kafka/options.ts";
import type { JsonlOptions } from "./jsonl/jsonl-sink.ts";
import { JsonlSink } from "./jsonl/jsonl-sink.ts";

/** What a sink is given; the last two take the place of what the sink would do itself. */
export interface SinkContext extends ConnectorContext {
  readonly sinkObserver?: SqlSinkObserver;
  readonly kafkaObserver?: KafkaSinkObserver;
  readonly authentication?: AuthenticationProvider;
  readonly schemaMapper?: SchemaMapper;
  /** This process as a holder of the task; the same one for each sink that it makes for the task (I5). */
  readonly holder?: Holder;
}

/** Makes a sink of one kind. A connector is added by its folder and a line here. */
export const SINKS = {
  dsql: (options: SqlSinkInput, context: SinkContext): Sink => sqlSink(DSQL, options, context),
  postgres: (options: SqlSinkInput, context: SinkContext): Sink =>
    sqlSink(POSTGRES, options, context),
  // Its client is a third of a short run's loading.
  kafka: async (
    options: KafkaSinkOptions,
    { clock, random, log, holder, kafkaObserver }: SinkContext,
  ): Promise<KafkaSink> => {
    const [{ KafkaSink }, { NO_OBSERVER }] = await Promise.all([
      import("./kafka/kafka-sink.ts"),
      import("./kafka/observer.ts"),
    ]);
    return new KafkaSink(options, clock, random, holder, {
      notice: (table, message) => log.warn(message, { table }),
      warned: (message) => log.warn(message),
      ...(kafkaObserver ?? NO_OBSERVER),
    });
  },
  jsonl: (options: JsonlOptions, { random, holder }: SinkContext): Sink =>
    new JsonlSink(options, random, holder),
};

/** One per server: all pipelines of the process open connections at one pace. */
const gates = new Map<string, ConnectGate>();

function sqlSink(profile: SinkProfile, options: SqlSinkInput, context: SinkContext): Sink {
  const address = `${options.host}:${options.port ?? profile.defaults.port}`;
  const gate = gates.get(address) ?? connectGate(profile, context);
  gates.set(address, gate);
  const { clock, random, log, sinkObserver, authentication, schemaMapper, holder } = context;
  return createSqlSink(profile, options, {
    clock,
    random,
    log,
    gate,
    ...(sinkObserver === undefined ? {} : { observer: sinkObserver }),
    ...(authentication === undefined ? {} : { authentication }),
    ...(schemaMapper === undefined ? {} : { schemaMapper }),
    ...(holder === undefined ? {} : { holder }),
  });
}
