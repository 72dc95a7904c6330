import type { PipelineFinding } from "./pipeline-finding.ts";
import type { PipelineConfig } from "./config/pipeline-config.ts";
import { unmatchedPatterns } from "./config/unmatched-patterns.ts";
import type { Router } from "./model/router.ts";
import type { DiscoveredTable } from "./model/source.ts";
import { TableTopics } from "./schema/table-topics.ts";

const OPTION = "sink.tableId-to-topic.mapping";

/** Patterns of tables with topics of their own that no target has: its name may be mistyped, or its table come later. */
export function checkTableTopics(
  { sink }: PipelineConfig,
  tables: readonly DiscoveredTable[],
  router: Router,
): PipelineFinding[] {
  if (sink.kind !== "kafka" || sink.topicMapping === null || tables.length === 0) return [];
  const names = tables
    .flatMap(({ shape }) => router.plan(shape))
    .map(({ target: { schema, name } }) => [schema, name]);
  const { patterns } = new TableTopics(sink.topicMapping);
  return patterns
    .flatMap((list) => unmatchedPatterns(list, names))
    .map(({ text, meant }) => ({
      about: "sink",
      severity: "warning",
      what: `${OPTION}: ${text} matches no table that goes to the sink.`,
      whatFollows: "No topic is written for it; a table that it matches later goes there.",
      remedy:
        meant === null
          ? "Compare it with the names of the targets, as routes give them."
          : `Did you mean ${meant}?`,
      option: OPTION,
      atStart: true,
    }));
}
