/** What managed services do otherwise, on a server that is dressed up as theirs. */
import { readFileSync } from "node:fs";
import selfsigned from "selfsigned";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startPostgres, type PostgresServer } from "../../../test/support/postgres.ts";
import type { Finding } from "./model/finding.ts";
import { silentLogger, systemClock } from "./model/ports.ts";
import { rdsPassword } from "./rds-token.ts";
import {
  POSTGRES_SOURCE_DEFAULTS,
  type PostgresSourceOptions,
} from "./sources/postgres/options.ts";
import { PostgresSource } from "./sources/postgres/source.ts";
import { validatePostgres } from "./sources/postgres/validate.ts";

const NOW_MS = Date.UTC(2026, 10, 21, 18, 0, 0);
const CONTEXT = { pipeline: "managed", clock: systemClock, random: Math.random, log: silentLogger };

let server: PostgresServer;

beforeAll(async () => {
  const pems = await selfsigned.generate([{ name: "commonName", value: "db.test" }]);
  server = await startPostgres({
    files: { "server.key": pems.private, "server.crt": pems.cert },
    settings: { ssl: "on", wal_level: "replica", max_wal_senders: "3", max_replication_slots: "1" },
    hba: [
      "hostssl all iam all password",
      "hostnossl all iam all reject",
      "hostssl all refused all password",
    ],
  });
  await server.query("CREATE TABLE t (id int PRIMARY KEY); CREATE ROLE reader LOGIN PASSWORD 'x'");
});
afterAll(() => server.stop());

function optionsFor(
  username: string,
  password: PostgresSourceOptions["password"],
): PostgresSourceOptions {
  return {
    ...POSTGRES_SOURCE_DEFAULTS,
    hostname: server.host,
    port: server.port,
    database: server.database,
    username,
    password,
    matches: () => true,
    tablesText: "postgres.public.t",
    slotName: "managed",
    publicationName: "managed",
  };
}

async function errorsFor(
  username: string,
  password: PostgresSourceOptions["password"] = "x",
): Promise<Finding[]> {
  const all = await validatePostgres(optionsFor(username, password), CONTEXT);
  return all.filter(({ severity }) => severity === "error");
}

interface Service {
  readonly name: string;
  readonly dress: string;
  readonly undress: string;
  readonly logical: string;
  readonly replication: string;
}

const SERVICES: readonly Service[] = [
  {
    name: "Amazon RDS or Aurora",
    dress:
      "CREATE ROLE rds_superuser; CREATE ROLE rds_replication; ALTER DATABASE postgres SET rds.logical_replication = 'off'",
    undress:
      "DROP ROLE rds_superuser; DROP ROLE rds_replication; ALTER DATABASE postgres RESET rds.logical_replication",
    logical:
      "In the parameter group (Aurora: of the cluster) set rds.logical_replication = 1, then reboot the instance (Aurora: the writer); the parameter is static.",
    replication: 'Let a member of rds_superuser run: GRANT rds_replication TO "reader";',
  },
  {
    name: "Cloud SQL",
    dress: "CREATE ROLE cloudsqlsuperuser",
    undress: "DROP ROLE cloudsqlsuperuser",
    logical: "Set the instance's flag cloudsql.logical_decoding = on; the instance restarts.",
    replication: 'Let a member of cloudsqlsuperuser run: ALTER ROLE "reader" WITH REPLICATION;',
  },
  {
    name: "AlloyDB",
    dress: "CREATE ROLE alloydbsuperuser; CREATE ROLE cloudsqlsuperuser",
    undress: "DROP ROLE alloydbsuperuser; DROP ROLE cloudsqlsuperuser",
    logical: "Set the instance's flag alloydb.logical_decoding = on; the instance restarts.",
    replication: 'Let a member of alloydbsuperuser run: ALTER ROLE "reader" WITH REPLICATION;',
  },
  {
    name: "Azure",
    dress: "CREATE ROLE azure_pg_admin; ALTER DATABASE postgres SET azure.extensions = ''",
    undress: "DROP ROLE azure_pg_admin; ALTER DATABASE postgres RESET azure.extensions",
    logical: "Set the server parameter wal_level = logical, then restart the server.",
    replication: 'Let a member of azure_pg_admin run: ALTER ROLE "reader" WITH REPLICATION;',
  },
  {
    name: "a server of one's own",
    dress: "SELECT 1",
    undress: "SELECT 1",
    logical:
      "ALTER SYSTEM SET wal_level = logical; then restart the server (managed services have a setting of their own).",
    replication: 'Let a superuser run: ALTER ROLE "reader" WITH REPLICATION;',
  },
];

describe("validate --connect and a start", () => {
  it.for(SERVICES)(
    "say in the words of $name what is missing",
    async ({ dress, undress, logical, replication }) => {
      await server.query(dress);
      try {
        const found = await errorsFor("reader");
        const remedies = Object.fromEntries(found.map(({ what, remedy }) => [what, remedy]));
        expect(remedies["wal_level is replica."]).toBe(logical);
        expect(remedies["Role reader has no REPLICATION."]).toBe(replication);
        await server.query(
          "CREATE PUBLICATION managed FOR TABLE t WITH (publish_generated_columns = stored, publish_via_partition_root)",
        );
        const source = new PostgresSource(
          { ...optionsFor("reader", "x"), createPublication: false },
          CONTEXT,
        );
        await expect(source.check([])).rejects.toMatchObject({
          code: "MR_SOURCE_REFUSED",
          detail: "wal_level is replica. The log does not hold what is needed to tell rows.",
          remedy: logical,
        });
        await source.close();
      } finally {
        await server.query(`${undress}; DROP PUBLICATION IF EXISTS managed`);
      }
    },
  );

  it("take rds_replication for REPLICATION, and no other service's administrators", async () => {
    const whats = async () => (await errorsFor("reader")).map(({ what }) => what);
    for (const role of ["cloudsqlsuperuser", "azure_pg_admin"]) {
      await server.query(`CREATE ROLE ${role}; GRANT ${role} TO reader`);
      expect(await whats()).toContain("Role reader has no REPLICATION.");
      await server.query(`DROP ROLE ${role}`);
    }
    await server.query(
      "CREATE ROLE rds_replication; CREATE ROLE rds_superuser; GRANT rds_replication TO reader",
    );
    expect(await whats()).not.toContain("Role reader has no REPLICATION.");
    await server.query("DROP ROLE rds_replication; DROP ROLE rds_superuser");
  });
});

describe("the guide to managed servers", () => {
  const guide = readFileSync(
    new URL("../../../docs/sources/managed-postgres.md", import.meta.url),
    "utf8",
  );
  const blocks = [...guide.matchAll(/^ *```sql\n(.*?)^ *```/gms)].map(([, sql = ""]) => sql);

  it("has grants that are enough for REPLICATION, whatever the service", async () => {
    expect(blocks).toHaveLength(4);
    await server.query(
      "CREATE ROLE rds_superuser; CREATE ROLE rds_replication; CREATE ROLE rds_iam",
    );
    for (const sql of blocks) {
      await server.query(sql.replaceAll("…", "x"));
      const iam = sql.includes("rds_iam");
      if (iam) await server.query("ALTER ROLE millrace PASSWORD 'x'");
      const whats = (await errorsFor("millrace")).map(({ what }) => what);
      expect(whats).toContain("wal_level is replica.");
      expect(whats).not.toContain("Role millrace has no REPLICATION.");
      await server.query("DROP ROLE millrace");
    }
    await server.query("DROP ROLE rds_superuser; DROP ROLE rds_replication; DROP ROLE rds_iam");
  });

  it("has names in its words that validate says too", () => {
    for (const { replication, logical } of SERVICES.slice(0, -1)) {
      const [, role = ""] = /member of (\w+)/.exec(replication) ?? [];
      const [, setting = ""] = /([\w.]+) = /.exec(logical) ?? [];
      expect(guide).toContain(`\`${role}\``);
      expect(guide).toContain(`\`${setting}`);
    }
  });
});

describe("IAM login at a source", () => {
  let nowMs = NOW_MS;
  let signed: string[] = [];
  const sign = rdsPassword({
    region: "eu-west-1",
    username: "iam",
    clock: { ...systemClock, now: () => nowMs },
    credentials: () => Promise.resolve({ accessKeyId: "AK", secretAccessKey: "S" }),
  });
  const password: PostgresSourceOptions["password"] = async (address) => {
    const token = await sign(address);
    signed.push(token);
    return token;
  };
  const accept = async (token: string) => server.query(`ALTER ROLE iam PASSWORD '${token}'`);

  beforeAll(async () => {
    await server.query("CREATE ROLE iam LOGIN; GRANT SELECT ON t TO iam");
  });
  beforeEach(() => {
    signed = [];
    nowMs = NOW_MS;
  });

  it("presents a token that was signed for this connection, over TLS, and another one for the next", async () => {
    const address = { hostname: server.host, port: server.port };
    await accept(await sign(address));
    const source = new PostgresSource(optionsFor("iam", password), CONTEXT);
    expect((await source.discover()).map(({ shape }) => shape.id)).toEqual(["public.t"]);
    const first = signed.length;
    expect(first).toBeGreaterThan(0);
    nowMs += 1_000_000;
    await accept(await sign(address));
    const snapshot = await source.openSnapshot();
    await snapshot.close();
    expect(signed.length).toBeGreaterThan(first);
    expect(new Set(signed).size).toBe(2);
    await source.close();
  });

  it("is signed anew with credentials that are fetched again where the server refuses it", async () => {
    let key = "OLD";
    let fetched = 0;
    const keyed = rdsPassword({
      region: "eu-west-1",
      username: "iam",
      clock: { ...systemClock, now: () => nowMs },
      credentials: () => {
        fetched += 1;
        return Promise.resolve({ accessKeyId: key, secretAccessKey: "S" });
      },
    });
    const address = { hostname: server.host, port: server.port };
    await keyed(address);
    // The keys were exchanged, and those before deleted.
    key = "NEW";
    await accept(await keyed(address, true));
    key = "OLD";
    await keyed(address, true);
    key = "NEW";
    fetched = 0;
    const source = new PostgresSource(optionsFor("iam", keyed), CONTEXT);
    expect((await source.discover()).map(({ shape }) => shape.id)).toEqual(["public.t"]);
    expect(fetched).toBe(1);
    await source.close();
  });

  it("that is refused names IAM and what to look at, and not the token", async () => {
    await accept("another");
    const [refused, ...more] = await errorsFor("iam", password);
    expect(more).toEqual([]);
    expect(refused).toMatchObject({ code: "MR_SOURCE_REFUSED", option: "source.use-iam-auth" });
    expect(refused?.what).toBe(
      `source.use-iam-auth: the server refuses role iam with an IAM token for ${server.host}`,
    );
    expect(refused?.remedy).toMatch(/GRANT rds_iam TO "iam";.*rds-db:connect.*clock/);
    expect(JSON.stringify(refused)).not.toContain("X-Amz");
  });

  it("never presents a token where there is no TLS", async () => {
    const plain = await startPostgres({ hba: ["host all iam all password"] });
    try {
      await plain.query("CREATE ROLE iam LOGIN PASSWORD 'x'");
      const options = { ...optionsFor("iam", password), hostname: plain.host, port: plain.port };
      const [refused] = await validatePostgres(options, CONTEXT);
      expect(refused).toMatchObject({ severity: "error", option: "source.ssl-mode" });
    } finally {
      await plain.stop();
    }
  });
});
