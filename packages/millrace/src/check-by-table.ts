import type { PipelineFinding } from "./pipeline-finding.ts";
import type { DiscoveredTable } from "./model/source.ts";

type Check = (tables: readonly DiscoveredTable[]) => Promise<PipelineFinding[]>;

/**
 * What the sink has against tables that are shares: each begins by itself, so what stands against one holds up no other. Errors
 * of such tables are warnings, as long as there is one that would begin.
 */
export async function checkByTable(
  tables: readonly DiscoveredTable[],
  check: Check,
): Promise<PipelineFinding[]> {
  const all = await check(tables);
  if (!all.some(isError) || tables.length < 2) return all;
  const fitting: DiscoveredTable[] = [];
  const warnings: PipelineFinding[] = [];
  for (const table of tables) {
    const errors = (await check([table])).filter(isError);
    if (errors.length === 0) fitting.push(table);
    else warnings.push(...errors.map((error) => ofOne(table, error)));
  }
  if (fitting.length === 0) return all;
  // What stands against them together, such as too many of them.
  const errors = (await check(fitting)).filter(isError);
  return [...errors, ...warnings, ...all.filter((finding) => !isError(finding))];
}

function isError({ severity }: PipelineFinding): boolean {
  return severity === "error";
}

function ofOne({ shape }: DiscoveredTable, error: PipelineFinding): PipelineFinding {
  const whatFollows = `Table ${shape.id} is not read; the others are.`;
  return { ...error, severity: "warning", whatFollows };
}
