import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatByteSize, parseByteSize } from "./byte-size.ts";
import { SINK_KINDS, SOURCE_KINDS } from "./connector-kinds.ts";
import { formatDuration, parseDuration } from "./duration.ts";
import { editDistance, nearestName } from "./nearest-name.ts";
import type { Option, OptionTable } from "./option.ts";
import { PIPELINE_OPTIONS } from "./options/pipeline-options.ts";
import { parse, problemsOf, surroundings } from "./pipeline-file.fixture.ts";

const TABLES: readonly (readonly [string, OptionTable])[] = [
  ["pipeline", PIPELINE_OPTIONS],
  ...Object.entries(SOURCE_KINDS).map(
    ([kind, { options }]) => [`source ${kind}`, options] as const,
  ),
  ...Object.entries(SINK_KINDS).map(([kind, { options }]) => [`sink ${kind}`, options] as const),
];
const OPTIONS = TABLES.flatMap(([section, table]) =>
  Object.values(table).map((option: Option<unknown>) => ({
    name: `${section}: ${option.name}`,
    option,
  })),
);

/** Text that holds what looks like a reference more often than chance would have it. */
const text = fc
  .array(
    fc.oneof(
      fc.string({ minLength: 1, maxLength: 8 }),
      fc.constantFrom("${", "$", "{", "}", "${env:X}", "$${"),
    ),
    { minLength: 1, maxLength: 6 },
  )
  .map((parts) => parts.join(""));
const host = fc.stringMatching(/^[a-z][a-z0-9.-]{0,20}[a-z]$/);

/** Values of some options, with what they become. */
const choices = fc.record({
  port: fc.integer({ min: 1, max: 65_535 }),
  heartbeatIntervalMs: fc.integer({ min: 0, max: 86_400_000 }),
  chunkRows: fc.integer({ min: 100, max: 10_000_000 }),
  username: text,
  password: text,
  hostname: host,
  memoryBudgetBytes: fc.integer({ min: 8 * 1024 ** 2, max: 64 * 1024 ** 3 }),
  parallelism: fc.integer({ min: 1, max: 64 }),
  compaction: fc.boolean(),
  share: fc.integer({ min: 0, max: 10_000 }).map((hundredths) => hundredths / 10_000),
});

/** YAML in double quotes takes any text as JSON does; `${` must not be taken for a reference. */
const quoted = (value: string): string => JSON.stringify(value.replaceAll("${", () => "$${"));

describe("options", () => {
  it.each(OPTIONS)("$name has an example that can be read", ({ option }) => {
    const example = option.example.replace(/^\[(.*)\]$/, "$1");
    expect(option.type.decode(example)).toHaveProperty("value");
  });

  it.each(OPTIONS.filter(({ option }) => option.defaultText !== null))(
    "$name has a default that reads back as itself",
    ({ option }) => {
      expect(option.type.decode(option.defaultText ?? "")).toEqual({ value: option.fallback });
    },
  );
});

describe("a pipeline that is written and read again", () => {
  it("is the same, whatever its values are", () => {
    fc.assert(
      fc.property(choices, (wanted) => {
        const file = `source:
  type: postgres
  hostname: ${wanted.hostname}
  port: ${wanted.port}
  username: ${quoted(wanted.username)}
  password: ${quoted(wanted.password)}
  tables: shop.public.a
  heartbeat.interval: ${formatDuration(wanted.heartbeatIntervalMs)}
  scan.incremental.snapshot.chunk.size: ${wanted.chunkRows}
sink:
  type: jsonl
  path: /out
  compaction.enabled: ${wanted.compaction}
  dead-letters.max-share: ${wanted.share * 100}%
pipeline:
  name: shop
  parallelism: ${wanted.parallelism}
  memory.budget: ${formatByteSize(wanted.memoryBudgetBytes)}
`;
        const { source, settings, memoryBudgetBytes } = parse(file, surroundings({}));
        if (source.kind !== "postgres") throw new Error(`the source is ${source.kind}`);
        expect({
          port: source.port,
          heartbeatIntervalMs: source.heartbeatIntervalMs,
          chunkRows: settings.chunkRows,
          username: source.username,
          password: source.password?.reveal(),
          hostname: source.hostname,
          memoryBudgetBytes,
          parallelism: settings.parallelism,
          compaction: settings.compaction,
          share: Math.round(settings.maxDeadLetterShare * 10_000) / 10_000,
        }).toEqual(wanted);
      }),
    );
  });

  it("never crashes on any text, and says where each problem is", () => {
    const lines = fc.array(
      fc.constantFrom(
        "source:",
        "  type: postgres",
        "  tables: a.b.c",
        "sink: {",
        "}",
        "- x",
        "\t",
        "&a",
        "*a",
        "?",
        "  port: ${env:",
        "'",
        "route:",
        "  - source-table: (",
        "pipeline:",
        "  name: x",
      ),
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          lines.map((parts) => parts.join("\n")),
        ),
        (file) => {
          const problems = problemsOf(file, surroundings({}));
          for (const problem of problems) expect(problem).toMatch(/^shop\.yaml:\d+:\d+: /);
          expect(problems.length).toBeGreaterThan(0);
        },
      ),
    );
  });
});

describe("durations and sizes", () => {
  it("read back as what they were", () => {
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 40 }), (ms) => {
        expect(parseDuration(formatDuration(ms))).toBe(ms);
      }),
    );
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 50 }), (bytes) => {
        expect(parseByteSize(formatByteSize(bytes))).toBe(bytes);
      }),
    );
  });

  it.each([
    ["30s", 30_000],
    ["5 min", 300_000],
    ["500 ms", 500],
    ["2h", 7_200_000],
    ["1 D", 86_400_000],
    ["PT1H30M", 5_400_000],
    ["pt0.5s", 500],
    ["P1DT1S", 86_401_000],
    ["0", 0],
    ["30", "no-unit"],
    ["1 fortnight", "unknown-unit"],
    ["-5s", "not-a-duration"],
    ["P", "not-a-duration"],
    ["PT", "not-a-duration"],
    ["1.5h", "not-a-duration"],
  ])("%s is %s", (written, expected) => {
    expect(parseDuration(written)).toBe(expected);
  });

  it.each([
    ["64mb", 67_108_864],
    ["1 GiB", 1_073_741_824],
    ["512 b", 512],
    ["1k", 1024],
    ["256", "no-unit"],
    ["1 pound", "unknown-unit"],
    ["many", "not-a-size"],
  ])("%s is %s", (written, expected) => {
    expect(parseByteSize(written)).toBe(expected);
  });
});

describe("the nearest name", () => {
  it.each([
    ["hostnmae", "hostname"],
    ["batchSize", "batch-size"],
    ["BATCH_SIZE", "batch-size"],
    ["colour", null],
    ["", null],
  ])("of %s is %s", (name, expected) => {
    expect(nearestName(name, ["hostname", "batch-size", "port"])).toBe(expected);
  });

  it("goes by a distance that is symmetrical and zero only between equals", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 8 }), fc.string({ maxLength: 8 }), (a, b) => {
        expect(editDistance(a, b)).toBe(editDistance(b, a));
        expect(editDistance(a, b) === 0).toBe(a === b);
        expect(editDistance(a, b)).toBeLessThanOrEqual(Math.max(a.length, b.length));
      }),
    );
  });
});
