import type { PipelineFinding } from "./pipeline-finding.ts";
import type { PipelineConfig } from "./config/pipeline-config.ts";
import { CATALOGUE } from "./errors/catalogue.ts";
import type { KnownPipeline } from "./known-pipeline.ts";
import type { DiscoveredTable, Source } from "./model/source.ts";

/**
 * Tables whose changes the log has not kept all the time since the pipeline read last (I8): what a start would refuse, or load
 * again. Only looks.
 */
export async function checkLeftTables(
  { settings: { onLoss } }: Pick<PipelineConfig, "settings">,
  source: Source,
  { followed }: Pick<KnownPipeline, "followed">,
  tables: readonly DiscoveredTable[],
): Promise<PipelineFinding[]> {
  const now = new Map(tables.map(({ shape }) => [shape.id, shape.identity]));
  const asked = followed.filter(({ shape }) => now.has(shape.id));
  if (asked.length === 0) return [];
  const looks = new Map((await source.look?.(asked))?.map((look) => [look.id, look]));
  return asked.flatMap(({ shape: { id, identity } }): PipelineFinding[] => {
    if (now.get(id) !== identity) return [remade(id)];
    const lost = looks.get(id)?.lost ?? null;
    return lost === null ? [] : [left(`${id} ${lost}.`, onLoss)];
  });
}

function remade(id: string): PipelineFinding {
  return {
    about: "source",
    severity: "notice",
    what: `${id} was made anew at the source.`,
    whatFollows: "It would be loaded again.",
    remedy: "Nothing has to be done.",
  };
}

function left(what: string, onLoss: "fail" | "resync"): PipelineFinding {
  const code = "MR_SOURCE_TABLE_LEFT";
  const { remedy } = CATALOGUE[code];
  return onLoss === "resync"
    ? {
        about: "source",
        severity: "warning",
        what,
        whatFollows: "The table would be loaded again (on-loss: resync).",
        remedy,
        code,
      }
    : { about: "source", severity: "error", what, whatFollows: WOULD_NOT_START, remedy, code };
}

const WOULD_NOT_START = "The pipeline would not start.";
