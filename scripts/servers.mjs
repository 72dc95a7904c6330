// Brings the servers that no npm package holds: MySQL and MariaDB, each into a folder below .cache/servers, once.
// `node scripts/servers.mjs` brings both, with a name only that one. Without dependencies, on any Node ≥ 20.
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
import { distribution, NoPackages, requireApt, unpackPackages } from "./debian-packages.mjs";
import { underLock } from "./lock.mjs";

const serversFolder = fileURLToPath(new URL("../.cache/servers/", import.meta.url));

/** Raise it when what is brought changes, so that older folders are made anew. */
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
};

/** Debian has MySQL in its unstable release only, Ubuntu in each of its own. */
function mysqlPackages({ id, codename }) {
  if (id === "debian")
    return { suite: "sid", packages: ["mysql-server-core", "mysql-client-core"] };
  if (id === "ubuntu")
    return { suite: codename, packages: ["mysql-server-core-8.*", "mysql-client-core-8.*"] };
  throw new NoPackages(`this machine is neither Debian nor Ubuntu, but ${id || "something else"}`);
}

/** The names that {@link bringServer} knows. */
const serverNames = Object.keys(recipes);

/**
 * The folder of a server, fetched and unpacked where it is not there yet. Two at once: the second waits for the first.
 * @param {string} name
 */
export async function bringServer(name) {
  const recipe = recipes[name];
  const folder = join(serversFolder, `${name}-r${revision}`);
  const isThere = () => existsSync(join(folder, recipe.program));
  if (isThere()) return folder;
  const failure = process.env[failureVariable(name)];
  if (failure) throw new Error(failure);
  const waiting = () => say(`another command is fetching ${recipe.title}; waiting for it …`);
  try {
    await underLock(join(serversFolder, `${name}.lock`), waiting, async () => {
      if (!isThere()) await bring(name, recipe, folder);
    });
  } catch (error) {
    throw new Error(explain(recipe, error), { cause: error });
  }
  return folder;
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
  return `MILLRACE_TEST_NO_${name.toUpperCase()}`;
}

/** @param {{ title: string, variable: string }} recipe */
export function explain({ title, variable }, error) {
  const ours = `or set ${variable} to a server of yours for the tests that share one`;
  const remedy =
    error instanceof NoPackages
      ? `run the tests on Debian or Ubuntu (a container will do), ${ours}`
      : `check the network, the proxy and /etc/apt/sources.list and run this again (what was fetched is kept), ${ours}`;
  return `${title} could not be brought for the tests: ${error.message}\n  What to do: ${remedy}.`;
}

async function bring(name, recipe, folder) {
  if (process.platform !== "linux")
    throw new NoPackages(`there are no packages of it for ${process.platform}`);
  const machine = distribution();
  const packages = recipe.from(machine);
  requireApt();
  const started = Date.now();
  say(`fetching ${recipe.title} for the tests, once …`);
  const work = join(serversFolder, `${name}.work`);
  const target = join(work, "root");
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  const components = machine.id === "ubuntu" ? "main universe" : "main";
  await unpackPackages({ ...recipe, ...packages, work, target, components });
  thin(target, recipe.programs);
  const version = versionOf(target, recipe.program);
  writeFileSync(join(target, "version"), version);
  rmSync(folder, { recursive: true, force: true });
  renameSync(target, folder);
  rmSync(work, { recursive: true, force: true });
  say(`${recipe.title} ${version} fetched in ${Math.round((Date.now() - started) / 1000)} s.`);
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
  if (!existsSync(messages)) symlinkSync("mariadb", messages);
}

/** Runs the program, so that one that cannot run here is found now. */
function versionOf(folder, program) {
  const [command, ...args] = programCommand(folder, program);
  const said = execFileSync(command, [...args, "--version"], {
    encoding: "utf8",
    env: { LC_ALL: "C" },
  });
  return /Ver ([\d.]+)/.exec(said)?.[1] ?? said.trim();
}

/**
 * The command that runs a program of a server's folder: by the folder's own loader, with its own libraries only.
 * @param {string} folder
 * @param {string} program path below it
 */
export function programCommand(folder, program) {
  const libraries = join(folder, "usr/lib");
  const triplet = readdirSync(libraries).find((name) => name.endsWith("-linux-gnu")) ?? "";
  const places = [join(libraries, triplet), join(folder, "lib", triplet)].filter((each) =>
    existsSync(each),
  );
  const loader = places
    .flatMap((place) => readdirSync(place).map((name) => join(place, name)))
    .find((path) => /\/ld-linux[^/]*\.so\.\d+$/.test(path));
  if (loader === undefined)
    throw new Error(`${folder} holds no loader for its programs: remove it`);
  const path = [...places, join(libraries, "mysql/private")].join(":");
  return [loader, "--library-path", path, join(folder, program)];
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
