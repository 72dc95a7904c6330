import { isLoopback } from "../model/loopback.ts";
import type { Surroundings } from "./interpolate.ts";
import type { TlsConfig } from "./pipeline-config.ts";
import type { Place } from "./problem.ts";
import { type Say, sayOf } from "./say.ts";
import type { Findings } from "./section.ts";

/** A section that says how connections are encrypted. */
export interface TlsSection {
  readonly values: {
    readonly sslMode: TlsConfig["mode"] | null;
    readonly sslCa: string | null;
    readonly sslCert: string | null;
    readonly sslKey: string | null;
  };
  readonly place: Place;
  readonly given: ReadonlyMap<string, Place>;
  readonly failed: ReadonlySet<string>;
}

/** What a section is finished with. */
export interface FinishParts {
  readonly surroundings: Surroundings;
  readonly findings: Findings;
}

/** What the TLS options come to; the files must be there and readable now, not at the first connection. */
export function finishTls(
  section: TlsSection,
  path: string,
  host: string,
  fallback: TlsConfig["mode"] | null,
  parts: FinishParts,
): TlsConfig {
  const { sslMode, sslCa, sslCert, sslKey } = section.values;
  const mode = sslMode ?? fallback ?? defaultMode(host, sslCa !== null);
  const say = sayOf(section, path, parts.findings);
  if (sslCert !== null && sslKey === null)
    say("ssl-cert", "is given without ssl-key", "Write ssl-key: with the path of its key");
  if (sslKey !== null && sslCert === null)
    say("ssl-key", "is given without ssl-cert", "Write ssl-cert: with the path of its certificate");
  if (mode === "disable" && sslMode !== null && (sslCa ?? sslCert) !== null) {
    say(
      "ssl-mode",
      "is disable, but certificates are given",
      "Write verify-full, or take the certificates out",
    );
  }
  for (const [name, file] of [
    ["ssl-ca", sslCa],
    ["ssl-cert", sslCert],
    ["ssl-key", sslKey],
  ] as const) {
    if (file !== null) checkPem(file, name, say, parts.surroundings);
  }
  const absolute = (file: string | null) =>
    file === null ? null : parts.surroundings.resolvePath(file);
  return { mode, caFile: absolute(sslCa), certFile: absolute(sslCert), keyFile: absolute(sslKey) };
}

function defaultMode(host: string, hasCa: boolean): TlsConfig["mode"] {
  if (hasCa) return "verify-full";
  return isLoopback(host) ? "disable" : "require";
}

function checkPem(file: string, name: string, say: Say, { readFile }: Surroundings): void {
  try {
    if (/-----BEGIN [A-Z0-9 ]+-----/.test(readFile(file))) return;
    say(name, `${file} holds no PEM text`, "Give a file that has a line -----BEGIN …-----");
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? ` (${String(error.code)})` : "";
    say(name, `${file} cannot be read${reason}`, "Make the file, or mend its path or its rights");
  }
}
