import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { chooseMirror, distribution, NoPackages, requireApt } from "./debian-packages.mjs";
import { NoPython, PipFailed } from "./python.mjs";
import { explain } from "./servers.mjs";

describe("the archive that packages come from", () => {
  it.each([
    ["the first that holds releases", ["http://a/debian/", "http://a/debian-security/"], 0],
    ["never that of security updates", ["http://security.a/ubuntu/", "http://a/ubuntu/"], 1],
    ["not one of other programs before it", ["https://b/node_20.x/", "http://a/debian"], 1],
    ["a mirror under a name of its own", ["", "https://a/remote-apt/"], 1],
  ])("is %s", (_name, addresses, index) => {
    expect(chooseMirror(addresses)).toBe(addresses[index]);
  });

  it("is none where apt knows none", () => {
    expect(chooseMirror(["", "http://a/debian-security/"])).toBeUndefined();
  });
});

describe("a machine", () => {
  it("is known by its os-release, with and without quotes", () => {
    const debian = 'PRETTY_NAME="Debian GNU/Linux 12"\nVERSION_CODENAME=bookworm\nID=debian\n';
    expect(distribution(debian)).toEqual({ id: "debian", codename: "bookworm" });
    expect(distribution('ID="rhel"\nID_LIKE="fedora"\n')).toEqual({ id: "rhel", codename: "" });
  });

  it("without apt is told what to do instead", () => {
    expect(() => requireApt("/nowhere")).toThrow("this machine has no apt-get and no dpkg-deb");
    const text = explain({ title: "MySQL", variable: "X_URL" }, new NoPackages("no apt-get"));
    expect(text).toMatch(/^MySQL could not be brought: no apt-get\n/);
    expect(text).toMatch(/use Debian or Ubuntu .*, or set X_URL to a server of yours/);
  });
});

describe("a machine without Python", () => {
  it("is told what to install, and what to name instead", () => {
    const recipe = { title: "moto", variable: "MILLRACE_TEST_MOTO_URL" };
    const text = explain(recipe, new NoPython("python3 is missing"));
    expect(text).toMatch(/install Python 3.9 or later with pip .*, or set MILLRACE_TEST_MOTO_URL/);
  });

  it("is told to look at pip's index where pip fails, and of no variable where there is none", () => {
    expect(explain({ title: "psycopg" }, new PipFailed("pip failed: no route"))).toBe(
      "psycopg could not be brought: pip failed: no route\n  What to do: check the network, " +
        "the proxy and the package index that pip is configured with, and run this again.",
    );
  });
});

describe("bringing servers", () => {
  let checkout;
  beforeEach(() => {
    checkout = mkdtempSync(join(tmpdir(), "millrace-servers-"));
    cpSync(fileURLToPath(new URL(".", import.meta.url)), join(checkout, "scripts"), {
      recursive: true,
    });
  });
  afterEach(() => rmSync(checkout, { recursive: true, force: true }));

  const bring = (environment = {}, server = "mariadb") =>
    new Promise((resolve) => {
      const env = { PATH: process.env.PATH, ...environment };
      const args = [join(checkout, "scripts/servers.mjs"), server];
      execFile(process.execPath, args, { env }, (error, stdout, stderr) =>
        resolve({ code: error ? error.code : 0, stdout, stderr }),
      );
    });

  it("gives the folder at once where it has been brought", async () => {
    const folder = join(checkout, ".cache/servers/mariadb-r1");
    mkdirSync(join(folder, "usr/sbin"), { recursive: true });
    writeFileSync(join(folder, "usr/sbin/mariadbd"), "");
    expect(await bring()).toEqual({ code: 0, stdout: `${folder}\n`, stderr: "" });
  });

  it("fails with the words of the attempt that this run has made already", async () => {
    const { code, stderr } = await bring({ MILLRACE_TEST_NO_MARIADB: "no network" });
    expect({ code, stderr }).toEqual({ code: 1, stderr: "\nmillrace: no network\n" });
  });

  it("fails on a machine without apt, and says what to do", async () => {
    const { code, stderr } = await bring({ PATH: checkout });
    expect(code).toBe(1);
    expect(stderr).toContain("millrace: MariaDB could not be brought: ");
    expect(stderr).toContain("MILLRACE_TEST_MARIADB_URL");
  });

  it("fails on a machine without Java and Maven that it may not change, and names both", async () => {
    const { code, stderr } = await bring({ PATH: checkout }, "kafka");
    expect(code).toBe(1);
    expect(stderr).toContain("java is missing and mvn is missing");
    expect(stderr).toContain("install Java 17 or later and Maven");
    expect(stderr).toContain("MILLRACE_TEST_KAFKA_URL");
  });

  it("fails on a machine without apt where psql is wanted, and says how to name one", async () => {
    const { code, stderr } = await bring({ PATH: checkout }, "psql");
    expect(code).toBe(1);
    expect(stderr).toContain("or set MILLRACE_TEST_PSQL to the path of a psql of yours");
  });

  it.each(["moto", "psycopg"])(
    "fails on a machine with neither Python nor apt where %s is wanted, and names Python",
    async (name) => {
      const { code, stderr } = await bring({ PATH: checkout }, name);
      expect(code).toBe(1);
      expect(stderr).toContain(`millrace: ${name} could not be brought: python3 is missing`);
      expect(stderr).toContain("and no other could be fetched: this machine has no apt-get");
      expect(stderr).toContain("install Python 3.9 or later with pip");
    },
  );
});
