// What can go wrong while a checkout sets itself up, in words: pure functions, no I/O.

/** The platforms for which all programs that we bring exist. */
export const supportedPlatforms = ["linux-x64", "linux-arm64", "darwin-x64", "darwin-arm64"];

export const oldestNode = 20;
const oldestNpm = 9;
/** Installed 0.6 GB today, and npm unpacks into its cache as well. */
const neededBytes = 1.5 * 2 ** 30;

/**
 * Reasons not to begin at all, each with its remedy; empty where all is well.
 * @param {{ nodeVersion: string, npmVersion: string | undefined, platform: string, arch: string,
 *   musl: boolean, freeBytes: number | undefined }} machine
 * @returns {string[]}
 */
export function obstacles(machine) {
  const { nodeVersion, npmVersion, platform, arch, musl, freeBytes } = machine;
  const found = [];
  if (major(nodeVersion) < oldestNode) {
    found.push(
      `Node ${nodeVersion} is too old: any Node from ${oldestNode} on will do (Node 24 comes by itself).`,
    );
  }
  if (!supportedPlatforms.includes(`${platform}-${arch}`)) {
    found.push(
      `${platform}-${arch} is not supported: PostgreSQL and Node 24 come ready-made for ` +
        `${supportedPlatforms.join(", ")}. On Windows, use WSL.`,
    );
  } else if (musl) {
    found.push(
      "This Linux has musl instead of glibc (Alpine?); use an image based on Debian, Ubuntu or Fedora.",
    );
  }
  if (npmVersion === undefined) {
    found.push("npm was not found: install it (it comes with Node), or put it on the PATH.");
  } else if (major(npmVersion) < oldestNpm) {
    found.push(`npm ${npmVersion} is too old: run \`npm install --global npm@10\`.`);
  }
  if (freeBytes !== undefined && freeBytes < neededBytes) found.push(noSpace(freeBytes));
  return found;
}

function major(version) {
  return Number.parseInt(version, 10);
}

function noSpace(freeBytes) {
  const gigabytes = (bytes) => (bytes / 2 ** 30).toFixed(1);
  return `Only ${gigabytes(freeBytes)} GB are free here and ${gigabytes(neededBytes)} GB are needed: make room and run this again.`;
}

/** What npm says → why → what to do. The first that fits wins, so the special ones come first. */
const explanations = [
  {
    pattern: /ENOSPC|no space left on device/i,
    reason: "the disk is full",
    remedy: "make room (`df -h` shows where), then run this again; npm goes on from its cache",
  },
  {
    pattern:
      /SELF_SIGNED_CERT|UNABLE_TO_(GET_ISSUER|VERIFY)|CERT_HAS_EXPIRED|unable to get local issuer/i,
    reason: "the package registry's certificate is not trusted on this machine",
    remedy: "behind a company's proxy, tell npm its certificate: `npm config set cafile FILE`",
  },
  {
    pattern: /\bE401\b|\bE403\b|401 Unauthorized|403 Forbidden/i,
    reason: "the package registry refused us",
    remedy: "log in to the registry that `npm config get registry` names, or set another one",
  },
  {
    pattern: /\bE407\b|Proxy Authentication Required/i,
    reason: "the proxy wants a login",
    remedy: "set HTTPS_PROXY with user and password, or `npm config set https-proxy URL`",
  },
  {
    pattern: /EINTEGRITY/,
    reason:
      "a package is not the one that the lock file names (a damaged cache or a mirror that rewrites packages)",
    remedy: "run `npm cache clean --force` and try again",
  },
  {
    pattern:
      /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT|network (request|timeout|connectivity)/i,
    reason: "the package registry cannot be reached",
    remedy: "check the network and HTTPS_PROXY; `npm config get registry` shows where npm looks",
  },
  {
    pattern: /\bE404\b|ETARGET|No matching version/i,
    reason: "the package registry does not have a package that the lock file names",
    remedy: "use a registry that mirrors all of npm; `npm config get registry` shows yours",
  },
  {
    pattern: /EBADPLATFORM|Unsupported platform/i,
    reason: "a package does not exist for this platform",
    remedy: `use one of ${supportedPlatforms.join(", ")}`,
  },
  {
    pattern: /EUSAGE|can only install packages when your package\.json and package-lock\.json/i,
    reason: "package.json and package-lock.json do not agree",
    remedy: "run `npm install` after a change of package.json, and commit both files",
  },
  {
    pattern: /EACCES|EPERM|EROFS|permission denied|read-only file system/i,
    reason: "npm may not write here",
    remedy: "make the checkout and npm's cache (`npm config get cache`) writable for this user",
  },
];

/** Why npm failed, from what it printed; undefined where we do not know. */
export function explainFailure(output) {
  const match = explanations.find(({ pattern }) => pattern.test(output));
  return match && { reason: match.reason, remedy: match.remedy };
}

/**
 * Whether what is installed is what the lock file wants: every package with its version. Packages
 * for other platforms are optional and may be missing.
 * @param {{ packages?: Record<string, LockEntry> }} lock package-lock.json
 * @param {{ packages?: Record<string, LockEntry> }} installed node_modules/.package-lock.json
 * @typedef {{ version?: string, link?: boolean, optional?: boolean, devOptional?: boolean, peer?: boolean }} LockEntry
 */
export function isInstalled(lock, installed) {
  const present = installed.packages ?? {};
  return Object.entries(lock.packages ?? {})
    .filter(([path]) => path.includes("node_modules/"))
    .every(([path, wanted]) => {
      const found = present[path];
      if (found === undefined) return wanted.optional === true || wanted.devOptional === true;
      return wanted.link === true ? found.link === true : found.version === wanted.version;
    });
}
