import { Metrics } from "./metrics.ts";

/** `docs/operations/metrics.md`, made from the metrics that a process registers. */
export function metricsReference(): string {
  const metrics = new Metrics().registry.getMetricsAsArray();
  const own = metrics
    .filter(({ name }) => /^(millrace|dsql)_/.test(name))
    .toSorted((a, b) => a.name.localeCompare(b.name, "en"));
  const rows = own.map(
    (metric) => `| \`${metric.name}\` | ${typeOf(metric)} | ${labelsOf(metric)} | ${metric.help} |`,
  );
  return `${HEADER}\n| name | type | labels | meaning |\n|---|---|---|---|\n${rows.join("\n")}\n`;
}

function typeOf(metric: object): string {
  return metric.constructor.name.toLowerCase();
}

function labelsOf(metric: object): string {
  const labels: unknown = "labelNames" in metric ? metric.labelNames : [];
  return Array.isArray(labels) ? labels.map((label) => `\`${String(label)}\``).join(", ") : "";
}

const HEADER = `# Metrics

Made by \`node packages/millrace/src/cli/write-reference.ts\` from what the program registers; do not edit it by hand.

\`GET /metrics\` of the listener (\`--listen\`) answers in Prometheus' format. Every metric has the label \`pipeline\`, since one
process may run many. Those of lag, state and memory are read from the pipelines at the moment of the scrape; those of
Node itself (\`nodejs_…\`, \`process_…\`) stand beside them.

What to alarm on: \`millrace_lag_seconds\` and \`millrace_progress_age_seconds\` together (a large lag with progress is a
backlog, without progress it is a halt), \`millrace_table_stopped\` and \`millrace_dead_letters\` above zero, \`millrace_lag_bytes\` against the disk of the
source's server, and the absence of all of them.
`;
