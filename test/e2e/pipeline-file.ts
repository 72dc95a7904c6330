import { writeFile } from "node:fs/promises";

/** Options of a section; nothing here needs nesting. */
export type Section = Readonly<Record<string, string | number | boolean>>;

/** What a pipeline file is made of. */
export interface PipelineFile {
  readonly path: string;
  readonly name: string;
  /** A database's; without it `source` says everything. */
  readonly sourceUrl?: string;
  /** `schema.table` pattern without the database; with MySQL, whose schemas are its databases, that of the table. */
  readonly tables?: string;
  readonly source?: Section;
  readonly sink: Section;
  readonly routes?: readonly Section[];
  readonly pipeline?: Section;
}

/** Writes a pipeline file; gives its path. */
export async function writePipelineFile(file: PipelineFile): Promise<string> {
  const sections: Readonly<Record<string, Section>> = {
    source: {
      ...(file.sourceUrl === undefined ? {} : sourceSection(file.sourceUrl, file.tables ?? "")),
      ...file.source,
    },
    sink: file.sink,
    pipeline: { name: file.name, ...file.pipeline },
  };
  const routes = (file.routes ?? []).map((rule) => `  - ${JSON.stringify(rule)}`);
  const lines = Object.entries(sections).flatMap(([section, options]) => [
    `${section}:`,
    ...Object.entries(options).map(([key, value]) => `  ${key}: ${JSON.stringify(value)}`),
  ]);
  if (routes.length > 0) lines.push("route:", ...routes);
  await writeFile(file.path, `${lines.join("\n")}\n`);
  return file.path;
}

/** Where the source is and what is captured there; the URL tells what it is. */
function sourceSection(sourceUrl: string, tables: string): Section {
  const url = new URL(sourceUrl);
  const database = decodeURIComponent(url.pathname.slice(1));
  return {
    type: url.protocol === "mysql:" ? "mysql" : "postgres",
    hostname: url.hostname,
    port: Number(url.port),
    username: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    tables: `${database}.${tables}`,
    "scan.incremental.snapshot.chunk.size": 100,
  };
}

/** The sink section for a plain PostgreSQL database. */
export function postgresSink(targetUrl: string): Section {
  const url = new URL(targetUrl);
  return {
    type: "postgres",
    host: url.hostname,
    port: Number(url.port),
    database: decodeURIComponent(url.pathname.slice(1)),
    username: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
  };
}

/** The sink section for a `dsql-local` without TLS. */
export function dsqlSink({
  host,
  port,
  user,
}: {
  host: string;
  port: number;
  user: string;
}): Section {
  return {
    type: "dsql",
    host,
    port,
    username: user,
    password: "any",
    "use-iam-auth": false,
    "ssl-mode": "disable",
  };
}
