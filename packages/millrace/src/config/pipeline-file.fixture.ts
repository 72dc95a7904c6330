import type { Surroundings } from "./interpolate.ts";
import { parseConfigText } from "./load.ts";
import type { PipelineConfig, PostgresSourceConfig } from "./pipeline-config.ts";
import { ConfigError, formatProblem } from "./problem.ts";

/** A file that is right, for tests that break one thing of it. */
export const GOOD_FILE = `source:
  type: postgres
  hostname: db.internal
  username: millrace
  password: \${env:PGPASSWORD}
  tables: shop.public.\\.*
sink:
  type: dsql
  host: abc123.dsql.eu-west-1.on.aws
pipeline:
  name: shop
`;

/** Surroundings with some variables and files. */
export function surroundings(
  env: Readonly<Record<string, string>> = { PGPASSWORD: "geheim" },
  files: Readonly<Record<string, string>> = {},
): Surroundings {
  return {
    env,
    resolvePath: (path) => (path.startsWith("/") ? path : `/etc/millrace/${path}`),
    readFile: (path) => {
      const text = files[path];
      if (text === undefined) throw Object.assign(new Error("no such file"), { code: "ENOENT" });
      return text;
    },
  };
}

/** Parses `shop.yaml` with this text. */
export function parse(text: string, around: Surroundings = surroundings()): PipelineConfig {
  return parseConfigText(text, "shop.yaml", around);
}

/** The problems of a file, as the operator reads them. */
export function problemsOf(text: string, around: Surroundings = surroundings()): readonly string[] {
  try {
    parse(text, around);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(formatProblem);
    throw error;
  }
  return [];
}

/** The good file with a line replaced, or with lines put after another. */
export function fileWith(line: string, replacement: string): string {
  if (!GOOD_FILE.includes(`${line}\n`)) throw new Error(`the file has no line "${line}"`);
  return GOOD_FILE.replace(`${line}\n`, replacement === "" ? "" : `${replacement}\n`);
}

/** The good file with more options in a section. */
export function sectionWith(
  section: "source" | "sink" | "pipeline",
  ...lines: readonly string[]
): string {
  const first = { source: "  type: postgres", sink: "  type: dsql", pipeline: "  name: shop" }[
    section
  ];
  return fileWith(first, [first, ...lines.map((line) => `  ${line}`)].join("\n"));
}

/** A file with a MySQL source that is right. */
export const MYSQL_FILE = `source:
  type: mysql
  hostname: db.internal
  username: millrace
  password: \${env:PGPASSWORD}
  tables: shop.\\.*
sink:
  type: dsql
  host: abc123.dsql.eu-west-1.on.aws
pipeline:
  name: shop
`;

/** That file with more options of its source. */
export function mysqlFileWith(...lines: readonly string[]): string {
  return MYSQL_FILE.replace(
    "  type: mysql\n",
    () => `  type: mysql\n${lines.map((line) => `  ${line}\n`).join("")}`,
  );
}

/** Parses a file whose source is PostgreSQL's. */
export function postgresSourceOf(text: string, around?: Surroundings): PostgresSourceConfig {
  const { source } = parse(text, around);
  if (source.kind !== "postgres") throw new Error(`the source is ${source.kind}`);
  return source;
}
