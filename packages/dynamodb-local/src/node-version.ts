const OLDEST_NODE = 24;

/** Why this Node cannot run the program, as a line; null where it can. */
export function nodeRefusal(program: string, version: string): string | null {
  if (Number.parseInt(version.slice(1), 10) >= OLDEST_NODE) return null;
  return `${program} needs Node ${OLDEST_NODE} or newer, this is ${version}\n`;
}
