import { MillraceError } from "../../errors/millrace-error.ts";
import type { Json } from "../../model/position.ts";

/** Whose files the pipeline's positions name. */
export interface LogHistory {
  /** As {@link ServerStanding.server}. */
  readonly server: string;
  /** The era of positions in this server's files. */
  readonly era: number;
}

/** Reads what was kept of a history; null where nothing was. @throws MillraceError MR_BUG */
export function keptHistory(json: Json | null | undefined): LogHistory | null {
  if (json === null || json === undefined) return null;
  const { server, era } = typeof json === "object" && "server" in json ? json : {};
  if (typeof server !== "string" || typeof era !== "number")
    throw new MillraceError("MR_BUG", "not a history of a log");
  return { server, era };
}

/** As it is kept. */
export function historyJson({ server, era }: LogHistory): Json {
  return { server, era };
}
