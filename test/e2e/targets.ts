/** Where the end-to-end tests copy to. */
import { startDsqlLocal } from "dsql-local";
import { sharedPostgres } from "../support/postgres.ts";
import type { Section } from "./pipeline-file.ts";
import { dsqlSink, postgresSink } from "./pipeline-file.ts";
import type { SampleTable } from "./sample-table.ts";

/** A server to copy into. */
export interface Target {
  readonly kind: TargetKind;
  readonly sink: Section;
  /** For looking at what has arrived. */
  readonly url: string;
  release(): Promise<void>;
}

/** The kinds of sinks that the suite runs on. */
export type TargetKind = "postgres" | "dsql";

/** All of them. */
export const targetKinds: readonly TargetKind[] = ["postgres", "dsql"];

/** Makes an empty target. */
export async function makeTarget(kind: TargetKind): Promise<Target> {
  if (kind === "postgres") {
    const postgres = await sharedPostgres();
    const { url } = postgres;
    return { kind, sink: postgresSink(url), url, release: () => postgres.release() };
  }
  const cluster = await startDsqlLocal({ tls: "off" });
  const sink = dsqlSink(cluster);
  return { kind, sink, url: cluster.url, release: () => cluster.stop() };
}

/** Tables that a kind of target can hold: DSQL takes no `bytea` in a key. */
export function fitting(kind: TargetKind, tables: readonly SampleTable[]): readonly SampleTable[] {
  return kind === "dsql" ? tables.filter(({ name }) => name !== "k_bin") : tables;
}
