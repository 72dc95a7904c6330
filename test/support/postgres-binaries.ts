/**
 * Where the PostgreSQL programs are, and as whom they may run.
 *
 * The programs come inside npm packages (one per platform), so that tests need no network and no
 * package manager once `npm ci` is done. PostgreSQL refuses to run as root; there it runs as `nobody`.
 */
import { existsSync, readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, parse } from "node:path";

/** The major versions that the tests bring along: the oldest and the newest that Millrace supports. */
export type PostgresVersion = 13 | 18;

/** The folder that holds `bin/`, `lib/` and `share/` of one PostgreSQL. */
export interface PostgresBinaries {
  readonly root: string;
  readonly initdb: string;
  readonly postgres: string;
}

/** A user of this machine in numbers. */
export interface UnixUser {
  readonly uid: number;
  readonly gid: number;
}

/** Finds the programs of `version` for this platform. Throws with the remedy when they are not installed. */
export function findBinaries(version: PostgresVersion): PostgresBinaries {
  const name = `postgres-${version}-${process.platform}-${process.arch}`;
  try {
    const entry = createRequire(import.meta.url).resolve(name);
    return binariesIn(join(dirname(entry), "..", "native"));
  } catch (cause) {
    throw new Error(
      `PostgreSQL ${version} for ${process.platform}/${process.arch} is not installed (${name}). ` +
        "Run `npm ci` without --omit=optional, or point MILLRACE_TEST_POSTGRES_URL at a server of yours.",
      { cause },
    );
  }
}

/** The programs in a folder laid out like PostgreSQL's own installation. */
export function binariesIn(root: string): PostgresBinaries {
  return { root, initdb: join(root, "bin", "initdb"), postgres: join(root, "bin", "postgres") };
}

/** The user that the server runs as: undefined is "as we are", `nobody` where we are root. */
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

/**
 * Whether a user who owns nothing on `path` could enter it: a checkout below /root cannot be read
 * by `nobody`, and the programs must then be copied.
 */
export function isOpenToAll(path: string): boolean {
  const { root } = parse(path);
  for (let folder = path; folder !== root; folder = dirname(folder)) {
    if (!existsSync(folder) || (statSync(folder).mode & 0o001) === 0) return false;
  }
  return true;
}
