import { adopt, type AdoptedTable } from "../adopt.ts";
import { interruptible } from "./interrupted.ts";
import type { CliSurroundings } from "./surroundings.ts";
import { EXIT } from "./surroundings.ts";

/** What `adopt` was asked for. */
export interface AdoptCommandOptions {
  readonly file: string;
  readonly offsets: string;
  readonly connector: string | null;
  readonly dryRun: boolean;
  readonly json: boolean;
}

/** Takes over what Trustpilot's connector has done. Exit 1 where the pipeline has some of its tables already, which are left alone. */
export async function adoptCommand(
  { file, json, connector, ...wanted }: AdoptCommandOptions,
  io: CliSurroundings,
): Promise<number> {
  const left = "tables that are not told are not adopted; the same command does the rest";
  const options = { ...wanted, ...(connector === null ? {} : { connector }) };
  const tables = await interruptible(io, { left }, () =>
    adopt(file, { ...options, env: io.env, clock: io.clock }),
  );
  io.stdout.write(
    json ? `${JSON.stringify({ tables })}\n` : adoptedText(tables, wanted.dryRun).join(""),
  );
  return tables.some(({ outcome }) => outcome === "refused") ? EXIT.failed : EXIT.done;
}

/** A line for each table, and what there is to do. */
export function adoptedText(tables: readonly AdoptedTable[], dryRun: boolean): string[] {
  if (tables.length === 0) return ["the offsets have no table of the connector\n"];
  const lines = tables.map(({ table, outcome, state, why }) => {
    if (outcome === "refused") return `${table}: refused: ${why}\n`;
    if (outcome === "not-chosen") return `${table}: is not read by this pipeline: ${why}\n`;
    if (outcome === "left") return `${table}: is loaded anew by run: ${why}\n`;
    return `${table}: ${dryRun ? "would go on" : "goes on"} in ${state}: ${why}\n`;
  });
  return dryRun ? [...lines, "nothing was written (--dry-run)\n"] : lines;
}
