import { isThere } from "./build-sink.ts";
import type { PipelineConfig } from "./config/pipeline-config.ts";
import type { Extensions } from "./extensions.ts";
import { isShared } from "./known-pipeline.ts";
import { holderText, isHeld } from "./model/holder.ts";
import type { ConnectorContext } from "./model/source.ts";
import { ONLY_TASK } from "./pipeline/task-api.ts";
import type { PipelineFinding } from "./pipeline-finding.ts";
import { readHolders } from "./task-holders.ts";

/**
 * Whether a process runs the pipeline already: a run, as somebody may try one behind this check, would end it (I5). Nothing is
 * said of a source that is shared out, where a further process takes its part and ends nobody.
 */
export async function checkHolder(
  config: PipelineConfig,
  context: ConnectorContext,
  extensions: Extensions,
): Promise<PipelineFinding[]> {
  if (isShared(config.source)) return [];
  // Why the sink cannot be read is said by its own check.
  const holders = await readHolders(config, context, extensions).catch(() => []);
  const holder = holders.find(({ task }) => task === ONLY_TASK);
  const runs = holder === undefined ? false : isHeld(holder, isThere);
  if (holder === undefined || runs === false) return [];
  const who = holderText(holder.mark);
  const fate = "writes nothing more and ends with MR_FENCED";
  return [
    runs === true
      ? {
          about: "sink",
          severity: "warning",
          what: `${who} runs this pipeline.`,
          whatFollows: `A run takes it over: that process ${fate}.`,
          remedy: OTHERWISE,
        }
      : {
          about: "sink",
          severity: "notice",
          what: `${who} had this pipeline and did not say that it stopped; from here nobody can tell whether it runs.`,
          whatFollows: `A run takes it over: where that process runs still, it ${fate}.`,
          remedy: OTHERWISE,
        },
  ];
}

const OTHERWISE =
  "Nothing where that is meant; for a pipeline beside it write another pipeline.name, and what else it needs of its own (slot.name, topics or tables).";
