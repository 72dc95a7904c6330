// Programs out of Debian's (or Ubuntu's) packages, unpacked into a folder and run from there with all of their libraries, so
// that nothing is installed and no root is needed. apt chooses the packages, asks the mirror that this machine is configured
// with, and checks the archive's signature and every checksum; it works on a root of its own and leaves the machine's alone.
import { execFile, spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

const runFile = promisify(execFile);
const tools = ["apt-get", "dpkg-deb"];
const debianKeyring = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** A machine that has no such packages, as a sentence. */
export class NoPackages extends Error {}

/** `ID` and `VERSION_CODENAME` of this Linux; empty texts elsewhere. */
export function distribution(osRelease = readOsRelease()) {
  const value = (name) => new RegExp(`^${name}="?([^"\n]*)"?$`, "m").exec(osRelease)?.[1] ?? "";
  return { id: value("ID"), codename: value("VERSION_CODENAME") };
}

function readOsRelease() {
  return existsSync("/etc/os-release") ? readFileSync("/etc/os-release", "utf8") : "";
}

/** Throws {@link NoPackages} where apt is not at hand. */
export function requireApt(path = process.env.PATH ?? "") {
  const has = (tool) => path.split(delimiter).some((folder) => existsSync(join(folder, tool)));
  const missing = tools.filter((tool) => !has(tool));
  if (missing.length > 0) throw new NoPackages(`this machine has no ${missing.join(" and no ")}`);
}

/**
 * Fetches the newest `packages` (patterns of apt) of a release with all that they depend on, and unpacks them into `target`.
 * `alone.packages` are fetched without what they depend on, and only `alone.paths` of them are taken, where they are there.
 * What was fetched stays in `work`: after a failure the next attempt goes on from there.
 * @param {{ work: string, target: string, suite: string, components: string, packages: readonly string[],
 *   pretend?: readonly string[], alone?: { packages: readonly string[], paths: readonly string[] } }} wanted
 */
export async function unpackPackages(wanted) {
  const { work, target, suite, packages, alone } = wanted;
  const apt = await makeAptRoot(wanted);
  await apt(["update"]);
  try {
    await apt(["install", "--simulate", "--yes", ...packages]);
  } catch (error) {
    throw new NoPackages(`${suite} has no ${packages.join(", ")} that could be installed`, {
      cause: error,
    });
  }
  await apt(["install", "--download-only", "--yes", ...packages]);
  // An earlier attempt may have fetched what has been replaced since.
  await apt(["autoclean"]);
  await unpackAll(join(work, "archives"), target);
  if (alone === undefined) return;
  const aside = join(work, "alone");
  rmSync(aside, { recursive: true, force: true });
  mkdirSync(join(aside, "root"), { recursive: true });
  await apt(["download", ...alone.packages], aside);
  await unpackAll(aside, join(aside, "root"));
  for (const path of alone.paths) {
    if (existsSync(join(aside, "root", path)))
      cpSync(join(aside, "root", path), join(target, path), {
        recursive: true,
        verbatimSymlinks: true,
      });
  }
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

/** A private root for apt: its own sources, lists, cache, and a status in which nothing is installed, so that even libc comes. */
async function makeAptRoot({ work, suite, components, pretend = [] }) {
  for (const folder of ["lists/partial", "archives/partial"])
    mkdirSync(join(work, folder), { recursive: true });
  const signedBy = distribution().id === "debian" && existsSync(debianKeyring);
  const options = signedBy ? `[signed-by=${debianKeyring}] ` : "";
  writeFileSync(
    join(work, "sources.list"),
    `deb ${options}${await findMirror()} ${suite} ${components}\n`,
  );
  const architecture = (await runFile("dpkg", ["--print-architecture"])).stdout.trim();
  writeFileSync(
    join(work, "status"),
    pretend.map((name) => installed(name, architecture)).join(""),
  );
  writeFileSync(join(work, "apt.conf"), aptConfiguration(work));
  const env = { ...process.env, APT_CONFIG: join(work, "apt.conf"), LC_ALL: "C" };
  return (args, cwd = work) => runQuietly("apt-get", ["-qq", ...args], { env, cwd });
}

/** The first archive of this machine's own configuration that holds releases, not only security updates or backports. */
async function findMirror() {
  const args = ["indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"];
  const { stdout } = await runFile("apt-get", args);
  const mirror = chooseMirror(stdout.split("\n"));
  if (mirror === undefined) throw new NoPackages("apt is configured with no archive");
  return mirror;
}

/** @param {readonly string[]} addresses */
export function chooseMirror(addresses) {
  const releases = addresses.filter(
    (address) => address !== "" && !/security|backports/.test(address),
  );
  return releases.find((address) => /\/(debian|ubuntu)(-ports)?\/?$/.test(address)) ?? releases[0];
}

function installed(name, architecture) {
  return [
    `Package: ${name}`,
    "Status: install ok installed",
    `Architecture: ${architecture}`,
    "Multi-Arch: allowed",
    "Version: 99",
    "Maintainer: none",
    "Description: stands in for the real one\n\n",
  ].join("\n");
}

function aptConfiguration(work) {
  return [
    `Dir::State "${work}";`,
    `Dir::State::lists "${work}/lists";`,
    `Dir::State::status "${work}/status";`,
    `Dir::Cache "${work}";`,
    `Dir::Cache::archives "${work}/archives";`,
    `Dir::Etc::SourceList "${work}/sources.list";`,
    'Dir::Etc::SourceParts "/dev/null";',
    'Dir::Etc::Preferences "/dev/null";',
    'Dir::Etc::PreferencesParts "/dev/null";',
    'Acquire::Languages "none";',
    'Acquire::Retries "3";',
    'Acquire::http::Timeout "30";',
    'Acquire::https::Timeout "30";',
    'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";',
    'APT::Install-Recommends "false";',
    'APT::Update::Error-Mode "any";',
    'APT::Sandbox::User "root";',
    "",
  ].join("\n");
}

/** Every archive of a folder, two at a time. */
async function unpackAll(folder, target) {
  const debs = readdirSync(folder).filter((name) => name.endsWith(".deb"));
  const worker = async () => {
    for (let deb = debs.pop(); deb !== undefined; deb = debs.pop())
      await runQuietly("dpkg-deb", ["-x", join(folder, deb), target]);
  };
  await Promise.all([worker(), worker()]);
}

/** Runs a command; what it said is in the error where it fails. */
function runQuietly(program, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    child.stdout.on("data", (text) => (output += String(text)));
    child.stderr.on("data", (text) => (output += String(text)));
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve(undefined);
      else
        reject(
          new Error(
            `${program} ${args.join(" ")}:\n${output.trim().split("\n").slice(-12).join("\n")}`,
          ),
        );
    });
  });
}
