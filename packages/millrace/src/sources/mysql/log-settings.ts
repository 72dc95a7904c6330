import { MillraceError } from "../../errors/millrace-error.ts";
import type { TableShape } from "../../model/table.ts";
import { formatMatter, type Matter, noLogMatter, rowImageMatter } from "./managed.ts";
import type { ServerStanding } from "./server-standing.ts";

/**
 * Refuses a server whose log does not tell what a pipeline needs. A session may write otherwise than the server's
 * settings say; the log shows that when it is read.
 * @throws MillraceError MR_SOURCE_REFUSED
 */
export function refuseLogSettings(standing: ServerStanding, tables: readonly TableShape[]): void {
  const matter = matterOf(standing, tables);
  if (matter === null) return;
  const { what, follows, remedy } = matter;
  throw new MillraceError("MR_SOURCE_REFUSED", `${what} ${follows}`, { remedy });
}

function matterOf(
  { logs, format, rowImage }: ServerStanding,
  tables: readonly TableShape[],
): Matter | null {
  if (!logs) return noLogMatter(null);
  if (format !== "ROW") return formatMatter(format, null);
  const keyless = tables.filter(({ key }) => key.length === 0).map(({ id }) => id);
  return rowImage === "FULL" || keyless.length === 0
    ? null
    : rowImageMatter(rowImage, keyless, null);
}
