/** Where the end-to-end tests copy to. */
import { sharedPostgres } from "../support/postgres.ts";
import type { Section } from "./pipeline-file.ts";
import { postgresSink } from "./pipeline-file.ts";

/** An empty database to copy into. */
export interface Target {
  readonly sink: Section;
  /** For looking at what has arrived. */
  readonly url: string;
  release(): Promise<void>;
}

/** The kinds of sinks that the suite runs on. */
export type TargetKind = "postgres" | "dsql";

/** Makes an empty target. */
export async function makeTarget(kind: TargetKind): Promise<Target> {
  if (kind === "postgres") {
    const postgres = await sharedPostgres();
    return {
      sink: postgresSink(postgres.url),
      url: postgres.url,
      release: () => postgres.release(),
    };
  }
  throw new Error("dsql-local is not there yet.");
}
