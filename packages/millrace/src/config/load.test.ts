import { inspect } from "node:util";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { loadConfig } from "./load.ts";
import {
  fileWith,
  GOOD_FILE,
  parse,
  postgresSourceOf,
  problemsOf,
  sectionWith,
  surroundings,
} from "./pipeline-file.fixture.ts";
import { ConfigError, formatNotice } from "./problem.ts";

const noticesOf = (file: string): string[] => parse(file).notices.map(formatNotice);

const folder = mkdtempSync(join(tmpdir(), "millrace-config-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("a pipeline file", () => {
  it("becomes a pipeline with every default filled in", () => {
    const { source, sink, settings, routes, routeMode, memoryBudgetBytes, name } = parse(GOOD_FILE);
    expect({ name, routes, routeMode, memoryBudgetBytes }).toEqual({
      name: "shop",
      routes: [],
      routeMode: "ALL_MATCH",
      memoryBudgetBytes: 67_108_864,
    });
    expect(source).toMatchObject({
      kind: "postgres",
      database: "shop",
      slotName: "millrace_shop",
      publicationName: "millrace_shop",
      port: 5432,
    });
    expect(sink).toMatchObject({
      kind: "dsql",
      region: "eu-west-1",
      useIamAuth: true,
      username: "admin",
      database: "postgres",
      maxPoolSize: 6,
    });
    expect(settings).toEqual({
      parallelism: 4,
      schemaChangeBehavior: "evolve",
      dropTables: false,
      create: "if-missing",
      sharedTargets: false,
      compaction: true,
      batchRows: 3000,
      flushIntervalMs: 0,
      chunkRows: 8096,
      snapshotParallelism: 4,
      maxRowsPerSecond: null,
      maxBytesPerSecond: null,
      loadGivesWay: true,
      maxRetainedBytes: null,
      maxRetainedAction: "warn",
      fullLoad: true,
      onLoss: "fail",
      deadLetters: "park",
      maxDeadLetters: 100,
      maxDeadLetterShare: 0.01,
    });
  });

  it("takes durations and sizes in Flink's and Java's spelling", () => {
    const { source, memoryBudgetBytes } = parse(
      sectionWith("source", "heartbeat.interval: PT1M30S", "connect.timeout: 500 ms").replace(
        "name: shop",
        "name: shop\n  memory.budget: 1 GiB",
      ),
    );
    expect(source).toMatchObject({ heartbeatIntervalMs: 90_000, connectTimeoutMs: 500 });
    expect(memoryBudgetBytes).toBe(1024 ** 3);
  });

  it("takes Flink's capitals and underscores for words", () => {
    expect(
      parse(sectionWith("pipeline", "route-mode: first_match", "schema.change.behavior: EVOLVE"))
        .routeMode,
    ).toBe("FIRST_MATCH");
  });

  it("takes a YAML list of tables as a comma list", () => {
    const file = fileWith(
      "  tables: shop.public.\\.*",
      "  tables:\n    - shop.public.orders\n    - shop.public.items",
    );
    expect(parse(file).source.tables).toBe("shop.public.orders,shop.public.items");
  });

  it("keeps scalars as they are written, whatever YAML would make of them", () => {
    const source = postgresSourceOf(fileWith("  username: millrace", "  username: 0123"));
    expect(source.username).toBe("0123");
  });

  it("puts variables and files into any scalar, once, and lets $${ stand for itself", () => {
    const file = sectionWith("source", "slot.name: ${env:PREFIX}_${env:NOTHING:-eins}")
      .replace("${env:PGPASSWORD}", "${file:secrets/pg}")
      .replace("name: shop", () => "name: $${shop}");
    const around = surroundings({ PREFIX: "m" }, { "secrets/pg": "${env:PREFIX}\n" });
    const { name } = parse(file, around);
    const source = postgresSourceOf(file, around);
    expect([source.slotName, source.password?.reveal(), name]).toEqual([
      "m_eins",
      "${env:PREFIX}",
      "${shop}",
    ]);
  });

  it("counts an empty variable as missing where a default is given", () => {
    expect(
      postgresSourceOf(
        sectionWith("source", "port: ${env:PORT:-6000}"),
        surroundings({ PGPASSWORD: "x", PORT: "" }),
      ).port,
    ).toBe(6000);
  });

  it("never prints a secret", () => {
    const config = parse(
      `${GOOD_FILE}transform:\n  - source-table: public.a\n    hash-columns: [x]\n    hash-key: geheim2\n`,
    );
    const printed = [
      JSON.stringify(config),
      inspect(config, { depth: 10 }),
      String(config.source.kind === "postgres" && config.source.password),
    ].join("\n");
    expect(printed).not.toContain("geheim");
    expect(config.columnChoices[0]?.hash?.key.reveal()).toBe("geheim2");
  });

  it("resolves YAML anchors and aliases", () => {
    const file = GOOD_FILE.replace("hostname: db.internal", "hostname: &host db.internal").replace(
      "type: dsql\n  host: abc123.dsql.eu-west-1.on.aws",
      "type: postgres\n  host: *host\n  database: a\n  username: b",
    );
    expect(parse(file).sink).toMatchObject({ host: "db.internal" });
  });

  it("reads routes and column choices as plain rules", () => {
    const file = `${GOOD_FILE}route:
  - source-table: public.\\.*
    sink-table: shop.<>
    replace-symbol: <>
transform:
  - source-table: public.customers
    exclude-columns: [notes]
    mask-columns: phone, fax
    description: no personal data
`;
    const { routes, columnChoices } = parse(file);
    expect(routes).toEqual([
      { sourceTable: "public.\\.*", sinkTable: "shop.<>", replaceSymbol: "<>" },
    ]);
    expect(columnChoices).toEqual([
      {
        sourceTable: "public.customers",
        exclude: ["notes"],
        mask: { columns: ["phone", "fax"], text: "***" },
        description: "no personal data",
      },
    ]);
  });

  it.each([
    ["plain text for this machine", "127.0.0.1", "", "disable"],
    ["TLS for other machines", "db.internal", "", "require"],
    ["full proof where a CA is given", "127.0.0.1", "\n  ssl-ca: ca.pem", "verify-full"],
  ])("chooses %s without ssl-mode", (_name, host, more, mode) => {
    const file = fileWith("  hostname: db.internal", `  hostname: ${host}${more}`);
    const around = surroundings(undefined, { "ca.pem": "-----BEGIN CERTIFICATE-----" });
    expect(postgresSourceOf(file, around).tls.mode).toBe(mode);
  });

  it.each([
    ["shop", "millrace_shop"],
    ["shop-eu", "millrace_shop_eu"],
    ["Shop", /^millrace_shop_[0-9a-f]{8}$/],
    ["shop eu", /^millrace_shop_eu_[0-9a-f]{8}$/],
  ])("derives the slot's name: %s reads %s", (name, slot) => {
    const { slotName } = postgresSourceOf(fileWith("  name: shop", `  name: ${name}`));
    expect(slotName).toMatch(typeof slot === "string" ? new RegExp(`^${slot}$`) : slot);
  });

  it("gives two names that would be written alike two slots", () => {
    const slots = ["a-b", "a_b", "A-b", "a b", "a--b"].map(
      (name) => postgresSourceOf(fileWith("  name: shop", `  name: ${name}`)).slotName,
    );
    expect(new Set(slots.slice(1)).size).toBe(4);
  });

  it.each([
    [
      "only what exists at the sink",
      "exclude.schema.changes: [create]",
      { create: "never", dropTables: false },
    ],
    [
      "dropped tables where they are asked for",
      "include.schema.changes: [all]",
      { create: "if-missing", dropTables: true },
    ],
    [
      "no dropped tables for an exclude list",
      "exclude.schema.changes: [alter.table.comment]",
      { create: "if-missing", dropTables: false },
    ],
  ])("maps Flink's lists of schema changes: %s", (_name, line, settings) => {
    expect(parse(sectionWith("sink", line)).settings).toMatchObject(settings);
  });

  it("does no full load with latest-offset or without enable-full-load", () => {
    expect(parse(sectionWith("source", "scan.startup.mode: latest-offset")).settings.fullLoad).toBe(
      false,
    );
    expect(parse(sectionWith("sink", "enable-full-load: false")).settings.fullLoad).toBe(false);
  });

  it("takes schema-change.enabled: false as ignore", () => {
    expect(
      parse(sectionWith("source", "schema-change.enabled: false")).settings.schemaChangeBehavior,
    ).toBe("ignore");
  });
});

describe("notices", () => {
  it("say where a file of Flink CDC's relies on a default of it that loses or drifts", () => {
    const file = sectionWith("source", "decoding.plugin.name: pgoutput");
    expect(noticesOf(file)).toEqual([
      "shop.yaml:2:3: written for Flink CDC, and not given: source.schema-change.enabled, source.scan.incremental.snapshot.backfill.skip, pipeline.schema.change.behavior. Flink CDC's defaults of these lose, repeat or drift, Millrace's do not; docs/reference/ says how each differs.",
    ]);
  });

  it.each([
    ["an option that only Flink CDC has", sectionWith("source", "debezium.x: y"), 2],
    ["a mode of running", sectionWith("pipeline", "execution.runtime-mode: STREAMING"), 1],
    ["an option that others have too", sectionWith("source", "server-time-zone: UTC"), 1],
    ["nothing of Flink CDC's", GOOD_FILE, 0],
  ])("know Flink CDC's files: %s", (_name, file, count) => {
    expect(noticesOf(file)).toHaveLength(count);
  });

  it("are silent where the file says what it wants", () => {
    const file = sectionWith(
      "source",
      "decoding.plugin.name: pgoutput",
      "schema-change.enabled: true",
      "scan.incremental.snapshot.backfill.skip: false",
    ).replace("name: shop", "name: shop\n  schema.change.behavior: evolve");
    expect(noticesOf(file)).toEqual([]);
  });

  it("name keys of Flink CDC that have no meaning here, also those that hold references to nothing", () => {
    const file = sectionWith(
      "source",
      "debezium.snapshot.mode: never",
      "jdbc.properties.x: ${env:NOPE}",
      "chunk-meta.group.size: 5",
    );
    const keys = parse(file).notices.map(({ path }) => path);
    expect(keys).toEqual(
      expect.arrayContaining([
        "source.debezium.snapshot.mode",
        "source.jdbc.properties.x",
        "source.chunk-meta.group.size",
      ]),
    );
    expect(problemsOf(file)).toEqual([]);
  });

  it("tell that DSQL's limit of rows holds", () => {
    expect(noticesOf(sectionWith("sink", "batch-size: 5000"))).toContain(
      "shop.yaml:9:15: sink.batch-size: is more than the 3000 rows that DSQL takes in one transaction; its limit holds.",
    );
  });
});

describe("a source without heartbeats", () => {
  it("is told what the slot keeps then", () => {
    expect(noticesOf(sectionWith("source", "heartbeat.interval: 0"))).toContain(
      "shop.yaml:3:23: source.heartbeat.interval: is 0: while the captured tables rest, the slot keeps the log of everything else that the server writes, until its disk is full.",
    );
  });
});

describe("loadConfig", () => {
  it("takes an object of the same shape", () => {
    const { source, sink, settings } = loadConfig(
      {
        source: {
          type: "postgres",
          hostname: "db",
          username: "u",
          port: 6000,
          tables: ["shop.public.a", "shop.public.b"],
          password: undefined,
        },
        sink: { type: "jsonl", path: "/tmp/out.jsonl", "enable-full-load": false },
        pipeline: { name: "shop", parallelism: 2 },
      },
      {},
    );
    expect(source).toMatchObject({ port: 6000, database: "shop" });
    expect(sink).toMatchObject({ kind: "jsonl", path: "/tmp/out.jsonl" });
    expect(settings).toMatchObject({ parallelism: 2, fullLoad: false });
  });

  it("names problems of an object by their path", () => {
    const load = () =>
      loadConfig(
        { source: { type: "postgres", port: () => 1 }, sink: new Date(0), pipeline: {} },
        {},
      );
    expect(load).toThrow(ConfigError);
    expect(load).toThrow(
      "(pipeline object): source.port: is a function. Give text, a number, true or false, a list, or a plain object.",
    );
  });

  it("reads files that the pipeline names from the folder of its file", () => {
    writeFileSync(join(folder, "pw"), "from-a-file\n");
    writeFileSync(join(folder, "shop.yaml"), GOOD_FILE.replace("${env:PGPASSWORD}", "${file:pw}"));
    const { source } = loadConfig(join(folder, "shop.yaml"), {});
    expect(source.kind === "postgres" && source.password?.reveal()).toBe("from-a-file");
  });

  it.each([
    [
      "that is not there",
      join(folder, "nope.yaml"),
      "there is no such file. Give the path of a pipeline file.",
    ],
    [
      "that is a folder",
      folder,
      "the file cannot be read (EISDIR). Give the path of a pipeline file.",
    ],
  ])("says so for a path %s", (_name, path, message) => {
    expect(() => loadConfig(path, {})).toThrow(`${path}: ${message}`);
  });

  it("refuses a file that is larger than any pipeline", () => {
    const path = join(folder, "large.yaml");
    writeFileSync(path, "#".repeat(2_000_000));
    expect(() => loadConfig(path, {})).toThrow(
      "the file has 2000000 bytes, more than any pipeline",
    );
  });

  it("refuses aliases that multiply instead of filling the memory", () => {
    const bomb = ["a: &a [x, x, x, x, x, x, x, x, x, x]"];
    for (const [name, of] of ["ba", "cb", "dc", "ed", "fe", "gf"])
      bomb.push(`${name}: &${name} [${Array(10).fill(`*${of}`).join(", ")}]`);
    expect(problemsOf(bomb.join("\n"))).toContain(
      "shop.yaml:1:1: the file has more than 50000 values. Split it into several pipelines.",
    );
  });
});
