// Brings the servers and clients that no npm package holds: MySQL, MariaDB, Kafka, psql, moto, psycopg, and Python for the last
// two where the machine has none with pip. Each into a folder below .cache/servers, once.
// `node scripts/servers.mjs` brings all, with a name only that one. Without dependencies, on any Node ≥ 20.
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import {
  distribution,
  NoPackages,
  programCommand,
  requireApt,
  unpackPackages,
} from "./debian-packages.mjs";
import {
  archiveClasses,
  bringKafka,
  bringOldKafka,
  kafkaVersion,
  NoJava,
} from "./kafka-broker.mjs";
import { underLock } from "./lock.mjs";
import { bringPackages, NoPython, packagesStand, PipFailed, settlePython } from "./python.mjs";

const serversFolder = fileURLToPath(new URL("../.cache/servers/", import.meta.url));

/** Raise it, or that of a recipe, when what is brought changes, so that older folders are made anew. */
const revision = 1;

/** What is fetched for each, and what of it is kept: documentation and most programs are not. */
const recipes = {
  mysql: {
    title: "MySQL",
    variable: "MILLRACE_TEST_MYSQL_URL",
    program: "usr/sbin/mysqld",
    programs: ["mysql", "mysqlbinlog", "mysqldump"],
    from: mysqlPackages,
    // Needed by scripts that we have no use for, and large.
    pretend: ["perl"],
  },
  mariadb: {
    title: "MariaDB",
    variable: "MILLRACE_TEST_MARIADB_URL",
    program: "usr/sbin/mariadbd",
    programs: ["mariadb", "mariadb-binlog"],
    from: ({ codename }) => ({
      suite: codename || "sid",
      packages: ["mariadb-server-core", "mariadb-client-core"],
    }),
    // The whole server wants a machine with users and services; its plugins (ed25519 among them) do not.
    alone: {
      packages: ["mariadb-server", "mariadb-client"],
      paths: ["usr/lib/mysql/plugin", "usr/bin/mariadb-binlog"],
    },
  },
  kafka: {
    title: "Apache Kafka",
    revision: 2,
    variable: "MILLRACE_TEST_KAFKA_URL",
    program: "bootstrap.checkpoint",
    bring: bringKafka,
    finish: archiveClasses,
    version: kafkaVersion,
  },
  // One that is refused, and the oldest one that is not.
  "kafka-1.1": {
    title: "Apache Kafka 1.1",
    program: "libs",
    bring: bringOldKafka("kafka_2.12", "1.1.1"),
    version: kafkaVersion,
  },
  "kafka-3.0": {
    title: "Apache Kafka 3.0",
    program: "libs",
    bring: bringOldKafka("kafka_2.13", "3.0.2"),
    version: kafkaVersion,
  },
  psql: {
    title: "psql",
    variable: "MILLRACE_TEST_PSQL",
    instead: "the path of a psql of yours (on Debian postgresql-client has one)",
    program: "usr/bin/psql",
    programs: ["psql"],
    from: ({ codename }) => ({ suite: codename || "sid", packages: ["postgresql-client"] }),
    pretend: ["perl"],
    settle: settlePsql,
  },
  // Only where it is wanted: see ownPython.
  python: {
    title: "Python",
    program: "usr/bin/python3",
    programs: ["python3"],
    from: ({ codename }) => ({
      suite: codename || "sid",
      packages: ["python3", "python3-pip-whl"],
    }),
    settle: settlePython,
  },
  moto: {
    title: "moto",
    revision: 2,
    variable: "MILLRACE_TEST_MOTO_URL",
    ...byPip("moto/server.py", "moto[dynamodb]==5.2.5", "flask==3.1.3", "flask-cors==6.0.5"),
  },
  psycopg: {
    title: "psycopg",
    revision: 2,
    ...byPip(
      "psycopg/__init__.py",
      "psycopg[binary]==3.2.13",
      "typing_extensions==4.15.0",
      // Not a release that Python 3.9 cannot run.
      "pytest==8.4.2",
    ),
  },
};

/** What pip brings: the package that it is about, and what is wanted beside it. */
function byPip(program, requirement, ...others) {
  return {
    program,
    stands: packagesStand,
    version: () => requirement.split("==")[1],
    bring: (target) => bringPackages(target, [requirement, ...others], ownPython),
  };
}

/** Debian has MySQL in its unstable release only, Ubuntu in each of its own. */
function mysqlPackages({ id, codename }) {
  if (id === "debian")
    return { suite: "sid", packages: ["mysql-server-core", "mysql-client-core"] };
  if (id === "ubuntu")
    return { suite: codename, packages: ["mysql-server-core-8.*", "mysql-client-core-8.*"] };
  throw new NoPackages(`this machine is neither Debian nor Ubuntu, but ${id || "something else"}`);
}

/** What some machines want, and what only long forms of tests do. */
const onlyWhereWanted = new Set(["python", "kafka-3.0"]);

/** What a run may want whatever the machine has. */
const serverNames = Object.keys(recipes).filter((name) => !onlyWhereWanted.has(name));

/**
 * The folder of a server, fetched and unpacked where it is not there yet. Two at once: the second waits for the first.
 * @param {string} name
 */
export async function bringServer(name) {
  const recipe = recipes[name];
  if (!isThere(recipe, folderOf(name))) {
    const failure = process.env[failureVariable(name)];
    if (failure) throw new Error(failure);
  }
  try {
    return await bringOnce(name);
  } catch (error) {
    throw new Error(explain(recipe, error), { cause: error });
  }
}

async function bringOnce(name) {
  const recipe = recipes[name];
  const folder = folderOf(name);
  if (isThere(recipe, folder)) return folder;
  const waiting = () => say(`another command is fetching ${recipe.title}; waiting for it …`);
  await underLock(join(serversFolder, `${name}.lock`), waiting, async () => {
    if (!isThere(recipe, folder)) await bring(name, recipe, folder);
  });
  return folder;
}

function folderOf(name) {
  return join(serversFolder, `${name}-r${recipes[name].revision ?? revision}`);
}

function isThere(recipe, folder) {
  return existsSync(join(folder, recipe.program)) && (recipe.stands?.(folder) ?? true);
}

/** The folder of a Python with pip for a machine whose own is of no use, for the `reason` given. */
async function ownPython(reason) {
  try {
    return await bringOnce("python");
  } catch (error) {
    throw new NoPython(`${reason}, and no other could be fetched: ${error.message}`, {
      cause: error,
    });
  }
}

/**
 * Brings all of them. What could not be brought is said, and given as environment variables, by which everything that is
 * started with them fails with the same words instead of trying again.
 */
export async function bringServers() {
  const failures = {};
  for (const name of serverNames) {
    try {
      await bringServer(name);
    } catch (error) {
      say(error.message);
      failures[failureVariable(name)] = error.message;
    }
  }
  return failures;
}

function failureVariable(name) {
  return `MILLRACE_TEST_NO_${name.toUpperCase().replaceAll(/\W/g, "_")}`;
}

/** @param {{ title: string, variable?: string, instead?: string }} recipe */
export function explain({ title, variable, instead }, error) {
  const users = instead ?? "a server of yours for the tests that share one";
  const other = variable === undefined ? "" : `, or set ${variable} to ${users}`;
  return `${title} could not be brought: ${error.message}\n  What to do: ${remedyOf(error)}${other}.`;
}

function remedyOf(error) {
  if (error instanceof NoJava) return "install Java 17 or later and Maven";
  if (error instanceof NoPython)
    return "install Python 3.9 or later with pip (on Debian python3-pip)";
  if (error instanceof PipFailed)
    return "check the network, the proxy and the package index that pip is configured with, and run this again";
  if (error instanceof NoPackages) return "use Debian or Ubuntu (a container will do)";
  return "check the network, the proxy and /etc/apt/sources.list and run this again (what was fetched is kept)";
}

async function bring(name, recipe, folder) {
  const started = Date.now();
  const work = join(serversFolder, `${name}.work`);
  const target = join(work, "root");
  const fetchInto = recipe.bring === undefined ? packagesOf(recipe, work) : recipe.bring;
  say(`fetching ${recipe.title}, once …`);
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  await fetchInto(target, say);
  const version = recipe.version?.(target) ?? versionOf(target, recipe.program);
  writeFileSync(join(target, "version"), version);
  rmSync(folder, { recursive: true, force: true });
  renameSync(target, folder);
  rmSync(work, { recursive: true, force: true });
  await recipe.finish?.(folder);
  say(`${recipe.title} ${version} fetched in ${Math.round((Date.now() - started) / 1000)} s.`);
}

/** What fetches a server that is in packages of this machine; throws at once where there are none. */
function packagesOf(recipe, work) {
  if (process.platform !== "linux")
    throw new NoPackages(`there are no packages of it for ${process.platform}`);
  const machine = distribution();
  const packages = recipe.from(machine);
  requireApt();
  const components = machine.id === "ubuntu" ? "main universe" : "main";
  return async (target) => {
    await unpackPackages({ ...recipe, ...packages, work, target, components });
    recipe.settle?.(target);
    thin(target, recipe.programs);
  };
}

function thin(target, programs) {
  const share = [
    "doc",
    "man",
    "info",
    "locale",
    "lintian",
    "bash-completion",
    "perl",
    "gcc",
    "gdb",
  ];
  for (const path of [...share.map((each) => `usr/share/${each}`), "etc", "var"])
    rmSync(join(target, path), { recursive: true, force: true });
  for (const name of readdirSync(join(target, "usr/bin")))
    if (!programs.includes(name)) rmSync(join(target, "usr/bin", name), { recursive: true });
  // Its name since MariaDB 11.
  const messages = join(target, "usr/share/mysql");
  if (!existsSync(messages) && existsSync(join(target, "usr/share/mariadb")))
    symlinkSync("mariadb", messages);
}

/** In usr/bin there is only a script that looks for the program in a folder of its version. */
function settlePsql(target) {
  const versions = join(target, "usr/lib/postgresql");
  const [version = ""] = readdirSync(versions);
  rmSync(join(target, "usr/bin/psql"), { force: true });
  renameSync(join(versions, version, "bin/psql"), join(target, "usr/bin/psql"));
  rmSync(versions, { recursive: true });
}

/** Runs the program, so that one that cannot run here is found now. */
function versionOf(folder, program) {
  const [command, ...args] = programCommand(folder, program);
  const said = execFileSync(command, [...args, "--version"], {
    encoding: "utf8",
    env: { LC_ALL: "C" },
  });
  return /(?:Ver |\(PostgreSQL\) |Python )([\d.]+)/.exec(said)?.[1] ?? said.trim();
}

function say(text) {
  console.error(`millrace: ${text}`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const wanted = process.argv.length > 2 ? process.argv.slice(2) : serverNames;
  try {
    for (const name of wanted) console.log(await bringServer(name));
  } catch (error) {
    console.error(`\nmillrace: ${error.message}`);
    process.exitCode = 1;
  }
}
