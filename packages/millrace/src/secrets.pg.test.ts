/**
 * What lets a process in is in nothing that it says: passwords, TLS keys, AWS keys and the tokens that are signed with them,
 * while commands succeed, while they are refused, and while files are wrong. Values of rows are not in it either.
 * `MILLRACE_SECRETS=all` adds servers that `npm test` has no time for.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startDsqlLocal } from "dsql-local";
import selfsigned from "selfsigned";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import {
  sharedPostgres,
  startPostgres,
  type SharedPostgres,
} from "../../../test/support/postgres.ts";
import { runCommandLine } from "./cli/command-line.ts";
import { writtenSurroundings } from "./cli/cli.fixture.ts";
import { dropSlots, pipelineBetween, pipelineFileOf } from "./pipeline-between.fixture.ts";

const PASSWORD = "GEHEIM-of-the-role";
const ACCESS_KEY = "AKIAGEHEIM0123456789";
const SECRET_KEY = "GEHEIM/secret+key/of/aws";
const SESSION = "GEHEIM//session//token";
const VALUE = "GEHEIM-of-a-row";
const FULL = process.env["MILLRACE_SECRETS"] === "all";

let source: SharedPostgres;
let target: SharedPostgres;
let folder: string;
let pems: { readonly private: string; readonly cert: string };

beforeAll(async () => {
  [source, target] = await Promise.all([sharedPostgres(), sharedPostgres()]);
  folder = mkdtempSync(join(tmpdir(), "millrace-secrets-"));
  pems = await selfsigned.generate([{ name: "commonName", value: "millrace.test" }]);
  await source.query(
    `CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, '${VALUE}'), (2, '${VALUE}')`,
  );
});
afterEach(() => vi.unstubAllEnvs());
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await dropSlots(source);
  await source.release();
  await target.release();
});

type Section = Readonly<Record<string, unknown>>;

function fileWith(more: { readonly source?: Section; readonly sink?: Section } = {}): string {
  const name = source.database;
  return pipelineFileOf(
    pipelineBetween(source, target, { name, tables: String.raw`public.\.*`, ...more }),
  );
}

/** All that commands say of a file. */
async function saidOf(file: string, ...commands: readonly (readonly string[])[]): Promise<string> {
  const { io, written } = writtenSurroundings({ isTerminal: false });
  const loud = ["--log-level", "debug"];
  for (const [command = "", ...more] of commands) {
    const words = command.split(" ");
    await runCommandLine([...words, file, ...more, ...(words[0] === "run" ? loud : [])], io);
  }
  return written.join("\n");
}

const RUN = ["run", "--until-caught-up", "--listen", "off", "--json"] as const;
const COMMANDS = [
  ["validate", "--connect"],
  ["validate", "--connect", "--json"],
  RUN,
  ["verify", "--rows"],
  ["dead-letters list"],
] as const;

function expectNone(said: string, more: readonly string[] = []): void {
  const spelled = [PASSWORD, ACCESS_KEY, SECRET_KEY, SESSION, VALUE].flatMap((text) => [
    text,
    encodeURIComponent(text),
    Buffer.from(text).toString("base64"),
  ]);
  const key = pems.private.split("\n").filter((line) => line.length > 32);
  const all = ["GEHEIM", "X-Amz-Signature", "X-Amz-Credential", ...spelled, ...key, ...more];
  for (const secret of all) {
    const at = said.toLowerCase().indexOf(secret.toLowerCase());
    expect(at === -1 ? null : said.slice(Math.max(0, at - 300), at + 100)).toBeNull();
  }
}

describe("what commands say", () => {
  it("holds no secret and no value where all goes well", async () => {
    const file = fileWith();
    const well = await saidOf(file, ...COMMANDS);
    expect(well).toMatch(/equal, 2 rows/);
    expectNone(
      well,
      [source.password, target.password].filter((word) => word.length > 8),
    );
  });

  it("holds no password that is refused, at the source and at the sink", async () => {
    const refused = [
      fileWith({ source: { password: PASSWORD } }),
      fileWith({ sink: { password: PASSWORD } }),
    ];
    for (const file of refused) {
      const said = await saidOf(file, ...COMMANDS);
      expect(said).toMatch(/refuse|password/);
      expectNone(said);
    }
  });

  it("holds nothing of a TLS key: one that does not fit, is damaged, or is not asked for", async () => {
    const other = await selfsigned.generate([{ name: "commonName", value: "other.test" }]);
    const path = (name: string, text: string): string => {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    };
    const cert = path("cert.pem", pems.cert);
    const damaged = pems.private.replace(/\n.{8}/, `\n${Buffer.from("GEHEIM").toString("base64")}`);
    const keys = [
      path("key.pem", pems.private),
      path("other.pem", other.private),
      path("damaged.pem", damaged),
    ];
    for (const key of FULL ? keys : keys.slice(1))
      for (const end of ["source", "sink"] as const) {
        const tls = { "ssl-mode": "require", "ssl-cert": cert, "ssl-key": key };
        const said = await saidOf(fileWith({ [end]: tls }), ["validate", "--connect"]);
        expect(said.length).toBeGreaterThan(0);
        const lines = [other.private, damaged].flatMap((pem) => pem.split("\n"));
        expectNone(
          said,
          lines.filter((line) => line.length > 32),
        );
      }
  });
});

const inFull = (): void => {
  it(
    "holds no value of rows that differ, which nobody brings in step",
    // Each of the two waits for a minute or so for somebody who does.
    { timeout: 300_000 },
    async () => {
      await target.query(
        `UPDATE t SET v = '${VALUE}-2' WHERE id = 1; INSERT INTO t VALUES (3, 'x')`,
      );
      const differs = await saidOf(
        fileWith(),
        ["verify", "--rows"],
        ["verify", "--rows", "--json"],
      );
      expect(differs).toMatch(/differ/);
      expectNone(differs);
    },
  );

  it(
    "holds no key and no token of the sink: taken, and refused",
    { timeout: 120_000 },
    async () => {
      vi.stubEnv("AWS_ACCESS_KEY_ID", ACCESS_KEY);
      vi.stubEnv("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
      const cluster = await startDsqlLocal({
        auth: "iam",
        accessKeyId: ACCESS_KEY,
        secretAccessKey: SECRET_KEY,
      });
      try {
        const sink = {
          type: "dsql",
          host: cluster.host,
          port: cluster.port,
          username: "admin",
          "use-iam-auth": true,
          region: "eu-west-1",
          database: "postgres",
          "ssl-mode": "require",
        };
        const between = pipelineBetween(source, target, { name: "iam", tables: "public.t" });
        const file = pipelineFileOf({ ...between, sink });
        const well = await saidOf(file, ...COMMANDS);
        expect(well).toMatch(/equal, 2 rows/);
        expectNone(well);
        vi.stubEnv("AWS_SECRET_ACCESS_KEY", `${SECRET_KEY}-wrong`);
        vi.stubEnv("AWS_SESSION_TOKEN", SESSION);
        const refused = await saidOf(file, ...COMMANDS);
        expect(refused).toMatch(/access denied/);
        expectNone(refused);
      } finally {
        await cluster.stop();
      }
    },
  );

  it("holds no key and no token of the source that is refused", { timeout: 120_000 }, async () => {
    vi.stubEnv("AWS_ACCESS_KEY_ID", ACCESS_KEY);
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
    vi.stubEnv("AWS_SESSION_TOKEN", SESSION);
    const server = await startPostgres({
      files: { "server.key": pems.private, "server.crt": pems.cert },
      settings: { ssl: "on" },
      hba: ["hostssl all iam all password"],
    });
    try {
      await server.query("CREATE ROLE iam LOGIN REPLICATION PASSWORD 'x'");
      const { password: _, ...given } = pipelineBetween(source, target, {
        name: "iam",
        tables: "public.t",
      }).source;
      const between = pipelineBetween(source, target, { name: "iam", tables: "public.t" });
      const iam = {
        ...given,
        hostname: server.host,
        port: server.port,
        username: "iam",
        tables: `${server.database}.public.t`,
        "use-iam-auth": true,
        region: "eu-west-1",
        "ssl-mode": "require",
      };
      const said = await saidOf(pipelineFileOf({ ...between, source: iam }), ...COMMANDS);
      expect(said).toMatch(/IAM token/);
      expectNone(said);
    } finally {
      await server.stop();
    }
  });
};
if (FULL) describe("what commands say, in the long form,", inFull);
